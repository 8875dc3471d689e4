"""A whole article whose references and defined terms lead to where they stand, as of a day."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from ...data.folding import Folded
from ..store.defined_terms import Terms
from ..store.derived import CITING_PARTS, place_of
from ..store.resolving import resolve_in_place
from ..store.rows import ArticleRow
from ..store.store import Store
from ..text.citation_text import fold_with_places
from ..text.citations import find_mentions
from ..text.law_names import LawNames
from ..text.mention import Mention
from .context_text import passage_title
from .excerpt import article_lines

_OWN_NUMBER = re.compile(r"\d+条")


@dataclass(frozen=True, slots=True)
class Link:
    """Where a stretch of an article leads."""

    kind: Literal["reference", "term"]
    law_id: str
    anchor: str  # of the article within its law
    paragraph: str  # of the article; empty for all of it
    name: str  # 渡船法 第5条第2項
    meaning: str = ""  # the words that define a term


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of text that leads somewhere or nowhere."""

    text: str
    link: Link | None = None


@dataclass(frozen=True, slots=True)
class LinkedLine:
    """A line of an article as it is shown; its pieces joined are the whole line."""

    paragraph: str
    begins: bool  # the first line of its paragraph
    pieces: tuple[Piece, ...]


def linked_article(
    store: Store, names: LawNames, article: ArticleRow, as_of: str, known: dict[str, dict[str, str]] | None = None
) -> list[LinkedLine]:
    """The lines of an article. A reference becomes a link where it leads to an article in force on ``as_of`` for certain,
    and so does the first use in a paragraph of a term that another article defines; anything else stays text.

    Amending 附則 and appendices have no links: 第五条 is one of the amending law there. ``known`` is shared by the
    articles of one page (``place_of``).
    """
    known = {} if known is None else known
    passages = store.article_passages(article.article_id)
    linker = _Linker(store, names, article, as_of, known) if article.part in CITING_PARTS else None
    raws = [text for passage in passages for _, text in passage.lines]
    lines: list[LinkedLine] = []
    last = -1
    said: set[str] = set()  # terms of the paragraph that are links already
    for shown, raw in zip(article_lines(passages), raws, strict=True):
        paragraph = passages[shown.passage].paragraph
        said = said if shown.passage == last else set()
        pieces = (Piece(raw),) if linker is None else tuple(linker.pieces(raw, paragraph, said))
        # 第2項 and 第3号 in front of a line are its own number, no reference.
        number = shown.text.removesuffix(raw)
        lines.append(LinkedLine(paragraph, shown.passage != last, (Piece(number), *pieces) if number else pieces))
        last = shown.passage
    return lines


class _Linker:
    """Cuts the lines of one article into pieces."""

    def __init__(
        self, store: Store, names: LawNames, article: ArticleRow, as_of: str, known: dict[str, dict[str, str]]
    ) -> None:
        self.store = store
        self.names = names
        self.article = article
        self.as_of = as_of
        self.place = place_of(store, names, article, known)
        self.terms = Terms(store, names, article)

    def pieces(self, raw: str, paragraph: str, said: set[str]) -> list[Piece]:
        """``raw`` cut at its links; terms that are ``said`` are none, and those that become links are added."""
        folded = fold_with_places(raw)
        if folded is None:
            return [Piece(raw)]
        spans: list[tuple[int, int, Link]] = []
        for start, end, link in [*self._references(raw, folded, paragraph), *self._defined(folded, said)]:
            first, last = folded.source_span(start, end)
            if all(last <= other[0] or other[1] <= first for other in spans):
                spans.append((first, last, link))
        out: list[Piece] = []
        position = 0
        for first, last, link in sorted(spans, key=lambda span: span[0]):
            out += [Piece(raw[position:first])] if first > position else []
            out.append(Piece(raw[first:last], link))
            position = last
        return [*out, Piece(raw[position:])] if position < len(raw) or not out else out

    def _references(self, raw: str, folded: Folded, paragraph: str) -> Iterator[tuple[int, int, Link]]:
        mentions = find_mentions(raw, self.names, replace(self.place, paragraph=paragraph))
        for mention, found in zip(mentions, resolve_in_place(mentions, self.store, self.as_of), strict=True):
            target = found.article
            if found.status != "found" or target is None or self._is_of_the_supplement(mention):
                continue
            own = target.article_id == self.article.article_id
            if own and found.paragraph in (None, paragraph):
                continue  # この条, この項
            yield mention.start, mention.end, _link("reference", target, found.paragraph)

    def _is_of_the_supplement(self, mention: Mention) -> bool:
        """Whether a reference without a number of its own (前条, 前項) stays in the 附則, though it is read as of the law."""
        stays = self.article.part == "supplement" and mention.part == "main"
        return stays and not mention.law_text and not _OWN_NUMBER.search(mention.text)

    def _defined(self, folded: Folded, said: set[str]) -> Iterator[tuple[int, int, Link]]:
        places = [one for one in self.terms.places(folded.text) if one.term.term not in said]
        said.update(one.term.term for one in places)
        rows = self.store.articles([one.article_id for one in places])
        for one in places:
            row = rows[one.article_id]
            if row.valid_from <= self.as_of < row.valid_to:
                yield one.start, one.end, _link("term", row, one.paragraph, one.term.text)


def _link(kind: Literal["reference", "term"], row: ArticleRow, paragraph: str | None, meaning: str = "") -> Link:
    name = f"{row.law_title} {passage_title(row, paragraph)}"
    return Link(kind, row.law_id, row.anchor, paragraph or "", name, meaning)
