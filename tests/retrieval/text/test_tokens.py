from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.retrieval.text.tokens import tokenize


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("第二十七条の二", ["第27", "27条", "条の", "の2"]),
        ("第２７条の２", ["第27", "27条", "条の", "の2"]),
        ("三月以内", ["3月", "月以", "以内"]),
        ("許可すること", ["許可", "可す", "する", "るこ", "こと"]),
        ("株式、会社", ["株式", "会社"]),
        ("甲", ["甲"]),
        ("する", ["する"]),
        ("ＴＯＢをABC", ["tobを", "をabc"]),
        ("", []),
        ("、。「」", []),
    ],
)
def test_tokens(text, tokens):
    assert tokenize(text) == tokens


@given(st.text(alphabet="第条項の一二三十百０１２3法令する、ABａｂ", max_size=40))
def test_widths_do_not_matter(text):
    import unicodedata

    assert tokenize(text) == tokenize(unicodedata.normalize("NFKC", text))


@given(st.text(max_size=60))
def test_tokens_hold_no_space(text):
    assert all(token and " " not in token and len(token.split()) == 1 for token in tokenize(text))
