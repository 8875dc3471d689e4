"""The report in a real Chromium, spoken to over its debugging pipe: filters, search, keys, phone, print, no errors."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.core.questions import LETTERS, ORDERS
from app.data.context import ShownPassage
from app.data.lawqa import load_questions
from app.evaluation.comparing.comparison import compare_results
from app.evaluation.report.page import render_report
from app.evaluation.results.file import Result
from app.evaluation.results.known_items import known_items
from app.evaluation.results.order_answer import OrderAnswer
from app.evaluation.results.outcomes import Outcome
from app.evaluation.results.summary import summarize
from app.evaluation.running.plan import EvaluationPlan
from tests.chromium import NEEDED, Page

IN_DOUBT = 3  # the question that is made out to be a known item
SAMPLE = Path(__file__).resolve().parents[3] / "sample" / "selection.json"
pytestmark = [
    pytest.mark.slow,
    NEEDED,
]


def outcomes(seed: int, skill: float) -> tuple[Outcome, ...]:
    """Answers of a made-up model to the sample's questions; the text of each is its own gold article."""
    found = []
    for number, question in enumerate(load_questions(SAMPLE)):
        generator = random.Random(seed * 1000 + number)
        worth = {letter: generator.gauss(skill * (letter == question.correct), 1) for letter in LETTERS}
        answers = []
        for order in ORDERS:
            values = tuple(worth[original] + generator.gauss(0, 0.5) - 3 for original in order)
            best = max(range(4), key=lambda index: values[index])
            answers.append(OrderAnswer(order, "0" * 64, predicted=LETTERS[best], logprobs=values, mass=0.5))
        law, article = question.articles[0].article_key
        passage = ShownPassage(
            id=f"{law}#{article}", law_title=law, article=article, paragraph="1", score=9.5,
            text=question.context or "", gold=number % 3 > 0, shown=True,
        )  # fmt: skip
        found.append(
            Outcome(
                id=question.id,
                question_sha256=f"{number:064d}" if number != IN_DOUBT else next(iter(known_items())),
                question=question.question,
                choices=question.choices,
                correct=question.correct,
                law=question.law,
                polarity=question.polarity,
                cluster=question.cluster,
                gold_articles=((law, article),),
                context="x",
                passages=(passage,),
                answers=tuple(answers),
            )
        )
    return tuple(found)


def results() -> list[Result]:
    plan = EvaluationPlan(context="rag", top_k=1)
    questions = load_questions(SAMPLE)
    made = []
    # A name without a place to break is the widest that a column must take.
    for name, seed, skill in (("調整前", 1, 0.3), ("tuned_with_a_long_name_1", 2, 1.5)):
        found = outcomes(seed, skill)
        run = {
            "prompt_version": "1", "plan": plan.as_dict(), "adapter": None, "distrust": [], "command": ["x.py"],
            "data": {}, "model": {"model": "tiny"}, "packages": {}, "git_revision": None,
        }  # fmt: skip
        made.append(Result(Path(f"{name}.json"), run, summarize(found, questions, plan), found))
    return made


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    folder = tmp_path_factory.mktemp("report")
    made = results()
    contexts = {question.id: question.context or "" for question in load_questions(SAMPLE)}
    html = render_report(made, compare_results(made, seed=1), gold_contexts=contexts, created="2026-01-01")
    (folder / "report.html").write_text(html, encoding="utf-8")
    page = Page(folder / "profile")
    try:
        page.open((folder / "report.html").as_uri())
        yield page
        assert page.errors == []
        assert [url for url in page.requests if not url.startswith(("file:", "data:"))] == []
    finally:
        page.close()


@pytest.fixture
def fresh(page: Page) -> Page:
    page.run(
        "document.getElementById('f-kind').value = ''; document.getElementById('f-law').value = '';"
        "document.getElementById('f-text').value = ''; document.getElementById('b-close').click();"
        "document.activeElement.blur(); document.getElementById('f-text').dispatchEvent(new Event('input'))"
    )
    return page


SHOWN = (
    "[...document.querySelectorAll('details.q')].filter((card) => card.offsetParent).map((card) => card.id.slice(2))"
)


def expected(flag: str) -> list[str]:
    before, after = (outcomes(1, 0.3), outcomes(2, 1.5))
    rows = list(zip(before, after, strict=True))
    tests = {
        "wrong0": lambda one, two: one.predicted != one.correct,
        "wrong1": lambda one, two: two.predicted != two.correct,
        "up0": lambda one, two: one.predicted != one.correct and two.predicted == two.correct,
        "down0": lambda one, two: one.predicted == one.correct and two.predicted != two.correct,
        "order": lambda one, two: any(len({answer.chosen for answer in each.answers}) > 1 for each in (one, two)),
        "miss": lambda one, two: not one.passages[0].gold,
        "known": lambda one, two: one.question_sha256 in known_items(),
        "": lambda one, two: True,
    }
    return [one.id for one, two in rows if tests[flag](one, two)]


