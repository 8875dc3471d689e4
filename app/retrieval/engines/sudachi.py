"""Text → normalised words (Sudachi), for the second field of the word index: 取扱い and 取り扱い are one word there.

Optional: the field is built when it is asked for, and an index says with which dictionary. The words of SudachiPy's
short units (mode A), without particles, auxiliaries and signs, in their normalised form.
"""

from __future__ import annotations

import warnings
from functools import lru_cache
from importlib.metadata import version
from typing import Any, Protocol

from ...core.errors import ConfigError
from ...core.rag_config import RetrieverConfig

_LEFT_OUT = ("助詞", "助動詞", "補助記号", "記号", "空白")
MAX_BYTES = 40_000  # Sudachi takes at most 49,149 bytes at once


class Words(Protocol):
    """Cuts text into words."""

    version: str  # of program and dictionary; an index made by another is refused

    def words(self, text: str) -> list[str]:
        """The words that are searched for."""
        ...


def second_words(config: RetrieverConfig) -> Words | None:
    """What cuts the words of the second field as configured; None without the field."""
    if not config.sudachi:
        return None
    if config.store == "qdrant":
        raise ConfigError(
            "RETRIEVER_SUDACHI=true は RETRIEVER_STORE=local のときだけ使えます。どちらかを戻してください。"
        )
    return SudachiWords()


class SudachiWords:
    """Words by SudachiPy. Raises ConfigError when the package or its dictionary is missing."""

    def __init__(self) -> None:
        try:
            from sudachipy import Dictionary, SplitMode

            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # create() of 0.6 is tokenizer() from 0.7 on
                self._dictionary: Any = Dictionary(dict="core")
                self._tokenizer: Any = self._dictionary.create(SplitMode.A)
        except ImportError:
            raise ConfigError(
                "RETRIEVER_SUDACHI=true には追加パッケージが要ります。pip install 'horei-ft[sudachi]' で入れてください。"
            ) from None
        self._left_out: Any = self._dictionary.pos_matcher(lambda pos: pos[0] in _LEFT_OUT)
        self._line = lru_cache(maxsize=8192)(self._words_of_line)  # headers and items stand in several documents
        self.version = f"sudachipy {version('sudachipy')}, sudachidict_core {version('sudachidict_core')}, mode A"

    def words(self, text: str) -> list[str]:
        """The normalised words of every line, in order."""
        return [word for line in text.split("\n") for word in self._line(line)]

    def _words_of_line(self, line: str) -> tuple[str, ...]:
        found: list[str] = []
        for start in range(0, len(line), MAX_BYTES // 4):  # a character takes four bytes at most
            for morpheme in self._tokenizer.tokenize(line[start : start + MAX_BYTES // 4]):
                word = morpheme.normalized_form().lower()
                if not self._left_out(morpheme) and not any(character.isspace() for character in word):
                    found.append(word)
        return tuple(found)
