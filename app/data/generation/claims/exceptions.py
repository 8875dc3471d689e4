"""What holds outside a rule and what does not: its exception, the unless and the only-if turned round, its limits set aside,
those whom a bracket leaves out.

These are the statements in which 必ずしも, 常に, 場合であっても stand both in true and in false candidates, so that none of
these words answers by itself.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import replace

from ..law.definitions import BRACKET, named_case
from ..law.rules import Rule
from ..words.inflection import ANOTHER_ACT
from ..words.references import kanji, kanji_article
from .claim import OPPOSITE, Claim, with_words
from .surroundings import Surroundings

_ALWAYS = {
    "duty": ("常に", "例外なく", "必ず", "いかなる場合であっても"),
    "must_not": ("いかなる場合であっても", "理由のいかんを問わず", "例外なく", "一切"),
    "cannot": ("いかなる場合であっても", "理由のいかんを問わず", "例外なく", "一切"),
}
_NOT_ALWAYS = {"adverb": "必ずしも", "closing": "とは限らない"}
SOMETIMES = "場合がある"
_POINTING = ("その", "当該", "同")  # what opens a sentence so points to nothing there
# 必ずしも before such a part is too far from its verb, and seems to deny the manner, the aim or いつでも itself.
_FAR = re.compile(
    r"^あらかじめ|において|に際して|にかかわらず|には|については|に当たって|により|によ[つっ]て|をも[つっ]て|職権で|ため|と併せて|とともに|に限り|のみ|いつでも|範囲内で|.{45}"
)
_SAVED = re.compile("を除(?:き|くほか|いて|いては)、")  # one exception beside another: which of the two is spoken of?
_NESTED = "なければ"  # 「…でなければ、することができない」 cannot be negated once more and stay readable


def exception(rule: Rule, around: Surroundings, random_: random.Random) -> Iterator[Claim]:
    """A case of 「この限りでない」, stated rightly (the rule does not hold) and wrongly (it holds even then)."""
    if (
        not rule.exception
        or rule.modality not in ("duty", "may", "must_not", "cannot", "effort")
        or _NESTED in rule.action
        or _SAVED.search(rule.action)
        or (not rule.condition and rule.exception.startswith(_POINTING))
    ):
        return
    lifted = "need_not" if rule.modality == "effort" else OPPOSITE[rule.modality]
    if rule.exception.endswith("について"):
        base = replace(rule, exception="", condition=rule.exception.removesuffix("について"), reorder=False)
        # 「…場合には、その長について」 is a case within a case.
        if not rule.condition and "について" not in rule.action and "、" not in base.condition:
            yield Claim(True, "exception", rule, replace(base, scope="about", modality=lifted), "", rule.exception)
            yield Claim(False, "exception", rule, replace(base, scope="even_about"), "", rule.exception)
        return
    # Two conditions in one sentence read badly; the exception's case is said inside the rule's.
    joined = f"{rule.condition}場合において、{rule.exception}" if rule.condition else rule.exception
    base = replace(rule, exception="", condition=joined, reorder=False)
    yield Claim(True, "exception", rule, replace(base, scope="when", modality=lifted), "", rule.exception)
    yield Claim(False, "exception", rule, replace(base, scope="even"), "", rule.exception)


def absolute(rule: Rule, around: Surroundings, random_: random.Random) -> Iterator[Claim]:
    """A rule with an exception said to hold always (false) or not always (true); one without, said not always (false)."""
    if rule.modality not in _ALWAYS or rule.scope in ("only", "even") or _NESTED in rule.action:
        return
    if rule.modality == "duty":
        not_always, now = replace(rule, **_NOT_ALWAYS), "必ずしも"  # type: ignore[arg-type]  # two text fields
    else:  # 「必ずしもすることができないとは限らない」 says no twice
        not_always, now = replace(rule, modality="may", closing=SOMETIMES), SOMETIMES
    readable = now == SOMETIMES or not _FAR.search(rule.action)
    if rule.exception:
        word = random_.choice(_ALWAYS[rule.modality])
        yield Claim(False, "absolute", rule, replace(rule, adverb=word), "", word)
        if readable:
            yield Claim(True, "not_always", rule, not_always, "", now)
    # That what must not be done can be done is only said where there is an exception.
    elif (
        readable
        and not rule.open_ended
        and "除" not in rule.condition + rule.action
        and rule.scope == ""
        and rule.modality != "must_not"
        and not (rule.modality == "duty" and around.may_lift)
    ):
        yield Claim(False, "not_always", rule, not_always, "", now)


def discretion(rule: Rule, around: Surroundings, random_: random.Random) -> Iterator[Claim]:
    """What may be done need not always be done (true); what must be striven for is no duty (true)."""
    if rule.modality == "may" and not rule.open_ended and _NESTED not in rule.action and rule.scope != "only":
        if not _FAR.search(rule.action):
            always = replace(rule, modality="duty", **_NOT_ALWAYS)  # type: ignore[arg-type]  # two text fields
            yield Claim(True, "discretion", rule, always, "may", "必ずしも")
        # 「…に対してのみ、請求する義務はない」 may deny the のみ alone; to be reappointed is nobody's duty (「再任される」).
        if not re.search("いつでも|のみ|に限り|だけ|される$", rule.action):
            yield Claim(True, "discretion", rule, replace(rule, modality="no_duty"), "may", "no_duty")
    elif rule.modality == "effort" and not rule.open_ended:
        yield Claim(True, "discretion", rule, replace(rule, modality="no_duty"), "effort", "no_duty")
    elif (
        rule.modality == "duty"
        and not (rule.exception or rule.open_ended or around.may_lift)
        and _NESTED not in rule.action
    ):
        yield Claim(False, "discretion", rule, replace(rule, modality="no_duty"), "duty", "no_duty")


_UNLESS = re.compile(
    r"^(?P<need>[^、]{3,40}[をの](?:許可|認可|承認|同意|免許|登録|認定|指定|議決|確認|検査)を(?:受け|得|経))なければ、(?P<act>.+)$"
)


def unless(rule: Rule, around: Surroundings, random_: random.Random) -> Iterator[Claim]:
    """「Xを受けなければ、してはならない」: without X it is forbidden (true), allowed (false); what X opens (true)."""
    match = _UNLESS.fullmatch(rule.action)
    if not match or rule.modality not in ("must_not", "cannot"):
        return
    need, act = match["need"], match["act"]
    without = replace(rule, action=f"{need}ずに{act}")
    opposite = OPPOSITE[rule.modality]
    yield Claim(True, "unless", rule, without, "なければ", "ずに")
    yield Claim(False, "unless", rule, replace(without, modality=opposite), "なければ", "ずに")
    required = replace(rule, action=f"{act}には、{need}る", modality="duty")
    yield Claim(True, "unless", rule, required, "なければ", "には")
    yield Claim(False, "unless", rule, replace(required, modality="need_not"), "なければ", "には")


_CASE_LEFT_OUT = re.compile(
    r"^(?P<before>(?:[^、]+、)*?)(?P<case>[^、]{4,40})(?P<noun>場合|とき)を除(?:き|くほか|いて)、(?P<after>.+)$"
)


def left_out(rule: Rule, around: Surroundings, random_: random.Random) -> Iterator[Claim]:
    """「X場合を除き、しなければならない」: in X there is no duty (true), there is one even then (false)."""
    match = _CASE_LEFT_OUT.fullmatch(rule.action)
    if (
        not match
        or rule.modality not in ("duty", "must_not", "cannot", "may")
        or rule.condition
        or "次" in match["case"]
        or of_one_act(match["before"], match["case"])
        or any(_forbids_too(rule, other) for other in around.rules)
    ):
        return
    base = replace(rule, action=match["before"] + match["after"], condition=match["case"], reorder=False)
    yield Claim(
        True, "left_out", rule, replace(base, scope="when", modality=OPPOSITE[rule.modality]), "を除き", match["case"]
    )
    yield Claim(False, "left_out", rule, replace(base, scope="even"), "を除き", match["case"])


# 「船長、届出をした者を相手方とする場合を除き、」: the list is the case's. 「在任中、」, 「毎年、」 say when.
# 「譲渡条件が、支障を及ぼすおそれがあると認める場合を除き、」: so is the subject before it.
_NOUN_BEFORE = re.compile(r"(?:[一-龥ァ-ヶ）](?<![中間度後前時際年月])|[一-龥ァ-ヶー）]が)、$")


def _forbids_too(rule: Rule, other: Rule) -> bool:
    """Whether another paragraph of the article forbids the same people more, perhaps in the very case left out."""
    return (
        other.article == rule.article
        and other.place != rule.place
        and other.subject == rule.subject != ""
        and other.modality in ("must_not", "cannot")
    )


def of_one_act(before: str, words: str) -> bool:
    """Whether words limit only the last of several acts, 「甲をし、又は許可のある場合を除き、乙をしてはならない」, or are
    themselves only the last of several."""
    return words.startswith(("又は", "若しくは")) or bool(ANOTHER_ACT.search(before) or _NOUN_BEFORE.search(before))


def only_if(rule: Rule, around: Surroundings, random_: random.Random) -> Iterator[Claim]:
    """「X場合に限り、できる」: outside X it cannot (true), it can (false)."""
    # 「禁止されていない場合以外の場合には、することができない」 says no three times.
    if rule.scope != "only" or rule.modality != "may" or rule.condition.endswith(("ない", "なかつた", "なかった")):
        return
    outside = replace(rule, condition=f"{rule.condition}場合以外の", scope="when", reorder=False)
    yield Claim(True, "only_if", rule, replace(outside, modality="cannot"), "に限り", "以外の場合")
    yield Claim(False, "only_if", rule, replace(outside, scope="even"), "に限り", "以外の場合")


_REASONS = (
    ("正当な理由がある場合を除き、", "正当な理由の有無にかかわらず、"), ("正当な理由がある場合を除くほか、", "正当な理由の有無にかかわらず、"),
    ("正当な理由がないのに、", "正当な理由の有無にかかわらず、"), ("正当な理由がなく、", "正当な理由の有無にかかわらず、"),
    ("正当な理由がなければ、", "正当な理由の有無にかかわらず、"), ("正当な理由がない限り、", "正当な理由の有無にかかわらず、"),
    ("正当な理由なく、", "正当な理由の有無にかかわらず、"), ("やむを得ない場合を除き、", "いかなる事情があっても、"),
)  # fmt: skip
_DISCRETION = re.compile(r"(?:必要が?ある|適当である|相当である|おそれがある|支障がない)と認める$")


def over_general(rule: Rule, around: Surroundings, random_: random.Random) -> Iterator[Claim]:
    """A limit of the rule set aside: 正当な理由の有無にかかわらず, 認めるか否かにかかわらず."""
    for old, new in _REASONS:
        if said := with_words(rule, "action", old, new):
            yield Claim(False, "over_general", rule, said, old, new)
    # 「受けたとき、又は…と認めるときは」 still holds in its first case when the second is set aside.
    several = "又は" in rule.condition and "とき" in rule.condition
    if (
        rule.modality == "may"
        and rule.scope == "when"
        and not several
        and _DISCRETION.search(rule.condition)
        and rule.subject
    ):
        word = random_.choice(("か否かにかかわらず", "かどうかを問わず"))
        whether = replace(rule, condition="", scope="", action=f"{rule.condition}{word}、{rule.action}", reorder=False)
        yield Claim(False, "over_general", rule, whether, "ときは", word)
        unmet = replace(
            rule, condition=rule.condition.removesuffix("認める") + "認められない", scope="even", reorder=False
        )
        yield Claim(False, "over_general", rule, unmet, "認める", "認められない")


def restriction(rule: Rule, around: Surroundings, random_: random.Random) -> Iterator[Claim]:
    """「A（Xを除く。）は、しなければならない」: the rule is not for X (true), it is (false); the same for に限る."""
    bracket = BRACKET.search(rule.subject)
    if (
        not bracket
        or bracket["verb"] == "を含む"
        or rule.modality not in ("duty", "may", "must_not")
        or "、" in rule.subject
    ):
        return
    if bracket.end() != len(rule.subject) or rule.item is not None:
        return
    case = named_case(bracket)
    if not case or case.endswith("場合") or "なければ" in rule.action:
        return
    if bracket["verb"] == "に限る":
        case = f"{case}以外の{bracket['noun']}"
    # Another rule may oblige X to the same, so the statement names the one that it is about.
    basis = f"{kanji_article(rule.article)}第{kanji(int(rule.paragraph))}項の規定により"
    said = replace(rule, subject=case, action=f"{basis}{rule.action}", reorder=False)
    yield Claim(True, "restriction", rule, replace(said, modality=OPPOSITE[rule.modality]), bracket.group(), case)
    yield Claim(False, "restriction", rule, said, bracket.group(), case)
