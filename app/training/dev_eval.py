"""Accuracy on dev questions while training: which letter the model finds most probable as its answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..core.chat import ChatFormat, encode_prompt, letter_token_ids
from ..core.collapse import collapse_of
from ..core.questions import LETTERS
from ..data.records import Record
from ..llm.letters import score_letters
from .rows.examples import check_letters

# What a cot answer puts before its letter. Dev accuracy of a cot record is read right after it, without reasoning:
# one prefill instead of hundreds of generated tokens; the evaluation program does the full reading.
COT_ANSWER_MARK = "Answer:"


@dataclass(frozen=True, slots=True)
class DevSet:
    """Encoded dev prompts with their right letters."""

    prompt_ids: list[list[int]]
    correct: list[str]
    choices: list[int]  # how many each question has: its letters are the first so many
    letter_ids: list[list[int]]

    @property
    def chance(self) -> float:
        """The accuracy (0–1) that guesses come to."""
        return sum(1 / count for count in self.choices) / len(self.choices)


@dataclass(frozen=True, slots=True)
class Statements:
    """Judgements of single choices: ``accuracy`` (0–1) of ○ against ×, and ``auc`` (0–1), None where all are of a kind."""

    accuracy: float
    auc: float | None


@dataclass(frozen=True, slots=True)
class DevResult:
    """``accuracy`` 0–1, of questions (of records for letters).

    ``gold_logprob``  mean log-probability (natural) of the right answer among the question's own
    ``histogram``     letters: how often each was chosen; empty in the choice form, where the order cannot matter
    ``mass``          mean probability that the next token is one of the answers at all
    ``collapsed``     letters: the answers have collapsed to one (``app.core.collapse``)
    ``statements``    choice form: the judgements one by one
    """

    accuracy: float
    gold_logprob: float
    histogram: dict[str, int]
    mass: float
    collapsed: bool = False
    statements: Statements | None = None


def build_dev_set(
    records: Sequence[Record], tokenizer: Any, *, path: object = None, chat_format: ChatFormat = "auto"
) -> DevSet:
    """Prompts of the records of ``path``, encoded as inference encodes them."""
    prompts = []
    for record in records:
        check_letters(record)
        ids = encode_prompt(tokenizer, record.input, chat_format=chat_format)
        if record.meta["mode"] == "cot":
            ids = ids + list(tokenizer(COT_ANSWER_MARK, add_special_tokens=False)["input_ids"])
        prompts.append(ids)
    return DevSet(
        prompts,
        [str(record.meta["correct"]) for record in records],
        [len(record.meta["choices"]) for record in records],
        letter_token_ids(tokenizer),
    )


def evaluate_dev(model: Any, dev: DevSet, *, max_batch_tokens: int) -> DevResult:
    """Score the dev set with the model as it is now; its training mode is put back afterwards."""
    import numpy as np

    scores = score_letters(model, dev.prompt_ids, dev.letter_ids, max_batch_tokens=max_batch_tokens)
    gold = np.array([LETTERS.index(letter) for letter in dev.correct])
    own = np.arange(len(LETTERS)) < np.array(dev.choices)[:, None]
    logprobs = np.where(own, scores.logprobs.astype(np.float64), -np.inf)
    chosen = logprobs.argmax(axis=1)
    mass = np.logaddexp.reduce(logprobs, axis=1)
    among_own = logprobs[np.arange(len(gold)), gold] - mass
    histogram = {letter: int((chosen == index).sum()) for index, letter in enumerate(LETTERS)}
    return DevResult(
        accuracy=float((chosen == gold).mean()),
        gold_logprob=float(among_own.mean()),
        histogram=histogram,
        mass=float(np.exp(mass).mean()),
        collapsed=collapse_warning(histogram, dev.correct) is not None,
    )


def collapse_warning(histogram: Mapping[str, int], correct: Sequence[str]) -> str | None:
    """A line when the answers have collapsed to one letter (``app.core.collapse``, as in an evaluation); else None."""
    found = collapse_of([histogram[letter] for letter in LETTERS], [correct.count(letter) for letter in LETTERS])
    if not found.collapsed:
        return None
    letter = LETTERS[found.most]
    return (
        f"dev の {sum(histogram.values())} 問のうち {histogram[letter]} 問に {letter} と答えています（一文字への偏り）。"
        "学習率を下げるか、順序を増やしてください。"
    )


def best_step(history: Sequence[Mapping[str, Any]]) -> int | None:
    """Step of the best dev evaluation: highest log-probability of the right answers, then highest accuracy, then first.

    The log-probability moves with every question, accuracy by whole questions: with some dozens of them the highest
    accuracy is mostly chance. A step whose answers collapsed to one letter counts only where every step's did.
    ``history`` is the trainer's log; the untuned model (step 0) does not count. None without an evaluation.
    """
    rows = [row for row in history if "eval_accuracy" in row and row["step"] > 0]
    rows = [row for row in rows if not row.get("eval_collapsed")] or rows
    if not rows:
        return None
    best = max(rows, key=lambda row: (row["eval_gold_logprob"], row["eval_accuracy"], -row["step"]))
    return int(best["step"])


def should_stop(history: Sequence[Mapping[str, Any]], patience: int | None) -> bool:
    """True when the last ``patience`` evaluations brought no new best."""
    if patience is None:
        return False
    steps = [int(row["step"]) for row in history if "eval_accuracy" in row and row["step"] > 0]
    best = best_step(history)
    return best is not None and len([step for step in steps if step > best]) >= patience
