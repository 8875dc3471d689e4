"""Items 号 and their parts within passages, and law numbers as they are compared."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ...data.law_numbers import ERA, FOLDED_BRANCH, IROHA
from ..store.rows import PassageRow
from .citation_text import fold

YEARS_TO_ENFORCEMENT = 5  # between promulgation and the first day in force, at most
_PRINTED = re.compile(r"[0-9０-９一二三四五六七八九十百〇の]+　|[ァ-ヿ]　|[（(][^（()）]{1,4}[）)]　")
_ROMAN = {"i": 1, "ii": 2, "iii": 3, "iv": 4, "v": 5, "vi": 6, "vii": 7, "viii": 8, "ix": 9, "x": 10}
_APPENDIX = re.compile(
    rf"(?:附則)?(?:(?:別[記紙])?第?\d+号(?:様式|書式){FOLDED_BRANCH}"
    rf"|(?:別[記紙]?様式|別[表記紙図]|様式|書式|[付附]表)?(?:第?\d+{FOLDED_BRANCH}(?:号表?{FOLDED_BRANCH})?)?)"
)
_LAW_NUMBER = re.compile(rf"({ERA})(\d+|元)年(?:\d+月\d+日)?([^\d第]+)第?(\d+)号")


def has_item(passages: Iterable[PassageRow], item: str, subitem: str | None) -> bool:
    """Whether a passage has the item (``3_2``) and the part of it (``イ(1)(i)``)."""
    wanted = ".".join([item, *_subitem_path(subitem)])
    return any(path == wanted for passage in passages for path, _ in passage.lines)


def numbers_lost(lines: Iterable[tuple[str, str]]) -> bool:
    """Whether the source of a law lost the printed numbers of its items 号: what stands in their place, and the division
    into paragraphs 項, was counted when the file was made. ``lines`` are the (path, text) lines of the law."""
    return any(path and not _PRINTED.match(text) for path, text in lines)


def _subitem_path(subitem: str | None) -> list[str]:
    """``イ(1)(i)`` → ``["1", "1", "1"]``."""
    if subitem is None:
        return []
    inner = re.findall(r"\(([^()]+)\)", subitem)
    return [str(IROHA.index(subitem[0]) + 1), *(str(_ROMAN.get(one, one)) for one in inner)]


def law_number_key(number: str) -> tuple[str, str, str, str] | None:
    """Era, year, kind and number of 平成二九年六月二日法律第四四号 and 平成二十九年法律第四十四号 alike; None for other text."""
    matched = _LAW_NUMBER.search(fold(number))
    return None if matched is None else (matched[1], matched[2].replace("元", "1"), matched[3], matched[4])


def appendix_key(title: str) -> str:
    """``別表第一（第三条関係）`` and ``別表1`` alike: ``別表1``."""
    plain = re.sub(r"^\((別[^()]*)\)", r"\1", fold(title))
    matched = _APPENDIX.match(plain)
    return re.sub("[ノ之]", "の", matched.group() if matched and matched.group() else plain).replace("第", "")


def enacted_in(law_id: str, promulgated: str | None) -> int | None:
    """The year of a law's promulgation: of the day (ISO), else as e-Gov's id has it (``348M…`` is 昭和48年); None for neither."""
    if promulgated is not None:
        return int(promulgated[:4])
    matched = re.match(r"([1-5])(\d\d)[A-Z]", law_id)
    return None if matched is None else (1867, 1911, 1925, 1988, 2018)[int(matched[1]) - 1] + int(matched[2])


def is_original(revision_id: str, since: str, enacted: int | None) -> bool:
    """Whether a revision in force from ``since`` (ISO) is the law as first enacted: its id names no amending law, and it
    came soon after the year ``enacted``. Data made from other sources name no amending law in later revisions either."""
    soon = enacted is not None and int(since[:4]) - enacted <= YEARS_TO_ENFORCEMENT
    return soon and bool(re.search(r"_0{15}$", revision_id))
