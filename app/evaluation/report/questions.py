"""Every question as a report shows it: choices with probabilities in all orders, passages, texts, and what to filter by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ...core.questions import CHOICE_LETTERS, original_letter
from ...data.context import ShownPassage
from ...data.provisions import parse_provisions, section_label
from ..comparing.comparison import Comparison
from ..results.answers import answer_name
from ..results.file import Result
from ..results.known_items import KnownItem, known_items
from ..results.order_answer import OrderAnswer
from ..results.outcomes import Outcome
from ..results.result_words import POLARITY_NAMES, STATUS_NAMES, TEXT_STATUS_NAMES
from ..results.retrieval_score import countable, is_found
from .marking import Piece, mark, runs_of

MARKS = {"correct": "○", "wrong": "×", "tied": "＝", "unparsed": "？", "failed": "－"}


@dataclass(frozen=True, slots=True)
class Bar:
    """One choice in one order."""

    position: str  # the letter it was shown under
    percent: int | None  # probability among the four; None without letter scores
    chosen: bool


@dataclass(frozen=True, slots=True)
class ChoiceView:
    """One choice; ``bars`` and ``means`` (percent) hold an entry per run."""

    letter: str
    text: str
    correct: bool
    bars: tuple[tuple[Bar, ...], ...]
    means: tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class PassageView:
    """A passage with its matched words; ``source`` says which run found it at which rank, empty for the gold context."""

    title: str
    source: str
    gold: bool
    pieces: tuple[Piece, ...]
    left_out: int  # characters of the passage that the report leaves out


@dataclass(frozen=True, slots=True)
class TextView:
    """What a model wrote in one order."""

    run: int
    order: str
    text: str
    reading: str  # the letter read from it in the file's order, or why none was
    left_out: int


@dataclass(frozen=True, slots=True)
class Answered:
    """A run's answer: mark, letter chosen and words for a screen reader."""

    mark: str
    status: str
    name: str
    letter: str
    right_orders: str  # 3/4


@dataclass(frozen=True, slots=True)
class QuestionView:
    """One card of the report."""

    number: int
    id: str
    law: str
    polarity: str
    correct: str
    question: str
    articles: tuple[str, ...]
    known: KnownItem | None
    flags: tuple[str, ...]  # what the filters look for
    answers: tuple[Answered, ...]
    choices: tuple[ChoiceView, ...]
    gold: tuple[PassageView, ...]
    retrieved: tuple[PassageView, ...]
    texts: tuple[TextView, ...]


def question_views(
    results: Sequence[Result],
    rows: Sequence[tuple[Outcome, ...]],
    pairs: Sequence[Comparison],
    gold_contexts: Mapping[str, str],
    *,
    max_passage_chars: int,
) -> list[QuestionView]:
    """A view of each row (one question's outcome in every run), in order."""
    # Of each comparison on its own: a question may go up in one and down in another.
    flips = {
        f"{name}{number}": {flip.id for flip in found}
        for number, pair in enumerate(pairs)
        for name, found in (("up", pair.flips_up), ("down", pair.flips_down))
    }
    listed = known_items()
    views = []
    for number, row in enumerate(rows, start=1):
        first = row[0]
        known = listed.get(first.question_sha256)
        wanted = runs_of([first.question, *first.choices.values()])
        flags = [f"wrong{run}" for run, outcome in enumerate(row) if outcome.status != "correct"]
        flags += [name for name, ids in flips.items() if first.id in ids]
        if any(depends_on_order(outcome) for outcome in row):
            flags.append("order")
        if any(missed(outcome) for outcome in row):
            flags.append("miss")
        if known:
            flags.append("known")
        views.append(
            QuestionView(
                number=number,
                id=first.id,
                law=first.law,
                polarity=POLARITY_NAMES.get(first.polarity, first.polarity),
                correct=answer_name(first, first.correct),
                question=first.question,
                articles=tuple(f"{law} {section_label(article)}" for law, article in first.gold_articles),
                known=known,
                flags=tuple(flags),
                answers=tuple(_answered(outcome) for outcome in row),
                choices=tuple(_choice(row, letter) for letter in first.letters),
                gold=_gold(gold_contexts.get(first.id), wanted, max_passage_chars),
                retrieved=_retrieved(results, row, wanted, max_passage_chars),
                texts=_texts(row, max_passage_chars),
            )
        )
    return views


