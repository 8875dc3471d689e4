"""Whom a rule is for where a bracket limits its subject: those left out are not bound by it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace

from .claims import OPPOSITE, Claim
from .definitions import BRACKET, named_case
from .references import kanji, kanji_article
from .rules import Rule
from .surroundings import Surroundings


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
