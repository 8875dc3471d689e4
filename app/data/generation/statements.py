"""Questions for the statement that is right, or wrong, about one to three paragraphs."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence

from app.data.generation import edits
from app.data.generation.book import Book, Passage
from app.data.generation.claims import Claim
from app.data.generation.drafts import Draft, Option, Wants, chars, neighbours, render_context, with_items
from app.data.generation.edits import ACTOR, Surroundings
from app.data.generation.requests import statement_requests
from app.data.law_numbers import article_label

# How often each change is taken where several are possible; by what the false choices of the open 100 were like.
EDIT_WEIGHTS = {
    edits.modality: 1.0, edits.number: 2.0, edits.limit: 1.2, edits.procedure: 2.0, edits.party: 1.5, edits.exception: 2.0,
    edits.absolute: 1.5, edits.over_general: 2.5, edits.recombined: 1.2,
}  # fmt: skip
MAX_TEXTS = 8


class Cues:
    """How often each cue was true and false so far; what a reader could guess by without the law is kept even."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, bool]] = Counter()

    def weight(self, claim: Claim) -> float:
        """Above 1 where the claim evens its cue out, below where it tilts it."""
        same, other = self.counts[claim.cue, claim.true], self.counts[claim.cue, not claim.true]
        return ((other + 3) / (same + 3)) ** 2

    def add(self, options: Sequence[Option]) -> None:
        """Count the candidates of a question that is kept."""
        self.counts.update((option.cue, option.true) for option in options)


def actors_of(book: Book) -> tuple[str, ...]:
    """Authorities and organs that the law names, each once."""
    return tuple(dict.fromkeys(actor for passage in book.passages for actor in ACTOR.findall(passage.text)))


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
        key: "\n".join(one.text for one in book.passages if one.article == key)
        for key in {rule.article for rule in rules}
    }
    actors = actors_of(book)
    trues: list[Claim] = []
    falses: list[tuple[float, Claim]] = []
    for rule in rules:
        around = Surroundings(own[rule.article], book.rules, beside, actors)
        trues.append(Claim(True, "composed" if rule.item else "as_is", rule, rule))
        for edit, weight in EDIT_WEIGHTS.items():
            for claim in edit(rule, around, random_):
                if claim.true:
                    trues.append(claim)
                else:
                    falses.append((weight, claim))
    needed_true, needed_false = (1, count - 1) if wants == "correct" else (count - 1, 1)
    right = _pick([(1.0, claim) for claim in trues], needed_true, cues, random_)
    wrong = _pick(falses, needed_false, cues, random_, taken=right)
    if len(right) < needed_true or len(wrong) < needed_false:
        return None
    digits = random_.random() < 0.7
    claims = [*right, *wrong] if wants == "correct" else [*wrong, *right]
    options = tuple(_option(claim, digits, random_) for claim in claims)
    if any(not option.texts for option in options):
        return None
    used: dict[str, list[str]] = {}
    for claim in claims:
        used.setdefault(f"{claim.rule.article}/{claim.rule.paragraph}", []).append(claim.rule.item or "")
    shown = tuple(with_items(one, used.get(f"{one.article}/{one.paragraph}", []), random_) for one in scene)
    if chars(shown) > max_chars:
        return None
    main = Counter(claim.rule.article for claim in claims).most_common(1)[0][0]
    topics = _topics(book, main, scene, {claim.rule.article for claim in claims})
    requests = tuple(random_.sample(all_ := statement_requests(topics, wants), min(MAX_TEXTS, len(all_))))
    return Draft(
        "statement",
        requests,
        wants,
        options,
        render_context(book.title, shown),
        book.title,
        book.revision_id,
        shown,
        main,
    )


def _scene(book: Book, article: str, random_: random.Random, max_chars: int) -> tuple[Passage, ...] | None:
    """One or two paragraphs of the article, half the time with one of a neighbouring article that has rules too."""
    with_rules = {(rule.article, rule.paragraph) for rule in book.rules}
    own = [one for one in book.passages if one.article == article and (one.article, one.paragraph) in with_rules]
    if not own:
        return None
    start = random_.randrange(len(own))
    scene = own[start : start + random_.choice((1, 2, 2, 3))]
    if random_.random() < 0.5:
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
        index = random_.choices(range(len(left)), weights)[0]
        claim = left.pop(index)[1]
        others = [*chosen, *taken]
        same_rule = [one for one in others if one.rule.place == claim.rule.place]
        same_edit = [one for one in chosen if one.edit == claim.edit and not claim.true]
        if any(one.key == claim.key for one in others) or len(same_rule) >= 2 or len(same_edit) >= 2:
            continue
        if claim.true and any(one.edit == claim.edit for one in same_rule if one.true):
            continue
        chosen.append(claim)
    return chosen


def _option(claim: Claim, digits: bool, random_: random.Random) -> Option:
    texts = claim.texts(digits=digits)
    texts = tuple(random_.sample(texts, min(MAX_TEXTS, len(texts))))
    return Option(texts, claim.true, claim.edit, claim.rule.place, claim.was, claim.now, claim.cue)


def _topics(book: Book, main: str, scene: Sequence[Passage], articles: set[str]) -> tuple[str, ...]:
    captions = [one.caption for one in scene if one.article == main and one.caption and len(one.caption) <= 20]
    named = f"{book.title}{article_label(main)}" if len(articles) == 1 else ""
    found = [book.title]
    if captions:
        found += [captions[0], f"{book.title}に定める{captions[0]}"]
    if named:
        found += [f"{named}の規定", f"{named}"]
    return tuple(found)
