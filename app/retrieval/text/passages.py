"""Law → passages: one per paragraph 項 with its items 号, headed by law, headings, article and caption.

Pieces of a passage are (path, text) lines: path ``""`` is the lead sentence 柱書, ``2_2`` an item, ``2_2.1`` below it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ...data.egov.law import Appendix, Article, Law, PartKind, Provisions, lines
from ...data.law_numbers import article_label

APPENDIX_CHARS = 1200  # a table is cut into passages of about this length, at line ends

Lines = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Passage:
    """The unit of search."""

    paragraph: str  # key of the paragraph; a running number for pieces of an appendix
    label: str  # as printed: ２
    caption: str
    lines: Lines


@dataclass(frozen=True, slots=True)
class Provision:
    """An article with its passages, or an appendix, or paragraphs without an article."""

    part: PartKind
    supplement: int  # number of the 附則 in the law, from 1; 0 outside
    amend_law_num: str | None
    num: str  # ``27_2``
    title: str  # 第二十七条の二, 別表第一
    caption: str
    headings: tuple[str, ...]
    deleted: bool
    anchor: str  # ``Mp-At_27_2``
    passages: tuple[Passage, ...]


def provisions_of(law: Law) -> Iterator[Provision]:
    """Everything of the law that can be cited, in document order."""
    if law.preamble is not None:
        yield from _articles(law.preamble, 0)
    yield from _articles(law.main, 0)
    for number, supplement in enumerate(law.supplements, start=1):
        yield from _articles(supplement, number)
    for number, appendix in enumerate(law.appendices, start=1):
        yield _appendix(appendix, number)


def _articles(body: Provisions, supplement: int) -> Iterator[Provision]:
    for article in body.articles:
        yield Provision(
            part=body.kind,
            supplement=supplement,
            amend_law_num=body.amend_law_num,
            num=article.num,
            title=article.title,
            caption=article.caption,
            headings=article.headings,
            deleted=article.deleted,
            anchor=anchor(body.kind, supplement, article.num),
            passages=tuple(_passages(article)),
        )


def _passages(article: Article) -> Iterator[Passage]:
    for paragraph in article.paragraphs:
        yield Passage(paragraph.num, paragraph.label, paragraph.caption, tuple(lines(paragraph)))
    if article.note:
        yield Passage("", "", "", (("", article.note),))


def _appendix(appendix: Appendix, number: int) -> Provision:
    passages: list[Passage] = []
    piece: list[tuple[str, str]] = []
    size = 0
    lines_of = appendix.text.split("\n")
    for place, line in enumerate(lines_of):
        if piece and size + len(line) > APPENDIX_CHARS:
            passages.append(Passage(str(len(passages) + 1), "", "", tuple(piece)))
            # A row without the heads of its columns says nothing.
            heads = [
                head
                for table in appendix.tables
                if table.start + table.rows <= place < table.end
                for head in lines_of[table.start : table.start + table.rows]
            ]
            piece, size = [("", head) for head in heads], sum(map(len, heads))
        piece.append(("", line))
        size += len(line)
    passages.append(Passage(str(len(passages) + 1), "", "", tuple(piece)))
    return Provision(
        part="appendix",
        supplement=0,
        amend_law_num=appendix.amend_law_num,
        num="",
        title=appendix.title or appendix.tag,
        caption=appendix.related,
        headings=(),
        deleted=False,
        anchor=f"{appendix.tag}_{appendix.num or number}",
        passages=tuple(passages),
    )


def anchor(part: str, supplement: int, article: str, paragraph: str | None = None, item: str | None = None) -> str:
    """e-Gov's anchor: ``Mp-At_24_2-Pr_3-It_1``. Amending 附則, which e-Gov names otherwise, are numbered ``Sp_2``."""
    start = {"main": "Mp", "preamble": "Preamble", "supplement": "Sp"}.get(part, f"Sp_{supplement}")
    parts = [start]
    if article:
        parts.append(f"At_{article}")
    if paragraph:
        parts.append(f"Pr_{paragraph}")
    if item:
        parts.append(f"It_{item}")
    return "-".join(parts)


def part_label(part: str, amend_law_num: str | None = None) -> str:
    """What stands between law and article: 附則 for supplementary provisions, with the number of the amending law."""
    if part == "amendment" and amend_law_num:
        return f"附則（{amend_law_num}）"
    if part == "appendix" and amend_law_num:
        return f"附則（{amend_law_num}）の"
    return {"supplement": "附則", "amendment": "改正附則", "preamble": "前文"}.get(part, "")


def header(law_title: str, provision: Provision, passage: Passage) -> str:
    """The line that a passage is found by beside its own words: 法令名 章節 第N条 （見出し） 第M項."""
    words = [law_title, part_label(provision.part), *provision.headings]
    words.append(article_label(provision.num) or provision.title)
    words.append(provision.caption or passage.caption)
    if provision.num and passage.paragraph:
        words.append(f"第{passage.paragraph}項")
    return " ".join(word for word in words if word)


def body(passage_lines: Lines) -> str:
    """The passage's own text, one line each."""
    return "\n".join(text for _, text in passage_lines)
