"""A part of an evaluation or a cross-fitting, for a card or a machine of its own; ``merging`` puts the parts together."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Shard:
    """Part ``number`` (from 1) of ``of``: every ``of``-th question, so that the laws of a file are in all parts."""

    number: int
    of: int

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"

    def take(self, items: Sequence[Item]) -> list[Item]:
        """The part's questions, or pieces of work, in their order."""
        return list(items[self.number - 1 :: self.of])

    def facts(self, questions: int) -> dict[str, Any]:
        """What a part's result says of itself; ``questions`` is how many all parts have together."""
        return {"number": self.number, "of": self.of, "questions": questions}


def shard_argument(text: str) -> Shard:
    """``2/8`` as argparse reads it."""
    match = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text, re.ASCII)
    if match is None or not 1 <= int(match[1]) <= int(match[2]):
        raise argparse.ArgumentTypeError(f"{text!r} は 1/8 から 8/8 のような 番号/個数 ではありません")
    return Shard(int(match[1]), int(match[2]))
