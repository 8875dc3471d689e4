"""Questions for the statement that is right, or wrong, about one to three paragraphs."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from ...law_numbers import article_label
from ..claims.cases import ceiling, deadline, threshold
from ..claims.claim import OPPOSITE, Claim
from ..claims.edits import limit, modality, number, party, procedure
from ..claims.exceptions import absolute, discretion, exception, left_out, only_if, over_general, restriction, unless
from ..claims.recombining import recombined
from ..claims.surroundings import Edit, Surroundings, actors_of
from ..law.book import Book
from ..law.passages import MAX_LIST_ITEMS, Passage
from ..words.paraphrase import in_kana, paraphrase
from .drafts import (
    DIGITS,
    MAX_SHOWN_ITEMS,
    MAX_TEXTS,
    Draft,
    Option,
    Wants,
    chars,
    draft_about,
    needed,
    neighbours,
    spelled,
    with_items,
)
from .requests import statement_requests

EDITS: tuple[Edit, ...] = (
    modality, number, limit, procedure, party, exception, absolute, discretion, unless, left_out, only_if, over_general, recombined,
    restriction, deadline, ceiling, threshold,
)  # fmt: skip
# How often each change is taken where several are possible, by what the false and the true choices of the open 100 were
# like; changes that few rules allow stand high, so that they are not missed where they are possible.
FALSE_WEIGHTS = {
    "modality": 0.7, "number": 3.0, "time": 1.0, "limit": 2.5, "procedure": 2.5, "party": 0.8, "exception": 4.0, "absolute": 4.0,
    "not_always": 0.2, "discretion": 0.08, "unless": 4.0, "left_out": 4.0, "only_if": 4.0, "over_general": 3.0, "recombined": 1.5, "restriction": 4.0,
    "deadline": 2.0, "ceiling": 4.0, "threshold": 4.0, "refilled": 4.0, "bracket": 6.0,
}  # fmt: skip
TRUE_WEIGHTS = {
    "as_is": 1.0, "composed": 1.0, "exception": 4.0, "not_always": 4.0, "discretion": 0.05, "unless": 4.0, "left_out": 4.0, "only_if": 4.0,
    "restriction": 4.0, "deadline": 1.5, "ceiling": 4.0, "threshold": 4.0, "filled_in": 4.0, "bracket": 2.0,
}  # fmt: skip
# 「ただし、第四号の期間は、二月を下ることができない」 takes nothing from what has to be done.
_HAS_PROVISO = re.compile("。(?:ただし|但し)(?!、?第[^、。]{1,6}号の期間)")
_AS_IT_IS = ("as_is", "composed", "filled_in")
MAX_TOPIC_CHARS = 20  # of a caption in a request
BESIDE = (
    0.15  # share of the tries with another article beside; those give enough statements more often, so half come out so
)


# The forces that most rules have, so that true statements of them never run short.
_COMMON_CUES = ("duty", "may", "must_not", "plain", "effort", "deemed")

# Changes that put in words of a table: the words must stand in true statements too.
_PHRASED = ("time", "limit", "procedure", "over_general", "party")


class Cues:
    """How often each cue was true and false so far; what a reader could guess by without the law is kept even."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, bool]] = Counter()
        self._phrases: set[str] = set()  # words that changes have put in

    def weight(self, claim: Claim) -> float:
        """Above 1 where the claim evens its cues out, below where it tilts them; 0 where a rare cue would become a sign."""
        same, other = self.counts[claim.cue, claim.true], self.counts[claim.cue, not claim.true]
        if claim.cue not in _COMMON_CUES and same > 1.3 * other + 4:
            return 0.0
        weight = ((other + 3) / (same + 3)) ** 2
        if claim.edit in _PHRASED:
            weight *= min(1.0, (self.counts[claim.now, True] + 4) / (self.counts[claim.now, False] + 4)) ** 2
        return weight

    def add(self, options: Sequence[Option]) -> None:
        """Count the candidates of a question that is kept."""
        self.counts.update((option.cue, option.true) for option in options)
        self._phrases.update(option.now for option in options if option.edit in _PHRASED)
        self.counts.update(
            (phrase, option.true) for option in options for phrase in self._phrases if phrase in option.texts[0]
        )


