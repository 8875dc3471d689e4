"""Sentences, shared words and quotes: what is quoted stands in the source, character for character."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.data.folding import fold, fold_text
from app.data.provisions import Provision, parse_provisions
from app.data.reasoning.alignment import (
    Sentence,
    align,
    alignments,
    cite,
    held_share,
    shared_runs,
    split_sentences,
    whole_words,
)

LAW = "## 甲法\n### 第3条\n"


def sentences(text: str) -> list[Sentence]:
    return split_sentences(parse_provisions(LAW + text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("一つ目。二つ目。", ["一つ目。", "二つ目。"]),
        ("本文（括弧の中。続き。）である。次。", ["本文（括弧の中。続き。）である。", "次。"]),
        ("- イ 一つ\n-ロ 二つ\n‐ ハ 三つ", ["イ 一つ", "ロ 二つ", "ハ 三つ"]),
        ("行が分かれた\n文。", ["行が分かれた", "文。"]),
        ("一つ。\n（1,234字省略）\n二つ。", ["一つ。", "二つ。"]),
    ],
)
def test_split_sentences(text: str, expected: list[str]) -> None:
    assert [one.text for one in sentences(text)] == expected


def test_coverage_is_the_share_of_the_choice_in_the_sentence() -> None:
    (sentence,) = sentences("期間は、受理した日から十五日とする。")
    assert align(fold("受理した日から15日"), sentence).coverage == 1.0
    assert align(fold("無関係"), sentence).coverage == 0.0
    alignment = align(fold("受理した日から10日"), sentence)
    assert [alignment.choice.text[b.choice : b.choice + b.size] for b in alignment.blocks] == ["受理した日から1"]


def test_of_equal_sentences_the_shorter_comes_first() -> None:
    found = alignments("二年とする", sentences("期間は、別に定めるところにより二年とする。期間は二年とする。"))
    assert found[0].sentence.text == "期間は二年とする。"


def test_held_share_does_not_depend_on_the_order_of_words() -> None:
    (sentence,) = sentences("指示に係る措置をとらなかつたときは、命ずることができる。")
    text = fold_text("命ずることができるのは、指示に係る措置をとらなかったとき")
    assert held_share(text, [1.0] * len(text), sentence) > 0.85


@pytest.mark.parametrize(("text", "runs"), [("3年", []), ("13年", [(0, 3)])])
def test_a_number_is_not_found_inside_a_longer_one(text: str, runs: list[tuple[int, int]]) -> None:
    (sentence,) = sentences("期間は十三年とする。")
    assert shared_runs(text, sentence) == runs


def test_a_short_sentence_is_cited_whole() -> None:
    (sentence,) = sentences("期間は二年とする。")
    assert cite(sentence, [(0, 2)], 100) == "「期間は二年とする」"


def test_a_long_sentence_is_cited_with_its_end() -> None:
    text = "甲は、" + "乙について、" * 10 + "丙を定め、これを丁に届け出なければならない。"
    (sentence,) = sentences(text)
    start = sentence.folded.text.index("甲は")
    assert (
        cite(sentence, [(start, start + 2)], 60)
        == "「甲は」（略）「乙について、丙を定め、これを丁に届け出なければならない」"
    )


@given(
    st.text(alphabet="甲乙は、を（）「」。二年超える", min_size=1, max_size=80),
    st.integers(10, 60),
    st.data(),
)
def test_every_piece_of_a_citation_is_verbatim(text: str, max_chars: int, data: st.DataObject) -> None:
    if not fold_text(text):
        return
    sentence = Sentence(Provision("甲法", "1", None, None, None, True, text, 0), text)
    start = data.draw(st.integers(0, len(sentence.folded.text) - 1))
    end = data.draw(st.integers(start + 1, len(sentence.folded.text)))
    for piece in cite(sentence, [(start, end)], max_chars).removeprefix("「").removesuffix("」").split("」（略）「"):
        assert piece in text


@pytest.mark.parametrize(
    ("text", "part", "words"),
    [
        ("前条第一項の規定による届出書類の内容", "条第一項の規定による届出書類の内", "規定による届出書類"),
        ("上場会社等に係る有償の譲受け", "有償の譲", "有償"),
        ("建物の転借人にその旨の通知", "建物の転借人にその旨の通", "建物の転借人にその旨"),
        ("方法により多数の者に対して", "により多数の者に対して", "多数の者に対して"),
        ("次のいずれにも該当しないもの", "該当しないもの", "該当しないもの"),
    ],
)
def test_whole_words(text: str, part: str, words: str) -> None:
    start = text.index(part)
    assert whole_words(text, start, start + len(part)) == words
    assert re.search(re.escape(words), text)
