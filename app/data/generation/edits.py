"""Changes that make a rule false: one thing of it, checked against the law before the change is kept.

Each function yields claims about one rule. What they rely on is in ``Surroundings``: the words and rules beside it.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from app.data.generation.amounts import amounts, others
from app.data.generation.checks import is_another_rule, is_known_party, says_same
from app.data.generation.claims import OPPOSITE, Claim
from app.data.generation.rules import Modality, Rule

ACTOR = re.compile(
    r"(?:[一-龥]{2,6}大臣|都道府県知事|市町村長|特別区長|[一-龥]{2,8}長官|[一-龥]{2,8}委員会|[一-龥]{0,6}裁判所|税務署長|警察署長|労働基準監督署長|公証人|検察官|総会|理事会|監事|理事長|会計監査人|取締役会)(?![一-龥])"
)
ABSOLUTE = ("常に", "例外なく", "いかなる場合であっても", "理由のいかんを問わず", "必ず")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a change is checked against."""

    own: str  # every word of the rule's article, as printed
    rules: tuple[Rule, ...]  # all rules of the law
    beside: tuple[Rule, ...]  # the rules of the question's context
    actors: tuple[str, ...]  # authorities and organs that the law names


Edit = Callable[[Rule, Surroundings, random.Random], Iterator[Claim]]


def _changed(rule: Rule, part: str, old: str, new: str) -> Rule | None:
    text = getattr(rule, part)
    return replace(rule, **{part: text.replace(old, new, 1)}) if old in text and old != new else None


def modality(rule: Rule, around: Surroundings, random_: random.Random) -> Iterator[Claim]:
    """The force turned: must → need not, may → cannot, may → must."""
    targets: list[Modality] = [OPPOSITE[rule.modality]]
    if rule.modality == "may" and not rule.action.endswith("である"):
        targets.append("duty")
    for target in targets:
        said = replace(rule, modality=target)
        if rule.action.endswith("に処する") or (rule.exception and target == "need_not"):
            continue
        yield Claim(False, "modality", rule, said, rule.modality, target)


def number(rule: Rule, around: Surroundings, random_: random.Random) -> Iterator[Claim]:
    """Another amount, which stands nowhere in the article."""
    taken = amounts(around.own)
    for part in ("action", "condition"):
        for amount in amounts(getattr(rule, part)):
            found = others(amount, taken)
            if not found:
                continue
            beside = {one.text for other in around.beside for one in amounts(other.condition + other.action)}
            near = [text for text in found if text in beside] or found
            new = random_.choice(near)
            said = _changed(rule, part, amount.text, new)
            if said and getattr(rule, part).count(amount.text) == 1:
                yield Claim(False, "number", rule, said, amount.text, new)


_TIMES = (
    ("あらかじめ", ("事後に", "遅滞なく")), ("遅滞なく", ("一年以内に", "次の事業年度の開始までに")), ("直ちに", ("六月以内に", "一年以内に")),
    ("速やかに", ("一年以内に",)), ("毎年", ("五年ごとに", "三年ごとに")), ("毎事業年度", ("三事業年度ごとに",)),
)  # fmt: skip
_LIMITS = (
    ("以内に", "を経過した後に"),
    ("以上", "未満"),
    ("未満", "以上"),
    ("を超える", "に満たない"),
    ("前までに", "後までに"),
)


def limit(rule: Rule, around: Surroundings, random_: random.Random) -> Iterator[Claim]:
    """以上 for 未満, after for within, afterwards for beforehand."""
    for part in ("action", "condition"):
        text = getattr(rule, part)
        for old, news in _TIMES:
            if text.count(old) == 1 and (text.startswith(old) or f"、{old}" in text):
                new = random_.choice(news)
                said = _changed(rule, part, old, new)
                if said and new not in around.own:
                    yield Claim(False, "time", rule, said, old, new)
        for amount in amounts(text):
            for old, new in _LIMITS:
                if text.startswith(old, amount.end):
                    said = _changed(rule, part, amount.text + old, amount.text + new)
                    if said and amount.text + new not in around.own:
                        yield Claim(False, "limit", rule, said, amount.text + old, amount.text + new)


_PROCEDURES = (
    ("の意見を聴いて", "の同意を得て"), ("の意見を聴く", "の同意を得る"), ("の同意を得て", "の意見を聴いて"), ("の同意を得る", "の意見を聴く"),
    ("の許可を受けて", "に届け出て"), ("の認可を受けて", "に届け出て"), ("の承認を受けて", "に届け出て"), ("の承認を得て", "に報告して"),
    ("の許可を受ける", "に届け出る"), ("の認可を受ける", "に届け出る"), ("の承認を受ける", "に届け出る"), ("の登録を受ける", "に届け出る"),
    ("と協議して", "に通知して"), ("に協議する", "に通知する"), ("書面により", "口頭により"), ("書面で", "口頭で"), ("の議決を経る", "に報告する"),
    ("の議決を経て", "に報告して"), ("の決議によ", "への報告によ"), ("公告する", "各別に通知する"), ("無償で", "有償で"), ("公開する", "公開しない措置をとる"),
    ("職権で", "当事者の申立てにより"), ("申請により", "職権により"), ("請求により", "職権により"), ("申立てにより", "職権により"),
)  # fmt: skip


def procedure(rule: Rule, around: Surroundings, random_: random.Random) -> Iterator[Claim]:
    """Consent for hearing, notice for permission, orally for in writing."""
    for old, new in _PROCEDURES:
        said = _changed(rule, "action", old, new)
        if said and rule.action.count(old) == 1 and new not in around.own and "又は職権" not in around.own:
            yield Claim(False, "procedure", rule, said, old, new)


