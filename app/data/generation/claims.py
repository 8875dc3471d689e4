"""A statement about the law with its truth: a rule as it stands, or a rule changed so that it is false; and the law around
a rule, which a change is checked against: the words of its article, the law's rules, the authorities that it names."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from random import Random

from .book import Book
from .rules import Modality, Rule
from .wordings import wordings

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


# Words that name no particular authority: 主務大臣 may be any minister, その他経済産業大臣 begins in the middle of a list.
# 国内委員会 is the end of ユネスコ国内委員会, 家庭庁長官 that of こども家庭庁長官.
_NO_NAME = r"(?<![一-龥ァ-ヶー他各])(?<!こども)(?!主務|都度|国務|都道府県委|関係|所管|事業所管|当該|各|他|前記)"
ACTOR = re.compile(
    rf"{_NO_NAME}(?:[一-龥]{{2,6}}大臣|都道府県知事|市町村長|特別区長|[一-龥]{{2,8}}長官|[一-龥]{{2,8}}委員会|[一-龥]{{0,6}}裁判所"
    r"|税務署長|警察署長|労働基準監督署長|公証人|検察官|総会|理事会|監事|理事長|会計監査人|取締役会)(?![一-龥])"
)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The law around one rule."""

    own: str  # every word of the rule's article, as printed
    rules: tuple[Rule, ...]  # all rules of the law
    beside: tuple[Rule, ...]  # the rules of the question's context
    actors: tuple[str, ...]  # authorities and organs that the law names


Edit = Callable[[Rule, Surroundings, Random], Iterator[Claim]]


def actors_of(book: Book) -> tuple[str, ...]:
    """Authorities and organs that the law names, each once."""
    return tuple(dict.fromkeys(actor for passage in book.passages for actor in ACTOR.findall(passage.text)))


def with_words(rule: Rule, part: str, old: str, new: str) -> Rule | None:
    """The rule with other words once in its subject, condition or action; None where they do not stand there once."""
    text = getattr(rule, part)
    return replace(rule, **{part: text.replace(old, new)}) if text.count(old) == 1 and old != new else None
