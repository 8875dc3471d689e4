"""What a provision is called in a question for it: every way, exactly, and none that says something else."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.data.generation.kinds.descriptions import (
    Description,
    descriptions,
    held_by,
    sentence,
    told_apart,
    ways,
)
from app.data.generation.law.book import read_book
from app.data.generation.law.rules import Rule, read_rule
from tests.data.generation.laws import article, law, lighthouse, paragraph


def rule(text: str) -> Rule:
    found = read_rule(text, article="1", paragraph="1")
    assert found is not None, text
    return found


NOTICE = next(one for one in lighthouse().rules if one.place == ("1", "1", None))
ORDER = next(one for one in lighthouse().rules if one.place == ("1", "2", None))
KEEPING = rule("灯台の鐘を預かる灯台守は、港湾省令で定めるところにより、鐘を毎日欠かさず磨いておかなければならない")


def test_a_rule_as_a_sentence() -> None:
    found = ways(NOTICE, digits=True)["sentence"]
    assert found[:2] == [
        "灯台守は、灯火を消したときは、2週間以内に、その旨を港湾大臣に届け出なければならないこと",
        "灯火を消したときは、灯台守は、2週間以内に、その旨を港湾大臣に届け出なければならないこと",
    ]
    assert len(found) == 18


def test_who_does_what_without_when_and_how() -> None:
    assert ways(ORDER, digits=True)["effect"] == [
        "港湾大臣が、灯台守に対し、灯火の点検を命ずることができること",
    ]
    assert ways(KEEPING, digits=True)["effect"] == [
        "灯台の鐘を預かる灯台守が鐘を毎日欠かさず磨いておかなければならないこと",
        "灯台の鐘を預かる灯台守が鐘を毎日欠かさず磨いておく必要があること",
        "灯台の鐘を預かる灯台守が鐘を毎日欠かさず磨いておく義務があること",
    ]
    assert ways(NOTICE, digits=True)["effect"] == []  # その旨 points to the condition


def test_who_and_when_without_what() -> None:
    closing = rule("灯台守は、濃い霧のために灯台を閉鎖したときは、鐘を鳴らさなければならない")
    assert ways(closing, digits=True)["situation"] == [
        "濃い霧のために灯台を閉鎖した場合に灯台守がしなければならないこと",
        "濃い霧のために灯台を閉鎖した場合に灯台守が行うべきこと",
        "濃い霧のために灯台を閉鎖した場合に灯台守が負う義務",
    ]
    assert ways(ORDER, digits=True)["situation"] == []  # its condition is what the minister thinks


def test_the_period_and_the_destination_that_are_asked_for() -> None:
    assert ways(NOTICE, digits=True)["asked"] == [
        "灯火を消した場合に灯台守がその旨を港湾大臣に届け出なければならない期間"
    ]
    plan = rule("灯台を設けようとする者は、灯台の位置を記載した図面を港湾大臣に提出しなければならない")
    assert ways(plan, digits=True)["asked"] == [
        "灯台を設けようとする者が提出しなければならない灯台の位置を記載した図面の提出先"
    ]
    may = rule("灯台を設けようとする者は、灯台の位置の変更を港湾大臣に申請することができる")
    assert ways(may, digits=True)["asked"] == ["灯台を設けようとする者が申請することができる灯台の位置の変更の申請先"]


@pytest.mark.parametrize(("caption", "called"), [("灯火の届出", True), ("登録", False), ("灯" * 21, False)])
def test_a_caption_is_a_description_where_it_says_enough_and_not_too_much(caption: str, called: bool) -> None:
    found = [one for seed in range(20) for one in descriptions(ORDER, caption, random.Random(seed), digits=True)]
    assert (Description(caption, "about") in found) == called


def test_a_situation_that_another_provision_goes_on_with_is_not_used() -> None:
    closing = rule("灯台守は、濃い霧のために灯台を閉鎖したときは、鐘を鳴らさなければならない")
    hidden = ("がしなければならないこと", "が行うべきこと", "が負う義務")
    for seed in range(20):
        alone = descriptions(closing, "", random.Random(seed), digits=True)
        beside = descriptions(closing, "", random.Random(seed), digits=True, goes_on=True)
        assert any(one.text.endswith(tuple(f"灯台守{end}" for end in hidden)) for one in alone)
        assert not any(one.text.endswith(tuple(f"灯台守{end}" for end in hidden)) for one in beside)


@pytest.mark.parametrize(
    ("one", "called"),
    [
        (rule("灯台の敷地の標準となる広さは、港湾の灯台については、港湾大臣が定めるものとする"), {
            "sentence": {
                "灯台の敷地の標準となる広さは、港湾の灯台については、港湾大臣が定める",
                "灯台の敷地の標準となる広さは、港湾の灯台については港湾大臣が定める",
            },
        }),
        (rule("登記をしなければならない灯台は、登記の後でなければ、船長に対抗することができない"), {
            "sentence": {"登記をしなければならない灯台は、登記の後でなければ、船長に対抗することができない"},
        }),
        (rule("沖の灯台の鐘を預かる灯台守は、鐘を港の外に持ち出してはならない"), {
            "noun": {"沖の灯台の鐘を預かる灯台守が鐘を港の外に持ち出してはならないこと"},
        }),
        (rule("灯台守は、濃い霧のために灯台を閉鎖したときは、鐘を鳴らさなければならない"), {
            "noun": {"濃い霧のために灯台を閉鎖した場合に灯台守がしなければならないこと"},
            "sentence": {"灯台守は、濃い霧のために灯台を閉鎖したときは、鐘を鳴らさなければならない"},
        }),
        (Rule("1", "1", "2", "", "", "", "灯台の図面に記載する事項の一つとして「門は、東に置くこと」を挙げている", "stated", "", False, False), {
            "lists": {"灯台の図面に記載する事項の一つとして「門は、東に置くこと」を挙げている"},
        }),
    ],
)  # fmt: skip
def test_a_description_says_how_a_request_goes_on(one: Rule, called: dict[str, set[str]]) -> None:
    found: dict[str, set[str]] = {}
    for seed in range(80):
        for each in descriptions(one, "", random.Random(seed), digits=False):
            found.setdefault(each.told, set()).add(each.text)
    assert found.keys() == called.keys()
    assert all(called[told] <= found[told] for told in called)
    assert not any("は、" in text for text in found.get("noun", ()))
    assert not any(text.endswith("こと") for text in found.get("sentence", ()))


@pytest.mark.parametrize(
    ("text", "called"),
    [
        ("灯台守は、灯火を保つ", "灯台守が灯火を保つ"),
        ("政府は、法人に対する助成の制限を緩和し、灯台を助成することができる", "政府が、法人に対する助成の制限を緩和し、灯台を助成することができる"),
        ("灯台委員は、学識経験のある者のうちから、港湾大臣が任命する", "灯台委員は、学識経験のある者のうちから、港湾大臣が任命する"),
        ("灯台の検査の許可状は、処分を受ける者に提示しなければならない", "灯台の検査の許可状は、処分を受ける者に提示しなければならない"),
        ("灯台の鐘を許可なく鳴らした灯台守は、五万円以下の罰金に処する", "灯台の鐘を許可なく鳴らした灯台守が五万円以下の罰金に処せられる"),
    ],
)  # fmt: skip
def test_a_sentence_becomes_a_clause_only_where_nothing_is_misread(text: str, called: str) -> None:
    found = read_rule(text, article="1", paragraph="1") or Rule(
        "1", "1", None, "灯台守", "", "", "灯火を保つ", "plain", "", False, False
    )
    assert ways(found, digits=False)["sentence"][0] == called + "こと"


def test_nobody_is_punished_as_an_object() -> None:
    both = rule("組合が灯火を消したときは、その組合及び理事を五万円以下の罰金に処する")
    said = {sentence(both, random.Random(seed), digits=False) for seed in range(30)}
    assert all(text.endswith("その組合及び理事を五万円以下の罰金に処する") or "および" in text for text in said)
    assert not any("処せられる" in text for text in said)


@given(st.integers(0, 10_000), st.sampled_from(lighthouse().rules), st.booleans())
def test_no_sentence_says_koto_twice(seed: int, one: Rule, digits: bool) -> None:
    text = sentence(one, random.Random(seed), digits=digits)
    assert not text.endswith(("とされている", "認められている", "義務付けられている", "要する", "禁じられている"))
    assert sentence(one, random.Random(seed), digits=digits) == text


def test_a_description_is_told_apart_by_its_character_pairs() -> None:
    assert held_by("灯台守の義務")("灯台守は、義務を負う") == 3 / 5
    assert told_apart("灯台守の義務", "灯台守は、義務を負う", ["灯台を"], 0.3)
    assert not told_apart("灯台守の義務", "灯台守は、義務を負う", ["灯台を"], 0.5)
    assert told_apart("灯台守の義務", "灯台守は、義務を負う", [], 0.6)


@given(st.text("灯台守鐘霧港を", min_size=2, max_size=12), st.text("灯台守鐘霧港を", max_size=20))
def test_how_much_is_held_lies_between_nothing_and_all(description: str, text: str) -> None:
    assert 0.0 <= held_by(description)(text) <= 1.0
    assert held_by(description)(description + text) == 1.0


def test_a_definition_is_called_by_its_sentence() -> None:
    book = read_book(
        law(article("1", paragraph("1", "この法律において「灯台」とは、船舶の航行を助ける塔（浮標を除く。）をいう。")))
    )
    for one in book.rules:
        assert ways(one, digits=True)["effect"] == []


@pytest.mark.parametrize(
    ("text", "called"),
    [
        ("灯台守は、その預かる灯台の灯火が消えたときは、鐘を鳴らさなければならない", []),  # その stands before its keeper
        ("仮の灯台の登録は、港湾大臣の命令があったときは、船長が申請することができる", []),  # a registration asks for nothing
        ("灯台守は、灯台の灯火が消えたとき及び浮標が流されたときは、灯台を閉鎖することができない", ["灯台の灯火が消えた場合及び浮標が流された場合に灯台守がすることができないこと"]),
    ],
)  # fmt: skip
def test_a_situation_names_who_acts_after_what_points_to_nothing(text: str, called: list[str]) -> None:
    assert ways(rule(text), digits=True)["situation"] == called


@pytest.mark.parametrize(
    ("text", "called"),
    [
        ("灯台守は、その預かる灯台の灯火が消えたときは、十日以内に報告書を港湾大臣に提出しなければならない", []),
        ("灯火の検査の請求は、灯火が消えたときは、その日から十日以内に行わなければならない", []),
        ("灯台守は、灯火が消えたときは、十日以内に、船長に知らせ、かつ、日誌を写さなければならない", ["灯火が消えた場合に灯台守が、船長に知らせ、かつ、日誌を写さなければならない期間"]),
    ],
)  # fmt: skip
def test_a_period_is_asked_of_who_acts(text: str, called: list[str]) -> None:
    assert ways(rule(text), digits=True)["asked"] == called


def test_who_is_punished_punishes_nobody() -> None:
    penalty = rule("灯台の鐘を許可なく鳴らした者は、五万円以下の罰金に処する")
    assert {sentence(penalty, random.Random(seed), digits=False) for seed in range(20)} == {
        "灯台の鐘を許可なく鳴らした者は、五万円以下の罰金に処せられる"
    }


def test_a_penalty_without_a_deed_names_no_provision() -> None:
    bribe = rule("職務に関し賄賂を受け取つたときは、三年以下の拘禁刑に処する")
    assert ways(bribe, digits=True)["effect"] == []
    assert ways(bribe, digits=True)["sentence"]
