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
# 国内委員会 is the end of ユネスコ国内委員会, 家庁長官 that of こども家庭庁長官, 道府県公安委員会 that of 都道府県公安委員会.
_NO_NAME = (
    r"(?<![一-龥ァ-ヶー々他各])(?<!こども)(?!主務|都度|国務|都道府県委|市町村委|関係|所管|事業所管|当該|各|他|前記"
    r"|旧|新設|存続|廃止|[都道]公安|(?:道府)?県公安)"
)
# No comma stands between the sentence and the name: 「意見を聴いた上内閣総理大臣」, 「この法律の施行の際海区漁業調整委員会」.
_RUN_ON = (
    r"(?![一-龥]+?(?:(?:内閣総理|総務|法務|外務|財務|文部科学|厚生労働|農林水産|経済産業|国土交通|環境|防衛|主務)大臣"
    r"|(?:金融|特許|文化|国税|観光|消防|気象|消費者|警察)庁長官)|上(?![告訴])|[際者]|場合|事項)"
)
ACTOR = re.compile(
    rf"{_NO_NAME}{_RUN_ON}(?:[一-龥]{{2,6}}大臣|都道府県知事|市町村長|特別区長|[一-龥]{{2,8}}長官|[一-龥]{{2,8}}委員会"
    r"|[一-龥]{0,6}裁判所|税務署長|警察署長|労働基準監督署長|公証人|検察官|総会|理事会|監事|理事長|会計監査人|取締役会)(?![一-龥])"
)
# Offices that the reorganisations of the ministries ended (2001; 食糧庁 2003, 防衛庁 2007, 社会保険庁 2010), and those before
# them: laws still name them in what they carry over, and a reader drops such a choice without the article.
_ENDED = re.compile(
    "(?:大蔵|文部|厚生|農林|通商産業|運輸|郵政|労働|建設|自治)大臣"
    "|(?:社会保険|科学技術|環境|経済企画|防衛|防衛施設|総務|国土|北海道開発|沖縄開発|食糧|金融監督)庁長官"
)

_LIFTS = re.compile("に代えて|(?:を|も)要しない|必要がない|省略することができる")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The law around one rule."""

    own: str  # every word of the rule's article, as printed
    rules: tuple[Rule, ...]  # all rules of the law
    beside: tuple[Rule, ...]  # the rules of the question's context
    actors: tuple[str, ...]  # authorities and organs that the law names

    @property
    def may_lift(self) -> bool:
        """Whether the article sets a duty aside or lets something else be done: 「交付に代えて、…することができる」."""
        return bool(_LIFTS.search(self.own))


Edit = Callable[[Rule, Surroundings, Random], Iterator[Claim]]


def actors_of(book: Book) -> tuple[str, ...]:
    """Authorities and organs of today that the law names, each once."""
    named = dict.fromkeys(actor for passage in book.passages for actor in ACTOR.findall(passage.text))
    return tuple(actor for actor in named if not _ENDED.fullmatch(actor))
