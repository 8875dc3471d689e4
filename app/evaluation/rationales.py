"""Which of the reasonings that a model wrote may be learned from, and the records they become.

A reasoning is kept when its own answer is right, the model was right in at least three of the four orders (one order
alone is right by chance one time in four, and always for a model that only ever says one letter), the text ended by
itself, and it quotes the deciding article word for word. What is dropped is counted by reason. The scheme is that of
STaR (Zelikman et al., arXiv 2203.14465), with agreement over orders and the quote in place of a judge.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, Literal, get_args

from ..core.answers import parse_answer, without_thoughts
from ..core.errors import DataError
from ..core.questions import LETTERS, ORDERS, Question, original_letter, reorder
from ..data.context import Context, ContextPlan
from ..data.finetune import cot_record
from ..data.provisions import parse_provisions
from ..data.records import Record
from .results.order_answer import OrderAnswer
from .results.outcomes import Outcome
from .running.asking import reasoning_part

# Every written answer has exactly one fate; the first that applies, in this order.
Fate = Literal[
    "failed",  # the backend gave none
    "truncated",  # the token budget ended it
    "unreadable",  # it names no letter
    "wrong",
    "too_few_right",  # right, but not in enough orders of the question
    "no_reasoning",  # nothing before an answer that is named as such: 「c 三十日以内」 is a choice read aloud
    "contradicts",  # its conclusion names another letter than its answer
    "no_quote",  # no run of the deciding article's words
    "invented_quote",  # 「…」 around words that stand nowhere in the prompt
    "kept",
]
FATES: tuple[Fate, ...] = get_args(Fate)
MIN_RIGHT = 3  # orders of four
# Of lawqa_jp's open 100 questions, 0.8 % of the reasonings drawn by rule share a run of 20 characters with the articles
# of an unrelated question (1.0 % at 18, 2.1 % at 16: 「等の品質、有効性及び安全性の確保」), 97 % with their own
# (benchmarks/quote_length.py).
MIN_QUOTE = 20
_STATED = ("explicit", "conclusion")  # rules of app.core.answers by which a text says which letter it answers
_LABEL = re.compile(r"\A[\s*#]*(?:reasoning|理由|根拠)[\s*]*[:：][\s*]*", re.IGNORECASE)
_QUOTED = re.compile(r"「([^「」]+)」")
_OMITTED = re.compile(r"（略）|\(略\)|（中略）|…+|・{3,}|\.{3,}")


@dataclass(frozen=True, slots=True)
class Judged:
    """One written answer and what became of it."""

    order: str
    fate: Fate
    reasoning: str  # as a record holds it; empty where there is none
    quote: str  # its longest run of the article's words, white space left out


@dataclass(frozen=True, slots=True)
class Harvest:
    """The records of a run and what a manifest says about it."""

    records: tuple[Record, ...]
    counts: Mapping[str, Any]


def reasoning_of(text: str) -> str:
    """What a model wrote before its answer line, without the label ``Reasoning:`` and without thoughts; may be empty."""
    visible, open_thought = without_thoughts(text)
    return "" if open_thought else _LABEL.sub("", reasoning_part(visible)).strip()


def quotable_texts(question: Question, context: Context, source: str) -> list[str]:
    """The texts of the deciding articles as they stand in the prompt, without headings and white space.

    Headings are left out since the name of a law alone can be longer than any quote that has to be made.
    """
    gold = {ref.article_key for ref in question.articles}
    return [
        _plain(one.text)
        for one in parse_provisions(context.text or "")
        if one.text and (source == "gold" or one.ref.article_key in gold)
    ]


def longest_quote(reasoning: str, texts: Iterable[str]) -> str:
    """The longest run of characters that ``reasoning`` shares with one of ``texts``, white space left out."""
    plain = _plain(reasoning)
    best = ""
    for text in texts:
        match = SequenceMatcher(None, plain, text, autojunk=False).find_longest_match()
        best = max(best, plain[match.a : match.a + match.size], key=len)
    return best


def invented_quotes(reasoning: str, prompt_text: str, min_quote: int) -> list[str]:
    """Words between 「 and 」 of at least ``min_quote`` characters that do not stand in the prompt, in order."""
    shown = _plain(prompt_text)
    pieces = [piece for quote in _QUOTED.findall(_plain(reasoning)) for piece in _OMITTED.split(quote)]
    return [piece for piece in pieces if len(piece) >= min_quote and piece.rstrip("。") not in shown]


def judge(
    outcome: Outcome, question: Question, context: Context, source: str, *, min_quote: int = MIN_QUOTE
) -> list[Judged]:
    """What becomes of each written answer of a question, in the order of its answers."""
    right = sum(_is_right(answer, outcome) for answer in outcome.answers)
    texts = quotable_texts(question, context, source)
    shown = "\n".join([context.text or "", question.question, *question.choices.values()])
    judged = []
    for answer in outcome.answers:
        reasoning = reasoning_of(answer.text or "")
        quote = longest_quote(reasoning, texts)
        fate: Fate = "kept"
        if answer.error is not None:
            fate = "failed"
        elif answer.truncated:
            fate = "truncated"
        elif answer.chosen is None:
            fate = "unreadable"
        elif answer.chosen != outcome.correct:
            fate = "wrong"
        elif right < MIN_RIGHT:
            fate = "too_few_right"
        elif not reasoning or answer.text_rule not in _STATED:
            fate = "no_reasoning"
        elif _concludes(reasoning) not in (None, answer.text_letter):
            fate = "contradicts"
        elif len(quote) < min_quote:
            fate = "no_quote"
        elif invented_quotes(reasoning, shown, min_quote):
            fate = "invented_quote"
        judged.append(Judged(answer.order, fate, reasoning, quote))
    return judged


def harvest(
    outcomes: Sequence[Outcome],
    questions: Sequence[Question],
    contexts: Mapping[str, Context],
    plan: ContextPlan,
    *,
    dataset: str,
    model: Mapping[str, Any],
    min_quote: int = MIN_QUOTE,
) -> Harvest:
    """The records of all kept reasonings, question by question and order by order, and the counts.

    ``contexts`` are the contexts by question id, ``model`` what each record's ``generated`` says about who wrote it.
    Raises DataError when a context is not the one the answer was written for.
    """
    by_id = {question.id: question for question in questions}
    records: list[Record] = []
    fates: Counter[str] = Counter()
    right_orders: Counter[int] = Counter()
    by_letter: Counter[str] = Counter()
    by_order: Counter[str] = Counter()
    also_in_choices = 0
    for outcome in outcomes:
        question, context = by_id[outcome.id], contexts[outcome.id]
        if outcome.context != context.text:
            raise DataError(
                f"{outcome.id}: 答えを書かせたときと今とで参照条文が違います（索引か問題ファイルが変わっています）。"
                "--resume を外してはじめからやり直してください。"
            )
        right = sum(_is_right(answer, outcome) for answer in outcome.answers)
        right_orders[right] += 1
        choices = _plain("\n".join(question.choices.values()))
        for one in judge(outcome, question, context, plan.source, min_quote=min_quote):
            fates[one.fate] += 1
            if one.fate != "kept":
                continue
            shown = question if one.order == "abcd" else reorder(question, one.order)
            generated = {**model, "right_orders": right, "quote_chars": len(one.quote)}
            records.append(cot_record(shown, one.reasoning, plan, context, dataset, generated))
            by_letter[shown.correct] += 1
            by_order[one.order] += 1
            also_in_choices += one.quote in choices
    counts = {
        "questions": len(outcomes),
        "answers": sum(fates.values()),
        "fates": {fate: fates[fate] for fate in FATES},
        "questions_by_right_orders": {str(n): right_orders[n] for n in range(len(ORDERS) + 1)},
        "questions_kept": len({record.meta["id"] for record in records}),
        "kept_by_letter": {letter: by_letter[letter] for letter in LETTERS},
        "kept_by_order": {order: by_order[order] for order in ORDERS},
        "quote_also_in_choices": also_in_choices,
    }
    return Harvest(tuple(records), counts)


def describe_counts(counts: Mapping[str, Any]) -> str:
    """One line in Japanese for the terminal."""
    fates = counts["fates"]
    names = {
        "truncated": "長さの上限で切れた", "unreadable": "答えを読み取れない", "wrong": "誤答",
        "too_few_right": f"正解の並びが {MIN_RIGHT} 通り未満", "no_reasoning": "理由がない", "contradicts": "理由の結論が答えと違う",
        "no_quote": "条文の逐語の引用がない", "invented_quote": "どこにもない文を引用した", "failed": "回答なし",
    }  # fmt: skip
    dropped = "、".join(f"{name} {fates[fate]}" for fate, name in names.items() if fates[fate])
    return (
        f"{counts['questions']} 問・{counts['answers']} 件の回答のうち、{counts['questions_kept']} 問・{fates['kept']} 件を残しました"
        + (f"（除いたもの: {dropped}）" if dropped else "")
    )


def _is_right(answer: OrderAnswer, outcome: Outcome) -> bool:
    # A text that the budget ended has not been finished, whatever letter it happens to name by then.
    named = None if answer.text_letter is None else original_letter(answer.text_letter, answer.order)
    return named == outcome.correct and not answer.truncated


def _concludes(reasoning: str) -> str | None:
    parsed = parse_answer(reasoning)
    return parsed.letter if parsed.rule in _STATED else None


def _plain(text: str) -> str:
    return "".join(text.split())
