"""Questions for the provision that lays a rule down, in three forms that need the same thing: a citation found in the context.

``cited``   what is laid down stands in the request, the candidates are citations: lawqa_jp's own form
``paired``  every candidate names a provision and what it lays down; the false ones have another provision's number
``content`` the request names a provision, the candidates are what this one and others lay down

A small model did not learn to go from a citation to a heading and its text where the citation is all that a candidate
has, so two forms put citation and words into one sentence. They did not help either as far as it was measured
(docs/experiments.md).
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

from ....core.questions import Polarity
from ..law.book import Book, Listing
from ..law.rules import Rule
from .descriptions import MIN_APART, descriptions, sentence, told_apart
from .drafts import Draft, Option, Wants, answer_first, draft_about, needed
from .lists import of_its_noun, things_listed
from .requests import article_requests, content_requests, pair_requests
from .scenes import Place, Scene, set_scene

FORMS = {"cited": 0.58, "paired": 0.27, "content": 0.15}
OF_ITEMS = 0.6  # of the articles whose rules stand in items, the questions for an item
LISTED = 0.8  # of the articles with a list, the questions for the place of an item
ABSENT = 0.6  # of the questions with a place that is not shown, those with one among the candidates, as on the open 100
BUDGETS = (0.5, 0.75, 1.0)  # of the characters a context may have: with few provisions the right one is easy to find
CROSSED = 0.5  # of the paired ones, with the right words under another number and others under the right one first
MAX_TOLD_CHARS = 90  # of what a provision lays down, in a request or a candidate


def basis_draft(
    book: Book, article: str, wants: Wants, random_: random.Random, *, max_chars: int, count: int = 4
) -> Draft | None:
    """A question for one provision of ``article`` among others in the context."""
    rules = [rule for rule in book.rules if rule.article == article and rule.also is None]
    if not rules:
        return None
    of_items = [rule for rule in rules if rule.item]
    rule = random_.choice(of_items if of_items and random_.random() < OF_ITEMS else rules)
    budget = int(max_chars * random_.choice(BUDGETS))
    form = random_.choices(list(FORMS), list(FORMS.values()))[0]
    short = len(_words(rule)) <= MAX_TOLD_CHARS
    if form != "cited" and short and (scene := set_scene(book, rule, random_, max_chars, count, ruled=True)):
        if form == "paired":
            draft = _paired(scene, rule, wants, random_, count)
        else:  # few provisions hold as many rules as what is not in them wants
            draft = _content(scene, rule, wants, random_, count) or _content(scene, rule, "correct", random_, count)
        if draft:
            return draft
    listed = [one for one in book.listings if one.article == article and of_its_noun(one) and things_listed(one)]
    if listed and random_.random() < LISTED:
        rule = _in_list(random_.choice(listed), random_)
    scene = set_scene(book, rule, random_, budget, count)
    return _cited(scene, rule, random_, count) if scene else None


def _in_list(listing: Listing, random_: random.Random) -> Rule:
    """That an item of a list is one of the things listed, which its lead names: 「次に掲げる事項」 would point nowhere."""
    number, item = random_.choice(of_its_noun(listing))
    action = f"{random_.choice(things_listed(listing))}の一つとして「{item}」を挙げている"
    return Rule(listing.article, listing.paragraph, number, "", "", "", action, "stated", "", False, False)


def _cited(scene: Scene, rule: Rule, random_: random.Random, count: int) -> Draft | None:
    places = scene.wrong(rule, scene.places)
    random_.shuffle(places)
    # A citation of the same depth as the right one first, so that its form does not tell it.
    places.sort(key=lambda place: (place[2] is None) != (rule.item is None))
    absent = scene.wrong(rule, scene.hidden)
    if absent and (random_.random() < ABSENT or len(places) == count - 2):
        places = [random_.choice(absent), *places]
    places = places[: count - 1]
    if len(places) < count - 1:
        return None
    caption = _caption(scene, rule, places)
    digits = random_.random() < 0.8
    right, others = scene.text(rule.place), [scene.text(place) for place in places]
    # What stands in the context besides must not fit better either, and an item has to be asked for by its own words.
    others += [scene.text(place) for place in scene.wrong(rule, scene.places) if place not in places]
    others += [scene.lead(rule.place)] if rule.item else []
    whats = [
        what
        for what in descriptions(rule, caption, random_, digits=digits, goes_on=any(map(_GOES_ON.match, others)))
        if len(what.text) <= MAX_TOLD_CHARS and told_apart(what.text, right, others, MIN_APART)
    ]
    if not whats:
        return None
    options = [Option((scene.cite(place),), place == rule.place, "citation", place) for place in [rule.place, *places]]
    requests = article_requests(whats[0].text, "" if scene.named else f"{scene.book.title}の", whats[0].told)
    return _draft(scene, rule, "other", requests, options, random_)


# Says more of the same case: what must be done then stands in two provisions.
_GOES_ON = re.compile(r"前[^、]{0,6}の場合|第[^、]{1,12}の場合")


_SEVERAL = re.compile("及び|又は|並びに|若しくは|、")


def _caption(scene: Scene, rule: Rule, wrong: Sequence[Place]) -> str:
    """The article's caption where it names this paragraph and nothing else: no other of the article's can be chosen,
    and no article without a caption, as one that the caption before stands for has none. 「業務の開始及び休止」 names two
    paragraphs."""
    own = [one for one in scene.passages if one.article == rule.article]
    others = {place[0] for place in wrong}
    captions = {one.caption for one in scene.book.passages if one.article in others}
    alone = len(own) == 1 and rule.item is None and rule.article not in others
    if not alone or captions & {"", own[0].caption}:
        return ""
    several = sum(one.article == rule.article for one in scene.book.passages) > 1
    return "" if several and _SEVERAL.search(own[0].caption) else own[0].caption


def _paired(scene: Scene, rule: Rule, wants: Wants, random_: random.Random, count: int) -> Draft | None:
    rules = _tellable(scene, random_, first=rule)
    swaps = [(one, place) for one in rules for place in scene.wrong(one, scene.places) if _not_said(scene, one, place)]
    random_.shuffle(swaps)
    needed_true, needed_false = needed(wants, count)
    if len(rules) < needed_true or len(swaps) < needed_false:
        return None
    digits, pattern = random_.random() < 0.8, random_.choice(_PAIRS)
    if random_.random() < CROSSED:
        swaps.sort(key=lambda swap: swap[0] is not rule and swap[1] != rule.place)
    pairs = [
        *((one, one.place, True) for one in rules[:needed_true]),
        *((one, place, False) for one, place in swaps[:needed_false]),
    ]
    options = [
        Option(
            tuple(
                dict.fromkeys(
                    scene.written(
                        pattern.format(place=scene.cite(place, digits), what=sentence(one, random_, digits=digits))
                    )
                    for _ in range(3)
                )
            ),
            true,
            "paired",
            place,
        )
        for one, place, true in pairs
    ]
    requests = pair_requests(scene.book.title, wants)
    return _draft(scene, rule, wants, requests, answer_first(options, wants), random_)


_PAIRS = (
    "{place}によれば、{what}",
    "{place}には、{what}ことが定められている",
    "{what}と定めているのは、{place}である",
    "{what}旨を定めている条文は、{place}である",
)


def _content(scene: Scene, rule: Rule, wants: Wants, random_: random.Random, count: int) -> Draft | None:
    asked: Place = (rule.article, rule.paragraph, None)
    rules = _tellable(scene, random_, first=rule)
    own = [one for one in rules if one.place[:2] == asked[:2]]
    others = [one for one in rules if asked in scene.wrong(one, [asked]) and _not_said(scene, one, asked)]
    needed_true, needed_false = needed(wants, count)
    if len(own) < needed_true or len(others) < needed_false:
        return None
    digits = random_.random() < 0.8
    options = [
        Option(
            tuple(dict.fromkeys(sentence(one, random_, digits=digits) + "こと" for _ in range(3))),
            one in own,
            "content",
            one.place,
        )
        for one in [*own[:needed_true], *others[:needed_false]]
    ]
    cited = scene.cite(asked, digits)
    cited = cited if scene.named else scene.book.title + cited
    return _draft(scene, rule, wants, content_requests(cited, wants), answer_first(options, wants), random_)


def _tellable(scene: Scene, random_: random.Random, *, first: Rule) -> list[Rule]:
    """Rules of what is shown, one of each place, ``first`` before the others."""
    places = set(scene.places)
    rules = [one for one in scene.book.rules if one.place in places and one.also is None and one.place != first.place]
    random_.shuffle(rules)
    return [one for one in (first, *{one.place: one for one in rules}.values()) if len(_words(one)) <= MAX_TOLD_CHARS]


def _words(rule: Rule) -> str:
    return "".join((rule.subject, rule.condition, rule.action))


def _not_said(scene: Scene, rule: Rule, place: Place) -> bool:
    """Whether the rule's words stand where it is laid down and not at the other place."""
    return told_apart(_words(rule), scene.text(rule.place), [scene.text(place)], 2 * MIN_APART)


def _draft(
    scene: Scene,
    rule: Rule,
    polarity: Polarity,
    requests: Sequence[str],
    options: Sequence[Option],
    random_: random.Random,
) -> Draft:
    return draft_about(scene.book, rule.article, "basis", polarity, requests, options, scene.passages, random_)