# Subjects that a request cannot name: quotations, and what points back to words the reader has not seen.
_NO_TOPIC = re.compile(r"」に|^(?:当該|その)")


def statement_draft(
    book: Book, article: str, wants: Wants, random_: random.Random, cues: Cues, *, max_chars: int, count: int = 4
) -> Draft | None:
    """A question about ``article``, half the time with another article beside it; None where it does not give enough."""
    scene = _scene(book, article, random_, max_chars)
    if scene is None:
        return None
    rules = book.rules_of(scene)
    beside = tuple(rules)
    own = {
        key: "\n".join(
            [
                *(one.text for one in book.passages if one.article == key),
                *(one.order.text for one in book.fillings if one.act.article == key),
            ]
        )
        for key in {rule.article for rule in rules}
    }
    actors = actors_of(book)
    trues: list[tuple[float, Claim]] = []
    falses: list[tuple[float, Claim]] = []
    limited = {(one.article, one.paragraph) for one in scene if _HAS_PROVISO.search(one.lead)}
    for rule in rules:
        # Where a proviso is shown, a statement without it is right only in principle; wrong ones say so too.
        principle = rule.place[:2] in limited
        around = Surroundings(own[rule.article], book.rules, beside, actors)
        edit = "filled_in" if rule in book.refilled else "composed" if rule.item or rule.also else "as_is"
        others = book.refilled.get(rule, ())
        possible = [
            Claim(True, edit, rule, rule),
            *(Claim(False, "refilled", rule, one) for one in others),
            *(claim for change in EDITS for claim in change(rule, around, random_)),
        ]
        for claim in (one.in_principle if principle else one for one in possible):
            if claim.true:
                trues.append((TRUE_WEIGHTS[claim.edit], claim))
            else:
                share = len(others) if claim.edit == "refilled" else 1
                falses.append((FALSE_WEIGHTS[claim.edit] / share, claim))
    for rule in book.bracketed_in(scene):
        other = replace(rule, modality=OPPOSITE[rule.modality])
        trues.append((TRUE_WEIGHTS["bracket"], Claim(True, "bracket", rule, rule)))
        falses.append((FALSE_WEIGHTS["bracket"], Claim(False, "bracket", rule, other, rule.modality, other.modality)))
    needed_true, needed_false = needed(wants, count)
    right = _pick(trues, needed_true, cues, random_)
    wrong = _pick(falses, needed_false, cues, random_, taken=right)
    if len(right) < needed_true or len(wrong) < needed_false:
        return None
    digits = random_.random() < DIGITS
    subjects = {claim.said.subject for claim in (*right, *wrong)}
    alone = len(subjects) == 1 and subjects != {""} and not _NO_TOPIC.search("".join(subjects))
    named = not alone or random_.random() < 0.5
    claims = [*right, *wrong] if wants == "correct" else [*wrong, *right]
    kana, titles = in_kana(random_), book.titles
    options = tuple(_option(claim, digits, named, kana, titles, random_) for claim in claims)
    if any(not option.texts for option in options):
        return None
    used: dict[Passage, list[str]] = {}
    for claim in claims:
        rule = claim.rule
        used.setdefault(book.passage_at(rule.article, rule.paragraph), []).append(rule.item or "")
        if rule.also:
            law, at_article, at_paragraph, item = rule.also
            used.setdefault(book.passage_at(at_article, at_paragraph, law), []).append(item or "")
    scene += tuple(one for one in used if one not in scene)
    shown = tuple(
        with_items(one, used.get(one, []), random_, MAX_SHOWN_ITEMS if one.law == book.title else MAX_LIST_ITEMS)
        for one in scene
    )
    if chars(shown) > max_chars:
        return None
    main = Counter(claim.rule.article for claim in claims).most_common(1)[0][0]
    topics = _topics(book, main, scene, {claim.rule.article for claim in claims})
    if not named:  # the subject that all candidates share stands in the request instead
        topics = tuple(f"{book.title}に定める{spelled(subject, digits)}" for subject in subjects)
    requests = statement_requests(topics, wants, must_name=not named)
    return draft_about(book, main, "statement", wants, requests, options, shown, random_)


