"""The same questions asked through an exported form, compared with what the adapter itself says.

Letters: log-probability of each letter among the letters, all choices in one prompt. Choices: log-odds that a choice fits, one prompt a
choice. Both are scored by token ids, so that the weights are compared and not somebody's template.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import TYPE_CHECKING, Any, Protocol

from ...core.chat import ChatFormat, encode_prompt, letter_token_ids, pair_token_ids, render_prompt
from ...core.choices import chosen
from ...core.errors import ModelError
from ...core.prompts import build_choice_prompt, build_mc_prompt_direct
from ...core.questions import Question
from ...core.requests import read_request
from ...data.cited_words import words_of
from ...data.few_shot import FewShot

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far an exported form may be from the adapter, in natural-log units.

    median   of all differences of a form of asking
    largest  of any one of them
    """

    median: float
    largest: float


# In float32 arithmetic. Sixteen-bit weights differ by rounding alone; eight and four bits by what they are.
# docs/export.md shows what was measured on right exports and on a wrong one (a plain merge of a 4-bit adapter).
TOLERANCES: Mapping[str, Tolerance] = {
    "merged": Tolerance(0.01, 0.5),
    "f32": Tolerance(0.01, 0.5),
    "f16": Tolerance(0.01, 0.5),
    "q8_0": Tolerance(0.05, 1.0),
    "q4_k_m": Tolerance(0.3, 3.0),
}
# Logits of 16 to 32 in bfloat16 stand 1/8 apart, so that two right models that compute in 16 bits differ as much.
SIXTEEN_BIT = Tolerance(0.1, 1.0)


def tolerance_of(kind: str, *, float32: bool) -> Tolerance:
    """What a form may differ by; ``float32`` says that neither side computed in 16 bits."""
    own = TOLERANCES[kind]
    if float32:
        return own
    return Tolerance(max(own.median, SIXTEEN_BIT.median), max(own.largest, SIXTEEN_BIT.largest))


