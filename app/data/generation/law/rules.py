"""A sentence of a statute as a rule: whose, when, what, and with which force (must, may, must not …).

``特許権者は、…したときは、三十日以内に、その旨を届け出なければならない`` has the subject 特許権者, the condition …した, the
action 三十日以内に、その旨を届け出る and the modality duty. What a rule says is written again from these parts, true and false
statements by the same functions; a sentence that does not come apart cleanly is not used.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from ..words.inflection import dictionary_form, from_te_form, is_dictionary_form
from ..words.spelling import split_top

Modality = Literal[
    "duty",
    "may",
    "must_not",
    "cannot",
    "need_not",
    "free",
    "effort",
    "plain",
    "plain_not",
    "deemed",
    "not_deemed",
    "no_duty",
    "stated",
]
Scope = Literal["", "when", "only", "even", "about", "even_about"]

MIN_RULE_CHARS = 18
MAX_RULE_CHARS = 110
MAX_SUBJECT_CHARS = 44


@dataclass(frozen=True, slots=True)
class Rule:
    """One sentence, taken apart. Its words are the statute's own, references resolved."""

    article: str  # key of the 条
    paragraph: str  # number of the 項
    item: str | None  # number of the 号 whose words were put in
    subject: str  # 特許権者; "" where the sentence names none
    condition: str  # …した, without とき or 場合; "" for none
    scope: Scope  # "when" for ときは, "only" for ときに限り, "even" for ときであっても, "" without a condition
    action: str  # what is done, its verb in dictionary form
    modality: Modality
    exception: str  # X of 「ただし、Xときは、この限りでない」, or 「Xについて」; "" for none
    reorder: bool  # subject and condition may change places: neither points back with その, 当該 …
    open_ended: bool  # the paragraph has another proviso or a following sentence, so the rule may have limits elsewhere
    also: tuple[str, str, str, str | None] | None = None  # law, article, paragraph, item whose words were put in
    adverb: str = ""  # 常に, 必ずしも … before the action; no sentence that was read has one
    closing: str = ""  # とは限らない, 場合がある after the whole; no sentence that was read has one

    @property
    def place(self) -> tuple[str, str, str | None]:
        """Article, paragraph and item."""
        return self.article, self.paragraph, self.item


_WHEN = re.compile(r"(?:(?P<toki>とき)(?:は|には)|(?P<baai>場合)(?:には|は|においては|にあ(?:つ|っ)ては))$")
_EVEN = re.compile(r"(?:とき|場合)(?:であ(?:つ|っ)ても|でも|において?も|にも)$")
_ONLY = re.compile(r"(?:とき|場合)に限り$")
_OTHER_CONDITION = re.compile(
    r"(?:とき|場合)(?:は|も|には|においても?|にお(?:い|け)る.*|のほか|に限り|であ(?:つ|っ)て.*)$"
)
_NO_SUBJECT = re.compile(
    r"(?:ては|とは|には|では|とき(?:は)?|場合(?:は)?|については|に関しては|ほかは|限りは|までは|からは|以外は|よりは|後は|前は|ところは|旨は|うちは|ものは|又は|若しくは|それは|これは|この場合は|日は|期間は|規定は)$"
)
_EFFORT = re.compile(r"(?P<act>.+)よう(?:に)?努め(?:なければならない|るものとする)$")
_POINTS_BACK = re.compile(r"その|これ|当該|同[条項号法]|自己|認める$|必要が?ある$")


def predicate(text: str) -> tuple[str, Modality] | None:
    """The action in dictionary form and the modality of a sentence's last part; None where the ending is not known."""
    if match := _EFFORT.fullmatch(text):
        return (match["act"], "effort") if is_dictionary_form(match["act"]) else None
    for ending, modality in _ENDINGS:
        if text.endswith(ending):
            return _action(text.removesuffix(ending), modality)
    if re.search(
        r"(?:に処する|とみなす|効力を(?:生ずる|生じる|失う|有する)|[一-龥]{2}する|を負う|を有する)$", text
    ) and not _EMPTY.search(text):
        return (text, "deemed") if text.endswith("とみなす") else (text, "plain")
    if match := re.fullmatch(r"(.+効力を)生じない", text):
        return match[1] + "生ずる", "plain_not"
    if match := re.fullmatch(r"(.+)(与え|行わ|認め|受け|受理し|交付し|支給し)ない", text):
        action = dictionary_form(match[1] + match[2])
        return (action, "plain_not") if action else None
    return None


