"""What a rule says, in several wordings: the same functions write true and false statements."""

from __future__ import annotations

import re

from ..words.inflection import negative_stem, te_form
from ..words.spelling import arabic_digits
from .rules import Modality, Rule

# What follows the action in each modality; {n} is the negative stem, {t} the て form, {d} the dictionary form.
_FORCES: dict[Modality, tuple[str, ...]] = {
    "duty": ("{n}なければならない", "{d}必要がある", "{d}ことが義務付けられている", "{d}ことを要する", "{d}義務がある"),
    "may": ("{d}ことができる", "{d}ことが認められている", "{d}ことが可能である"),
    "must_not": ("{t}はならない", "{d}ことは禁止されている", "{d}ことは許されない", "{d}ことが禁じられている"),
    "cannot": ("{d}ことができない", "{d}ことはできない", "{d}ことは認められていない", "{d}ことはできないとされている"),
    "need_not": ("{d}ことを要しない", "{d}必要はない", "{d}ことは義務付けられていない", "{n}なくても差し支えない"),
    "no_duty": (
        "{d}ことまでは義務付けられていない",
        "{d}ことが義務付けられているわけではない",
        "{d}義務があるとまではいえない",
    ),
    "stated": ("{d}",),
    "free": ("{d}ことは禁止されていない", "{d}ことが許される", "{d}ことができる", "{t}も差し支えない"),
    "effort": ("{d}よう努めなければならない", "{d}よう努めるものとされている", "{d}よう努める必要がある"),
    "plain": ("{d}", "{d}こととされている", "{d}ものとされている"),
    "plain_not": ("{n}ない", "{d}こととはされていない", "{d}ものとはされていない"),
    "deemed": ("{d}", "{p}みなされる", "{p}みなされることとなる"),
    "not_deemed": ("{p}はみなされない", "{p}みなされることはない"),
}  # fmt: skip
_COPULA = {
    "duty": ("でなければならない", "である必要がある", "であることを要する"),
    "need_not": ("である必要はない", "であることを要しない", "でなくてもよい"),
}
_PENALTY = {"plain": ("に処せられる", "に処する", "に処することとされている"), "plain_not": ("に処せられることはない",)}
_CONDITIONS = {
    "": (),
    "when": ("ときは", "場合には", "場合は"),
    "only": ("場合に限り", "ときに限り"),
    "about": ("については",),
    "even_about": ("についても", "に関しても"),
    "even": ("場合であっても", "ときであっても", "場合でも"),
}

_OF_PROVISION = re.compile(r"[条項号]の$")
_PASSIVE = re.compile(r"[わかさたなまらがば]れる$")
# A subject that can act, and so have a 義務.
ACTS = re.compile(
    r"(?:[者人国主社署庁省守事士師]|大臣|[長官員役]|[^総大]会|組合|機構|機関|法人|団体|政府|[都道府県市町村]|裁判所|公庫|銀行|業者)$"
)


def force(action: str, modality: Modality) -> tuple[str, ...]:
    """Every wording of an action with its modality; empty where the verb's forms cannot be told."""
    if action.endswith("である"):
        return tuple(action[:-3] + ending for ending in _COPULA.get(modality, ()))
    if action.endswith("に処する"):
        # 「その理事を罰金に処せられる」: whom the court punishes is an object, and nobody is punished in the sentence.
        endings = [one for one in _PENALTY.get(modality, ()) if "を" not in action or "せられる" not in one]
        return tuple(action[:-4] + ending for ending in endings or _PENALTY.get(modality, ()))
    forms = {"d": action, "n": negative_stem(action), "t": te_form(action), "p": action.removesuffix("みなす")}
    patterns = _FORCES[modality]
    # 「受けなければ、することは禁止されている」 reads as its opposite, 「…こととはされていない」 as nothing at all.
    # 「不利益な取扱いを受けるものとはされていない」 protects nobody.
    nothing = modality == "plain_not" and action.endswith("受ける")
    if nothing or (modality in ("must_not", "plain_not") and ("なければ" in action or action.endswith("含まれる"))):
        patterns = patterns[:1]
    if _PASSIVE.search(action):  # nobody is named who would have the 義務
        patterns = _of_nobody(patterns)
    return tuple(
        pattern.format(**forms)
        for pattern in patterns
        if not ("{n}" in pattern and forms["n"] is None) and not ("{t}" in pattern and forms["t"] is None)
    )


def _of_nobody(texts: tuple[str, ...]) -> tuple[str, ...]:
    """The texts that do not say that somebody has the 義務."""
    return tuple(text for text in texts if "義務が" not in text)


def wordings(rule: Rule, *, digits: bool, named: bool = True) -> tuple[str, ...]:
    """What the rule says, worded in every way that is known, without its exception.

    ``digits`` writes numbers in digits; ``named`` False leaves out the subject, where the request names it.
    """
    subject = _topic(rule.subject) if named else ""
    # 「当該違反行為をした者は、…に違反したときは」: what it points to must come first. 「法人は、法人が社員に対してする通知が
    # …場合には」 names the subject twice in a row, as no law does.
    again = bool(subject) and rule.condition.startswith(f"{rule.subject}が")
    pointing = (again or subject.startswith(("当該", "その"))) and rule.scope not in ("", "only")
    adverb = rule.adverb and rule.adverb + ("" if rule.adverb == "必ずしも" else "、")
    found: dict[str, None] = {}
    endings, closing = force(rule.action, rule.modality), rule.closing
    if rule.modality == "duty" and closing:  # 「必ずしもしなければならないとは限らない」 turns the duty round twice
        endings, closing = force(rule.action, "need_not")[:2], ""
    if rule.modality == "may" and closing:  # 「することも認められる場合がある」 says also where nothing else is
        endings = endings[:2]
    if rule.subject and not ACTS.search(re.sub(r"（[^）]*）$", "", rule.subject)):  # 「手続は、…する義務がある」
        endings = _of_nobody(endings)
    for ending in endings:
        ending = adverb + ending + closing
        if rule.scope == "":
            found[subject + ending] = None
        for when in _CONDITIONS[rule.scope]:
            if _OF_PROVISION.search(rule.condition) and when.startswith("とき"):  # 「第二項のときは」
                continue
            case = (in_cases(rule.condition) if when.startswith("場合") else rule.condition) + when
            if not pointing:
                found[f"{subject}{case}、{ending}"] = None
            if pointing or (subject and rule.reorder and rule.scope != "only"):
                found[f"{case}、{subject}{ending}"] = None
    return tuple(arabic_digits(text) if digits else text for text in found)


def in_cases(condition: str) -> str:
    """A condition of several とき as it stands before 場合: 「消したとき、又は壊した」 → 「消した場合、又は壊した」."""
    return re.sub(r"とき(?=、?(?:又は|若しくは|及び|並びに|その他))", "場合", condition)


def _topic(subject: str) -> str:
    if not subject:
        return ""
    return f"{subject}、" if subject.endswith("も") else f"{subject}は、"