class Scorer(Protocol):
    """Something that gives the probability of the next token: a loaded model, or a server."""

    def score(self, rows: Sequence[Sequence[int]], answers: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        """Log-probability (rows, answers) that the next token is a spelling of each answer."""
        ...


class TorchScorer:
    """A loaded model; rows that begin alike run their common part once."""

    def __init__(self, model: Any) -> None:
        from ..letters import KeptPrefix

        self.model = model
        self._kept = KeptPrefix()

    def score(self, rows: Sequence[Sequence[int]], answers: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        """See ``Scorer``."""
        from ..letters import score_letters_shared_prefix

        return score_letters_shared_prefix(self.model, rows, answers, kept=self._kept).logprobs


@dataclass(frozen=True, slots=True)
class Asked:
    """One question as token ids.

    id            of the question
    letter_row    the prompt with all choices; None for a single statement
    letter_ids    spellings of each letter
    choice_rows   one prompt a choice; empty where the tokenizer has no ○ and ×
    pair_ids      spellings of ○ and of ×
    sign          −1 where the request was made positive
    prompts       the texts of the rows, the letter's first
    """

    id: str
    letter_row: list[int] | None
    letter_ids: list[list[int]]
    choice_rows: list[list[int]]
    pair_ids: list[list[int]]
    sign: int
    prompts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Scores:
    """What a model says of one question: log-probability of each letter, log-odds of each choice."""

    letters: tuple[float, ...]
    odds: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """An exported form against the adapter, over all questions.

    form        letter or choice
    compared    numbers compared
    questions   questions behind them
    largest     largest absolute difference, and the question it belongs to
    median      of the absolute differences
    flips       questions whose answer is another
    """

    form: str
    compared: int
    questions: int
    largest: float
    largest_at: str
    median: float
    flips: int


def ask_rows(
    tokenizer: Any,
    questions: Sequence[Question],
    *,
    chat_format: ChatFormat,
    with_context: bool,
    few_shot: FewShot | None = None,
    cited_words: bool = False,
) -> list[Asked]:
    """The prompts of the questions as training and evaluation write them, in the file's order of the choices."""
    try:
        pair = pair_token_ids(tokenizer)
    except ModelError:
        pair = []
    asked = []
    for question in questions:
        context = question.context if with_context else None
        prompts, letters = [], []
        if not question.is_statement:
            letters = letter_token_ids(tokenizer, question.letters)
            examples = few_shot.of(question) if few_shot is not None else False
            prompts.append(build_mc_prompt_direct(question.question, question.choices, context, few_shot=examples))
        words = words_of(question.choices, context, wanted=cited_words)
        choices = question.choices if pair else {}
        prompts += [
            build_choice_prompt(question.question, text, context, words.get(letter)) for letter, text in choices.items()
        ]
        rows = [encode_prompt(tokenizer, prompt, chat_format=chat_format) for prompt in prompts]
        asked.append(
            Asked(
                question.id,
                rows[0] if letters else None,
                letters,
                rows[1:] if letters else rows,
                pair,
                read_request(question.question).sign,
                tuple(prompts),
            )
        )
    return asked


def longest_row(asked: Iterable[Asked]) -> int:
    """Tokens of the longest prompt."""
    return max(len(row) for one in asked for row in ([one.letter_row] if one.letter_row else []) + one.choice_rows)


def ask_scores(scorer: Scorer, asked: Iterable[Asked]) -> list[Scores]:
    """What a model says of every question."""
    found = []
    for one in asked:
        letters: tuple[float, ...] = ()
        odds: tuple[float, ...] = ()
        if one.letter_row is not None:
            letters = tuple(float(value) for value in scorer.score([one.letter_row], one.letter_ids)[0])
        if one.choice_rows:
            pairs = scorer.score(one.choice_rows, one.pair_ids)
            odds = tuple(float(fits - fits_not) for fits, fits_not in pairs)
        found.append(Scores(letters, odds))
    return found


def differences(asked: Sequence[Asked], reference: Sequence[Scores], exported: Sequence[Scores]) -> list[Difference]:
    """How the exported form differs, for each form of asking that there is."""
    found = []
    for form, values, answer in (
        (
            "letter",
            [(conditional(a.letters), conditional(b.letters)) for a, b in zip(reference, exported, strict=True)],
            _best,
        ),
        ("choice", [(a.odds, b.odds) for a, b in zip(reference, exported, strict=True)], _fitting),
    ):
        rows = [(one, a, b) for one, (a, b) in zip(asked, values, strict=True) if a]
        if not rows:
            continue
        gaps = [(abs(x - y), one.id) for one, a, b in rows for x, y in zip(a, b, strict=True)]
        worst, place = max(gaps)
        flips = sum(answer(one, a) != answer(one, b) for one, a, b in rows)
        found.append(Difference(form, len(gaps), len(rows), worst, place, median(gap for gap, _ in gaps), flips))
    return found


def conditional(logprobs: Sequence[float]) -> tuple[float, ...]:
    """Log-probabilities given that the answer is one of the letters: a model that says something else most of the time
    has tiny ones, whose common shift decides nothing."""
    if not logprobs:
        return ()
    top = max(logprobs)
    total = top + math.log(sum(math.exp(value - top) for value in logprobs))
    return tuple(value - total for value in logprobs)


def _best(one: Asked, values: Sequence[float]) -> str:
    return str(max(range(len(values)), key=lambda index: values[index]))


def _fitting(one: Asked, values: Sequence[float]) -> str:
    if len(values) == 1:
        return str(values[0] > 0)
    return chosen(values, one.sign, 1)  # type: ignore[arg-type]  # 1 or −1, as read_request gave it


def beyond(found: Sequence[Difference], tolerance: Tolerance) -> list[str]:
    """What of the differences is more than the tolerance, one Japanese phrase each."""
    return [
        f"{_FORM[one.form]}の{name} {value:.4f} が許容 {limit:g} を超えています（{one.largest_at}）"
        for one in found
        for name, value, limit in (("中央値", one.median, tolerance.median), ("最大", one.largest, tolerance.largest))
        if not value <= limit
    ]


_FORM = {"letter": "文字の対数確率の差", "choice": "肢の対数オッズの差"}


def difference_lines(kind: str, found: Sequence[Difference], tolerance: Tolerance) -> list[str]:
    """The comparison in Japanese, one line a form of asking."""
    return [
        f"{kind}: {_FORM[one.form]} 最大 {one.largest:.4f}（{one.largest_at}）、中央値 {one.median:.4f}"
        f"（{one.compared} 個、許容 最大 {tolerance.largest:g}・中央値 {tolerance.median:g}）、"
        f"答えが変わった問題 {one.flips}/{one.questions}"
        for one in found
    ]


def check_record(found: Sequence[Difference], tolerance: Tolerance) -> dict[str, Any]:
    """The comparison as run.json keeps it."""
    return {
        "differences": [asdict(one) for one in found],
        "tolerance": asdict(tolerance),
        "passed": not beyond(found, tolerance),
    }


def text_path_differences(
    tokenizer: Any, asked: Sequence[Asked], chat_format: ChatFormat, tokenize: Callable[[str], Sequence[int]]
) -> int:
    """How many of the rendered prompts a server cuts into other tokens than training did."""
    wrong = 0
    for one in asked:
        rows = ([one.letter_row] if one.letter_row is not None else []) + one.choice_rows
        for prompt, row in zip(one.prompts, rows, strict=True):
            wrong += list(tokenize(render_prompt(tokenizer, prompt, chat_format=chat_format))) != row
    return wrong
