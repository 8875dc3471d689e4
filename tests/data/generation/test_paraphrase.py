"""Fixed forms in other words, the meaning kept."""

from __future__ import annotations

import random

import pytest

from app.data.generation.paraphrase import needs, paraphrase


@pytest.mark.parametrize(
    ("text", "reworded"),
    [
        ("灯台守は、港湾大臣の許可を受けなければならない", "灯台守は、港湾大臣の許可が必要である"),
        ("灯台守は、港湾大臣の同意を得ることを要しない", "灯台守は、港湾大臣の同意は必要でない"),
        ("灯台守は、その旨を港湾大臣に届け出る必要がある", "灯台守は、港湾大臣への届出が必要である"),
        ("灯台守は、その旨を港湾大臣に届け出なければならない", "灯台守は、港湾大臣への届出が必要である"),
        ("灯台守は、その旨を港湾大臣に報告しなければならない", "灯台守は、港湾大臣への報告が必要である"),
        ("灯台守は、港湾大臣の許可を受けることができる", "灯台守は、港湾大臣の許可を受けることができる"),
    ],
)
def test_what_is_needed_is_named_by_itself(text: str, reworded: str) -> None:
    assert needs(text) == reworded


def variants(text: str) -> set[str]:
    return {paraphrase(text, random.Random(seed)) for seed in range(60)}


def test_a_reference_to_an_order_goes_whole_or_stays_whole() -> None:
    texts = variants("灯台守は、港湾省令で定めるところにより、条例又は規則で定めるところにより、灯火をともす")
    assert "灯台守は、条例または規則で定めるところにより、灯火をともす" in texts
    assert all("規則で定めるところにより" in text for text in texts)


def test_quoted_and_bracketed_words_stay() -> None:
    for text in variants("「灯台又は浮標」は、灯火（あらかじめ、届け出た色又は形に限る。）をともす"):
        assert "「灯台又は浮標」" in text
        assert "（あらかじめ、届け出た色又は形に限る。）" in text


def test_the_order_of_things_in_time_is_kept() -> None:
    texts = variants("灯台守は、あらかじめ、届け出る")
    assert texts == {"灯台守は、あらかじめ、届け出る", "灯台守は、事前に届け出る", "灯台守は、前もって届け出る"}
