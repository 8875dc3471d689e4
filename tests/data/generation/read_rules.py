"""Rules read from sentences, and from the lighthouse law with what stands around them."""

from __future__ import annotations

from collections.abc import Iterable

from app.data.generation.claims.claim import Claim
from app.data.generation.claims.surroundings import Surroundings, actors_of
from app.data.generation.law.rules import Rule, read_rule
from tests.data.generation.laws import lighthouse


def of(place: tuple[str, str, str | None]) -> tuple[Rule, Surroundings]:
    """A rule of the lighthouse law with what stands around it."""
    book = lighthouse()
    rule = next(one for one in book.rules if one.place == place)
    own = "\n".join(one.text for one in book.passages if one.article == rule.article)
    beside = tuple(one for one in book.rules if one.article == rule.article)
    return rule, Surroundings(own, book.rules, beside, actors_of(book))


def read(sentence: str) -> tuple[Rule, Surroundings]:
    """A rule that stands alone."""
    rule = read_rule(sentence, article="1", paragraph="1")
    assert rule is not None
    return rule, Surroundings(sentence, (rule,), (rule,), ())


def pair(one: str, other: str) -> tuple[Rule, Surroundings]:
    """The first of two rules that stand beside each other."""
    first = read_rule(one, article="1", paragraph="1")
    second = read_rule(other, article="2", paragraph="1")
    assert first is not None
    assert second is not None
    return first, Surroundings("", (first, second), (first, second), ())


def said(claims: Iterable[Claim]) -> list[tuple[bool, str]]:
    """Truth and first wording of each claim."""
    return [(claim.true, claim.texts(digits=False)[0]) for claim in claims]
