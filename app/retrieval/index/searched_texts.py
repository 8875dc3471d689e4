"""What the passages of a law are found by: their texts, as they go to the word index and to a server's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...data.egov.law import Law
from ..engines.lexical import LexicalWriter
from ..engines.sudachi import Words
from ..store.passages import SEARCHED_PARTS
from ..store.rows import NewPassage
from ..text.passages import body, header
from ..text.tokens import tokenize

GROUPED_LINES = 4  # items in one group


def passage_texts(law_title: str, item: NewPassage) -> Iterator[str]:
    """What a passage is found by: its header and text, and for a long list of items also each group of them.

    Header and text share one field (a field of its own for the header scored lower). BM25 puts long texts back, so a
    paragraph of thirty items would lose against a short one that says less; a group stands with header and lead.
    """
    head = header(law_title, item.provision, item.passage)
    passage_lines = item.passage.lines
    yield f"{head}\n{body(passage_lines)}"
    if len(passage_lines) > GROUPED_LINES:
        lead = passage_lines[0][1]
        for start in range(1, len(passage_lines), GROUPED_LINES):
            yield f"{head}\n{lead}\n{body(passage_lines[start : start + GROUPED_LINES])}"


def index_passages(
    words: LexicalWriter, rev: int, law: Law, written: Sequence[NewPassage], second: Words | None = None
) -> int:
    """Give the searched passages of a law to the word index; returns how many documents they became."""
    count = 0
    for item in written:
        if item.provision.part in SEARCHED_PARTS and not item.provision.deleted:
            for text in passage_texts(law.title, item):
                words.add(item.passage_id, rev, tokenize(text), None if second is None else second.words(text))
                count += 1
    return count
