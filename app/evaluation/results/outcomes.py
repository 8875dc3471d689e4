"""The answer to one question in one order, and the answers to one question in all orders asked."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from types import NoneType
from typing import Any, Literal, get_args

from ...core import answers as written
from ...core.choices import chosen, inclusion_logprobs, judged_true, set_logprob
from ...core.errors import DataError
from ...core.prompts import FORMS, Form
from ...core.questions import CHOICE_LETTERS, MOST_CHOICES, content_hash, original_letter
from ...core.requests import Sign
from ...data.context import ShownPassage
from .agreement import TOLERANCE, differences, quoted

Status = Literal["correct", "wrong", "tied", "unparsed", "failed"]
STATUSES: tuple[Status, ...] = ("correct", "wrong", "tied", "unparsed", "failed")
READINGS: tuple[str, ...] = get_args(written.Status)
# What follows from the fields and stands in a row for whoever reads the file without this program.
_DERIVED = ("prompt_sha256", "logprobs", "label_mass", "probabilities")
# Fields of the choice form alone; a row of the letter form does not name them.
_OF_CHOICES = ("log_odds", "masses", "sign", "told")


@dataclass(frozen=True, slots=True)
class OrderAnswer:
    """One question asked once.

    order          original letters in the order shown
    prompt_sha256  of the prompt text; of all prompts of the question in the choice form (joined by unit separators)
    predicted      letter as shown that counts as the answer (the letters where several are right, "" for a single
                   statement judged wrong), None when none could be read
    logprobs       log-probability of each shown letter as the next token, None where the backend gives none; in the
                   choice form that of each choice to be among the right ones (``inclusion_logprobs``)
    mass           probability that the next token is one of the letters, None in the choice form
    text           what the model wrote, None when it only scored letters
    text_letter    letter as shown that the text names
    text_status    how the reading went: ok, ambiguous, unparsed, truncated, empty
    text_rule      rule of app.core.answers that decided
    prompt_tokens  tokens read, new_tokens  tokens written
    error          why there is no answer, None when there is one
    truncated      the token budget ended the text; None when nothing was written
    log_odds       choice form only: of "fits" against "does not fit", each choice, as the model gives them (natural log)
    masses         choice form only: probability that the next token is one of the two answers, each choice
    sign           choice form only: −1 where the question wants what does not fit (``app.core.requests``)
    told           choice form only: whether the question's wording says what it wants
    outside        letters, or choices of the choice form, for which a server did not return (one of) the answers, so that its
                   probability was taken as that of the least probable token returned
    """

    order: str
    prompt_sha256: str
    predicted: str | None = None
    logprobs: tuple[float, ...] | None = None
    mass: float | None = None
    text: str | None = None
    text_letter: str | None = None
    text_status: str | None = None
    text_rule: str | None = None
    prompt_tokens: int | None = None
    new_tokens: int | None = None
    error: str | None = None
    truncated: bool | None = None
    log_odds: tuple[float, ...] | None = None
    masses: tuple[float, ...] | None = None
    sign: Sign | None = None
    told: bool | None = None
    outside: int | None = None

    @property
    def chosen(self) -> str | None:
        """The predicted choice, or choices, by their letters in the file's own order."""
        if self.predicted is None or self.log_odds is not None:
            return self.predicted
        return original_letter(self.predicted, self.order)

    def probabilities(self) -> dict[str, float] | None:
        """Probability of each original letter among the letters, which sums to one; in the choice form that of each
        choice to be among the right ones."""
        if self.logprobs is None:
            return None
        if self.log_odds is not None:
            return {letter: math.exp(value) for letter, value in zip(self.order, self.logprobs, strict=True)}
        top = max(self.logprobs)
        weights = [math.exp(value - top) for value in self.logprobs]
        return {original: weight / sum(weights) for original, weight in sorted(zip(self.order, weights, strict=True))}

    def stated(self) -> float | None:
        """The probability that the model gives to its own answer; of the whole set where it chose several."""
        if self.log_odds is not None and self.sign is not None and self.predicted is not None:
            return math.exp(set_logprob(self.log_odds, self.sign, self.predicted))
        probabilities = self.probabilities()
        return None if probabilities is None else max(probabilities.values())


