"""The rows of a result file: every field has its type, and no answer contradicts another or its own scores."""

from __future__ import annotations

from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from ...core.errors import DataError
from ...core.models import first_misfit
from ...core.questions import content_hash
from .agreement import differences, quoted
from .order_answer import OrderAnswer, judged
from .outcomes import Outcome

_AGAIN = "評価をやり直してください。"


def outcome_from(row: Any, where: str) -> Outcome:
    """The outcome of a stored row. Raises DataError naming ``where`` when fields are missing or contradict each other."""
    try:
        outcome = _rows().validate_python(row)
        _check_answers(outcome)
    except (ValidationError, ValueError) as error:
        detail = first_misfit(error) if isinstance(error, ValidationError) else str(error)
        raise DataError(f"{where}: 結果の行として読めません（{detail}）。{_AGAIN}") from None
    if content_hash(outcome.question, outcome.choices) != outcome.question_sha256:
        raise DataError(
            f"{where}: 問題 {outcome.id} の文か選択肢が、評価したときのハッシュ（question_sha256）と合いません。"
            f"書き換えられた結果は使えません。{_AGAIN}"
        )
    status = "unparsed" if row.get("status") == "unparsed" and outcome.status == "tied" else outcome.status
    if row.get("predicted") != outcome.predicted or row.get("status") != status:
        raise DataError(f"{where}: 予測と回答の中身が食い違っています。書き換えられた結果は使えません。{_AGAIN}")
    derived = {name: value for name, value in outcome.derived().items() if name in row}
    for found in differences({name: row[name] for name in derived}, derived):
        raise DataError(f"{where}: {found}が合いません。書き換えられた結果は使えません。{_AGAIN}")
    return outcome


@cache
def _rows() -> TypeAdapter[Outcome]:
    return TypeAdapter(Outcome)


def _check_answers(outcome: Outcome) -> None:
    """Raise ValueError unless the answers are of this question and this form, and follow from their scores."""
    letters = outcome.letters
    if not letters or sorted(outcome.choices) != list(letters):
        raise ValueError(f"choices {quoted(''.join(outcome.choices))!r}")
    right = sorted(set(outcome.correct)) == list(outcome.correct) and set(outcome.correct) <= set(letters)
    several = len(letters) == 1 or 1 <= len(outcome.correct) < len(letters)
    allowed = several if outcome.form == "choice" else len(outcome.correct) == 1 and len(letters) > 1
    if not (right and allowed and outcome.answers):
        raise ValueError("正解か回答が欠けています")
    for answer in outcome.answers:
        _check_reading(answer)
        if sorted(answer.order) != list(letters):
            raise ValueError(f"order {answer.order!r}")
        if outcome.form == "choice":
            _check_judged(answer, outcome)
            continue
        if answer.log_odds is not None:
            raise ValueError("form letter、log_odds")
        if answer.text_letter not in (None, *letters):
            raise ValueError(f"text_letter {answer.text_letter!r}")
        if answer.predicted is not None and answer.predicted not in letters:
            raise ValueError(f"predicted {answer.predicted!r}")
        if answer.logprobs is None:
            continue
        if len(answer.logprobs) != len(letters):
            raise ValueError(f"logprobs {answer.logprobs!r}")
        if answer.outside is not None and not 0 < answer.outside < len(letters):
            raise ValueError(f"outside {quoted(answer.outside)}")
        if answer.predicted != letters[answer.logprobs.index(max(answer.logprobs))]:
            raise ValueError(f"predicted {answer.predicted!r}、logprobs {answer.logprobs!r}")


def _check_judged(answer: OrderAnswer, outcome: Outcome) -> None:
    """Raise ValueError unless an answer of the choice form says what its log-odds say."""
    count = len(outcome.choices)
    if len(outcome.answers) != 1 or answer.order != "".join(outcome.letters):
        raise ValueError(f"order {answer.order!r}（choice は元の並びで一度だけ）")
    if answer.text is not None:
        raise ValueError("text（choice は文章を書かせません）")
    if answer.error is not None:
        return
    if answer.log_odds is None or len(answer.log_odds) != count:
        raise ValueError(f"log_odds {quoted(answer.log_odds)}")
    if answer.masses is None or len(answer.masses) != count:
        raise ValueError(f"masses {quoted(answer.masses)}")
    if answer.sign is None or answer.told is None:
        raise ValueError(f"sign {quoted(answer.sign)}、told {quoted(answer.told)}")
    if answer.outside is not None and not 0 <= answer.outside <= count:
        raise ValueError(f"outside {quoted(answer.outside)}")
    expected = judged(answer, outcome.correct)
    if answer.predicted != expected.predicted or any(differences(answer.logprobs, expected.logprobs)):
        raise ValueError(f"predicted {answer.predicted!r}、log_odds {answer.log_odds!r}")


def _check_reading(answer: OrderAnswer) -> None:
    """Raise ValueError unless what was written, how it was read and what it counts as belong together."""
    if (answer.text is None) is not (answer.text_status is None):
        raise ValueError(f"text_status {answer.text_status!r}")
    if (answer.text_letter is None) is (answer.text_status == "ok"):
        raise ValueError(f"text_letter {answer.text_letter!r}、text_status {answer.text_status!r}")
    if answer.error is not None and (answer.predicted or answer.logprobs or answer.text):
        raise ValueError(f"error {answer.error!r}")
    if answer.logprobs is None and answer.predicted != answer.text_letter:
        if answer.text is None:
            raise ValueError("文字の確率（logprobs）のない回答があります")
        raise ValueError(f"predicted {answer.predicted!r}、text_letter {answer.text_letter!r}")
