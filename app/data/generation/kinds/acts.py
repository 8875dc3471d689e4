"""Questions for the act that breaks a prohibition, or the one that does not, among acts that the law speaks of."""

from __future__ import annotations

import random
import re
from dataclasses import replace

from ..claims.exceptions import exception, left_out, of_one_act
from ..claims.recombining import PERSON
from ..claims.surroundings import Surroundings
from ..law.book import Book
from ..law.checks import overlapping
from ..law.passages import Passage, citation
from ..law.rules import Rule
from ..law.wordings import in_cases
from .drafts import (
    Draft,
    Option,
    Wants,
    answer_first,
    chars,
    draft_about,
    draw_style,
    needed,
    neighbours,
    with_items,
)
from .requests import list_requests

MAX_ALIKE = 0.6  # share of character pairs: an act above it may be the forbidden one in other words
_NO_ACT = re.compile(r"なければ|解(?:釈)?する$|準用|にかかわらず|一括|ほかは|に対しても")
_OWN_ACTOR = re.compile(r"[^、]{2,20}が(?:、|[^あな])")
_TOPIC = re.compile(r"には(?=[^、はがを]*$)")  # of 「係るものには関与してはならない」
_NO_REASON = ("正当な理由がないのに、", "正当な理由がなく、")


def act_draft(
    book: Book, article: str, wants: Wants, random_: random.Random, *, max_chars: int, count: int = 4
) -> Draft | None:
    """A question about the prohibitions of one paragraph of ``article``; None where it has none or too few other acts."""
    forbidden = [
        rule
        for rule in book.rules
        if rule.article == article
        and rule.also is None
        and rule.modality == "must_not"
        and _is_somebodys(rule)
        and not _NO_ACT.search(rule.action)
    ]
    if not forbidden:
        return None
    paragraph = random_.choice(forbidden).paragraph
    forbidden = [rule for rule in forbidden if rule.paragraph == paragraph]
    main = book.passage_at(article, paragraph)
    beside = [one for one in book.passages if one.article == article and one is not main] + neighbours(
        book, article, random_
    )
    scene: list[Passage] = [main]
    free: list[tuple[str, str, Rule]] = [case for rule in forbidden for case in _open_cases(book, rule, random_)]
    for passage in beside[:8]:
        lawful = [rule for rule in book.rules_of((passage,)) if rule.also is None and _is_lawful(rule, forbidden)]
        # What another article forbids sounds as forbidden, so that the article must be read.
        lawful.sort(key=lambda rule: rule.modality != "must_not")
        if random_.random() < 0.5:  # acts of the same persons are what could be taken for the forbidden one
            lawful = [rule for rule in lawful if rule.subject in {one.subject for one in forbidden}] or lawful[:1]
        if lawful and len(free) < count + 1 and chars([*scene, with_items(passage, [], random_, 2)]) <= max_chars:
            scene.append(with_items(passage, [one.item for one in lawful if one.item][:2], random_, 2))
            shown = {number for number, _ in scene[-1].items}
            free += [(_act(rule), "lawful", rule) for rule in lawful if rule.item is None or rule.item in shown]
    breaking = [(_act(rule), "breach", rule) for rule in forbidden]
    breach_needed, free_needed = needed(wants, count)
    breaking = _different(breaking, breach_needed, random_)
    free = _different(free, free_needed, random_)
    if len(breaking) < breach_needed or len(free) < free_needed:
        return None
    scene[0] = with_items(main, [rule.item for _, _, rule in breaking if rule.item], random_, 5)
    if chars(scene) > max_chars:
        return None
    style = draw_style(book, random_)
    options = [
        Option(style.texts(text, random_, 4), edit == "breach", edit, rule.place)
        for text, edit, rule in [*breaking, *free]
    ]
    named = citation(book.title, main, None, digits=style.digits, named=True)
    requests = list_requests([f"{named}に違反する行為", f"{named}によって禁止されている行為"], wants)
    return draft_about(book, article, "act", wants, requests, answer_first(options, wants), scene, random_)


def _act(rule: Rule) -> str:
    """What somebody does, as a noun: 特許権者が、…場合において、…すること."""
    who = "" if rule.subject in ("", "何人も") else f"{rule.subject}が、"
    # 「指示をした場合において、従わなかった場合において」 says the same word twice.
    word = "ときに、" if "場合において" in rule.condition else "場合において、"
    when = f"{in_cases(rule.condition) if word.startswith('場合') else rule.condition}{word}" if rule.condition else ""
    action = rule.action
    if rule.modality == "must_not":  # 「正当な理由がない限り、拒むこと」 is no act
        action = action.replace("がない限り、", "がないのに、").replace("場合を除き、", "場合でないのに、")
        action = _TOPIC.sub("に", action)
    return f"{who}{when}{action}こと"


def _open_cases(book: Book, rule: Rule, random_: random.Random) -> list[tuple[str, str, Rule]]:
    """The forbidden act where the law lets it be: in the case of an exception, for a good reason."""
    around = Surroundings("", book.rules, (), ())
    cases = [
        claim
        for edit in (exception, left_out)
        for claim in edit(rule, around, random_)
        # 「麻薬施用者が、精神保健指定医が施用する場合において」: two of whom nobody knows who does it.
        if claim.true and claim.said.scope == "when" and not (rule.subject and _OWN_ACTOR.match(rule.exception))
    ]
    found = [(_act(claim.said), "exempt", rule) for claim in cases]
    for reason in _NO_REASON:
        before, stands, after = rule.action.partition(reason)
        if stands and not of_one_act(before, after):
            said = replace(rule, action=f"{before}正当な理由に基づき、{after}")
            found.append((_act(said), "exempt", rule))
    return found


def _is_somebodys(rule: Rule) -> bool:
    """Whether the subject is who acts: 「放鳥は、夜間に行ってはならない」 names what is done."""
    return rule.subject in ("", "何人も") or bool(PERSON.search(re.sub(r"（[^）]*）$", "", rule.subject)))


def _is_lawful(rule: Rule, forbidden: list[Rule]) -> bool:
    """Whether the act breaks none of the prohibitions: it is allowed, or it is another article that forbids it."""
    return (
        rule.modality in ("duty", "may", "must_not")
        and rule.scope in ("", "when")
        and _is_somebodys(rule)
        and not rule.action.endswith("である")
        and not _NO_ACT.search(rule.action)
        and "を" in rule.action
        and all(overlapping(rule.action, other.action) < MAX_ALIKE for other in forbidden)
    )


def _different(acts: list[tuple[str, str, Rule]], count: int, random_: random.Random) -> list[tuple[str, str, Rule]]:
    """``count`` acts of different rules, exempt ones first: they are what must be read for."""
    random_.shuffle(acts)
    acts.sort(key=lambda act: act[1] != "exempt")
    chosen: list[tuple[str, str, Rule]] = []
    for act in acts:
        if len(chosen) < count and all(act[0] != one[0] and act[2].place != one[2].place for one in chosen):
            chosen.append(act)
    return chosen
