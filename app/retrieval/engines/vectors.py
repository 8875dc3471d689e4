"""Flat vector store: sign bits scanned in memory, the best rescored from 8-bit rows in a memory map.

Vectors are centred on the mean of the corpus, for their signs and for their angle to a question: those of e5 all point one
way, plain signs lose a third of the recall, and the plain angle finds less than that of the centred (docs/retrieval.md). Rows are only ever appended, in the order they were embedded; how many of them count
is kept in the statute store, so that rows and passages are committed together. With it stands their checksum, the
CRC-32 of the mean and then of every row: opening reads them all anyway, and appending goes on from the last one.
"""

from __future__ import annotations

import io
import os
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...core.errors import StaleIndexError
from ...core.files import write_bytes
from .embedder import Vectors
from .word_files import REBUILD

RESCORED = 20  # rows rescored for each row wanted
_SCANNED = 65536  # rows read at once when opening


@dataclass(frozen=True, slots=True)
class Near:
    """A passage by its vector, best first."""

    passage_id: int
    score: float  # cosine of the centred vectors


def _row(width: int) -> np.dtype[np.void]:
    return np.dtype([("passage", "<i8"), ("scale", "<f4"), ("values", "i1", (width,))])


def quantised(vectors: Vectors, mean: Vectors, passage_ids: Sequence[int]) -> NDArray[np.void]:
    """Rows for the file: centred, scaled so that the largest entry is 127, rounded to 8 bits."""
    centred = vectors - mean
    scale = np.abs(centred).max(axis=1)
    scale[scale == 0] = 1.0
    rows = np.zeros(len(vectors), dtype=_row(vectors.shape[1]))
    rows["passage"] = passage_ids
    rows["scale"] = scale / 127
    rows["values"] = np.rint(centred * (127 / scale)[:, None])
    return rows


def _words(signs: NDArray[np.bool_]) -> NDArray[np.uint64]:
    """Bits of each row in 64-bit words, filled up with zeros."""
    packed = np.packbits(signs, axis=1)
    return np.pad(packed, ((0, 0), (0, -packed.shape[1] % 8))).view(np.uint64)


def _read_mean(folder: Path, width: int) -> Vectors:
    """The mean of ``folder``. Raises StaleIndexError where there is none of ``width`` numbers."""
    path = folder / "mean.npy"
    try:
        mean: Vectors = np.load(path, allow_pickle=False)
        whole = mean.shape == (width,) and mean.dtype == np.float32
    except FileNotFoundError:
        raise StaleIndexError(f"{path}: ベクトルが欠けています。{REBUILD}") from None
    except (OSError, ValueError, EOFError):
        whole = False
    if not whole:
        raise StaleIndexError(f"{path}: ベクトルが壊れています。{REBUILD}")
    return mean


def _check_length(path: Path, dtype: np.dtype[np.void], rows: int) -> None:
    """Raise StaleIndexError where a file holds fewer than ``rows`` rows."""
    if not path.exists() or path.stat().st_size < rows * dtype.itemsize:
        raise StaleIndexError(f"{path}: ベクトルが欠けています。{REBUILD}")


def stored_ids(folder: Path, width: int, rows: int) -> NDArray[np.int64]:
    """Passage numbers of the first ``rows`` rows of a folder, as they stand; none of a folder without rows.

    A killed writer may have left part of a row after them. Raises StaleIndexError where there are fewer.
    """
    path = folder / "rows.bin"
    if not rows or not path.exists():
        return np.zeros(0, dtype=np.int64)
    _check_length(path, _row(width), rows)
    return np.array(np.memmap(path, dtype=_row(width), mode="r", shape=(rows,))["passage"], dtype=np.int64)


