"""What is shown of an answer while it is written: never a thought, never half a mark, and at the end all of the answer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.answering.streaming import visible
from app.core.answers import without_thoughts


@pytest.mark.parametrize(
    ("pieces", "shown"),
    [
        (["七年", "間です", "[1]。"], ["七年", "間です", "[1]。"]),
        (["<th", "ink>七年か", "</think>", "七年です"], ["七年です"]),
        (["はい", "<thi", "nk>う", "ん</think>。"], ["はい", "。"]),
        (["3 <", " 5 です"], ["3 ", "< 5 です"]),
        (["[", "1] です"], ["[1] です"]),
        (["終わりは ["], ["終わりは ", "["]),
        (["<think>終わらない"], []),
        (["\n\n  はい"], ["はい"]),
        ([], []),
        (["", ""], []),
        (["<|channel|>analysis<|message|>考え", "<|channel|>final<|message|>", "答え"], ["答え"]),
    ],
)
def test_pieces(pieces, shown):
    assert list(visible(pieces)) == shown


@given(st.lists(st.text("ab<>[]1。", max_size=6), max_size=8))
def test_text_without_thoughts_comes_through_whole(pieces):
    assert "".join(visible(pieces)) == without_thoughts("".join(pieces))[0].lstrip()


def test_closing_it_closes_the_model():
    closed = []

    def written():
        try:
            yield "はい"
            yield "いいえ"
        finally:
            closed.append(True)

    source = written()
    shown = visible(source)
    assert next(shown) == "はい"
    shown.close()
    assert closed == [True]