def depends_on_order(outcome: Outcome) -> bool:
    """Whether the content chosen changes with the order of the choices."""
    return len({answer.chosen for answer in outcome.answers}) > 1


def missed(outcome: Outcome) -> bool:
    """Whether passages were retrieved, a statute article was to be found, and none of the gold ones reached the prompt."""
    return (
        bool(outcome.passages)
        and countable(outcome)
        and not any(is_found(one) and one.shown for one in outcome.passages)
    )


def _answered(outcome: Outcome) -> Answered:
    right = sum(answer.chosen == outcome.correct for answer in outcome.answers)
    return Answered(
        mark=MARKS[outcome.status],
        status=outcome.status,
        name=STATUS_NAMES[outcome.status],
        letter="—" if outcome.predicted is None else answer_name(outcome, outcome.predicted),
        right_orders=f"{right}/{len(outcome.answers)}",
    )


def _choice(row: Sequence[Outcome], letter: str) -> ChoiceView:
    means = [outcome.mean_probabilities() for outcome in row]
    return ChoiceView(
        letter=letter,
        text=row[0].choices[letter],
        correct=letter in row[0].correct,
        bars=tuple(tuple(_bar(answer, letter) for answer in outcome.answers) for outcome in row),
        means=tuple(None if mean is None else round(100 * mean[letter]) for mean in means),
    )


def _bar(answer: OrderAnswer, letter: str) -> Bar:
    probabilities = answer.probabilities()
    return Bar(
        position=CHOICE_LETTERS[answer.order.index(letter)],
        percent=None if probabilities is None else round(100 * probabilities[letter]),
        chosen=answer.chosen is not None and letter in answer.chosen,
    )


def _cut(text: str, most: int) -> tuple[str, int]:
    return (text, 0) if len(text) <= most else (text[:most], len(text) - most)


def _gold(context: str | None, wanted: frozenset[str], most: int) -> tuple[PassageView, ...]:
    views = []
    for provision in parse_provisions(context or ""):
        if provision.text:
            text, left_out = _cut(provision.text, most)
            title = f"{provision.law} {provision.label}".strip()
            views.append(PassageView(title, "", True, tuple(mark(text, wanted)), left_out))
    return tuple(views)


def _retrieved(
    results: Sequence[Result], row: Sequence[Outcome], wanted: frozenset[str], most: int
) -> tuple[PassageView, ...]:
    # Runs usually retrieve the same passages: each text stands once, with the ranks it had.
    ranks: dict[tuple[str, str], list[tuple[str, str]]] = {}
    passages: dict[tuple[str, str], ShownPassage] = {}
    for result, outcome in zip(results, row, strict=True):
        for rank, passage in enumerate(outcome.passages, start=1):
            key = (passage.id, passage.text)
            passages.setdefault(key, passage)
            place = f"{rank} 位（{passage.score:.2f}）" if passage.shown else f"{rank} 位（長さの上限で文脈に入らず）"
            ranks.setdefault(key, []).append((result.name, place))
    views = []
    for key, passage in passages.items():
        text, left_out = _cut(passage.text, most)
        title = f"{passage.law_title} {section_label(passage.article)}".strip()
        places = {place for _, place in ranks[key]}
        alike = len(ranks[key]) == len(results) and len(places) == 1  # then the runs need not be named
        source = places.pop() if alike else "、".join(f"{name}: {place}" for name, place in ranks[key])
        views.append(PassageView(title, source, passage.gold, tuple(mark(text, wanted)), left_out))
    return tuple(views)


def _texts(row: Sequence[Outcome], most: int) -> tuple[TextView, ...]:
    views = []
    for run, outcome in enumerate(row):
        for answer in outcome.answers:
            if answer.text is not None:
                text, left_out = _cut(answer.text, most)
                if answer.text_letter is None:
                    reading = f"読み取れず（{TEXT_STATUS_NAMES[str(answer.text_status)]}）"
                else:
                    reading = f"「{answer.text_letter}」= 選択肢 {original_letter(answer.text_letter, answer.order)}"
                views.append(TextView(run, answer.order, text, reading, left_out))
    return tuple(views)
