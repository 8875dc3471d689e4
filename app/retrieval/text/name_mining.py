"""Names that the text of laws gives other laws: 「以下「金商法」という。」 and what stands before another law's number."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from .law_names import LAW_NUMBER, name_key

_NAME_END = re.compile(r"(?:法|法律|令|規則|規程|条例|憲法|基準|則)$")
# Defined inside one law only and meaning another law in the next: 旧法, 改正後厚年令, 特別措置法 …
_LOCAL = re.compile(r"^(?:同|当該|旧|新|本|改正|平成|昭和|令和|附則|別表|特別措置法|緊急措置法|特例法|特例政令|特例省令|施行法|施行令|施行規則|整備法|基本法|刑事特別法|設置法|法|令|規則)")  # fmt: skip
_DEFINITION = re.compile(
    rf"（({LAW_NUMBER})(?:。以下(?:この[^「」（）。]{{1,12}}において)?「([^」（）]{{1,30}})」という)?"
)
_PLAIN_NAME = re.compile(r"(?:^|[^一-龥々ァ-ヶー])([一-龥々ァ-ヶー]{2,30}(?:法|令|規則|規程))$")


def mined_names(
    texts: Iterable[str], numbers: Mapping[str, str], titles: Mapping[str, str]
) -> set[tuple[str, str, str]]:
    """Each (name, law_id, kind) that the text of one law uses for a law whose number stands beside it.

    ``numbers`` maps law number → law id, ``titles`` law id → today's title. ``defined``: 「以下「金商法」という」;
    ``former``: another name before the same number (薬事法（昭和三十五年法律第百四十五号）).
    """
    found: set[tuple[str, str, str]] = set()
    for text in texts:
        if "号" not in text:
            continue
        for match in _DEFINITION.finditer(text):
            law_id = numbers.get(match[1])
            if law_id is None:
                continue
            if match[2] and _NAME_END.search(match[2]) and not _LOCAL.match(match[2]) and len(match[2]) > 2:
                found.add((match[2], law_id, "defined"))
            before = text[max(0, match.start() - 60) : match.start()]
            plain = _PLAIN_NAME.search(before)
            if plain and not before.endswith(titles[law_id]) and not _LOCAL.match(plain[1]):
                found.add((plain[1], law_id, "former"))
    return found


def defined_short_names(texts: Iterable[str], numbers: Mapping[str, str]) -> dict[str, str]:
    """What a law calls other laws in its own text (法, 令, 旧法 …): folded word → law id, the first definition of each."""
    found: dict[str, str] = {}
    for text in texts:
        if "以下" not in text or "号" not in text:
            continue
        for match in _DEFINITION.finditer(text):
            law_id = numbers.get(match[1])
            if law_id and match[2]:
                found.setdefault(name_key(match[2]), law_id)
    return found
