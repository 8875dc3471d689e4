"""What the request of a statement question is about, and which statements never stand side by side in it."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from itertools import combinations

import pytest

from app.data.generation.claims.claim import Claim
from app.data.generation.claims.edits import modality
from app.data.generation.claims.exceptions import absolute, exception
from app.data.generation.claims.surroundings import Surroundings
from app.data.generation.kinds.drafts import Wants
from app.data.generation.kinds.statements import Cues, contradict, deny_alike, statement_draft
from app.data.generation.law.book import read_book
from app.data.generation.law.rules import Rule, read_rule
from tests.data.generation.laws import article, law, paragraph

FIRE = "灯台守は、灯火を消したときは、二週間以内に、その旨を港湾大臣に届け出なければならない。"
BELL = "灯台守は、鐘を壊したときは、三十日以内に、その旨を港湾大臣に届け出なければならない。"


def topics(caption: str) -> dict[bool, set[str]]:
    """By whether the candidates are of one article: which captions stand in the requests."""
    book = read_book(
        law(
            article("1", paragraph("1", FIRE), caption="灯火の届出"),
            article("2", paragraph("1", BELL), caption=caption),
        )
    )
    found: dict[bool, set[str]] = {True: set(), False: set()}
    for seed in range(400):
        draft = statement_draft(book, "1", "correct", random.Random(seed), Cues(), max_chars=700, count=2)
        if draft:
            one = len({option.place[0] for option in draft.options}) == 1
            found[one] |= {name for name in ("灯火の届出", "鐘の届出") if name in "".join(draft.requests)}
    return found


def test_a_caption_is_the_topic_of_the_articles_under_it_only() -> None:
    assert topics("鐘の届出") == {True: {"灯火の届出", "鐘の届出"}, False: set()}
    assert topics("灯火の届出") == {True: {"灯火の届出"}, False: {"灯火の届出"}}


KEEPER = "灯台守は、他の灯台の灯台守となることができない。ただし、港湾大臣が認めたときは、この限りでない。"
LOG = "灯台守は、灯火を消したときは、その時刻を日誌に記載しなければならない。"
EXCEPTED = read_book(law(article("1", paragraph("1", KEEPER), paragraph("2", LOG))))


def claims_of(rule: Rule) -> list[Claim]:
    around, random_ = Surroundings("", (rule,), (rule,), ()), random.Random(1)
    return [
        Claim(True, "as_is", rule, rule),
        *(claim for edit in (exception, absolute, modality) for claim in edit(rule, around, random_)),
    ]


def test_a_rule_is_not_stated_flatly_beside_what_only_its_exception_makes_true() -> None:
    keeper, log = EXCEPTED.rules
    assert keeper.exception == "港湾大臣が認めた"
    flat, by_case, even, always, not_always, turned = claims_of(keeper)
    assert (flat.edit, flat.true) == ("as_is", True)
    assert {(claim.edit, claim.true) for claim in (by_case, not_always)} == {("exception", True), ("not_always", True)}
    for one, other in combinations((flat, by_case, even, always, not_always, turned), 2):
        assert contradict(one, other) == contradict(other, one) == (one is flat and other in (by_case, not_always))
    elsewhere = Claim(True, "as_is", log, log)
    assert not any(contradict(elsewhere, claim) for claim in (by_case, not_always))


@pytest.mark.parametrize("wants", ["correct", "incorrect"])
def test_a_question_holds_the_rule_or_its_exception(wants: str) -> None:
    held: set[str] = set()
    for seed in range(400):
        draft = statement_draft(EXCEPTED, "1", wants, random.Random(seed), Cues(), max_chars=700, count=3)  # type: ignore[arg-type]  # the names are those of Wants
        edits = {option.edit for option in draft.options if option.true and option.place[1] == "1"} if draft else set()
        held |= edits & {"as_is", "exception", "not_always"}
        assert not ("as_is" in edits and edits & {"exception", "not_always"}), seed
    assert held == {"as_is", "exception", "not_always"}


def said(seeds: int, wants: Wants) -> dict[bool, Counter[bool]]:
    """By truth: how many candidates about the rule with a proviso say 原則として, and how many do not."""
    found: dict[bool, Counter[bool]] = {True: Counter(), False: Counter()}
    book = read_book(law(article("1", paragraph("1", DIM), paragraph("2", LOG), paragraph("3", BELL))))
    for seed in range(seeds):
        draft = statement_draft(book, "1", wants, random.Random(seed), Cues(), max_chars=700, count=2)
        for option in draft.options if draft else ():
            if option.place[1] == "1" and option.edit in ("as_is", "modality", "number", "time"):
                found[option.true][all("原則として、" in text for text in option.texts)] += 1
            elif option.place[1] != "1":  # without a proviso nothing is only in principle
                assert not any("原則" in text for text in option.texts)
    return found


DIM = "灯台守は、灯火を弱めたときは、一週間以内に、その旨を港湾大臣に届け出なければならない。ただし、濃霧のときは、この限りでない。"


def test_a_rule_whose_proviso_is_shown_is_stated_in_principle_right_or_wrong() -> None:
    for counts in said(400, "correct").values():
        assert counts[True] > counts[False] == 0


def test_a_proviso_about_the_time_of_an_item_takes_nothing_from_the_duty() -> None:
    told = "灯台守は、次に掲げる事項を港湾大臣に届け出なければならない。ただし、第{}号の{}"
    items = ("灯火の色", "届出をする者の氏名及び住所", "異議を述べることができる期間")
    for proviso, principle in (
        (told.format("三", "期間は、二月を下ることができない。"), False),
        (told.format("三", "事項については、この限りでない。"), True),
    ):
        book = read_book(law(article("1", paragraph("1", proviso, items))))
        drafts = [
            statement_draft(book, "1", "correct", random.Random(seed), Cues(), max_chars=700, count=2)
            for seed in range(30)
        ]
        texts = [text for draft in drafts if draft for option in draft.options for text in option.texts]
        assert texts
        assert any("原則として" in text for text in texts) == principle


def test_two_ways_of_saying_that_nothing_need_be_done_are_one() -> None:
    rule = read_rule(
        "灯台守は、灯火を消したときは、その旨を港湾大臣に届け出なければならない", article="1", paragraph="1"
    )
    assert rule is not None
    need_not, no_duty, free = (
        Claim(False, "modality", rule, replace(rule, modality=to)) for to in ("need_not", "no_duty", "must_not")
    )
    assert deny_alike(need_not, no_duty)
    assert not deny_alike(need_not, free)
    other = replace(no_duty, said=replace(no_duty.said, condition="灯火をともした"))
    assert not deny_alike(need_not, other)
