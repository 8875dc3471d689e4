"""Rules with the words of another provision put into them: a cited item's, or what an order fills in."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from ...law_numbers import NUMBER, article_key, to_int
from ..words.spelling import without_definitions
from .checks import is_another_rule
from .fillings import Filling
from .passages import Passage
from .rules import Rule

# Short, of one part, ending in a noun, and pointing nowhere.
_FITS = re.compile(r"(?!その他|前)(?!.*、.*、)[^。「」（）]{2,45}[一-龥]")
# What follows a list and is true of all its things together, not of one: 「…を除き」, 「…でなければ」, 「…に限り」.
SPEAKS_OF_ALL = re.compile(
    r"(?:のいずれか)?(?:に該当する(?:とき|場合|者|もの))?"
    r"(?:ごとに|を除|以外|(?:である場合)?のほか|のうち|[^、]{0,12}(?:[でが]な(?:い|く|ければ(?!なら))|しない(?=場合|とき|者|限り)|に限|のみ|だけ))"
)
_CITED_ITEM = re.compile(
    rf"(?P<article>第{NUMBER}条(?:の{NUMBER})*)(?:第(?P<paragraph>{NUMBER})項)?(?:各号|第(?P<item>{NUMBER})号(?!の))に掲げる(?:事項|書類|業務|事由)"
)


def with_cited_items(rules: Sequence[Rule], passages: Sequence[Passage]) -> list[Rule]:
    """Rules that cite an item (第五条第一項第二号に掲げる事項), with the item's words in the place of the citation."""
    by_place = {(one.article, one.paragraph): one for one in passages}
    found = []
    for rule in rules:
        for part in ("subject", "condition", "action"):
            text = getattr(rule, part)
            matches = list(_CITED_ITEM.finditer(text))
            key = article_key(matches[0]["article"]) if len(matches) == 1 else None
            if key is None or rule.item is not None:
                continue
            match = matches[0]
            if match["item"] is None and SPEAKS_OF_ALL.match(text, match.end()):
                continue
            passage = by_place.get((key, str(to_int(match["paragraph"] or "一"))))
            wanted = str(to_int(match["item"])) if match["item"] else None
            if passage is None or (passage.article, passage.paragraph) == (rule.article, rule.paragraph):
                continue
            for number, words in passage.items:
                plain = without_definitions(words.strip().removesuffix("。"))
                if wanted in (None, number) and plain and _FITS.fullmatch(plain):
                    found.append(
                        replace(
                            rule,
                            **{part: text.replace(match.group(), plain)},
                            also=(passage.law, key, passage.paragraph, number),
                        )
                    )
    return found


def with_filled_in(rules: Sequence[Rule], fillings: Sequence[Filling]) -> dict[Rule, tuple[Rule, ...]]:
    """Rules that leave something to an order (政令で定める者は), with what the order fills in put in its place, each with
    the same rule filled in wrongly: with what the order fills in elsewhere."""
    found: dict[Rule, tuple[Rule, ...]] = {}
    at: dict[tuple[str, str], list[Rule]] = {}
    for rule in rules:
        at.setdefault((rule.article, rule.paragraph), []).append(rule)
    for filling in fillings:
        own = at.get((filling.act.article, filling.act.paragraph), [])
        here = [(rule, part) for rule in own if (part := _where(rule, filling))]
        strange = _strange(filling, fillings) if here else []
        for rule, part in here:
            text = getattr(rule, part)
            for number, words in filling.things:
                if _takes_its_place(words, filling):
                    composed = replace(
                        rule, **{part: text.replace(filling.name, words)}, also=(*filling.order.place, number)
                    )
                    found[composed] = tuple(
                        replace(composed, **{part: text.replace(filling.name, other)}) for other in strange
                    )
    everything = [*rules, *found]
    return {rule: tuple(one for one in wrong if not is_another_rule(one, everything)) for rule, wrong in found.items()}


def _where(rule: Rule, filling: Filling) -> str | None:
    """The part of the rule that names what is left to the order, where one thing can stand in its place."""
    if filling.item is not None:
        return None
    for part in ("subject", "condition", "action"):
        text = getattr(rule, part)
        if text.count(filling.name) == 1 and _stands_alone(text, filling.name):
            after = text.partition(filling.name)[2]
            return None if filling.listed and SPEAKS_OF_ALL.match(after) else part
    return None


def _strange(filling: Filling, fillings: Sequence[Filling]) -> list[str]:
    """What the order fills in elsewhere and could stand in the place of this."""
    return [
        words
        for other in fillings
        if filling.closed and other.is_beside(filling)
        for _, words in other.things
        if _takes_its_place(words, filling) and not filling.has(words)
    ]


def _takes_its_place(words: str, filling: Filling) -> bool:
    """Whether the words can stand where the Act names what it leaves to the order."""
    of_any_sort = filling.listed and filling.noun.endswith(("事項", "書類"))
    return bool(_FITS.fullmatch(words)) and (of_any_sort or words[-1] == filling.noun[-1])


def _stands_alone(text: str, name: str) -> bool:
    """Whether no 「…として」 or 「その他」 before the name goes with it."""
    return bool(re.search(r"(?:^|[、はがをにし])$", text[: text.index(name)]))
