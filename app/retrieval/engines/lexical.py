"""BM25 over passages, on disk: tantivy fed with our own tokens.

Tokens are made in Python (``tokens.py``) and handed to tantivy separated by spaces; its own n-gram tokenizer gives every
gram position 0 and knows nothing of 条番号. Only passage numbers and revision numbers are stored: text lives in the store.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import tantivy

from ...core.errors import StaleIndexError
from ...core.failures import is_panic, naming
from .word_files import ReadOnlyView

WRITER_BYTES = 128 * 2**20
PRESENCE = 0.5  # δ of BM25+ (chosen on dev; anything from 0.4 to 0.6 is as good)
PRESENCE_TOKENS = (
    64  # … for queries of at most so many tokens: it changed no result of longer ones, and takes a third of their time
)
COMMON_SHARE = 0.10  # of the documents; a token that stands in more is not searched for
COMMON_DOCUMENTS = 5_000  # … but never one that stands in fewer: a small index is fast anyway
SECOND_FIELD = "sudachi"
SECOND_WEIGHT = 0.5  # of a word's score beside a token's: 0.25 is as good on dev, 1 is worse (docs/retrieval.md)
MIN_TELLING = 3  # … as long as this many other tokens remain


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage found, best first."""

    passage_id: int
    score: float


def _schema(*, second_field: bool = False) -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    # Frequencies without positions: no phrase is ever searched, and the index is a third smaller.
    builder.add_text_field("words", stored=False, tokenizer_name="whitespace", index_option="freq")
    if second_field:
        builder.add_text_field(SECOND_FIELD, stored=False, tokenizer_name="whitespace", index_option="freq")
    builder.add_integer_field("passage", stored=False, indexed=True, fast=True)
    builder.add_integer_field("rev", stored=False, indexed=True, fast=True)
    return builder.build()


def inverse_document_frequency(count: int, documents: int) -> float:
    """BM25's IDF as tantivy has it: ln(1 + (N − n + ½) / (n + ½))."""
    return math.log(1 + (documents - count + 0.5) / (count + 0.5))


def _common_above(searcher: tantivy.Searcher) -> float:
    """Documents above which a token is too common to be searched for."""
    return max(COMMON_DOCUMENTS, COMMON_SHARE * int(searcher.num_docs))


class LexicalWriter:
    """Adds and deletes passages; nothing is visible before ``commit``. One writer a folder at a time."""

    def __init__(
        self, folder: Path, *, create: bool = False, heap_bytes: int = WRITER_BYTES, second_field: bool = False
    ) -> None:
        """``second_field`` makes room for words beside the tokens in a folder that is created."""
        if create:
            folder.mkdir(parents=True, exist_ok=True)
        try:
            schema = _schema(second_field=second_field)
            index = tantivy.Index(schema, path=str(folder)) if create else tantivy.Index.open(str(folder))
            # One thread: the order of documents, and so the order of equal scores, is the same in every build.
            self._writer = index.writer(heap_bytes, 1)
            self._folder = folder
            self._schema = index.schema
        except ValueError as error:
            raise StaleIndexError(
                f"{folder}: 語の索引に書き込めません（{error}）。他の処理が終わってからやり直してください。"
            ) from None

    def add(self, passage_id: int, rev: int, tokens: Sequence[str], words: Sequence[str] | None = None) -> None:
        """Add one passage; ``words`` go into the second field."""
        document = tantivy.Document()
        document.add_text("words", " ".join(tokens))
        if words is not None:
            document.add_text(SECOND_FIELD, " ".join(words))
        document.add_integer("passage", passage_id)
        document.add_integer("rev", rev)
        self._writer.add_document(document)

    def delete_revision(self, rev: int) -> None:
        """Delete the passages of a revision."""
        self._writer.delete_documents_by_term("rev", rev)

    def delete_revisions_after(self, rev: int) -> None:
        """Delete the passages of every revision numbered above ``rev``: left by a kill before the store's commit."""
        later = tantivy.Query.range_query(
            self._schema, "rev", tantivy.FieldType.Integer, rev, include_lower=False, use_inverted_index=True
        )
        self._writer.delete_documents_by_query(later)

    def commit(self) -> None:
        """Make everything since the last commit visible and durable."""
        with naming(self._folder):
            self._writer.commit()

    def close(self) -> None:
        """Wait for background merges; the writer cannot be used afterwards."""
        self._writer.wait_merging_threads()


