"""Questions for a provision of an Act or of its order: the one that is right is what the printed laws say."""

from __future__ import annotations

import random
import re
from functools import cache

import pytest

from app.data.generation.kinds.across import across_draft
from app.data.generation.kinds.drafts import Draft
from app.data.generation.settling import reads_right
from tests.data.generation.kinds.test_bases import in_digits
from tests.data.generation.laws import lighthouse, pilotage

# What the orders of the pilotage Act say: the thing, what the Act calls it, where the Act leaves it, where it is said.
SAID = {
    "船の名称": ("港湾省令で定める事項", "水先法第1条第1項", "水先法施行規則第1条第1号"),
    "水先をした年月日": ("港湾省令で定める事項", "水先法第1条第1項", "水先法施行規則第1条第2号"),
    "水先の区間": ("港湾省令で定める事項", "水先法第1条第1項", "水先法施行規則第1条第4号"),
    "船名の変更": ("政令で定める軽微な変更", "水先法第1条第2項", "水先法施行令第1条"),
    "2年以内に講習を受けない者": ("政令で定める者", "水先法第2条第1項", "水先法施行令第2条第1号"),
    "水先法第9条の許可を取り消された者": ("政令で定める者", "水先法第2条第1項", "水先法施行令第2条第2号"),
    "5年": ("政令で定める期間", "水先法第2条第2項", "水先法施行令第3条"),
    "役員の任期": ("港湾省令で定める記載事項", "水先法第3条第2号", "水先法施行規則第2条第1号"),
    "組合員の資格": ("港湾省令で定める記載事項", "水先法第3条第2号", "水先法施行規則第2条第2号"),
    "水先約款": ("港湾省令で定める記載事項", "水先法第3条第2号", "水先法施行規則第2条第3号"),
}  # fmt: skip


@cache
def several() -> tuple[Draft, ...]:
    book = pilotage()
    found = (
        across_draft(book, key, random.Random(seed), max_chars=700, count=count)
        for seed in range(150)
        for key, count in (("1", 4), ("2", 4), ("3", 3))
    )
    return tuple(draft for draft in found if draft)


def plain(text: str) -> str:
    return in_digits(text).replace("二年", "2年").replace("五年", "5年")


def asked_about(draft: Draft) -> str:
    """The form of a question, read from its request."""
    request = draft.requests[0]
    if re.search("委ね|委任|で定めることとしている", request):
        return "leaves"
    if re.search("具体的|何か|何である", request):
        return "contents"
    return "thing" if "「" in request else "rule"


def test_all_forms_come_and_both_laws_are_shown_and_among_the_candidates() -> None:
    assert {asked_about(draft) for draft in several()} == {"thing", "contents", "leaves", "rule"}
    for draft in several():
        assert (draft.kind, draft.polarity, draft.options[0].true) == ("across", "other", True)
        assert [one.true for one in draft.options[1:]] == [False] * (len(draft.options) - 1)
        assert all(reads_right(request, draft) for request in draft.requests)
        laws = {re.match("水先法(?:施行令|施行規則)?", one.texts[0])[0] for one in draft.options}  # type: ignore[index]
        assert "水先法" in laws
        assert len(laws) > 1
        assert "## 水先法\n" in draft.context
        assert "## 水先法施行" in draft.context
        cited = [plain(one.texts[0]) for one in draft.options]
        assert len(set(cited)) == len(cited)
        # No candidate holds another, so none falls out with it.
        assert not [(one, other) for one in cited[1:] for other in cited[1:] if one != other and re.fullmatch(f"{one}第\\d+[項号].*", other)]  # fmt: skip


def test_a_thing_is_said_where_the_order_says_it() -> None:
    found = [draft for draft in several() if asked_about(draft) == "thing"]
    answers = set()
    for draft in found:
        for request in map(plain, draft.requests):
            thing = next(one for one in SAID if f"「{one}」" in request)
            name, left, said = SAID[thing]
            assert plain(draft.options[0].texts[0]) == said
            assert name in request
            # By the Act's sentence, or by its provision; never 「根拠」, which could be the Act's.
            assert left in request or request.startswith("水先法では、")
            assert "根拠" not in request
        answers.add(said)
    assert answers == {said for _, _, said in SAID.values()}


def test_a_bare_word_is_not_what_an_act_leaves_to_an_order() -> None:
    asked = [one.requests[0] for one in several() if asked_about(one) == "leaves"]
    assert any("事項" in one for one in asked)
    assert not any("に者の" in one or "る者を" in one for one in asked)  # 「政令で定める者」 of the second article


def test_contents_are_the_orders_and_what_leaves_them_to_it_is_the_acts() -> None:
    for draft in several():
        form = asked_about(draft)
        if form not in ("contents", "leaves"):
            continue
        right = plain(draft.options[0].texts[0])
        for request in map(plain, draft.requests):
            known = {(name, left, re.sub("第[0-9]+号$", "", said)) for name, left, said in SAID.values()}
            if form == "contents":
                assert [said for name, left, said in known if name in request and (left in request or "とされている" in request) and said == right]  # fmt: skip
            else:
                assert [left for _, left, said in known if re.search(said + "(?![0-9])", request) and left == right]


def test_an_acts_own_rule_is_asked_for_with_the_order_that_fills_it_in_among_the_candidates() -> None:
    found = [draft for draft in several() if asked_about(draft) == "rule"]
    assert {plain(draft.options[0].texts[0]) for draft in found} >= {"水先法第1条第1項", "水先法第2条第2項"}
    belonging = {"水先法第1条第1項": "水先法施行規則第1条", "水先法第1条第2項": "水先法施行令第1条",
                 "水先法第2条第1項": "水先法施行令第2条", "水先法第2条第2項": "水先法施行令第3条"}  # fmt: skip
    for draft in found:
        right, *wrong = [plain(one.texts[0]) for one in draft.options]
        assert belonging[right] in wrong


def test_the_acts_provision_is_a_candidate_where_its_sentence_is_told() -> None:
    told = [draft for draft in several() if draft.requests[0].startswith("水先法では、")]
    assert told
    for draft in told:
        name = next(name for name, _, _ in SAID.values() if f"この「{name}」" in draft.requests[0])
        left = next(left for one, left, _ in SAID.values() if one == name)
        assert left in [plain(one.texts[0]) for one in draft.options]


def test_a_law_without_orders_gives_none() -> None:
    assert across_draft(lighthouse(), "1", random.Random(1), max_chars=700) is None


@pytest.mark.parametrize("count", [2, 3, 5])
def test_as_many_candidates_as_wanted(count: int) -> None:
    book = pilotage()
    drafts = [across_draft(book, "2", random.Random(seed), max_chars=700, count=count) for seed in range(20)]
    assert {len(draft.options) for draft in drafts if draft} == {count}
    for draft in filter(None, drafts):
        assert len(draft.context) <= 700
