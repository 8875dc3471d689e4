"""Wordings, letters and ids: from drafts to entries of a lawqa_jp file.

Of the wordings of each candidate those are taken that keep two habits from answering: picking the candidate that shares
most words with the law, and picking the longest. The right letter is dealt in shuffled rounds, so that all come up alike.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ...core.questions import CHOICE_LETTERS
from ...core.requests import question_polarity, read_request
from ..egov.link import link
from ..egov.xml import law_id_in
from ..law_numbers import article_label, item_label, paragraph_label
from ..question_kinds import made_id
from .kinds.drafts import Draft, Option

Overlap = Callable[[str, str], float]  # share of a choice's wording that a context has, 0 to 1

INSTRUCTION = "<following_context>上の条文を読んで、選択肢の中から問いの答えを一つ選んでください。"
TRIES = 12
# What the two habits may reach; chance for four candidates is .25, and on the open 100 they reach .36 and .37. Held lower,
# true candidates would be those in other words, which real ones are not.
AIM_OVERLAP, AIM_LONGEST = 0.34, 0.25
MAX_AHEAD = 0.5  # questions that a habit may be ahead of its aim before questions that it answers are left out


@dataclass(slots=True)
class Balance:
    """How often the two habits were right so far."""

    questions: int = 0
    by_overlap: float = 0.0
    by_length: float = 0.0

    def penalty(self, overlap: float, length: float) -> float:
        """How much a question that the habits answer with these credits leads away from the aims."""
        excess_overlap = self.by_overlap - AIM_OVERLAP * self.questions
        excess_length = self.by_length - AIM_LONGEST * self.questions
        return excess_overlap * overlap + excess_length * length

    def tilts(self, overlap: float, length: float) -> bool:
        """Whether a question would take a habit further that is ahead of its aim already."""
        ahead_overlap = self.by_overlap - AIM_OVERLAP * self.questions
        ahead_length = self.by_length - AIM_LONGEST * self.questions
        return (overlap > 0 and ahead_overlap > MAX_AHEAD) or (length > 0 and ahead_length > MAX_AHEAD)

    def add(self, overlap: float, length: float) -> None:
        """Count a question."""
        self.questions += 1
        self.by_overlap += overlap
        self.by_length += length


@dataclass(frozen=True, slots=True)
class Settled:
    """A draft with one wording each."""

    draft: Draft
    request: str
    texts: tuple[str, ...]  # in the order of the draft's options; the one to be chosen first
    by_overlap: float  # credit of the habits: 1 right, 0 wrong, a share where several lead
    by_length: float
    reworded: bool = False  # by a model


def settle(draft: Draft, balance: Balance, random_: random.Random, overlap: Overlap) -> Settled | None:
    """The draft in the wordings that keep the balance; None where no request is read right or two candidates are alike."""
    requests = [request for request in draft.requests if reads_right(request, draft)]
    if not requests:
        return None
    scores = {text: overlap(text, draft.context) for option in draft.options for text in option.texts}
    sign = -1 if draft.polarity in ("incorrect", "not_applicable") else 1
    best: tuple[float, Settled] | None = None
    for _ in range(TRIES):
        texts = tuple(random_.choice(option.texts) for option in draft.options)
        if len(set(texts)) < len(texts):
            continue
        by_overlap = _credit([sign * scores[text] for text in texts])
        by_length = _credit([len(text) for text in texts])
        penalty = balance.penalty(by_overlap, by_length)
        if best is None or penalty < best[0]:
            best = penalty, Settled(draft, random_.choice(requests), texts, by_overlap, by_length)
    return best[1] if best else None


def reads_right(request: str, draft: Draft) -> bool:
    """Whether the request, read as every program reads it, wants what the draft has as its answer."""
    return (read_request(request).sign == 1) == draft.options[0].true


def _credit(scores: Sequence[float]) -> float:
    leaders = [index for index, score in enumerate(scores) if score == max(scores)]
    return 1 / len(leaders) if 0 in leaders else 0.0


def entries(settled: Sequence[Settled], random_: random.Random) -> list[dict[str, Any]]:
    """lawqa_jp entries in a shuffled order, letters dealt, with what was done to each candidate under ``generated``."""
    ordered = list(settled)
    random_.shuffle(ordered)
    rounds: dict[int, list[int]] = {}
    found = []
    for number, one in enumerate(ordered, start=1):
        size = len(one.texts)
        if not rounds.get(size):
            rounds[size] = random_.sample(range(size), size)
        found.append(_entry(one, number, rounds[size].pop(), random_))
    return found


def _entry(one: Settled, number: int, place: int, random_: random.Random) -> dict[str, Any]:
    draft = one.draft
    order = list(range(1, len(one.texts)))
    random_.shuffle(order)
    order.insert(place, 0)
    letters = CHOICE_LETTERS[: len(order)]
    return {
        "ファイル名": made_id(draft.law, article_label(draft.main), draft.kind, number),
        "コンテキスト": draft.context,
        "問題文": one.request,
        "指示": INSTRUCTION,
        "選択肢": "\n".join(f"{letter} {one.texts[index]}" for letter, index in zip(letters, order, strict=True)),
        "output": letters[place],
        "references": [address for one in (draft.revision_id, *draft.beside) if (address := link(law_id_in(one), "", ""))],
        "generated": {
            "kind": draft.kind,
            "polarity": question_polarity(one.request),
            "reworded": one.reworded,
            "law_id": law_id_in(draft.revision_id),
            "revision_id": draft.revision_id,
            "candidates": {
                letter: _candidate(draft.options[index]) for letter, index in zip(letters, order, strict=True)
            },
        },
    }  # fmt: skip


def _candidate(option: Option) -> dict[str, Any]:
    article, paragraph, item = option.place
    place = article_label(article) + paragraph_label(paragraph) + item_label(item)
    return {"true": option.true, "edit": option.edit, "place": place, "was": option.was, "now": option.now}
