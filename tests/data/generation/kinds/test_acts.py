"""Acts that break a prohibition, and those that the law lets be."""

from __future__ import annotations

import random

import pytest

from app.data.generation.kinds.acts import act_draft
from app.data.generation.law.book import Book, read_book
from tests.data.generation.laws import article, law, paragraph


def texts(book: Book, number: str, edit: str) -> set[str]:
    """The candidates of the kind ``edit`` in questions about an article, numbers as printed."""
    drafts = (act_draft(book, number, "correct", random.Random(seed), max_chars=700, count=2) for seed in range(40))
    options = (option for draft in drafts if draft for option in draft.options if option.edit == edit)
    return {text for option in options for text in option.texts}


def keeper(prohibition: str) -> Book:
    """A law with a prohibition, one with 「…でなければ」 and a duty beside it."""
    return read_book(
        law(
            article("1", paragraph("1", prohibition)),
            article("2", paragraph("1", "灯台長は、その日誌を写した後でなければ、古い日誌を捨ててはならない。")),
            article("3", paragraph("1", "灯台長は、毎朝、灯台の窓を磨かなければならない。")),
        )
    )


@pytest.mark.parametrize(
    ("prohibition", "exempt"),
    [
        ("灯台長は、濃い霧が出た場合を除き、灯火を消してはならない。", {"灯台長が、濃い霧が出た場合において、灯火を消すこと"}),
        # The permission lifts only the last of several acts.
        ("灯台長は、在任中、宿を営み、その他利益を得る業務を行い、又は大臣の許可のある場合を除くほか、他の職に就いてはならない。", set()),
        ("灯台長は、灯台で宿を営み、又は正当な理由がないのに、灯火を消してはならない。", set()),
        ("灯台長は、正当な理由がないのに、灯火を消してはならない。", {"灯台長が、正当な理由に基づき、灯火を消すこと"}),
    ],
)  # fmt: skip
def test_an_exception_of_one_act_lifts_no_other(prohibition: str, exempt: set[str]) -> None:
    found = {text for text in texts(keeper(prohibition), "1", "exempt") if "場合において灯火" not in text}
    assert found == exempt


def test_what_may_be_done_only_after_something_else_is_no_lawful_act() -> None:
    lawful = texts(keeper("灯台長は、灯台の鐘を昼の間に鳴らしてはならない。"), "1", "lawful")
    assert lawful == {"灯台長が、毎朝、灯台の窓を磨くこと"}


def test_several_cases_are_called_cases_alike() -> None:
    book = read_book(
        law(
            article(
                "1",
                paragraph(
                    "1",
                    "灯台長は、灯台の灯火を消してはならない。ただし、港が閉じたとき、又は船が去ったときは、この限りでない。",
                ),
            ),
            article("3", paragraph("1", "灯台長は、毎朝、灯台の窓を磨かなければならない。")),
        )
    )
    assert texts(book, "1", "exempt") & {
        "灯台長が、港が閉じた場合、又は船が去った場合において、灯台の灯火を消すこと",
        "灯台長が、港が閉じたとき、又は船が去った場合において、灯台の灯火を消すこと",
    } == {"灯台長が、港が閉じた場合、又は船が去った場合において、灯台の灯火を消すこと"}
