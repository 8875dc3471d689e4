"""Questions for the provision that lays a rule down: three forms, their labels checked against the printed laws."""

from __future__ import annotations

import random
import re
import unicodedata
from collections import Counter
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.requests import read_request
from app.data.egov.law import Paragraph
from app.data.egov.source import law_files, read_law
from app.data.generation.kinds.bases import FORMS, basis_draft
from app.data.generation.kinds.drafts import Draft, Wants
from app.data.generation.kinds.scenes import Scene
from app.data.generation.law.book import Book, read_book
from app.data.generation.words.paraphrase import conjunctions_in_kanji
from tests.data.generation.laws import article, law, lighthouse, paragraph

SAMPLE = Path(__file__).resolve().parents[4] / "sample" / "laws"
_CITED = re.compile(r"第(\d+)条((?:の\d+)*)(?:第(\d+)項)?(?:第(\d+)号)?$")
_KANJI = re.compile(r"(?<=[第の])[一二三四五六七八九十百]+(?=[条項号の]|$)")


def in_digits(text: str) -> str:
    """A text with the numbers of its citations in half-width digits, however they are written."""

    def value(match: re.Match[str]) -> str:
        total = 0
        for unit, part in re.findall(r"(?=.)([一二三四五六七八九]?)([百十]?)", match.group()):
            total += ("一二三四五六七八九".index(unit) + 1 if unit else bool(part)) * {"百": 100, "十": 10, "": 1}[part]
        return str(total)

    return _KANJI.sub(value, unicodedata.normalize("NFKC", text))


@cache
def books() -> tuple[Book, ...]:
    return (lighthouse(), *(book for file in law_files(SAMPLE) if (book := read_book(read_law(file))).rules))


def drafts(book: Book, seeds: range, wants: Wants) -> list[Draft]:
    keys = dict.fromkeys(rule.article for rule in book.rules)
    found = (basis_draft(book, key, wants, random.Random(seed), max_chars=700) for seed in seeds for key in keys)
    return [draft for draft in found if draft is not None]


@cache
def several() -> tuple[tuple[Book, Draft], ...]:
    return tuple(
        (book, draft)
        for book in books()
        for wants in ("correct", "incorrect")
        for draft in drafts(book, range(30 if book.title == "灯台法" else 2), wants)  # type: ignore[arg-type]  # the names are those of Wants
    )


def form_of(draft: Draft) -> str:
    return {"citation": "cited"}.get(draft.options[0].edit, draft.options[0].edit)


def cited_place(text: str, book: Book) -> tuple[str, str, str | None]:
    """Article, paragraph and item of the citation at the end of a text, read here and not by the program."""
    match = _CITED.search(in_digits(text))
    assert match, text
    key = match[1] + match[2].replace("の", "_")
    own = [one for one in book.passages if one.article == key]
    assert own, (text, key)
    assert (match[3] is None) == own[0].alone  # the 項 is named where there are several
    return key, match[3] or own[0].paragraph, match[4]


def claimed(text: str, book: Book) -> tuple[tuple[str, str, str | None], str]:
    """The place and the content that a paired candidate puts together."""
    for pattern in (
        r"(?P<place>[^、]+?)によれば、(?P<what>.+)",
        r"(?P<place>.+?)には、(?P<what>.+)ことが定められている",
        r"(?P<what>.+)と定めているのは、(?P<place>[^、]+)である",
        r"(?P<what>.+)旨を定めている条文は、(?P<place>[^、]+)である",
    ):
        if match := re.fullmatch(pattern, text):
            return cited_place(match["place"], book), match["what"]
    raise AssertionError(text)


@cache
def triples(text: str) -> frozenset[str]:
    plain = re.sub(r"[、\s]", "", conjunctions_in_kanji(text))
    return frozenset(plain[index : index + 3] for index in range(len(plain) - 2))


def fitting(what: str, text: str) -> float:
    """Share of the content's character triples that a text has."""
    return len(triples(what) & triples(text)) / len(triples(what))