def judged(answer: OrderAnswer, correct: str) -> OrderAnswer:
    """The answer of the choice form with what follows from its log-odds, for a question whose right letters are
    ``correct``: how many there are is part of what it asks."""
    log_odds, sign = answer.log_odds, answer.sign
    if log_odds is None or sign is None:
        raise ValueError("an answer without log-odds")
    if len(log_odds) == 1:
        predicted = CHOICE_LETTERS[0] if judged_true(log_odds[0], sign) else ""
    else:
        predicted = chosen(log_odds, sign, len(correct))
    return replace(answer, predicted=predicted, logprobs=tuple(inclusion_logprobs(log_odds, sign, len(correct))))


@dataclass(frozen=True, slots=True)
class Outcome:
    """One question with its answers; letters are those of the file's own order unless a field says ``shown``."""

    id: str
    question_sha256: str  # app.core.questions.content_hash
    question: str
    choices: Mapping[str, str]
    correct: str
    law: str
    polarity: str
    cluster: str
    gold_articles: tuple[tuple[str, str], ...]  # (law, article), the gold ones
    context: str | None  # as it stood in the prompt
    passages: tuple[ShownPassage, ...]  # as retrieved, best first
    answers: tuple[OrderAnswer, ...]
    ensemble: bool = False
    form: Form = "letter"

    @property
    def letters(self) -> tuple[str, ...]:
        """The letters of the choices, a first."""
        return CHOICE_LETTERS[: len(self.choices)]

    def mean_probabilities(self) -> dict[str, float] | None:
        """Probability of each choice averaged over the orders; None without letter scores in every order."""
        each = [answer.probabilities() for answer in self.answers]
        if not each or any(one is None for one in each):
            return None
        return {letter: sum(one[letter] for one in each if one) / len(each) for letter in self.letters}

    def leaders(self) -> tuple[str, ...]:
        """The choices that most orders choose: one, several in a tie, none where no letter could be read."""
        votes = Counter(answer.chosen for answer in self.answers if answer.chosen is not None)
        return tuple(sorted(letter for letter in votes if votes[letter] == max(votes.values())))

    @property
    def vote_tied(self) -> bool:
        """Whether the majority leaves several choices; never with ``ensemble``, which takes no vote."""
        return not self.ensemble and len(self.leaders()) > 1

    @property
    def predicted(self) -> str | None:
        """The answer that counts: the most probable choice with ``ensemble``, else what most orders choose.

        A tie between choices goes to the one of higher mean probability; without probabilities a tie is no answer.
        """
        mean = self.mean_probabilities()
        if self.ensemble:
            return None if mean is None else max(self.letters, key=lambda letter: mean[letter])
        leaders = self.leaders()
        if len(leaders) == 1:
            return leaders[0]
        return None if mean is None else max(leaders, key=lambda letter: mean[letter], default=None)

    @property
    def status(self) -> Status:
        """correct or wrong; where there is no answer: failed when the backend gave nothing at all, tied when letters were
        read but none leads, unparsed when no letter could be read."""
        predicted = self.predicted
        if predicted is not None:
            return "correct" if predicted == self.correct else "wrong"
        if all(answer.error for answer in self.answers):
            return "failed"
        return "tied" if self.vote_tied else "unparsed"

    @property
    def share_right(self) -> float:
        """Share of the orders in which the right choice was chosen."""
        return sum(answer.chosen == self.correct for answer in self.answers) / len(self.answers)

    @property
    def gold_logprob(self) -> float | None:
        """Mean over the orders of the right choice's log-probability among the choices (natural log); in the choice form
        that of exactly the right choices (``set_logprob``)."""
        if self.form == "choice":
            answer = self.answers[0]
            if answer.log_odds is None or answer.sign is None:
                return None
            return set_logprob(answer.log_odds, answer.sign, self.correct)
        each = [answer.probabilities() for answer in self.answers]
        if not each or any(one is None for one in each):
            return None
        return sum(math.log(max(one[self.correct], 1e-300)) for one in each if one) / len(each)

    def as_row(self) -> dict[str, Any]:
        """The object a result file holds: the fields, and beside them what follows from them."""
        row = asdict(self)
        if self.form == "letter":
            row["answers"] = [
                {
                    name: value
                    for name, value in answer.items()
                    if name not in _OF_CHOICES and (name != "outside" or value)
                }
                for answer in row["answers"]
            ]
        row["gold_articles"] = [list(pair) for pair in self.gold_articles]
        first = self.answers[0]
        mean = self.mean_probabilities()
        row |= {
            "prompt_sha256": first.prompt_sha256,
            "logprobs": None if first.logprobs is None else list(first.logprobs),
            "label_mass": first.mass if first.masses is None else sum(first.masses) / len(first.masses),
            "probabilities": mean,
            "predicted": self.predicted,
            "status": self.status,
        }
        return row