class VectorWriter:
    """Appends rows to a folder."""

    def __init__(self, folder: Path, width: int, rows: int, crc: int | None = None) -> None:
        """Keep the first ``rows`` rows, of checksum ``crc``; what a killed run wrote after them is cut off.

        The rows of an index of before there were checksums have none (None), nor do those added to them.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._dtype = _row(width)
        path = folder / "rows.bin"
        path.touch()
        _check_length(path, self._dtype, rows)
        os.truncate(path, rows * self._dtype.itemsize)
        self._path = path
        self.mean: Vectors | None = _read_mean(folder, width) if rows else None
        self.crc = crc

    def set_mean(self, mean: Vectors) -> None:
        """Set the centre; once, before the first row."""
        data = io.BytesIO()
        self.mean = mean.astype(np.float32)
        np.save(data, self.mean, allow_pickle=False)
        write_bytes(self._folder / "mean.npy", data.getvalue())
        self.crc = zlib.crc32(self.mean.tobytes())

    def append(self, rows: NDArray[np.void]) -> None:
        """Add rows and wait until the disk has them."""
        data = rows.tobytes()
        with self._path.open("ab") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        self.crc = None if self.crc is None else zlib.crc32(data, self.crc)


class VectorIndex:
    """Searches the first ``rows`` rows of a folder."""

    def __init__(self, folder: Path, width: int, rows: int, crc: int | None = None) -> None:
        """``crc`` is what the writer had after these rows. Raises StaleIndexError when they are not those any more."""
        path = folder / "rows.bin"
        dtype = _row(width)
        if rows:
            _check_length(path, dtype, rows)
        # A scope that holds nothing (Acts, of an index of orders) has neither rows nor their mean.
        self.mean = _read_mean(folder, width) if rows else np.zeros(width, dtype=np.float32)
        self._rows = np.memmap(path, dtype=dtype, mode="r", shape=(rows,)) if rows else np.zeros(0, dtype=dtype)
        self.passage_ids = np.array(self._rows["passage"])  # in the order they were embedded
        self._order = np.argsort(self.passage_ids, kind="stable")  # places by passage number
        self._sorted = self.passage_ids[self._order]
        # One row of 64-bit words a dimension block, so that a scan runs along memory: six times faster than rows of bytes.
        self._bits = np.zeros(((width + 63) // 64, rows), dtype=np.uint64)
        found = zlib.crc32(self.mean.tobytes())
        for start in range(0, rows, _SCANNED):
            some = self._rows[start : start + _SCANNED]
            found = zlib.crc32(some.tobytes(), found)
            self._bits[:, start : start + _SCANNED] = _words(some["values"] > 0).T
        if rows and crc is not None and found != crc:
            raise StaleIndexError(f"{path}: ベクトルが壊れています（検査値が合いません）。{REBUILD}")
        self._width = width

    def vector(self, passage_id: int) -> Vectors | None:
        """The vector of a passage as far as 8 bits keep it; None for a passage without one."""
        centred = self.centred(passage_id)
        return None if centred is None else centred + self.mean

    def centred(self, passage_id: int) -> Vectors | None:
        """The vector of a passage less the mean; None for a passage without one."""
        place = int(np.searchsorted(self._sorted, passage_id))
        if place == len(self._sorted) or self._sorted[place] != passage_id:
            return None
        row = self._rows[self._order[place]]
        found: Vectors = row["values"].astype(np.float32) * row["scale"]
        return found

    def search(self, query: Vectors, limit: int, without: Iterable[int] = ()) -> list[Near]:
        """The ``limit`` passages nearest to ``query`` (length 1) that are not in ``without``."""
        if not len(self._sorted) or limit < 1:
            return []
        query = query - self.mean
        distance = np.zeros(len(self._sorted), dtype=np.uint16)
        for column, word in zip(self._bits, _words((query > 0)[None])[0], strict=True):
            distance += np.bitwise_count(column ^ word)
        hidden = np.fromiter(without, dtype=np.int64)
        places = np.searchsorted(self._sorted, hidden)
        found = places < len(self._sorted)
        places = places[found]
        distance[self._order[places[self._sorted[places] == hidden[found]]]] = self._width + 1
        # Everything as near as the last one wanted, so that ties are not decided by chance.
        counts = np.bincount(distance, minlength=self._width + 2)[:-1].cumsum()
        farthest = np.searchsorted(counts, min(int(counts[-1]), limit * RESCORED))
        nearest = np.flatnonzero(distance <= farthest)
        rows = self._rows[nearest]
        values = rows["values"].astype(np.float32)  # their scale is of no matter for an angle
        exact = values @ query / np.maximum(np.linalg.norm(values, axis=1) * np.linalg.norm(query), 1e-9)
        # Equal scores keep the order of the statute book.
        order = np.lexsort((rows["passage"], -exact))[:limit]
        return [Near(int(rows["passage"][place]), float(exact[place])) for place in order]