_ENDINGS: tuple[tuple[str, Modality], ...] = (
    ("なければならない", "duty"),
    ("ことができない", "cannot"),
    ("ことはできない", "cannot"),
    ("ことができる", "may"),
    ("はならない", "must_not"),
    ("ことを要しない", "need_not"),
    ("ものとする", "plain"),
)
# Says nothing that could be asked: another rule applied, a purpose, what an order lays down.
SAME_PART = re.compile(r"同[条項号]")
_EMPTY = re.compile(
    r"(?:準用する|適用する|施行する|目的とする|規定する|該当する|意味する|同様とする|(?:政|省|府|規則|条例)[^、]{0,6}で定める)$"
)


def _action(stem: str, modality: Modality) -> tuple[str, Modality] | None:
    action: str | None
    if modality == "duty":
        action = dictionary_form(stem)
    elif modality == "must_not":
        action = from_te_form(stem)
    else:
        action = stem if is_dictionary_form(stem) else None
    if (
        action is None
        or _EMPTY.search(action)
        or (action.endswith(("よう努める", "たものとする", "とする")) and modality != "duty")
    ):
        return None
    return action, modality


def read_rule(
    sentence: str, *, article: str, paragraph: str, exception: str = "", open_ended: bool = False
) -> Rule | None:
    """The rule of one cleaned sentence (no 。, references resolved), None where it does not come apart cleanly."""
    if not MIN_RULE_CHARS <= len(sentence) <= MAX_RULE_CHARS:
        return None
    segments = split_top(sentence)
    condition = ""
    scope: Scope = ""
    ends = [index for index, segment in enumerate(segments[:-1]) if _condition(segment)]
    if len(ends) > 1:
        return None
    subject, start = _leading_subject(segments)
    if ends:
        end = ends[0]
        clause = "、".join(segments[start : end + 1])
        found = _condition(clause)
        if found is None or end < start:
            return None
        scope, length = found
        condition = clause[:length]
        if len(condition) < 3 or condition.endswith(("次の", "この", "その")):
            return None
        start = end + 1
        if not subject:
            subject, taken = _leading_subject(segments[start:])
            start += taken
    rest = segments[start:]
    if not rest or any(_OTHER_CONDITION.search(segment) for segment in rest[:-1]):
        return None
    # Another topic inside the action would make two rules of one.
    if any(is_subject(segment) for segment in rest[:-1]):
        return None
    read = predicate("、".join(rest))
    if read is None:
        return None
    action, modality = read
    if not (subject or condition) or len(action) < 4:
        return None
    # 「同項の」 at the head of a part points into another part, which a candidate may put after it or leave out.
    if SAME_PART.match(subject) or SAME_PART.match(condition):
        return None
    reorder = bool(subject and condition) and not _POINTS_BACK.search(subject + condition)
    return Rule(article, paragraph, None, subject, condition, scope, action, modality, exception, reorder, open_ended)


def _condition(segment: str) -> tuple[Scope, int] | None:
    """How a segment that ends in とき or 場合 limits the rule, and where those words begin; None for any other segment."""
    for scope, pattern in (("when", _WHEN), ("only", _ONLY), ("even", _EVEN)):
        if match := pattern.search(segment):
            return scope, match.start()  # type: ignore[return-value]  # the names are those of Scope
    return None


def _leading_subject(segments: list[str]) -> tuple[str, int]:
    """The subject that the segments begin with, without は, and how many of them it takes; ``("", 0)`` for none."""
    if segments[0] == "何人も" and len(segments) > 1:
        return segments[0], 1
    for count in range(1, min(4, len(segments))):
        joined = "、".join(segments[:count])
        if is_subject(joined):
            return joined.removesuffix("は"), count
        if not re.search(r"[一-龥ァ-ヶ）]$", segments[count - 1]):
            break
    return "", 0


def is_subject(segment: str) -> bool:
    """Whether a segment names whose rule it is: 特許権者は, but not 提出したときは or これについては."""
    return (
        segment.endswith("は")
        and 2 <= len(segment) <= MAX_SUBJECT_CHARS
        and not _NO_SUBJECT.search(segment)
        and segment.count("（") == segment.count("）")
    )


_EXEMPTION = re.compile(
    r"(?:ただし|但し)、(?P<case>.{2,90}?)(?:(?P<about>について)|とき|場合(?:に(?:あ(?:つ|っ)て|おいて))?)は、この限りでない$"
)


def exemption(proviso: str) -> str:
    """X of 「ただし、Xときは、この限りでない」, without とき or 場合, or 「Xについて」; "" for a proviso of another form."""
    match = _EXEMPTION.fullmatch(proviso)
    return match["case"] + (match["about"] or "") if match else ""
