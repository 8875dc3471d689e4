"""Which laws questions are made from, in the order of a seed; a law is read only when its turn comes."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from app.core.errors import DataError
from app.data.egov_source import LawFile, law_files, read_law
from app.data.law import Law

# 法令ID: year, kind of law, number. Acts are AC; the Constitution and treaties are never asked about.
LAW_TYPES = {"act": r"\d{3}AC", "order": r"\d{3}CO", "ministerial": r"\d{3}M", "all": r""}
_AMENDS = re.compile(r"(?:の一部を改正する|の施行に伴う|の整備(?:等)?に関する|の廃止に関する|を廃止する|整理に関する)")
_TITLE = re.compile(rb"<LawTitle[^>]*>(.*?)</LawTitle>", re.DOTALL)


def draw_laws(source: Path, wanted: Sequence[str], law_type: str, seed: int) -> Iterator[Law]:
    """Laws of the source in random order, those that only amend others left out.

    ``wanted`` are titles or law ids; without any, all laws of the type. Raises DataError for one that is not there.
    """
    files = law_files(source)
    if wanted:
        chosen = [_find(files, name, source) for name in wanted]
    else:
        chosen = [file for file in files if re.match(LAW_TYPES[law_type], PurePosixPath(file.name).stem)]
        if not chosen:
            raise DataError(f"{source}: 種類が {law_type} の法令がありません。--law-type all を指定してください。")
    random.Random(seed).shuffle(chosen)  # noqa: S311  # reproducible by seed, no secret
    for file in chosen:
        law = read_law(file)
        if wanted and not any(article.num for article in law.main.articles):
            raise DataError(f"{law.title}: 条のない法令なので問題を作れません。--laws から外してください。")
        if wanted or not _AMENDS.search(law.title):
            yield law


def _find(files: Sequence[LawFile], name: str, source: Path) -> LawFile:
    for file in files:
        if PurePosixPath(file.name).stem.split("_")[0] == name:
            return file
    sought = name.encode("utf-8")
    for file in files:
        match = _TITLE.search(file.read()[:20_000])
        if match and re.sub(rb"<Rt>.*?</Rt>|<[^>]+>|\s", b"", match[1]) == sought:
            return file
    raise DataError(f"{source}: 法令「{name}」がありません。正式な題名か法令IDを指定してください。")