def party(rule: Rule, around: Surroundings, random_: random.Random) -> Iterator[Claim]:
    """Another authority or organ, which the article does not name."""
    for part in ("subject", "action"):
        for old in dict.fromkeys(ACTOR.findall(getattr(rule, part))):
            news = [actor for actor in around.actors if actor not in around.own and is_known_party(old, actor)]
            if not news or getattr(rule, part).count(old) != 1:
                continue
            new = random_.choice(news)
            said = _changed(rule, part, old, new)
            if said:
                yield Claim(False, "party", rule, said, old, new)


def exception(rule: Rule, around: Surroundings, random_: random.Random) -> Iterator[Claim]:
    """A case of 「この限りでない」, stated rightly (the rule does not hold) and wrongly (it holds even then)."""
    if not rule.exception or rule.modality not in ("duty", "may", "must_not", "cannot", "effort"):
        return
    lifted = OPPOSITE[rule.modality] if rule.modality != "effort" else "need_not"
    if rule.modality == "cannot":
        lifted = "may"
    base = replace(rule, exception="", reorder=False)
    # Two conditions in one sentence read badly; the exception's case is said inside the rule's.
    joined = f"{rule.condition}場合において、{rule.exception}" if rule.condition else rule.exception
    yield Claim(
        True, "exception", rule, replace(base, condition=joined, scope="when", modality=lifted), "", rule.exception
    )
    yield Claim(False, "exception", rule, replace(base, condition=joined, scope="even"), "", rule.exception)


def absolute(rule: Rule, around: Surroundings, random_: random.Random) -> Iterator[Claim]:
    """A rule with an exception said to hold always (false), or not always (true); one without, said not always (false)."""
    if rule.modality not in ("duty", "must_not", "cannot") or rule.scope == "only":
        return
    if rule.exception:
        word = random_.choice(ABSOLUTE)
        yield Claim(False, "absolute", rule, replace(rule, adverb=word), "", word)
        yield Claim(True, "not_always", rule, replace(rule, adverb="必ずしも", closing="とは限らない"), "", "必ずしも")
    elif not rule.open_ended and "除" not in rule.condition + rule.action and rule.scope == "":
        yield Claim(False, "not_always", rule, replace(rule, adverb="必ずしも", closing="とは限らない"), "", "必ずしも")


_REASONS = (
    ("正当な理由がある場合を除き、", "正当な理由の有無にかかわらず、"), ("正当な理由がある場合を除くほか、", "正当な理由の有無にかかわらず、"),
    ("正当な理由がないのに、", "正当な理由の有無にかかわらず、"), ("正当な理由がなく、", "正当な理由の有無にかかわらず、"),
    ("正当な理由がなければ、", "正当な理由の有無にかかわらず、"), ("正当な理由がない限り、", "正当な理由の有無にかかわらず、"),
    ("やむを得ない場合を除き、", "いかなる事情があっても、"),
)  # fmt: skip
_DISCRETION = re.compile(r"(?:必要が?ある|適当である|相当である|おそれがある|支障がない)と認める$")


def over_general(rule: Rule, around: Surroundings, random_: random.Random) -> Iterator[Claim]:
    """A limit of the rule set aside: 正当な理由の有無にかかわらず, 認めるか否かにかかわらず."""
    for old, new in _REASONS:
        said = _changed(rule, "action", old, new)
        if said:
            yield Claim(False, "over_general", rule, said, old, new)
    if rule.modality == "may" and rule.scope == "when" and _DISCRETION.search(rule.condition) and rule.subject:
        whether = replace(
            rule, condition="", scope="", action=f"{rule.condition}か否かにかかわらず、{rule.action}", reorder=False
        )
        yield Claim(False, "over_general", rule, whether, "ときは", "か否かにかかわらず")
    if rule.scope == "only" and re.search(r"[るたうい]$", rule.condition):
        whether = replace(
            rule, condition="", scope="", action=f"{rule.condition}か否かにかかわらず、{rule.action}", reorder=False
        )
        yield Claim(False, "over_general", rule, whether, "に限り", "か否かにかかわらず")


def recombined(rule: Rule, around: Surroundings, random_: random.Random) -> Iterator[Claim]:
    """The condition of another rule beside it with this rule's effect, or another's subject."""
    rivals = [one for one in around.beside if one.place != rule.place and not says_same(one, rule)]
    random_.shuffle(rivals)
    for other in rivals:
        if (
            rule.condition
            and other.condition
            and rule.scope == other.scope == "when"
            and not _points_back(other.condition)
        ):
            said = replace(rule, condition=other.condition, reorder=False)
            if not is_another_rule(said, around.rules):
                yield Claim(False, "recombined", rule, said, rule.condition, other.condition)
        persons = rule.subject and other.subject and _is_person(rule.subject) and _is_person(other.subject)
        if persons and other.subject not in rule.action and other.subject not in around.own:
            said = replace(rule, subject=other.subject)
            if not is_another_rule(said, around.rules):
                yield Claim(False, "recombined", rule, said, rule.subject, other.subject)


def _points_back(text: str) -> bool:
    return bool(re.search(r"その|これ|当該|同[条項号法]|自己", text))


def _is_person(subject: str) -> bool:
    return (
        bool(re.search(r"(?:者|人|会社|法人|機構|大臣|知事|長|員|会|所|事業主|業者|組合|機関|官)$", subject))
        and len(subject) <= 24
    )
