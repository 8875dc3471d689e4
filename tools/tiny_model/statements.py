"""Statements about generated rules: whole sentences, parts of them, values and names, true and false."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from tools.tiny_model.charset import NUMERALS
from tools.tiny_model.corpus import ITEM_TEMPLATES, Part, Rule, random_rule, rule_text
from tools.tiny_model.names import ENDINGS, FIXED, UNITS, WORDS, fill_slot

NAMES = ("item", "object", "place", "noun", "person", "subject", "council", "word")
_NEAR = 0.25  # how often a false statement borrows from the text around it, which makes it hard to see
_SECOND = 0.12  # how often it has a second part exchanged


@dataclass(frozen=True, slots=True)
class Statement:
    """A sentence that restates a rule, truly or not."""

    text: str
    true: bool
    altered: tuple[int, int] | None  # of a false one: from the first other character to the end of the exchanged part


def restate(rng: random.Random, rule: Rule, *, true: bool, others: Sequence[Rule], freedom: float) -> Statement:
    """A true or false statement of ``rule``, without the full stop.

    A false one has one part exchanged, now and then two: for a part of the same kind in ``others`` (rules of the same
    text) or for a random one. ``freedom`` (0 to 1) is how often something is left out and endings are put in other
    words, which decides nothing.
    """
    parts = list(rule)
    if rng.random() < freedom:
        parts = rng.choice((_shorten, _shorten, _skip, _skip, _fragment))(rng, parts)
    parts = [
        replace(part, text=fill_slot(rng, part.kind)) if part.kind in ENDINGS and rng.random() < freedom / 3 else part
        for part in parts
    ]
    if true:
        return Statement(rule_text(parts).strip("。、"), True, None)
    places = [index for index, part in enumerate(parts) if _weight(part)]
    exchanged = rng.choices(places, [_weight(parts[index]) for index in places])[0]
    later = [index for index in places if index > exchanged and parts[index].kind]
    old = parts[exchanged]
    parts[exchanged] = _exchange(rng, old, others)
    if later and rng.random() < _SECOND:
        second = rng.choice(later)
        parts[second] = _exchange(rng, parts[second], others)
    before, new = len(rule_text(parts[:exchanged])), parts[exchanged].text
    text = rule_text(parts).strip("。、")
    same = next(
        (n for n, (a, b) in enumerate(zip(old.text, new, strict=False)) if a != b), min(len(old.text), len(new))
    )
    # Where the new part is the beginning of the old one, the next character is the first that differs.
    return Statement(text, False, (min(before + same, len(text) - 1), before + len(new)))


def name_statement(rng: random.Random, known: Sequence[Rule], *, true: bool) -> Statement:
    """A bare name or phrase: true where the text of the ``known`` rules holds it, false where it is a stranger's."""
    names = sorted({part.text for rule in known for part in rule if part.kind in NAMES})
    if true:
        return Statement(rng.choice(names), True, None)
    held = "".join(rule_text(rule) for rule in known)
    while True:
        if rng.random() < 0.3:
            text = rule_text(random_rule(rng, ITEM_TEMPLATES)).partition("　")[0]
        else:
            text = fill_slot(rng, rng.choice(NAMES))
        if text not in held:
            return Statement(text, False, (0, len(text)))


def _exchange(rng: random.Random, old: Part, others: Sequence[Rule]) -> Part:
    if old.kind:
        return replace(old, text=_other(rng, old, others))
    # Fixed wording: one of its words gives way to another word.
    word = rng.choice(list(_FIXED_WORD.finditer(old.text)))
    new = rng.choice([each for each in WORDS if each != word[0]])
    return replace(old, text=old.text[: word.start()] + new + old.text[word.end() :])


def _cut(parts: Sequence[Part], after: str) -> list[list[Part]]:
    """The parts in pieces that end where fixed wording has one of the signs ``after``."""
    pieces: list[list[Part]] = [[]]
    for part in parts:
        for text in re.split(f"(?<=[{after}])", part.text) if not part.kind else [part.text]:
            if text:
                pieces[-1].append(replace(part, text=text))
                if not part.kind and text[-1] in after:
                    pieces.append([])
    return [piece for piece in pieces if piece]


def _kept(parts: Sequence[Part], pieces: Sequence[Sequence[Part]]) -> list[Part]:
    # What is left must hold a part that can be exchanged.
    left = [part for piece in pieces for part in piece]
    return left if any(_weight(part) for part in left) else list(parts)


def _shorten(rng: random.Random, parts: Sequence[Part]) -> list[Part]:
    """Some of the clauses (what stands between commas)."""
    clauses = _cut(parts, "、")
    return _kept(parts, [clause for clause in clauses if rng.random() < 0.65] or [rng.choice(clauses)])


def _skip(rng: random.Random, parts: Sequence[Part]) -> list[Part]:
    """Everything but a run of phrases, cut behind particles."""
    phrases = _cut(parts, "、はがをにで")
    start = rng.randrange(len(phrases))
    return _kept(parts, phrases[:start] + phrases[start + rng.randint(1, 3) :])


def _fragment(rng: random.Random, parts: Sequence[Part]) -> list[Part]:
    """A few words around a part that can be exchanged: what answers a question for a value or a name."""
    phrases = _cut(parts, "、はがをにで")
    start = rng.randrange(len(phrases))
    found = [part for phrase in phrases[start : start + rng.randint(1, 3)] for part in phrase]
    while len(found) > 1 and not found[-1].kind and rng.random() < 0.6:
        found.pop()
    return _kept(parts, [found])


# Two kanji or more that are no numerals.
_FIXED_WORD = re.compile(rf"[^\W\d_ぁ-んァ-ヶー{NUMERALS}]{{2,}}")


def _weight(part: Part) -> float:
    # Numbers and modality are what law questions turn on: drawn more often than names.
    if not part.kind:
        return 0.3 if _FIXED_WORD.search(part.text) else 0.0
    if part.kind in ENDINGS:
        return 0.0
    return 1.0 if part.kind in NAMES or part.kind == "stem" else 2.0


_VALUE = r"[〇一二三四五六七八九十百千0-9０-９]"


def _family(kind: str) -> str:
    return kind if kind in FIXED else kind.rstrip("2")


def _other(rng: random.Random, part: Part, others: Sequence[Rule]) -> str:
    near = {other.text for rule in others for other in rule if _family(other.kind) == _family(part.kind)}
    near.discard(part.text)
    if near and rng.random() < _NEAR:
        return rng.choice(sorted(near))
    while True:
        text = fill_slot(rng, part.kind)
        if part.kind.rstrip("2") in UNITS and rng.random() < 0.8:
            # The unit stays: the number alone differs.
            text = re.sub(rf"[^{_VALUE[1:-1]}].*$", "", text) + re.sub(rf"^{_VALUE}+", "", part.text)
        if text != part.text:
            return text
