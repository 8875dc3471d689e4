"""Verbs of statutes between their forms: 届け出なければ, 届け出る, 届け出ない, 届け出て.

Only what statutes need. A form that cannot be told from the spelling alone comes back as None, and the sentence is left out.
"""

from __future__ import annotations

import re

_GODAN = dict(zip("わかがさたなばまら", "うくぐすつぬぶむる", strict=True))
_GODAN_BACK = {ending: stem for stem, ending in _GODAN.items()}
_I_ROW = "いきぎしじちにひびみりけげせぜてでねへべめれえ"
# Kanji + る is mostly godan (取る, 送る, 限る); these few are ichidan.
_ICHIDAN_KANJI = "得経見出着似煮寝"
_SURU = "供"  # 供さなければならない is of 供する, not 供す
_GA_VERBS = "防継仰注急稼脱担繋"
_TE_SU = "示渡返出貸直移残探消押話指流起隠犯冒唆崩壊倒外落通回戻試"
_TE_U = "行従使払負失扱伴補買誘装違向願問失担養雇救支与加"
_TE_RU = "図取採乗執係送作守譲限断割配知走至却戻当陥受贈売渡測切測降"
_TE_MU = "及含営積組読拒挟進込"
_TE_BU = "運学呼選及喜"
# An act that another one of the same sentence follows: 「規程を定め、」, 「写しを添えて、」, 「役員となり、」, 「出席し、」; not
# 「事業を営む地域において、」 or 「申請を受けた日から起算して、」, which say where and when.
ANOTHER_ACT = re.compile(
    r"(?:を[^、]*(?:[いぎしじちびみりえけげせてねべめれず]|(?<!除)き)|[とに]なり|[一-龥]し)"
    r"(?<!おいて)(?<!対して)(?<!ついて)(?<!関して)(?<!際して)(?<!として)(?<!除いて)(?<!起算して)(?<![対関際]し)、"
)


def dictionary_form(negative_stem: str) -> str | None:
    """``届け出`` (of 届け出なければ) → ``届け出る``, ``行わ`` → ``行う``, ``し`` → ``する``; None where it cannot be told."""
    last, before = negative_stem[-1:], negative_stem[-2:-1]
    if not last or last in "はもを":
        return None
    if last == "し":
        return negative_stem[:-1] + "する"
    if last == "で":
        return negative_stem + "ある"
    if last == "じ":
        return negative_stem + "る"
    if last == "が":
        return negative_stem[:-1] + "ぐ" if before in _GA_VERBS else None
    if last == "に":
        return None
    if last == "さ" and before in _SURU:
        return negative_stem[:-1] + "する"
    if last in _GODAN:
        return negative_stem[:-1] + _GODAN[last]
    if last in _I_ROW or last in _ICHIDAN_KANJI:
        return negative_stem + "る"
    return None


def negative_stem(dictionary: str) -> str | None:
    """``届け出る`` → ``届け出``, ``行う`` → ``行わ``, ``する`` → ``し``, ``である`` → ``で``; None where it cannot be told."""
    if dictionary.endswith("する"):
        return dictionary[:-2] + "し"
    if dictionary.endswith("ずる"):
        return dictionary[:-2] + "じ"
    if dictionary.endswith("である"):
        return dictionary[:-2]
    if dictionary.endswith("ある"):
        return None
    last, before = dictionary[-1:], dictionary[-2:-1]
    if last == "る":
        if before in _I_ROW or before in _ICHIDAN_KANJI:
            return dictionary[:-1]
        return dictionary[:-1] + "ら"
    stem = _GODAN_BACK.get(last)
    return dictionary[:-1] + stem if stem else None


def te_form(dictionary: str) -> str | None:
    """``届け出る`` → ``届け出て``, ``行う`` → ``行って``, ``する`` → ``して``; None where it cannot be told."""
    if dictionary.endswith("する"):
        return dictionary[:-2] + "して"
    if dictionary.endswith("ずる"):
        return dictionary[:-2] + "じて"
    last, before = dictionary[-1:], dictionary[-2:-1]
    if last == "る" and (before in _I_ROW or before in _ICHIDAN_KANJI):
        return dictionary[:-1] + "て"
    if dictionary.endswith("行く"):
        return dictionary[:-1] + "って"
    endings = {"う": "って", "つ": "って", "る": "って", "む": "んで", "ぶ": "んで", "ぬ": "んで", "く": "いて",
               "ぐ": "いで", "す": "して"}  # fmt: skip
    return dictionary[:-1] + endings[last] if last in endings else None


def from_te_form(text: str) -> str | None:
    """``漏らして`` → ``漏らす``, ``行つて`` → ``行う``, ``使用して`` → ``使用する``; None where it cannot be told."""
    if text.endswith("して"):
        stem = text[:-2]
        # 漏らして, 示して are godan; 使用して and 解して are する.
        if re.search(r"[ぁ-ん]$", stem) and not stem.endswith(("を", "と", "に", "く", "も")):
            return stem + "す"
        if re.search(rf"(?:^|[^一-龥々])[{_TE_SU}]$", stem):
            return stem + "す"
        return stem + "する"
    if re.search(r"(?:用い|率い|強い)て$", text):
        return text[:-1] + "る"
    if text.endswith("いて"):
        return text[:-2] + "く"
    if text.endswith("いで"):
        return text[:-2] + "ぐ"
    if text.endswith(("って", "つて")):
        before = text[-3:-2]
        if before in _TE_U:
            return text[:-2] + "う"
        return text[:-2] + "る" if before in _TE_RU or before == "あ" else None
    if text.endswith("んで"):
        before = text[-3:-2]
        if before in _TE_MU:
            return text[:-2] + "む"
        return text[:-2] + "ぶ" if before in _TE_BU else None
    if text.endswith("て") and text[-2:-1] and (text[-2] in _I_ROW or text[-2] in _ICHIDAN_KANJI):
        return text[:-1] + "る"
    return None


def is_dictionary_form(text: str) -> bool:
    """Whether the text ends as a verb does that stands before こと: 届け出る, 行う, 命ずる."""
    return bool(re.search(r"[うくぐすつぬぶむる]$", text)) and not text.endswith(("ある", "という"))
