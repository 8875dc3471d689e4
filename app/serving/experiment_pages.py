"""The pages of experiments: curves and evaluations, two results compared, two models' answers to one question."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import anyio.to_thread
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from ..evaluation.comparing.comparability import aligned_outcomes
from ..evaluation.comparing.comparison import Comparison
from ..evaluation.comparing.comparison_text import comparison_lines
from ..evaluation.comparing.neighbours import compare_with_neighbours
from ..evaluation.comparing.verdict import verdict
from ..evaluation.number_text import interval_text, nats, p_text, points
from ..evaluation.report.charts import HEIGHT, WIDTH
from ..evaluation.report.questions import QuestionView, question_views
from ..evaluation.results.answers import answer_name
from ..evaluation.results.file import Result, read_results
from ..evaluation.results.outcomes import Outcome
from ..evaluation.results.result_words import accuracy_label, percent, plan_context
from .experiments import experiments, results_named
from .view import render

TITLE, HERE = "実験", "/runs"
SEED = 42  # the default of compare_runs.py: the page and the program say the same
PASSAGE_CHARS = 1500  # shown of one passage or written text


async def runs(request: Request) -> Response:
    """The trainings with their curves and evaluations, all evaluations, and what is compared with what."""
    roots: tuple[Path, ...] = request.app.state.runs
    trainings, evaluations = await anyio.to_thread.run_sync(partial(experiments, roots))
    evaluated = [(one, one.evaluated(evaluations)) for one in trainings]
    pairs = [(base.file, tuned.file) for _, found in evaluated for tuned, base in found if base is not None]
    page = render(
        "runs.html",
        TITLE,
        HERE,
        trainings=evaluated,
        evaluations=evaluations,
        readable=[one for one in evaluations if not one.trouble],
        proposed=pairs[0] if pairs else ("", ""),
        roots="、".join(map(str, roots)) or "なし",
        width=WIDTH,
        height=HEIGHT,
    )
    return HTMLResponse(page)


async def compare(request: Request) -> Response:
    """The comparison of two results as compare_runs.py makes it, and the questions to be looked at."""
    results = await _asked_for(request)
    pair, lines, rows = await anyio.to_thread.run_sync(partial(_compared, results))
    return HTMLResponse(
        render(
            "compare.html",
            "比較",
            HERE,
            verdict=verdict(pair),
            names=pair.names,
            files=[str(result.path) for result in results],
            quoted=" ".join(shlex.quote(str(result.path)) for result in results),
            contexts=[plan_context(result.facts.plan) for result in results],
            facts=_facts(pair),
            text="\n".join(lines),
            groups=_groups(pair, rows),
        )
    )


async def question(request: Request) -> Response:
    """What each of two models answered to one question."""
    results = await _asked_for(request)
    rows = await anyio.to_thread.run_sync(partial(aligned_outcomes, results))
    ids = [row[0].id for row in rows]
    wanted = request.query_params.get("id", "")
    if wanted not in ids:
        raise HTTPException(404)
    place = ids.index(wanted)
    view = await anyio.to_thread.run_sync(partial(_view, results, rows[place]))
    return HTMLResponse(
        render(
            "question.html",
            "一問ずつ",
            HERE,
            view=view,
            names=[result.name for result in results],
            contexts=[plan_context(result.facts.plan) for result in results],
            files=[str(result.path) for result in results],
            place=place + 1,
            total=len(ids),
            before=ids[place - 1] if place else "",
            after=ids[place + 1] if place + 1 < len(ids) else "",
        )
    )


async def _asked_for(request: Request) -> list[Result]:
    """The two results that are asked for, of those that are listed: no other file is read."""
    roots: tuple[Path, ...] = request.app.state.runs
    names = [request.query_params.get(name, "") for name in ("base", "tuned")]
    found = await anyio.to_thread.run_sync(partial(results_named, roots, names))
    if len(found) < len(names):
        raise HTTPException(404)
    return await anyio.to_thread.run_sync(partial(read_results, found))


def _compared(results: Sequence[Result]) -> tuple[Comparison, list[str], list[tuple[Outcome, ...]]]:
    pairs = compare_with_neighbours(results, seed=SEED)
    return pairs[0], comparison_lines(pairs, results), aligned_outcomes(results)


def _facts(pair: Comparison) -> list[tuple[str, str, str, str]]:
    """(what, first result, second result, difference with its interval and test) of the comparison's table."""
    before, after = pair.accuracy
    size = f"{points(pair.difference)} ポイント（{interval_text(pair.ci95)}、{p_text(pair.adjusted_p_value)}）"
    rows = [(accuracy_label(pair.orders, pair.ensemble, pair.form), percent(before), percent(after), size)]
    right = [f"{count} / {pair.questions} 問" for count in pair.correct]
    rows.append(("正解した問題", right[0], right[1], ""))
    changed = f"正解になった {len(pair.flips_up)} 問、不正解になった {len(pair.flips_down)} 問"
    rows.append(("変わった問題", "", "", changed))
    if (moved := pair.scores.logprob) is not None:
        rows.append(("正解の対数確率の変化", "", "", f"{nats(moved.change)}（{interval_text(moved.ci95, nats)}）"))
    if (moved := pair.scores.calibrated) is not None:
        size = f"{nats(moved.change)}（{interval_text(moved.ci95, nats)}、{p_text(moved.p_value)}）"
        rows.append(("自信の強さをそれぞれ合わせた、正解の対数確率の変化", "", "", size))
    if (order := pair.scores.order) is not None:
        moved = order.change
        shares = [percent(share) for share in order.shares]
        size = f"{points(moved.change)} ポイント（{interval_text(moved.ci95)}、{p_text(moved.p_value)}）"
        rows.append(("正解をほかの選択肢より上に置いた割合", shares[0], shares[1], size))
    return rows


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as a list shows it."""

    id: str
    text: str
    answers: str  # what each result chose, and what is right


def _groups(pair: Comparison, rows: Sequence[tuple[Outcome, ...]]) -> list[tuple[str, list[Asked]]]:
    """The questions under what became of them; every one stands in one group."""
    up, down = ({flip.id for flip in flips} for flips in (pair.flips_up, pair.flips_down))
    groups: dict[str, list[Asked]] = {
        name: [] for name in ("正解になった問題", "不正解になった問題", "どちらも正解の問題", "どちらも不正解の問題")
    }
    names = list(groups)
    for row in rows:
        same = 2 if row[0].predicted == row[0].correct else 3
        number = 0 if row[0].id in up else 1 if row[0].id in down else same
        chosen = " → ".join("—" if one.predicted is None else answer_name(one, one.predicted) for one in row)
        right = answer_name(row[0], row[0].correct)
        groups[names[number]].append(Asked(row[0].id, row[0].question, f"{chosen}（正解 {right}）"))
    return [(name, found) for name, found in groups.items() if found]


def _view(results: Sequence[Result], row: tuple[Outcome, ...]) -> QuestionView:
    # With another context this is what was found, which stands under the passages.
    gold = {
        outcome.id: outcome.context
        for result, outcome in zip(results, row, strict=True)
        if result.facts.plan.context == "gold" and outcome.context
    }
    (view,) = question_views(results, [row], [], gold, max_passage_chars=PASSAGE_CHARS)
    return view
