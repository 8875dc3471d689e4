"""Questions for what an order fills in: both laws are shown, and every candidate's truth is what the order says."""

from __future__ import annotations

import random
import re

import pytest

from app.data.generation.kinds.delegated import delegated_draft
from app.data.generation.kinds.drafts import Draft, Wants
from app.data.generation.law.book import read_book
from app.data.generation.settling import reads_right
from tests.data.generation.laws import article, law, paragraph, pilotage

OWN = {"船の名称", "水先をした年月日", "水先の区間"}
OTHERS = {"役員の任期", "組合員の資格", "水先約款"}


def drafts(article: str, wants: Wants, count: int = 4) -> list[Draft]:
    book = pilotage()
    found = (
        delegated_draft(book, article, wants, random.Random(seed), max_chars=700, count=count) for seed in range(80)
    )
    return [draft for draft in found if draft]


def test_the_act_and_its_order_are_shown() -> None:
    (context,) = {
        re.sub(r"##### 第\d号\n[^\n]+\n?", "", draft.context)
        for draft in drafts("1", "correct")
        if "軽微" not in draft.context
    }
    assert context == (
        "## 水先法\n### 第1条\n#### 第1項\n水先人は、帳簿を備え、水先に関し港湾省令で定める事項を記載しなければならない。\n"
        "### 第3条\n組合の定款には、次に掲げる事項を記載しなければならない。\n"
        "## 水先法施行規則\n### 第1条\n法第一条第一項の港湾省令で定める事項は、次のとおりとする。\n"
        "### 第2条\n法第三条第二号の港湾省令で定める記載事項は、次に掲げる事項とする。\n"
    )


@pytest.mark.parametrize("wants", ["correct", "incorrect"])
def test_members_are_the_orders_things_and_strangers_another_lists(wants: Wants) -> None:
    found = [draft for draft in drafts("1", wants) if all("港湾省令" not in one.texts[0] for one in draft.options)]
    assert found
    for draft in found:
        assert draft.kind == "delegated"
        assert draft.main == "1"
        assert sum(one.true for one in draft.options) == (1 if wants == "correct" else 3)
        assert {(one.texts[0] in OWN, one.texts[0] in OTHERS) for one in draft.options if one.true} == {(True, False)}
        assert {one.texts[0] in OTHERS for one in draft.options if not one.true} == {True}
        # Of the article that is asked about, named by it or by its order's words: 「水先法第1条第1項の港湾省令で定める事項」.
        asked = {name for text in draft.requests for name in re.findall(r"水先法[^、]+?定める[事書]", text)}
        assert asked <= {
            f"水先法第{number}項{word}港湾省令で定める事"
            for number in ("1条第1", "一条第一")
            for word in ("の", "に規定する")
        }
        assert any(reads_right(request, draft) for request in draft.requests)
        shown = {item for passage in draft.passages for _, item in passage.items}
        assert {one.texts[0] for one in draft.options} <= shown


def test_statements_say_of_members_and_strangers_that_they_belong_and_that_they_do_not() -> None:
    found = [draft for draft in drafts("1", "correct") if all("省令で定める" in one.texts[0] for one in draft.options)]
    seen = set()
    for draft in found:
        for option in draft.options:
            text = option.texts[0]
            thing = next(one for one in OWN | OTHERS if one in text)
            denied = bool(re.search(r"しない|含まれない|当たらない", text))
            belongs = (thing in OWN) == ("定める事項" in text)
            assert option.true == (belongs != denied), text
            seen.add((belongs, denied))
    assert seen == {(True, True), (True, False), (False, True), (False, False)}


def test_neither_a_yes_nor_a_no_stands_alone_as_the_answer() -> None:
    for wants in ("correct", "incorrect"):
        for draft in drafts("1", wants):  # type: ignore[arg-type]
            if all("省令で定める" in one.texts[0] for one in draft.options):
                answer = draft.options[0].cue
                assert [one.cue for one in draft.options].count(answer) >= 2


def test_a_list_that_is_open_takes_no_stranger() -> None:
    # 「その他港湾大臣が定める者」: nobody can say that a person is not in that list.
    strange = [
        one
        for draft in drafts("2", "correct", count=2)
        for one in draft.options
        if one.edit == "other_list" and not one.true
    ]
    assert all("政令で定める者" not in one.texts[0] for one in strange)


def test_a_thing_with_another_number_is_no_member_and_nobody_says_so() -> None:
    found = [draft.options for draft in drafts("2", "correct", count=2)]
    changed = [one for options in found for one in options if one.edit == "number"]
    assert changed
    for one in changed:
        assert not one.true
        assert not re.search(r"[二2]年以内", one.texts[0])
        assert one.cue in ("", "belongs")
        assert one.place[0] in ("2", "3")


def test_an_article_whose_order_is_silent_gives_none() -> None:
    assert drafts("4", "correct") == []


def test_a_time_is_offered_once_however_it_is_written() -> None:
    act = law(
        article(
            "1",
            paragraph(
                "1", "港湾大臣は、港湾省令で定める期間が経過するまでの間に申請をしない者の登録を取り消すことができる。"
            ),
        ),
        article(
            "2", paragraph("1", "水先人は、登録を受けた日から港湾省令で定める期間以内に、届け出なければならない。")
        ),
    )
    order = law(
        article("1", paragraph("1", "法第一条の港湾省令で定める期間は、一年間とする。")),
        article("2", paragraph("1", "法第二条の港湾省令で定める期間は、五年とする。")),
        title="灯台法施行規則",
        law_id="400M00000000001",
    )
    book = read_book(act, (order,))
    found = (delegated_draft(book, "1", "correct", random.Random(seed), max_chars=700, count=4) for seed in range(80))
    values = [[option.texts[0].removesuffix("間") for option in draft.options] for draft in found if draft]
    assert any("五年" in texts for texts in values)
    assert all(len(set(texts)) == len(texts) for texts in values)