@pytest.mark.parametrize("flag", ["wrong0", "wrong1", "up0", "down0", "order", "miss", "known", ""])
def test_filters_show_exactly_their_questions(fresh: Page, flag: str) -> None:
    fresh.run(
        f"const s = document.getElementById('f-kind'); s.value = '{flag}'; s.dispatchEvent(new Event('change'))".replace(
            "const s", "var s"
        )
    )
    wanted = expected(flag)
    assert fresh.run(SHOWN) == wanted
    total = len(expected(""))
    assert fresh.run("document.getElementById('f-count').value") == f"{len(wanted)} / {total} 問"
    assert fresh.run("document.getElementById('none').hidden") is (len(wanted) > 0)


def test_filtering_by_law_and_search_work_together(fresh: Page) -> None:
    questions = load_questions(SAMPLE)
    law = questions[0].law
    fresh.run(f"var s = document.getElementById('f-law'); s.value = '{law}'; s.dispatchEvent(new Event('change'))")
    assert fresh.run(SHOWN) == [question.id for question in questions if question.law == law]
    # Full-width letters, and two words of which both must occur.
    fresh.run(
        "var t = document.getElementById('f-text'); t.value = '問題番号１ 正解'; t.dispatchEvent(new Event('input'))"
    )
    shown = fresh.run(SHOWN)
    assert shown
    assert all("問題番号1" in name for name in shown)
    fresh.run("t.value = 'この語はどこにもない'; t.dispatchEvent(new Event('input'))")
    assert fresh.run(SHOWN) == []


def test_keys_move_open_and_search(fresh: Page) -> None:
    ids = expected("")
    fresh.key("j")
    fresh.key("j")
    assert fresh.run("document.activeElement.closest('details').id") == f"q-{ids[1]}"
    fresh.key("Enter")
    assert fresh.run("document.activeElement.closest('details').open") is True
    fresh.key("k")
    assert fresh.run("document.activeElement.closest('details').id") == f"q-{ids[0]}"
    fresh.key("/")
    assert fresh.run("document.activeElement.id") == "f-text"
    assert fresh.run("document.activeElement.value") == ""
    fresh.key("j")
    assert fresh.run("document.activeElement.value") == "j"
    fresh.key("Escape")
    assert fresh.run("document.getElementById('f-text').value") == ""
    assert len(fresh.run(SHOWN)) == len(ids)


def test_open_and_close_all(fresh: Page) -> None:
    fresh.run("document.getElementById('b-open').click()")
    assert fresh.run("document.querySelectorAll('details.q[open]').length") == len(expected(""))
    fresh.run("document.getElementById('b-close').click()")
    assert fresh.run("document.querySelectorAll('details.q[open]').length") == 0


# Sections whose box holds more than it shows: the page itself would not be wider, but a column would be cut off.
CUT_OFF = """
    [...document.querySelectorAll('.scroll')]
        .filter((box) => box.offsetParent && box.scrollWidth > box.clientWidth)
        .map((box) => (box.closest('section') || box.closest('details')).id)
"""


@pytest.mark.parametrize("width", [360, 390, 1280])
def test_nothing_is_wider_than_the_screen(fresh: Page, width: int) -> None:
    phone = width < 600
    fresh.call("Emulation.setDeviceMetricsOverride", width=width, height=740, deviceScaleFactor=1, mobile=phone)
    try:
        fresh.run("document.getElementById('b-open').click()")
        assert fresh.run("document.documentElement.scrollWidth") <= width
        assert fresh.run(CUT_OFF) == []
    finally:
        fresh.call("Emulation.clearDeviceMetricsOverride")


def test_print_holds_every_question_open_and_no_controls(fresh: Page) -> None:
    # Writing the PDF itself takes Chromium most of a minute; what it would print is asked instead.
    fresh.call("Emulation.setEmulatedMedia", media="print")
    try:
        fresh.run("window.dispatchEvent(new Event('beforeprint'))")
        assert fresh.run("document.querySelectorAll('details.q[open]').length") == len(expected(""))
        assert fresh.run("document.getElementById('filters').offsetParent") is None
    finally:
        fresh.call("Emulation.setEmulatedMedia", media="")
        fresh.run("window.dispatchEvent(new Event('afterprint'))")
    assert fresh.run("document.querySelectorAll('details.q[open]').length") == 0  # as before the print


def test_print_says_when_a_filter_leaves_questions_out(fresh: Page) -> None:
    shown = "getComputedStyle(document.getElementById('print-note')).display !== 'none'"
    fresh.call("Emulation.setEmulatedMedia", media="print")
    try:
        assert fresh.run(shown) is False
        fresh.run("var s = document.getElementById('f-kind'); s.value = 'up0'; s.dispatchEvent(new Event('change'))")
        assert fresh.run(shown) is True
        assert fresh.run("document.getElementById('print-note').textContent") == (
            f"絞り込みにより、{len(expected(''))} 問のうち {len(expected('up0'))} 問だけを載せています。"
        )
    finally:
        fresh.call("Emulation.setEmulatedMedia", media="")
    assert fresh.run(shown) is False