def _scene(book: Book, article: str, random_: random.Random, max_chars: int) -> tuple[Passage, ...] | None:
    """One or two paragraphs of the article, half the time with one of a neighbouring article that has rules too."""
    with_rules = {(rule.article, rule.paragraph) for rule in (*book.rules, *book.bracketed)}
    own = [one for one in book.passages if one.article == article and (one.article, one.paragraph) in with_rules]
    if not own:
        return None
    beside = random_.random() < BESIDE
    start = random_.randrange(len(own))
    scene = own[start : start + random_.choice((1, 1, 2) if beside else (2, 3, 3))]
    if beside:
        other = [one for one in neighbours(book, article, random_) if (one.article, one.paragraph) in with_rules]
        scene += other[: random_.choice((1, 1, 2))]
    while scene and _least(scene) > max_chars:
        scene.pop()
    return tuple(scene) or None


def _least(scene: Sequence[Passage]) -> int:
    # What is shown at least: of a long list only some items.
    return sum(len(one.lead) + sum(sorted(len(text) for _, text in one.items)[:4]) for one in scene)


def _pick(
    claims: Sequence[tuple[float, Claim]], count: int, cues: Cues, random_: random.Random, taken: Sequence[Claim] = ()
) -> list[Claim]:
    """Claims that say different things, at most two of one rule and two of one kind of change, the cues kept even."""
    chosen: list[Claim] = []
    left = list(claims)
    while left and len(chosen) < count:
        weights = [weight * cues.weight(claim) for weight, claim in left]
        if not any(weights):
            break
        index = random_.choices(range(len(left)), weights)[0]
        claim = left.pop(index)[1]
        others = [*chosen, *taken]
        same_rule = [one for one in others if one.rule.place == claim.rule.place]
        same_edit = [one for one in chosen if one.edit == claim.edit and claim.edit not in _AS_IT_IS]
        if any(one.key == claim.key for one in others) or len(same_rule) >= 2 or len(same_edit) >= 2:
            continue
        if claim.true and any(one.edit == claim.edit for one in same_rule if one.true):
            continue
        if claim.edit == "bracket" and any(one.rule == claim.rule for one in same_rule):  # in it and not in it
            continue
        if any(contradict(one, claim) or deny_alike(one, claim) for one in others):
            continue
        chosen.append(claim)
    return chosen


# True claims that say a rule as if it had no exception, and those that are true only because it has one.
_FLAT = (*_AS_IT_IS, "unless", "only_if", "ceiling", "threshold")
_BY_EXCEPTION = ("exception", "not_always")


def contradict(one: Claim, other: Claim) -> bool:
    """Whether two true claims cannot stand in one question: 「なることができない」 and, by that rule's own exception,
    「なることができる場合がある」. The exception is the whole paragraph's."""
    edits = {one.edit, other.edit}
    return (
        one.true
        and other.true
        and one.rule.place[:2] == other.rule.place[:2]
        and bool(one.rule.exception or other.rule.exception)
        and bool(edits & set(_FLAT))
        and bool(edits & set(_BY_EXCEPTION))
    )


def deny_alike(one: Claim, other: Claim) -> bool:
    """Whether two claims say in two ways that what a rule demands need not be done: 要しない and 義務付けられていない."""
    weak = ("need_not", "no_duty")
    said, also = one.said, other.said
    return said.modality in weak and also.modality in weak and replace(said, modality=also.modality) == also


def _option(
    claim: Claim, digits: bool, named: bool, kana: bool, titles: Sequence[str], random_: random.Random
) -> Option:
    texts = claim.texts(digits=digits, named=named)
    texts = tuple(
        paraphrase(text, random_, kana=kana, titles=titles)
        for text in random_.sample(texts, min(MAX_TEXTS, len(texts)))
    )
    return Option(texts, claim.true, claim.edit, claim.rule.place, claim.was, claim.now, claim.cue)


def _topics(book: Book, main: str, scene: Sequence[Passage], articles: set[str]) -> tuple[str, ...]:
    # A caption names the statements only where all of them stand under it.
    captions = {one.caption for one in scene if one.article in articles}
    caption = captions.pop() if len(captions) == 1 else ""
    named = f"{book.title}{article_label(main)}" if len(articles) == 1 else ""
    found = [book.title]
    if 0 < len(caption) <= MAX_TOPIC_CHARS:
        found += [caption, f"{book.title}に定める{caption}"]
    if named:
        found += [f"{named}の規定", f"{named}"]
    return tuple(found)
