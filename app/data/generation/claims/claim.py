"""A statement about the law with its truth: a rule as it stands, or a rule changed so that it is false."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..law.rules import Modality, Rule
from ..law.wordings import wordings

# A predicate and the one that cannot hold with it. 努める duties become full ones, which is the mistake people make.
OPPOSITE: dict[Modality, Modality] = {
    "duty": "need_not", "may": "cannot", "must_not": "free", "cannot": "may", "need_not": "duty", "plain": "plain_not",
    "plain_not": "plain", "deemed": "not_deemed", "not_deemed": "deemed", "effort": "duty", "free": "must_not", "no_duty": "duty", "stated": "stated",
}  # fmt: skip


# Edits that say what holds in the exception's case, or outside the rule.
_OF_CASES = (
    "exception",
    "not_always",
    "left_out",
    "unless",
    "only_if",
    "discretion",
    "restriction",
    "bracket",
    "over_general",
)
IN_PRINCIPLE = "原則として"  # of a rule that has an exception


@dataclass(frozen=True, slots=True)
class Claim:
    """One statement before it is put into words."""

    true: bool
    edit: str  # what was done to the rule: "as_is", "number", "modality" …
    rule: Rule  # the rule it was made from, as the law has it
    said: Rule  # the rule as the claim states it
    was: str = ""  # the words that were changed
    now: str = ""  # what they were changed to

    @property
    def cue(self) -> str:
        """What a reader without the law sees of it: the force of the ending, an absolute word, a condition set aside."""
        said = self.said
        even = "even" if said.scope.startswith("even") else ""
        bracket = "bracket" if self.edit == "bracket" else ""  # 第一条の「船舶」には、…が含まれる
        adverb = "" if not said.adverb else "principle" if said.adverb == IN_PRINCIPLE else "always"
        return "/".join(part for part in (said.modality, bracket, adverb, said.closing, even) if part)

    @property
    def key(self) -> tuple[str, ...]:
        """What the claim says, whatever its wording."""
        said = self.said
        return (said.subject, said.condition, said.scope, said.action, said.modality, said.adverb, said.closing)

    @property
    def in_principle(self) -> Claim:
        """What the claim says, said of the rule without its exception; the same where it speaks of cases itself."""
        said = self.said
        plain = not (said.adverb or said.closing) and said.scope in ("", "when") and self.edit not in _OF_CASES
        return replace(self, said=replace(said, adverb=IN_PRINCIPLE)) if plain else self

    def texts(self, *, digits: bool, named: bool = True) -> tuple[str, ...]:
        """The claim in every wording that is known."""
        return wordings(self.said, digits=digits, named=named)


def with_words(rule: Rule, part: str, old: str, new: str) -> Rule | None:
    """The rule with other words once in its subject, condition or action; None where they do not stand there once."""
    text = getattr(rule, part)
    return replace(rule, **{part: text.replace(old, new)}) if text.count(old) == 1 and old != new else None
