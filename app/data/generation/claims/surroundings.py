"""The law around a rule, which a change is checked against: the words of its article, the law's rules, the authorities
that it names."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random

from ..law.book import Book
from ..law.rules import Rule
from .claim import Claim

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
