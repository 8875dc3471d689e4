"""One HTML file that shows a result or a comparison: no network, at most 3 MB, every question of the headline in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from ...core.errors import DataError
from ...core.files import read_json, sha256_file, write_text
from ...data.lawqa import load_questions
from ..comparing.comparability import aligned_outcomes, distrust
from ..comparing.comparison import Comparison
from ..comparing.mean_change import logprob_label
from ..comparing.seeds import SeedsTogether
from ..comparing.verdict import verdict
from ..results.file import Result
from ..results.known_items import SplitAccuracy, split_accuracy
from ..results.reliability import Reliability, reliability, stated_and_right
from ..results.result_text import group_tables
from ..results.result_words import accuracy_label, context_name, percent, plan_context
from .charts import LossChart, Rung, ladder, loss_chart
from .questions import question_views
from .template import report_template

MAX_BYTES = 3 * 1024 * 1024
# Characters shown of one passage or text; the first with which the file is small enough.
PASSAGE_CHARS = (4000, 1500, 700, 300, 0)
# What the report reads of a summary; an older version of the program may not have written all of it.
SUMMARY_PARTS = (
    "accuracy", "ci95", "correct", "total", "counts", "ties", "gold_logprob", "uniform_logprob", "statements", "floors", "orders", "label_histogram", "collapse", "retrieval",
    "by_law", "by_kind", "by_polarity", "by_gold_position", "by_right_count",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class RunView:
    """One run as the report shows it."""

    name: str
    context: str
    model: str
    adapter: str | None
    summary: Mapping[str, Any]
    known: SplitAccuracy
    reliability: Reliability | None
    facts: tuple[tuple[str, str], ...]


def write_report(
    path: Path,
    results: Sequence[Result],
    pairs: Sequence[Comparison] = (),
    *,
    questions_path: Path | None = None,
    together: SeedsTogether | None = None,
) -> int:
    """Write the report of one result, or of several with their comparisons; returns its bytes.

    ``together`` are all comparisons in one, whose verdict then comes first.

    The gold articles' text is taken from ``questions_path``, else from the question file that a result names, if it is
    still there unchanged. Raises DataError when results disagree or even the shortest report is too large.
    """
    html = render_report(
        results,
        pairs,
        gold_contexts=gold_contexts(results, questions_path),
        created=local_time(datetime.now().astimezone().isoformat(timespec="seconds")),
        together=together,
    )
    write_text(path, html)
    return len(html.encode("utf-8"))


def local_time(moment: str) -> str:
    """An ISO time with offset (``2026-01-02T03:04:05+09:00``) as people read it, with the zone it is of."""
    return f"{moment[:16].replace('T', ' ')}（UTC{moment[19:]}）"


def render_report(
    results: Sequence[Result],
    pairs: Sequence[Comparison],
    *,
    gold_contexts: Mapping[str, str],
    created: str,
    together: SeedsTogether | None = None,
) -> str:
    """The report's HTML. Equal arguments give equal text."""
    rows = aligned_outcomes(results) if len(results) > 1 else [(outcome,) for outcome in results[0].outcomes]
    for result in results:
        missing = [name for name in SUMMARY_PARTS if name not in result.summary]
        if missing:
            raise DataError(
                f"{result.path}: summary に {'、'.join(missing)} がなく、報告を作れません。今の版のプログラムで評価し直してください。"
            )
        if result.summary["total"] != len(rows):
            raise DataError(
                f"{result.path}: 見出しは {result.summary['total']} 問ですが、{len(rows)} 問分の結果しかありません。"
                "評価をやり直してください。"
            )
    views = [_run_view(result) for result in results]
    first, orders = rows[0][0], max(len(row[0].answers) for row in rows)
    shared: dict[str, Any] = {
        "created": created,
        "runs": views,
        "pairs": pairs,
        "together": together,
        "headlines": [verdict(pair) for pair in pairs] or [headline(results[0])],
        "distrust": [reason for result in results for reason in distrust(result)],
        "rungs": rungs(results),
        "groups": _groups(views),
        "loss": _loss(results),
        "total": len(rows),
        "several_orders": orders > 1,
        "judged": first.form == "choice",
        "accuracy_name": accuracy_label(orders, first.ensemble, first.form),
        "logprob_name": logprob_label(first.form),
        "laws": list(dict.fromkeys(row[0].law for row in rows)),
        "has_gold_text": bool(gold_contexts),
    }
    for most in PASSAGE_CHARS:
        questions = question_views(results, rows, pairs, gold_contexts, max_passage_chars=most)
        html: str = report_template().render(shared, questions=questions, max_passage_chars=most)
        if len(html.encode("utf-8")) <= MAX_BYTES:
            return html
    raise DataError(
        f"報告が 3 MB に収まりません（{len(rows)} 問、結果 {len(results)} 個）。結果の数を減らすか、問題を分けて評価してください。"
    )


def headline(result: Result) -> str:
    """The sentence that opens the report of a single result."""
    summary = result.summary
    low, high = summary["ci95"]
    floors = [rung for rung in ladder([(result.name, summary)]) if rung.run is None]
    best = max(floors, key=lambda rung: rung.accuracy)
    if low > best.accuracy:
        relation = "を上回っています"
    elif high < best.accuracy:
        relation = "を下回っています"
    else:
        relation = "と差があるとは言えません"
    return (
        f"{summary['total']} 問中 {summary['correct']} 問正解（{percent(summary['accuracy'])}、"
        f"95 % 区間 {100 * low:.1f}〜{100 * high:.1f} %）。"
        f"モデルなしの目安で最も高い「{best.label}」の {percent(best.accuracy)} {relation}。"
    )


