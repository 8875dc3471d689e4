"""Running an evaluation: question after question, each written to a line at once, so that a killed run can go on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ...core.cli import log
from ...core.errors import BackendError, DataError
from ...core.files import append_jsonl, read_jsonl_tail, sha256_text, to_json, write_text
from ...core.outputs import set_aside
from ...core.questions import Question
from ...core.redaction import hide
from ...data.few_shot import BUILTIN, FewShot
from ...llm.backend import TextBackend
from ..results.outcomes import Outcome, outcome_from
from .asking import ask, failed
from .contexts import QuestionContext
from .plan import EvaluationPlan

# A server that fails this often in a row is down, and the rest of the questions would fail as well.
FAILURES_IN_A_ROW = 3


def progress_path(output: Path) -> Path:
    """The JSON-lines file beside a result."""
    return output.with_name(output.name + ".progress.jsonl")


def run_key(settings: Mapping[str, Any]) -> str:
    """Hash of everything that a resumed run must have in common with the interrupted one."""
    return sha256_text(to_json({name: settings[name] for name in sorted(settings)}))


def open_progress(path: Path, key: str, questions: Sequence[Question], *, resume: bool) -> dict[str, Outcome]:
    """Outcomes of an earlier run by question id; none without ``resume``. Nothing is written.

    Failed questions are left out, so that a resumed run asks them again. Raises DataError when the earlier run had
    other settings, or the file is broken.
    """
    rows = read_jsonl_tail(path) if resume else []
    if not rows:
        return {}
    if not isinstance(rows[0], dict) or rows[0].get("key") != key:
        raise DataError(
            f"{path}: 別の設定（モデル・データ・オプション）で始めた評価の記録です。同じ設定で --resume するか、"
            "--resume を外してはじめからやり直してください。"
        )
    known = {question.id for question in questions}
    done: dict[str, Outcome] = {}
    for number, row in enumerate(rows[1:], start=2):
        outcome = outcome_from(row, f"{path}: {number} 行目")
        if outcome.id not in known:
            raise DataError(f"{path}: {number} 行目の問題 {outcome.id} は評価の対象にありません。")
        if outcome.status != "failed":
            done[outcome.id] = outcome
    return done


def _holds_answers(path: Path) -> bool:
    """Whether a progress file has answers that no written result holds."""
    if not path.is_file() or path.read_bytes().count(b"\n") < 2:
        return False
    output = path.with_name(path.name.removesuffix(".progress.jsonl"))
    return not output.is_file() or output.stat().st_mtime_ns < path.stat().st_mtime_ns


def run_questions(
    backend: TextBackend,
    questions: Sequence[Question],
    contexts: Callable[[Question], QuestionContext],
    plan: EvaluationPlan,
    *,
    on_outcomes: Callable[[Sequence[Outcome]], None],
    few_shot: FewShot = BUILTIN,
) -> Iterator[Outcome]:
    """Ask the questions in batches and yield each outcome, after ``on_outcomes`` has stored its batch.

    A question the backend fails on becomes a ``failed`` outcome; three in a row raise its BackendError.
    """
    # Here only what is written gains from batches over questions: orders, and choices, batch within a question. A
    # server is given as many at once as it takes.
    over_questions = plan.writes_text or (plan.orders == 1 and plan.form == "letter") or hasattr(backend, "concurrency")
    size = plan.batch_size if over_questions else 1
    in_a_row = 0
    for start in range(0, len(questions), size):
        batch = [(question, contexts(question)) for question in questions[start : start + size]]
        try:
            outcomes = ask(backend, batch, plan, few_shot)
            in_a_row = 0
        except BackendError:
            outcomes = []
            for question, context in batch:
                try:
                    outcomes += ask(backend, [(question, context)], plan, few_shot)
                    in_a_row = 0
                except BackendError as error:
                    in_a_row += 1
                    outcomes.append(failed(question, context, plan, hide(str(error)), few_shot))
                    if in_a_row >= FAILURES_IN_A_ROW:
                        on_outcomes(outcomes)
                        raise
        on_outcomes(outcomes)
        yield from outcomes


def append_outcomes(path: Path, key: str, *, resume: bool) -> Callable[[Sequence[Outcome]], None]:
    """A function that appends outcomes to the progress file, which is started anew without ``resume``.

    Called only when the model is loaded: a run that could not begin leaves no file. Answers of a run that did not end
    are renamed, never lost.
    """
    if not resume and _holds_answers(path):
        log(
            f"注意: 終わっていない評価の答えがありました。{set_aside(path)} に残します（--resume を付けると続きから行えます）。"
        )
    if not (resume and read_jsonl_tail(path)):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, to_json({"kind": "evaluation-progress", "key": key}) + "\n")

    def append(outcomes: Sequence[Outcome]) -> None:
        for outcome in outcomes:
            append_jsonl(path, outcome.as_row())

    return append
