"""Answers in pieces: no half character, no space around the whole, nothing lost."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.llm.pieces import pieces_of, trimmed


def decode(tokens: Sequence[int]) -> str:
    """Tokens that are single bytes."""
    return bytes(tokens).decode("utf-8", errors="replace")


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=30))
def test_joined_pieces_are_the_text(text: str) -> None:
    pieces = list(pieces_of(text.encode(), decode))
    assert "".join(pieces) == text.strip()
    assert all(pieces)


def test_a_character_comes_whole() -> None:
    assert list(pieces_of("条a文".encode(), decode)) == ["条", "a", "文"]
    assert list(pieces_of("条".encode()[:2], decode)) == ["\ufffd"]  # the budget ended in the middle of it


@pytest.mark.parametrize(
    ("pieces", "given"),
    [
        ([" ", "\n a", "b ", " c", " \n"], ["a", "b", "  c"]),
        (["", " "], []),
        ([], []),
    ],
)
def test_spaces_are_kept_between_words_only(pieces: list[str], given: list[str]) -> None:
    assert list(trimmed(pieces)) == given
