"""Fixed forms in other words, the meaning kept."""

from __future__ import annotations

import random

import pytest

from app.data.generation.words.paraphrase import in_kana, needs, paraphrase


@pytest.mark.parametrize(
    ("text", "reworded"),
    [
        ("灯台守は、港湾大臣の許可を受けなければならない", "灯台守は、港湾大臣の許可が必要である"),
        ("灯台守は、港湾大臣の同意を得ることを要しない", "灯台守は、港湾大臣の同意は必要でない"),
        ("灯台守は、その旨を港湾大臣に届け出る必要がある", "灯台守は、港湾大臣への届出が必要である"),
        ("灯台守は、その旨を港湾大臣に届け出なければならない", "灯台守は、港湾大臣への届出が必要である"),
        ("灯台守は、その旨を港湾大臣に報告しなければならない", "灯台守は、港湾大臣への報告が必要である"),
        ("灯台守は、港湾大臣の許可を受けることができる", "灯台守は、港湾大臣の許可を受けることができる"),
        # The act before it would be left without the one that it goes with.
        ("灯台守は、写しを添付して、その旨を港湾大臣に届け出なければならない", "灯台守は、写しを添付して、その旨を港湾大臣に届け出なければならない"),
        ("灯台守は、理由を付してその旨を港湾大臣に届け出なければならない", "灯台守は、理由を付してその旨を港湾大臣に届け出なければならない"),
        ("灯台守は、規程を定め、港湾大臣の認可を受けなければならない", "灯台守は、規程を定め、港湾大臣の認可を受けなければならない"),
        ("灯台守は、灯火を消し、又は鐘を鳴らそうとするときは、港湾大臣の許可を受けなければならない", "灯台守は、灯火を消し、又は鐘を鳴らそうとするときは、港湾大臣の許可が必要である"),
        ("灯台守は、濃霧の場合を除き、港湾大臣の許可を受けなければならない", "灯台守は、濃霧の場合を除き、港湾大臣の許可が必要である"),
    ],
)  # fmt: skip
def test_what_is_needed_is_named_by_itself(text: str, reworded: str) -> None:
    assert needs(text) == reworded


def variants(text: str) -> set[str]:
    return {paraphrase(text, random.Random(seed), kana=seed % 2 == 0) for seed in range(60)}


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


def test_what_an_order_lays_down_is_no_method_beside_a_method() -> None:
    texts = variants("灯台守は、港湾省令で定めるところにより、安全な方法により灯火をともす")
    assert texts == {"灯台守は、港湾省令で定めるところにより、安全な方法により灯火をともす"}
    texts = variants("灯台守は、港湾省令で定めるところにより、灯火をともす")
    assert "灯台守は、所定の方法により灯火をともす" in texts


@pytest.mark.parametrize("need", ["特別の", "灯火を保護する", "鐘を鳴らす"])
def test_a_need_that_is_named_is_not_cut_from_its_name(need: str) -> None:
    text = f"港湾大臣は、{need}必要があると認めるときは、灯火の点検を命ずる"
    assert variants(text) == {text}
    assert "港湾大臣は、特に必要と認めるときは、灯火を消す" in variants("港湾大臣は、特に必要があると認めるときは、灯火を消す")  # fmt: skip


def test_conjunctions_are_written_alike_in_one_sentence() -> None:
    texts = variants("灯台守は、灯火若しくは鐘又は笛及び旗並びに標識を点検する")
    assert texts == {
        "灯台守は、灯火若しくは鐘又は笛及び旗並びに標識を点検する",
        "灯台守は、灯火もしくは鐘または笛および旗ならびに標識を点検する",
    }


def test_a_question_writes_its_conjunctions_in_one_way_and_no_laws_title_otherwise() -> None:
    text = "麻薬及び向精神薬取締法又は政令に違反した者"
    titles = ("麻薬及び向精神薬取締法", "麻薬及び向精神薬取締法施行令")
    for seed in range(30):
        kana, kanji = (paraphrase(text, random.Random(seed), kana=each, titles=titles) for each in (True, False))
        assert kana == "麻薬及び向精神薬取締法または政令に違反した者"
        assert kanji == text
    assert {in_kana(random.Random(seed)) for seed in range(20)} == {True, False}


@pytest.mark.parametrize(("held", "reworded"), [("親権", False), ("職務", False), ("業務", True), ("点検", True)])
def test_what_is_held_is_not_carried_out(held: str, reworded: bool) -> None:
    assert (f"{held}を実施する者は、灯火をともす" in variants(f"{held}を行う者は、灯火をともす")) is reworded
    must = f"灯台守は、{held}を行わなければならない"
    assert (must.replace("行わ", "実施し") in variants(must)) is reworded
