"""Whether a changed rule is really not the law: what can be decided by looking at the law's other words and rules."""

from __future__ import annotations

import re
from collections.abc import Iterable

from .rules import Rule

_ORGAN = re.compile(r"(?:総会|理事会|監事|理事長|会計監査人|取締役会)$")
_COURT = re.compile(r"裁判所$")
_OFFICER = re.compile(r"(?:検察官|公証人)$")


def is_another_rule(said: Rule, rules: Iterable[Rule]) -> bool:
    """Whether what is said stands in the law after all: another rule with this effect for this subject and condition.

    A rule without a subject or a condition of its own is taken to hold for every one.
    """
    return any(
        one.action == said.action
        and one.modality == said.modality
        and (one.subject in ("", said.subject) or said.subject in one.subject)
        and (one.condition in ("", said.condition) or said.condition in one.condition)
        and one.place != said.place
        for one in rules
    )


def says_same(one: Rule, other: Rule) -> bool:
    """Whether two rules have the same effect, so that one may not be held against the other."""
    return _effect(one.action) == _effect(other.action) or one.action in other.action or other.action in one.action


def _effect(action: str) -> str:
    return re.sub(r"第[^、]{1,12}[条項号]|その|当該|、", "", action)


def is_known_party(old: str, new: str) -> bool:
    """Whether two authorities are of one sort and surely not the same: 主務大臣 may be any minister."""
    # 地方委員会 is how a law goes on to call its 地方更生保護委員会.
    if _abbreviates(old, new) or _abbreviates(new, old) or "主務" in old + new:
        return False
    return all(bool(sort.search(old)) == bool(sort.search(new)) for sort in (_ORGAN, _COURT, _OFFICER))


def _abbreviates(short: str, long: str) -> bool:
    """Whether the characters of ``short`` stand in ``long`` in their order."""
    rest = iter(long)
    return all(character in rest for character in short)


def overlapping(one: str, other: str) -> float:
    """Share of the shorter text's character pairs that the longer has too, 0 to 1."""
    first, second = ({text[index : index + 2] for index in range(len(text) - 1)} for text in (one, other))
    return len(first & second) / max(1, min(len(first), len(second)))
