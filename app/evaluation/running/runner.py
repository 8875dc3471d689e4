"""Running an evaluation: question after question, in batches, each outcome stored as soon as it is there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from ...core.errors import BackendError
from ...core.questions import Question
from ...core.redaction import hide
from ...data.context import Context
from ...data.few_shot import BUILTIN, FewShot
from ...llm.backend import ScoringBackend
from ..results.outcomes import Outcome
from .asking import ask, failed
from .plan import EvaluationPlan

# A server that fails this often in a row is down, and the rest of the questions would fail as well.
FAILURES_IN_A_ROW = 3


def run_questions(
    backend: ScoringBackend,
    questions: Sequence[Question],
    contexts: Callable[[Question], Context],
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