def outcome_from(row: Any, where: str) -> Outcome:
    """The outcome of a stored row. Raises DataError naming ``where`` when fields are missing or contradict each other."""
    try:
        outcome = Outcome(
            id=_typed(row, "id", str),
            question_sha256=_typed(row, "question_sha256", str),
            question=_typed(row, "question", str),
            choices=_choices_from(row["choices"]),
            correct=_typed(row, "correct", str),
            law=_typed(row, "law", str),
            polarity=_typed(row, "polarity", str),
            cluster=_typed(row, "cluster", str),
            gold_articles=tuple((str(law), str(article)) for law, article in row["gold_articles"]),
            context=_typed(row, "context", str, NoneType),
            passages=tuple(_passage_from(passage) for passage in _typed(row, "passages", list, tuple)),
            answers=tuple(_answer_from(answer) for answer in _typed(row, "answers", list, tuple)),
            ensemble=_typed(row, "ensemble", bool),
            form=_form_from(row),
        )
        _check_answers(outcome)
    except (KeyError, TypeError, ValueError) as error:
        detail = f"{error} がありません" if isinstance(error, KeyError) else str(error)
        raise DataError(f"{where}: 結果の行として読めません（{detail}）。評価をやり直してください。") from None
    if content_hash(outcome.question, outcome.choices) != outcome.question_sha256:
        raise DataError(
            f"{where}: 問題 {outcome.id} の文か選択肢が、評価したときのハッシュ（question_sha256）と合いません。"
            "書き換えられた結果は使えません。評価をやり直してください。"
        )
    status = "unparsed" if row.get("status") == "unparsed" and outcome.status == "tied" else outcome.status
    if row.get("predicted") != outcome.predicted or row.get("status") != status:
        raise DataError(f"{where}: 予測と回答の中身が食い違っています。書き換えられた結果は使えません。")
    derived = {name: value for name, value in outcome.as_row().items() if name in _DERIVED and name in row}
    for found in differences({name: row[name] for name in derived}, derived):
        raise DataError(f"{where}: {found}が合いません。書き換えられた結果は使えません。評価をやり直してください。")
    return outcome


def _form_from(row: Mapping[str, Any]) -> Form:
    form: Form = row.get("form", "letter")  # rows of before 0.3.0 do not say
    if form not in FORMS:
        raise ValueError(f"form {quoted(form)!r}")
    return form


def _choices_from(value: Any) -> dict[str, str]:
    letters = CHOICE_LETTERS[: len(value)]
    if not 1 <= len(value) <= MOST_CHOICES or sorted(value) != list(letters):
        raise ValueError(f"choices {quoted(''.join(map(str, value)))!r}")
    return {letter: _typed(value, letter, str) for letter in letters}


