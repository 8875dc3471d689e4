"""A statement about the law with its truth: a rule as it stands, or a rule changed so that it is false."""

from __future__ import annotations

from dataclasses import dataclass

from .rules import Modality, Rule
from .wordings import wordings

# A predicate and the one that cannot hold with it. 努める duties become full ones, which is the mistake people make.
OPPOSITE: dict[Modality, Modality] = {
    "duty": "need_not", "may": "cannot", "must_not": "free", "cannot": "may", "need_not": "duty", "plain": "plain_not",
    "plain_not": "plain", "deemed": "not_deemed", "not_deemed": "deemed", "effort": "duty", "free": "must_not", "no_duty": "duty", "stated": "stated",
}  # fmt: skip


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
        return "/".join(
            part for part in (said.modality, bracket, "always" if said.adverb else "", said.closing, even) if part
        )

    @property
    def key(self) -> tuple[str, ...]:
        """What the claim says, whatever its wording."""
        said = self.said
        return (said.subject, said.condition, said.scope, said.action, said.modality, said.adverb, said.closing)

    def texts(self, *, digits: bool, named: bool = True) -> tuple[str, ...]:
        """The claim in every wording that is known."""
        return wordings(self.said, digits=digits, named=named)