class LexicalIndex:
    """Searches the folder that LexicalWriter wrote; safe to use from many threads."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._view = ReadOnlyView(folder)
        with self._whole("が開けません"):
            self._index = tantivy.Index.open(str(self._view.folder))
            self._index.config_reader("manual")
        self._schema = self._index.schema
        self._lock = threading.Lock()

    def current(self) -> tantivy.Searcher:
        """The index as of the last commit; goes on answering from that state whatever is committed later."""
        with self._lock, self._whole():
            self._view.refresh()
            self._index.reload()
            return self._index.searcher()

    def search(
        self,
        searcher: tantivy.Searcher,
        tokens: Iterable[str],
        limit: int,
        without_revisions: Sequence[int] = (),
        *,
        presence: float = PRESENCE,
        words: Iterable[str] = (),
    ) -> list[Hit]:
        """The best ``limit`` documents by BM25 (k1 1.2, b 0.75), each token of the query counted once, put in order by BM25+.

        BM25+ adds ``presence`` times its IDF for every token that the document has (δ of Lv & Zhai, Lower-Bounding Term
        Frequency Normalization, CIKM 2011), so that a long paragraph which says all of it beats a short one which says half.
        A query of more than ``PRESENCE_TOKENS`` tokens goes without.
        Counting a token as often as the query has it scored lower on lawqa_jp: what stands in all four choices is the
        subject of the question, not what decides. A passage can come more than once (whole, and as groups of items).
        ``words`` are looked up in the second field; their score is added with its weight.
        """
        with self._whole():
            return self._search(searcher, tokens, limit, without_revisions, presence, words)

    def _search(
        self,
        searcher: tantivy.Searcher,
        tokens: Iterable[str],
        limit: int,
        without_revisions: Sequence[int],
        presence: float,
        words: Iterable[str],
    ) -> list[Hit]:
        chosen = self._telling(searcher, dict.fromkeys(tokens))
        clauses = [(tantivy.Occur.Should, self._term(token)) for token in chosen]
        for word in dict.fromkeys(words):
            if 0 < int(searcher.doc_freq(SECOND_FIELD, word)) <= _common_above(searcher):
                term = tantivy.Query.term_query(self._schema, SECOND_FIELD, word, "freq")
                clauses.append((tantivy.Occur.Should, tantivy.Query.boost_query(term, SECOND_WEIGHT)))
        if not clauses or limit < 1:
            return []
        query = tantivy.Query.boolean_query(clauses)
        if without_revisions:
            hidden = tantivy.Query.term_set_query(self._schema, "rev", list(without_revisions))
            query = tantivy.Query.boolean_query([(tantivy.Occur.Must, query), (tantivy.Occur.MustNot, hidden)])
        found = searcher.search(query, limit=limit, count=False).hits
        passage_ids = [int(number) for number in searcher.fast_field_values("passage", [place for _, place in found])]
        short = len(chosen) <= PRESENCE_TOKENS
        added = self._presence(searcher, chosen, passage_ids, presence) if presence and short else {}
        hits = [
            Hit(passage_id, float(score) + added.get((place.segment_ord, place.doc), 0.0))
            for passage_id, (score, place) in zip(passage_ids, found, strict=True)
        ]
        return sorted(hits, key=lambda hit: -hit.score)

    def _term(self, token: str) -> tantivy.Query:
        return tantivy.Query.term_query(self._schema, "words", token, "freq")

    def _presence(
        self, searcher: tantivy.Searcher, tokens: Sequence[str], passage_ids: Sequence[int], weight: float
    ) -> dict[tuple[int, int], float]:
        """Document (segment, number) → weight times the IDF of its tokens, for the documents of these passages."""
        documents = int(searcher.num_docs)
        clauses = [
            (
                tantivy.Occur.Must,
                tantivy.Query.const_score_query(
                    tantivy.Query.term_set_query(self._schema, "passage", sorted(set(passage_ids))), 0.0
                ),
            )
        ]
        for token in tokens:
            share = weight * inverse_document_frequency(int(searcher.doc_freq("words", token)), documents)
            clauses.append((tantivy.Occur.Should, tantivy.Query.const_score_query(self._term(token), share)))
        # A passage has one document and one more for each group of its items.
        query, limit = tantivy.Query.boolean_query(clauses), max(1, 8 * len(passage_ids))
        while True:
            scored = searcher.search(query, limit=limit, count=False).hits
            if len(scored) < limit:
                return {(place.segment_ord, place.doc): float(score) for score, place in scored}
            limit *= 8

    @staticmethod
    def _telling(searcher: tantivy.Searcher, tokens: Iterable[str]) -> list[str]:
        """The tokens without those that stand in most documents, which cost much time and change no rank.

        A query of nothing else keeps them; a token that stands nowhere is left out.
        """
        frequency = {token: int(searcher.doc_freq("words", token)) for token in tokens}
        known = [token for token, count in frequency.items() if count]
        limit = _common_above(searcher)
        telling = [token for token in known if frequency[token] <= limit]
        return telling if len(telling) >= MIN_TELLING else known

    @staticmethod
    def weights(searcher: tantivy.Searcher, tokens: Iterable[str]) -> dict[str, float]:
        """Token → its IDF, each once; one that stands nowhere weighs most."""
        documents = int(searcher.num_docs)
        return {
            token: inverse_document_frequency(int(searcher.doc_freq("words", token)), documents)
            for token in dict.fromkeys(tokens)
        }

    @staticmethod
    def common(searcher: tantivy.Searcher, tokens: Iterable[str]) -> list[str]:
        """Those of ``tokens`` that stand in so many documents that they are not searched for."""
        limit = _common_above(searcher)
        return [token for token in tokens if int(searcher.doc_freq("words", token)) > limit]

    @contextmanager
    def _whole(self, what: str = "が壊れています") -> Iterator[None]:
        """A failure of tantivy inside, a panic of its Rust code included, becomes a StaleIndexError."""
        try:
            yield
        except BaseException as error:
            if not (isinstance(error, ValueError | OSError) or is_panic(error)):
                raise
            reason = " ".join(str(error).split())[:200]
            raise StaleIndexError(
                f"{self._folder}: 語の索引{what}（{reason}）。scripts/build_index.py で作り直してください。"
            ) from None