def rungs(results: Sequence[Result]) -> list[Rung]:
    """The ladder of the results: floors, their models in other contexts (as far as not in the report), the results."""
    here = {(_context(result), result.facts.finished_at) for result in results}
    others: dict[tuple[Any, ...], Rung] = {}
    for result in results:
        for other in result.summary.get("other_contexts", []):
            key = (other["context"], other["finished_at"])
            if key not in here:
                label = f"{Path(other['path']).stem}（{context_name(other['context'], other['top_k'])}）"
                low, high = other["ci95"]
                others.setdefault(key, Rung(label, other["accuracy"], low, high, None, other=True))
    return ladder(
        [(f"{result.name}（{plan_context(result.facts.plan)}）", result.summary) for result in results],
        [*others.values()],
    )


def gold_contexts(results: Sequence[Result], questions_path: Path | None) -> dict[str, str]:
    """Gold context by question id; empty when no question file is at hand. Raises DataError for a given file that
    does not hold the questions."""
    found = {
        outcome.id: outcome.context
        for result in results
        if _context(result) == "gold"
        for outcome in result.outcomes
        if outcome.context
    }
    path = questions_path or _recorded_questions(results)
    if path is None:
        return found
    asked = {outcome.id for outcome in results[0].outcomes}
    contexts = {question.id: question.context for question in load_questions(path, exams=True) if question.id in asked}
    if questions_path is not None and len(contexts) < len(asked):
        raise DataError(
            f"{questions_path}: 結果にある {len(asked)} 問のうち {len(asked) - len(contexts)} 問がありません。"
            "評価に使った問題ファイルを指定してください。"
        )
    return found | {name: context for name, context in contexts.items() if context}


def _recorded_questions(results: Sequence[Result]) -> Path | None:
    for result in results:
        data = result.facts.data
        if data.path is not None and Path(data.path).is_file() and sha256_file(Path(data.path)) == data.sha256:
            return Path(data.path)
    return None


def _context(result: Result) -> str | None:
    return result.facts.plan.context


def _run_view(result: Result) -> RunView:
    run, known = result.run, result.facts
    facts = [
        ("ファイル", str(result.path)),
        ("コマンド", " ".join(known.command)),
        ("設定", _listed(run["plan"])),
        ("データ", _listed(run.get("data", {}))),
        ("モデル", _listed(run.get("model", {}))),
        ("アダプタ", "、".join(str(folder) for folder, _ in _adapter_folders(result)) or "なし"),
        ("注意", " ".join(known.notes) or "なし"),
        ("プロンプトの版", str(known.prompt_version)),
        ("プログラムの版", str(run.get("git_revision"))),
        ("開始・終了", f"{run.get('started_at')} 〜 {known.finished_at}"),
        ("パッケージ", "、".join(f"{name} {version}" for name, version in known.packages.items() if version)),
    ]
    return RunView(
        name=result.name,
        context=plan_context(known.plan),
        model=str(known.model.model or "モデル名の記録なし"),
        adapter=_adapter_name(result),
        summary=result.summary,
        known=split_accuracy(result.outcomes),
        reliability=reliability(stated_and_right(result.outcomes)),
        facts=tuple(facts),
    )


def _listed(facts: Mapping[str, Any]) -> str:
    """``name=value`` pairs, nested ones flattened to ``name.inner=value``; unset values left out."""
    pairs: list[str] = []
    for name, value in facts.items():
        if isinstance(value, Mapping):
            pairs += [f"{name}.{inner}={one}" for inner, one in value.items() if one is not None]
        elif value is not None:
            pairs.append(f"{name}={value}")
    return "、".join(pairs)


def _groups(views: Sequence[RunView]) -> list[tuple[str, list[tuple[str, list[Mapping[str, Any]]]]]]:
    """(title, rows of (name, one accuracy per run)) of the breakdowns; all runs have the same questions."""
    tables = []
    for number, (title, first, names) in enumerate(group_tables(views[0].summary)):
        others = [group_tables(view.summary)[number][1] for view in views]
        tables.append((title, [(names.get(name, name), [groups[name] for groups in others]) for name in first]))
    return tables


def _loss(results: Sequence[Result]) -> LossChart | None:
    """Loss curves of the runs' adapters, several for a cross-fitted run, as far as their run.json is at hand."""
    histories = []
    for number, result in enumerate(results):
        for folder, digest in _adapter_folders(result):
            path = folder / "run.json"
            if path.is_file() and digest == sha256_file(path):
                rows = read_json(path).get("training", {}).get("loss_history", [])
                histories.append((result.name, number, [(int(row["step"]), float(row["loss"])) for row in rows]))
    return loss_chart(histories)


def _adapter_folders(result: Result) -> list[tuple[Path, str | None]]:
    """(folder, hash of its run.json) of the run's adapter; of every fold's for a cross-fitted run."""
    about = result.facts.adapter
    if about is None:
        return []
    folders, digests = about.path, about.run_sha256
    if isinstance(folders, list):
        known = digests if isinstance(digests, list) else [None] * len(folders)
        return [(Path(str(folder)), digest) for folder, digest in zip(folders, known, strict=False)]
    return [(Path(str(folders)), digests)] if folders else []


def _adapter_name(result: Result) -> str | None:
    folders = _adapter_folders(result)
    if len(folders) > 1:
        return f"交差適合の {len(folders)} 個"
    return str(folders[0][0]) if folders else None