def printed(book: Book, place: tuple[str, str, str | None]) -> str:
    passage = next(one for one in book.passages if (one.article, one.paragraph) == place[:2])
    return passage.text if place[2] is None else passage.lead + dict(passage.items)[place[2]]


def test_the_forms_come_in_their_shares() -> None:
    assert sum(FORMS.values()) == pytest.approx(1.0)
    forms = Counter(form_of(draft) for draft in drafts(lighthouse(), range(100), "correct"))
    assert set(forms) == set(FORMS)
    total = forms.total()
    assert {form: round(number / total, 1) for form, number in forms.items()} == {
        "cited": 0.6,
        "paired": 0.3,
        "content": 0.1,
    }


def test_many_questions_of_every_form_are_checked() -> None:
    forms = Counter(form_of(draft) for _, draft in several())
    assert min(forms[form] for form in FORMS) > 15
    assert forms.total() > 400


def test_one_candidate_is_to_be_chosen_and_stands_first() -> None:
    for _, draft in several():
        truths = [option.true for option in draft.options]
        assert truths == [draft.polarity != "incorrect", *[draft.polarity == "incorrect"] * (len(truths) - 1)]
        assert form_of(draft) != "cited" or draft.polarity == "other"
        for request in draft.requests:
            read = read_request(request)
            assert (read.sign, read.told) == (-1 if draft.polarity == "incorrect" else 1, True), request


def test_a_candidate_cites_the_place_that_it_is_marked_with_in_digits_of_either_width() -> None:
    widths = set()
    for book, draft in several():
        for option in draft.options:
            for text in option.texts if form_of(draft) != "content" else ():
                widths.add(any(character in text for character in "０１２３４５６７８９"))
                place = cited_place(text, book) if form_of(draft) == "cited" else claimed(text, book)[0]
                assert place == option.place, text
    assert widths == {True, False}


def test_the_right_provision_is_shown_and_one_that_is_not_is_of_an_article_that_is() -> None:
    hidden = 0
    for _, draft in several():
        shown = {
            (one.article, one.paragraph, item)
            for one in draft.passages
            for item in (None, *(number for number, _ in one.items))
        }
        articles = {one.article for one in draft.passages}
        for option in draft.options:
            assert option.place[0] in articles
            if option.true or form_of(draft) != "cited":
                assert option.place in shown
            hidden += option.place not in shown
    assert hidden > 20


def test_what_a_paired_candidate_says_stands_at_its_place_if_it_is_true_and_nowhere_near_it_if_it_is_false() -> None:
    for book, draft in several():
        if form_of(draft) != "paired":
            continue
        for option in draft.options:
            for text in option.texts:
                place, what = claimed(text, book)
                best = max(fitting(what, printed(book, rule.place)) for rule in book.rules)
                here = fitting(what, printed(book, place))
                assert here >= best - 0.05 if option.true else here <= best - 0.05, (text, here, best)


def test_what_a_provision_is_said_to_hold_stands_in_it_if_it_is_true_and_not_if_it_is_false() -> None:
    for book, draft in several():
        if form_of(draft) != "content":
            continue
        cited = re.search(r"第\d+条(?:の\d+)*(?:第\d+項)?", in_digits(draft.requests[0]))
        assert cited, draft.requests[0]
        asked = cited_place(cited.group(), book)
        for option in draft.options:
            for text in option.texts:
                best = max(fitting(text, printed(book, rule.place)) for rule in book.rules)
                here = fitting(text, printed(book, asked))
                assert here >= best - 0.05 if option.true else here <= best - 0.05, (text, here, best)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 10), st.sampled_from(["correct", "incorrect"]), st.integers(2, 5))
def test_the_same_seed_makes_the_same_draft_of_as_many_candidates(
    seed: int, number: int, wants: Wants, count: int
) -> None:
    book = books()[number % len(books())]
    key = book.rules[seed % len(book.rules)].article
    first, second = (basis_draft(book, key, wants, random.Random(seed), max_chars=700, count=count) for _ in range(2))
    assert first == second
    if first is not None:
        assert len(first.options) == count
        assert len({option.place for option in first.options}) == count or form_of(first) != "cited"


