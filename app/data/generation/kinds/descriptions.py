"""What a provision lays down, named as a question for it names it: from its whole sentence to a few words about it."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from ...folding import fold_text
from ..claims.claim import Claim
from ..law.rules import Rule
from ..law.wordings import ACTS, force, in_cases
from ..words.paraphrase import conjunctions_in_kanji, paraphrase
from .drafts import spelled
from .requests import Told

# How often each way is taken where several are possible: half of the open 100's questions for the article say the rule
# as a sentence, half only what it is about.
WEIGHTS = {"sentence": 3, "effect": 3, "situation": 4, "asked": 6, "topic": 4}
MIN_TOPIC_CHARS, MAX_TOPIC_CHARS = 5, 20
MIN_APART = 0.06  # share of a description's character pairs that the right provision must have more than any other
MIN_PART_CHARS = 10  # below it a part of a rule says too little
_POINTS_BACK = re.compile(r"当該|その|これら?|同[条項号法]")
_HIDDEN = {
    "duty": ("しなければならないこと", "行うべきこと", "負う義務"),
    "may": ("することができること", "とることができる手段"),
    "must_not": ("してはならないこと", "禁じられていること"),
    "cannot": ("することができないこと",),
}
_MANNER = re.compile(r"(?:(?<=、)|^)(?!次)[^、]*(?:ところにより|遅滞なく|速やかに|直ちに|あらかじめ|ため)、")
_STACKED = re.compile(
    r"(?:とされている|こととなる|ことが(?:可能である|(?:認められ|義務付けられ|禁じられ)ている)|ことも認められる|ことを要する|ことは(?:許されない|禁止されている|認められていない))$"
)
_CAN = re.compile(r"(?:こと|義務|必要)が(?=でき|あ|可能)")
_PERIOD = re.compile(
    r"(?:[^、]{0,20}[日時]から(?:起算して)?、?)?[一二三四五六七八九十百]+(?:年|箇?月|か月|週間|日)以内に、?"
)
_TO = re.compile(
    r"(?:(?P<before>.*)、)?(?P<what>[^、]{2,50})を(?P<whom>[^、を]{2,20})に(?P<verb>提出す|届け出|報告す|申請す|通知す)る"
)
_DESTINATIONS = {"提出す": "提出先", "届け出": "届出先", "報告す": "報告先", "申請す": "申請先", "通知す": "通知先"}


@dataclass(frozen=True, slots=True)
class Description:
    """What a provision is called, and how a request goes on after it."""

    text: str
    told: Told


def descriptions(
    rule: Rule, caption: str, random_: random.Random, *, digits: bool, goes_on: bool = False
) -> list[Description]:
    """Descriptions of the rule in the order they should be tried; the first may be any way.

    ``goes_on`` says that another provision says more of the same case, which then does not name the rule.
    """
    found: list[tuple[float, Description]] = []
    for way, texts in {**ways(rule, digits=digits), "topic": _topics(caption)}.items():
        if texts and not (goes_on and way == "situation"):
            text = random_.choice(texts)
            said = text if way == "topic" else spelled(paraphrase(text, random_, kana=False), digits)
            found.append((random_.random() ** (1 / WEIGHTS[way]), _told(said, way, rule)))
    return [one for _, one in sorted(found, key=lambda each: each[0], reverse=True)]


_HAS_TOPIC = re.compile(r"ついては|[はも]、")


def _told(text: str, way: str, rule: Rule) -> Description:
    """The text as a request takes it up: 「灯台守は、届け出なければならない」 is no clause that こと could follow."""
    if way == "topic":
        return Description(text, "about")
    if way not in ("sentence", "effect"):
        return Description(text, "noun")
    if rule.modality == "stated":
        return Description(text.removesuffix("こと"), "lists")
    if _HAS_TOPIC.search(re.sub("「[^」]*」", "", text)):
        return Description(text.removesuffix("こと"), "sentence")
    return Description(text, "noun")


def sentence(rule: Rule, random_: random.Random, *, digits: bool) -> str:
    """The rule as a whole sentence, in one of its wordings that こと can follow."""
    return paraphrase(random_.choice(_plain(rule, digits)), random_, kana=False)


def _plain(rule: Rule, digits: bool) -> list[str]:
    """The rule's wordings without those that say こと or もの twice when こと follows: 「…こととされていること」; who is
    punished does not do it: 「違反した者は、罰金に処すること」."""
    texts = Claim(True, "as_is", rule, rule).texts(digits=digits)
    plain = [text for text in texts if not _STACKED.search(text)] or list(texts)
    return [text for text in plain if not text.endswith("に処する")] or plain


def ways(rule: Rule, *, digits: bool) -> dict[str, list[str]]:
    """Everything that the rule can be called, by the way it is done."""
    whole = [_as_clause(text, rule) + "こと" for text in _plain(rule, digits)]
    return {
        "sentence": whole,
        "effect": _effect(rule, digits),
        "situation": _situation(rule),
        "asked": [*_period(rule), *_destination(rule)],
    }


def _as_clause(text: str, rule: Rule) -> str:
    """The sentence as a clause of another: 「灯台守は、届け出る」 with が, unless that would be read of something else."""
    start = f"{rule.subject}は、"
    if not rule.subject or not text.startswith(start):
        return text
    rest = text.removeprefix(start)
    # 「委員が学識経験者のうちから、理事長が任命する」 has two subjects, 「許可状が提示する」 and 「者が罰金に処する」 the
    # wrong one, and so has 「大臣が、偽りの手段により登録を受けたときは、…」.
    if (
        not ACTS.search(rule.subject)
        or "が" in _CAN.sub("", rest)
        or rest.endswith("に処する")
        or (rule.condition and rest.startswith(rule.condition))
    ):
        return text
    return of_whom(rule.subject, rest)


def _effect(rule: Rule, digits: bool) -> list[str]:
    """Who does what, without when and how."""
    action = _MANNER.sub("", rule.action)
    bare = replace(rule, action=action, condition="", scope="", exception="")
    shorter = rule.scope == "when" or action != rule.action
    if (
        not shorter
        or rule.modality == "stated"
        or (rule.action.endswith("に処する") and not rule.subject)  # another deed may be punished alike
        or len(action) < MIN_PART_CHARS
        or _POINTS_BACK.search(rule.subject + action)
    ):
        return []
    return [_as_clause(text, bare) + "こと" for text in _plain(bare, digits)]


def _situation(rule: Rule) -> list[str]:
    """Who and when, without what: the reader has to find it."""
    if rule.scope != "when" or not rule.subject or len(rule.condition) < MIN_PART_CHARS:
        return []
    if not acts_there(rule) or _POINTS_BACK.match(rule.subject) or rule.condition.endswith(("認める", "とする")):
        return []
    return [f"{in_cases(rule.condition)}場合に{rule.subject}が{ending}" for ending in _HIDDEN.get(rule.modality, ())]


def acts_there(rule: Rule) -> bool:
    """Whether the subject is who acts, and can stand after the condition: nothing at its head points to him."""
    return (not rule.subject or bool(ACTS.search(rule.subject))) and not _POINTS_BACK.match(rule.condition)


def _period(rule: Rule) -> list[str]:
    if len(_PERIOD.findall(rule.action)) != 1 or rule.modality not in ("duty", "may") or not acts_there(rule):
        return []
    action = _PERIOD.sub("", rule.action)
    return [as_noun(rule, ending) + "期間" for ending in force(action, rule.modality)[:1]] if action else []


def _destination(rule: Rule) -> list[str]:
    match = _TO.fullmatch(rule.action)
    if (
        match is None
        or rule.modality not in ("duty", "may")
        or _POINTS_BACK.match(match["what"])
        or not acts_there(rule)
    ):
        return []
    before = f"{match['before']}、" if match["before"] else ""
    return [
        as_noun(rule, f"{before}{verb}{match['what']}") + f"の{_DESTINATIONS[match['verb']]}"
        for verb in force(match["verb"] + "る", rule.modality)[:1]
    ]


def as_noun(rule: Rule, rest: str) -> str:
    """Who does what when, as words that a noun follows: 「灯火を消した場合に灯台守が届け出なければならない」期間."""
    when = f"{in_cases(rule.condition)}場合に" if rule.scope in ("when", "only") else ""
    return when + (of_whom(rule.subject, rest) if rule.subject else rest)


def of_whom(subject: str, rest: str) -> str:
    """What somebody does as a clause; 「政府が法人に対する…、」 would seem to go on with が and the words next to it."""
    return subject + ("が、" if "、" in rest else "が") + rest


def _topics(caption: str) -> list[str]:
    return [caption] if MIN_TOPIC_CHARS <= len(caption) <= MAX_TOPIC_CHARS else []


def told_apart(description: str, right: str, others: list[str], margin: float) -> bool:
    """Whether the description has surely more of its character pairs in the right provision's text than in any other's."""
    share = held_by(description)
    return share(right) >= max(map(share, others), default=0.0) + margin


def held_by(description: str) -> Callable[[str], float]:
    """How much of the description a text has, 0 to 1."""
    wanted = _pairs(description)
    return lambda text: len(wanted & _pairs(text)) / max(1, len(wanted))


def _pairs(text: str) -> set[str]:
    folded = fold_text(conjunctions_in_kanji(text))
    return {folded[index : index + 2] for index in range(len(folded) - 1)}