def _check_answers(outcome: Outcome) -> None:
    """Raise ValueError unless the answers are of this question and this form, and follow from their scores."""
    letters = outcome.letters
    right = sorted(set(outcome.correct)) == list(outcome.correct) and set(outcome.correct) <= set(letters)
    several = len(letters) == 1 or 1 <= len(outcome.correct) < len(letters)
    allowed = several if outcome.form == "choice" else len(outcome.correct) == 1 and len(letters) > 1
    if not (right and allowed and outcome.answers):
        raise ValueError("正解か回答が欠けています")
    for answer in outcome.answers:
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
        if len(answer.logprobs) != len(letters) or not _are_finite(answer.logprobs):
            raise ValueError(f"logprobs {answer.logprobs!r}")
        if answer.outside is not None and not (type(answer.outside) is int and 0 < answer.outside < len(letters)):
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
    if answer.log_odds is None or len(answer.log_odds) != count or not _are_finite(answer.log_odds):
        raise ValueError(f"log_odds {quoted(answer.log_odds)}")
    if answer.masses is None or len(answer.masses) != count or not all(0 <= m <= 1 + TOLERANCE for m in answer.masses):
        raise ValueError(f"masses {quoted(answer.masses)}")
    if answer.sign not in (1, -1) or type(answer.told) is not bool:
        raise ValueError(f"sign {quoted(answer.sign)}、told {quoted(answer.told)}")
    if answer.outside is not None and not (type(answer.outside) is int and 0 <= answer.outside <= count):
        raise ValueError(f"outside {quoted(answer.outside)}")
    expected = judged(answer, outcome.correct)
    if answer.predicted != expected.predicted or any(differences(answer.logprobs, expected.logprobs)):
        raise ValueError(f"predicted {answer.predicted!r}、log_odds {answer.log_odds!r}")


def _are_finite(values: tuple[Any, ...]) -> bool:
    return all(isinstance(value, int | float) and math.isfinite(value) for value in values)


def _typed(row: Mapping[str, Any], name: str, *types: type) -> Any:
    """The field. Raises KeyError when it is missing and TypeError, naming it, for a value of another type."""
    if type(row[name]) not in types:
        raise TypeError(f"{name} {quoted(row[name])!r}")
    return row[name]


def _passage_from(row: Mapping[str, Any]) -> ShownPassage:
    passage = ShownPassage(**row)
    for name in ("id", "law_title", "article", "text"):
        _typed(row, name, str)
    _typed(row, "paragraph", str, NoneType)
    _typed(row, "score", int, float)
    for name in ("gold", "shown"):
        _typed(row, name, bool)
    return passage


def _answer_from(row: Mapping[str, Any]) -> OrderAnswer:
    lists = {"logprobs": row["logprobs"], "log_odds": row.get("log_odds"), "masses": row.get("masses")}
    answer = OrderAnswer(**{**row, **{name: None if value is None else tuple(value) for name, value in lists.items()}})
    _typed(row, "prompt_sha256", str)
    for name in ("text", "text_rule", "error"):
        _typed(row, name, str, NoneType)
    for name in ("prompt_tokens", "new_tokens"):
        _typed(row, name, int, NoneType)
    if _typed(row, "mass", int, float, NoneType) is not None and not 0 <= row["mass"] <= 1 + TOLERANCE:
        raise ValueError(f"mass {answer.mass!r}")
    if (answer.text is None) is not (answer.text_status is None) or answer.text_status not in (None, *READINGS):
        raise ValueError(f"text_status {answer.text_status!r}")
    if (answer.text_letter is None) is (answer.text_status == "ok"):
        raise ValueError(f"text_letter {answer.text_letter!r}、text_status {answer.text_status!r}")
    if answer.error is not None and (answer.predicted or answer.logprobs or answer.text):
        raise ValueError(f"error {answer.error!r}")
    if answer.logprobs is None and answer.predicted != answer.text_letter:
        if answer.text is None:
            raise ValueError("文字の確率（logprobs）のない回答があります")
        raise ValueError(f"predicted {answer.predicted!r}、text_letter {answer.text_letter!r}")
    return answer