def place(number: str, para: str = "1", item: str | None = None) -> tuple[str, str, str | None]:
    return number, para, item


def scene(book: Book, *, named: bool = True, full_width: bool = False) -> Scene:
    return Scene(book, book.passages, named, full_width)


def test_places_are_written_with_or_without_the_law_and_in_full_width() -> None:
    book = lighthouse()
    assert scene(book).cite(place("3", "1", "2")) == "灯台法第3条第1項第2号"
    assert scene(book).cite(place("4", "1", "2")) == "灯台法第4条第2号"
    assert scene(book, named=False, full_width=True).cite(place("3", "2")) == "第３条第２項"
    assert scene(book).text(place("4")).endswith("暗礁の深さ\n潮の流れ\n浮標の数")
    assert scene(book).text(place("4", "1", "2")).endswith("記載しなければならない。\n潮の流れ")
    assert scene(book).lead(place("4", "1", "2")) == "水先大臣は、次に掲げる事項を水路図に記載しなければならない。"


def test_what_is_hidden_is_of_the_shown_articles() -> None:
    book = lighthouse()
    shown = tuple(one for one in book.passages if (one.article, one.paragraph) == ("3", "2"))
    assert Scene(book, shown, True, False).hidden == [
        *(place("3", "1", item) for item in (None, "1", "2", "3", "4")), place("3", "3"),
    ]  # fmt: skip


def test_an_item_is_never_held_against_its_paragraph_nor_a_paragraph_against_its_items() -> None:
    book = lighthouse()
    item = next(rule for rule in book.rules if rule.place == ("3", "2", "1"))
    own = [one for one in scene(book).places if one[:2] == ("3", "2")]
    assert scene(book).wrong(item, own) == [place("3", "2", "2")]  # told apart by its words
    other = next(rule for rule in book.rules if rule.place == ("1", "2", None))
    assert scene(book).wrong(other, own) == own


def test_two_articles_of_one_penalty_are_never_held_against_each_other() -> None:
    same = "の規定に違反して灯火を消した者は、三万円以下の罰金に処する。"
    book = read_book(
        law(
            article("1", paragraph("1", "第五条第一項" + same)),
            article("2", paragraph("1", "第六条第一項" + same)),
            article("5", paragraph("1", "灯台守は、灯火を一夜も欠かさずに保たなければならない。")),
            article("6", paragraph("1", "灯台守は、鐘を霧の間は絶えず鳴らさなければならない。")),
        )
    )
    first = next(rule for rule in book.rules if rule.article == "1")
    assert place("2") not in scene(book).wrong(first, scene(book).places)
    assert place("5") in scene(book).wrong(first, scene(book).places)


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ((), True),
        ((paragraph("2", "灯台守は、灯火を休止したときは、三日以内に、灯台組合に知らせなければならない。"),), False),
    ],
)
def test_a_caption_of_two_things_names_no_paragraph_of_several(more: tuple[Paragraph, ...], named: bool) -> None:
    book = read_book(
        law(
            article(
                "1",
                paragraph("1", "灯台守は、灯火をともし始めたときは、港湾大臣に届け出なければならない。"),
                *more,
                caption="灯火の開始及び休止",
            ),
            article(
                "2",
                paragraph("1", "灯台守は、霧の間は、灯台の鐘を絶えず鳴らさなければならない。"),
                caption="霧の間の鐘",
            ),
            article(
                "3",
                paragraph("1", "船長は、灯台の前を過ぎるときは、旗を下ろさなければならない。"),
                caption="旗の上げ下げ",
            ),
        )
    )
    found = (basis_draft(book, "1", "correct", random.Random(seed), max_chars=700, count=3) for seed in range(120))
    requests = {request for draft in found if draft for request in draft.requests}
    assert requests
    assert any("灯火の開始及び休止" in request for request in requests) == named
