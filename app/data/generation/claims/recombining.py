"""False statements put together from two rules of the context: the condition or the subject of one, the effect of the other."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import replace

from ...law_numbers import NUMBER, article_label, paragraph_label
from ..law.checks import is_another_rule, overlapping, says_same
from ..law.rules import SAME_PART, Rule
from ..words.references import kanji_numbers
from .claim import Claim
from .surroundings import Surroundings

# Above it two conditions may be met by the same case, and the effect may follow from either.
MAX_ALIKE = 0.4
_POINTS_BACK = re.compile(r"その|これ|当該|同[条項号法]|自己")
PERSON = re.compile(r"(?:者|人|会社|法人|機構|大臣|知事|長|員|会|所|事業主|業者|組合|機関|官)$")
# Speaks of everybody but some, so that almost any other subject falls under it too.
_EVERYBODY = re.compile(r"でない|以外|何人|その他")
# Who that is another provision says, or the case: it may be the other subject.
_MAY_BE_ANYONE = re.compile(r"(?:当事者|代理人|関係者|関係人|に(?:規定する|掲げる|該当する)者)$")
_OFFICE = re.compile("理事|監事|[会社総議]長|委員長|取締役|監査役")
_CITED = re.compile(rf"第{NUMBER}条(?:の{NUMBER})*")
_ACT = re.compile(r"([一-龥]{2})(?:があ|をし|され|し)")  # 「通知があったときは、通知された事実について」


def recombined(rule: Rule, around: Surroundings, random_: random.Random) -> Iterator[Claim]:
    """The rule's effect under another rule's condition, or for another rule's subject."""
    rivals = [one for one in around.beside if one.place != rule.place and not says_same(one, rule)]
    random_.shuffle(rivals)
    for other in rivals:
        if _may_swap_conditions(rule, other) and not _is_nickname(other.condition, around.own):
            said = replace(rule, condition=other.condition, reorder=False)
            if not is_another_rule(said, around.rules):
                yield Claim(False, "recombined", rule, said, rule.condition, other.condition)
        if _may_swap_subjects(rule, other) and other.subject not in around.own:
            said = replace(rule, subject=other.subject, reorder=False)
            if not is_another_rule(said, around.rules):
                yield Claim(False, "recombined", rule, said, rule.subject, other.subject)


def _may_swap_conditions(rule: Rule, other: Rule) -> bool:
    return (
        rule.scope == other.scope == "when"
        # Where the law leaves it to an authority's judgement, another case may well be one in which it judges so.
        and not rule.condition.endswith(("認める", "必要がある"))
        and not _POINTS_BACK.search(other.condition)
        and overlapping(rule.condition, other.condition) < MAX_ALIKE
        and overlapping(other.condition, rule.action) < 2 * MAX_ALIKE
        # 「第一項の命令をする場合において、必要があるとき」 is one of the cases of 「第一項の命令をしようとするとき」.
        and not set(_CITED.findall(rule.condition)) & set(_CITED.findall(other.condition))
        # A case that arises under the rule itself does not end it: 「第一項の協議が成立しない場合」 beside the rule of that 協議.
        and not _speaks_of(other.condition, rule)
        # The words that the action points back to with その or 当該 are gone with the condition.
        and not _POINTS_BACK.search(rule.subject + rule.action)
        and not any(
            f"{act}{done}" in rule.action for act in _ACT.findall(rule.condition) for done in ("された", "した")
        )
    )


_NICKNAMES = re.compile(r"「([^」]{2,20})」という")


def _is_nickname(condition: str, own: str) -> bool:
    """Whether a case is told by a short name that the rule's own article gives to something: it may be the rule's case."""
    return any(name in condition for name in _NICKNAMES.findall(own))


def _speaks_of(text: str, rule: Rule) -> bool:
    """Whether the text names the rule's own paragraph, or its article as a whole."""
    article, paragraph = kanji_numbers(article_label(rule.article)), kanji_numbers(paragraph_label(rule.paragraph))
    return re.search(rf"{article}(?!の[一二三四五六七八九十])(?:{paragraph}|(?!第))", text) is not None


def _may_swap_subjects(rule: Rule, other: Rule) -> bool:
    one, new = rule.subject, other.subject
    if not (one and new and PERSON.search(one) and PERSON.search(new)) or max(len(one), len(new)) > 24:
        return False
    if (
        _EVERYBODY.search(one + new)
        or _MAY_BE_ANYONE.search(one)
        or _MAY_BE_ANYONE.search(new)
        or _POINTS_BACK.search(new)
        or SAME_PART.search(rule.action)
        or ("職員" in new and "職員" in rule.action)  # whose staff, nobody could tell
        or rule.action.endswith(("に処する", "組織する"))
    ):
        return False
    if any("役員" in who and _OFFICE.search(whose) for who, whose in ((one, new), (new, one))):
        return False  # 理事長 is a 役員, whatever article says so
    # 社員 and 各社員, 許可を受けた者 and 受けた者 may be the same person.
    if overlapping(new, rule.action) > MAX_ALIKE:  # 「免許を受けた者は、免許を受けることができない」
        return False
    return one[-2:] != new[-2:] and overlapping(one, new) < MAX_ALIKE and new not in rule.action + rule.condition
