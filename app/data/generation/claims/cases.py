"""Cases with a day or a number that has to be held against a limit of the law: 三十日以内, 三年を超えることができない."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

from ..law.rules import Rule
from ..words.amounts import DAYS, Amount, amounts
from ..words.inflection import te_form
from ..words.references import kanji
from .claim import Claim
from .recombining import PERSON
from .surroundings import Surroundings

_WITHIN = re.compile(
    r"^(?P<before>(?:[^、]+、){0,2}?)(?P<from>[^、]{3,40}?)(?P<since>から(?:起算して)?|後)(?P<amount>[一二三四五六七八九十百]+(?:日|週間|月|箇月|年))以内に、?(?P<act>.+)$"
)
_CEILING = re.compile(
    r"(?P<amount>[一二三四五六七八九十百千万億]+(?:日|月|年|人|円|分の[一二三四五六七八九十百千]+|歳|箇月))を超える$"
)
_THRESHOLD = re.compile(
    r"(?P<amount>[一二三四五六七八九十百千万億]+(?:人|円|歳|年|箇月|トン|メートル))(?P<limit>以上|未満|以下|を超える)の"
)
# How far a case lies from the limit: never at it, so that no rule about the first day decides.
_BELOW, _ABOVE = (Fraction(1, 3), Fraction(1, 2), Fraction(2, 3)), (Fraction(3, 2), Fraction(2), Fraction(3))


def deadline(rule: Rule, around: Surroundings, random_: random.Random) -> Iterator[Claim]:
    """What is done on a day within the time, or after it: in time or too late, both ways true and false."""
    match = _WITHIN.fullmatch(rule.action)
    if (
        not match
        or rule.modality not in ("duty", "may")
        or rule.scope not in ("", "when")
        or rule.exception
        or rule.open_ended
    ):
        return
    limit = amounts(match["amount"])[0]
    past = te_form(match["act"])
    # 「申請が…したとき」 of an action that has only a verb says nothing.
    if past is None or "を" not in match["act"] or match["before"].endswith(("に限り、", "ものは、")):
        return
    if not PERSON.search(re.sub(r"（[^）]*）$", "", rule.subject)):
        return
    when = f"{rule.condition}場合において、" if rule.condition else ""
    for inside in (True, False):
        day = _away(limit, inside, random_)
        if day is None:
            continue
        done = f"{rule.subject}が、{when}{match['before']}{match['from']}{match['since']}{day}を経過した日に{_past(past)}ときは、"
        for kept in (True, False):
            verdict = "法定の期間内に行ったことになる" if kept else "法定の期間を過ぎて行ったことになる"
            said = replace(
                rule, subject="", condition="", scope="", action=done + verdict, modality="stated", reorder=False
            )
            yield Claim(inside == kept, "deadline", rule, said, limit.text, day)


def ceiling(rule: Rule, around: Surroundings, random_: random.Random) -> Iterator[Claim]:
    """「三年を超えることができない」: two years can be set (true), five can (false)."""
    match = _CEILING.search(rule.action)
    if (
        not match
        or rule.modality not in ("cannot", "must_not")
        or match.start()
        or rule.exception
        or rule.open_ended
        or not rule.subject
    ):
        return
    limit = amounts(match["amount"])[0]
    for inside in (True, False):
        value = _away(limit, inside, random_)
        if value is None:
            continue
        for modality in ("may", "cannot"):
            said = replace(rule, action=f"{value}とする", modality=modality, reorder=False)
            yield Claim(inside == (modality == "may"), "ceiling", rule, said, limit.text, value)


def threshold(rule: Rule, around: Surroundings, random_: random.Random) -> Iterator[Claim]:
    """「十人以上の労働者を使用する者は」: the rule is for one with fifteen (true), for one with five (false)."""
    match = _THRESHOLD.search(rule.subject)
    if not match or rule.modality not in ("duty", "may", "must_not") or len(amounts(rule.subject)) != 1:
        return
    limit = amounts(match["amount"])[0]
    for inside in (True, False):
        higher = inside == (match["limit"] in ("以上", "を超える"))
        value = _away(limit, not higher, random_)
        if value is None:
            continue
        subject = rule.subject.replace(match.group(), value + "の")
        yield Claim(inside, "threshold", rule, replace(rule, subject=subject, reorder=False), match.group(), value)


def _past(te: str) -> str:
    """``届け出て`` → ``届け出た``, ``選んで`` → ``選んだ``."""
    return te[:-1] + ("だ" if te.endswith("で") else "た")


def _away(limit: Amount, below: bool, random_: random.Random) -> str | None:
    """An amount clearly below or above the limit, in words; lengths of time may come in days."""
    factors = list(_BELOW if below else _ABOVE)
    random_.shuffle(factors)
    for factor in factors:
        value = limit.value * factor
        if value.denominator == 1 and value >= 1 and limit.unit != "分の":
            return f"{kanji(int(value))}{limit.unit}"
        if limit.unit in ("週間", "月", "箇月", "か月"):
            return f"{kanji(int(value * DAYS[limit.unit]))}日"
    return None
