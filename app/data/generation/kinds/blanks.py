"""Questions for what stands in a blank: an amount, a period, or the authority that a duty is owed to."""

from __future__ import annotations

import random
from dataclasses import replace

from ..claims.claim import Claim
from ..claims.surroundings import ACTOR, actors_of
from ..law.book import Book
from ..law.checks import is_known_party
from ..law.rules import Rule
from ..words.amounts import Amount, amounts, others
from .drafts import DIGITS, Draft, Option, chars, draft_about, neighbours, spelled, with_items
from .requests import blank_requests

BLANK = "［　　］"
_NOUNS = {"年": "期間", "月": "期間", "箇月": "期間", "か月": "期間", "週間": "期間", "日": "期間", "時間": "時間", "人": "人数", "円": "金額",
          "回": "回数", "歳": "年齢", "倍": "割合", "割": "割合", "分の": "割合"}  # fmt: skip


def blank_draft(book: Book, article: str, random_: random.Random, *, max_chars: int, count: int = 4) -> Draft | None:
    """A question for an amount or an authority of a rule of ``article``."""
    rules = [rule for rule in book.rules if rule.article == article and rule.also is None]
    random_.shuffle(rules)
    for rule in rules:
        found = _amount(book, rule, random_, count) or _authority(book, rule, random_, count)
        if found is None:
            continue
        noun, blanked, texts = found
        passage = book.passage_at(rule.article, rule.paragraph)
        scene = [with_items(passage, [rule.item] if rule.item else [], random_, 4)]
        # A paragraph beside it that has a wrong candidate, so that being in the context does not decide.
        rivals = [one for one in neighbours(book, article, random_) if any(text in one.lead for text in texts[1:])]
        scene += [with_items(one, [], random_, 3) for one in rivals[:1]]
        scene = scene if chars(scene) <= max_chars else scene[:1]
        if chars(scene) > max_chars:
            continue
        digits = random_.random() < DIGITS
        sentences = Claim(True, "as_is", blanked, blanked).texts(digits=digits)
        options = [
            Option(
                (spelled(text, digits),),
                index == 0,
                "as_is" if index == 0 else "other_value",
                rule.place,
                texts[0],
                text,
            )
            for index, text in enumerate(texts)
        ]
        requests = blank_requests(sentences, noun)
        return draft_about(book, article, "blank", "correct", requests, options, scene, random_)
    return None


def _amount(book: Book, rule: Rule, random_: random.Random, count: int) -> tuple[str, Rule, list[str]] | None:
    for part in ("action", "condition"):
        text = getattr(rule, part)
        found = amounts(text)
        if len(found) != 1 or text.count(found[0].text) != 1:
            continue
        amount: Amount = found[0]
        wrong = others(amount, [])
        in_law = {one.text for passage in neighbours(book, rule.article, random_) for one in amounts(passage.lead)}
        # Values of the law beside it first, then the usual ones: a rare number would give itself away.
        rank = {text: index * random_.uniform(0.3, 1.0) for index, text in enumerate(wrong)}
        wrong.sort(key=lambda text: (text not in in_law, rank[text]))
        if len(wrong) >= count - 1:
            blanked = replace(rule, **{part: text.replace(amount.text, BLANK)})
            return _NOUNS[amount.unit], blanked, [amount.text, *wrong[: count - 1]]
    return None


def _authority(book: Book, rule: Rule, random_: random.Random, count: int) -> tuple[str, Rule, list[str]] | None:
    found = ACTOR.findall(rule.action)
    if len(found) != 1 or rule.action.count(found[0]) != 1:
        return None
    own = "\n".join(one.text for one in book.passages if one.article == rule.article)
    wrong = [actor for actor in actors_of(book) if is_known_party(found[0], actor) and actor not in own]
    if len(wrong) < count - 1:
        return None
    blanked = replace(rule, action=rule.action.replace(found[0], BLANK))
    random_.shuffle(wrong)
    near = "".join(passage.lead for passage in neighbours(book, rule.article, random_))
    wrong.sort(key=lambda actor: actor not in near)
    return "者", blanked, [found[0], *wrong[: count - 1]]
