"""The words of a provision that a choice only cites, as they stand in the context that the question is given.

A choice 「金融商品取引法第8条第1項」 says nothing by itself: whoever judges it has to look the number up. With
``--cited-words`` the prompt shows the provision's own words under it. They come from the context alone; the right answer
plays no part. A choice that says more than a citation, whatever it begins with, has content of its own and gets nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from .provisions import law_key, parse_provisions
from .reasoning.alignment import Sentence, clause_borders, split_sentences
from .reasoning.named import named_provision, sentences_of

# Longer words are cut after a sentence or an item; a first sentence that is itself longer, after one of its clauses.
MOST_CHARS = 300
LEFT_OUT = "（以下略）"


@dataclass(frozen=True, slots=True)
class CitedWords:
    """What a choice cites, on one line; ``cut`` where the provision says more."""

    text: str
    cut: bool


@dataclass(frozen=True, slots=True)
class CitedCounts:
    """Choices that are nothing but a citation: with the words under them, without, and those whose words were cut."""

    shown: int
    without: int
    cut: int

    def as_json(self) -> dict[str, int]:
        """For results and manifests."""
        return {"shown": self.shown, "without": self.without, "cut": self.cut}


def cited_words(choices: Mapping[str, str], context: str | None) -> dict[str, CitedWords | None]:
    """The words of each choice that is nothing but a citation, by its letter; other choices are left out.

    None where the context does not hold the provision, or where the citation may mean articles of several laws.
    """
    named = {letter: one for letter, text in choices.items() if (one := named_provision(text)) is not None}
    sentences = split_sentences(parse_provisions(context)) if named and context else []
    return {letter: _words(sentences_of(one, sentences)) for letter, one in named.items()}


def words_of(choices: Mapping[str, str], context: str | None, *, wanted: bool) -> dict[str, str]:
    """The words to show under a choice, by its letter; none unless they are ``wanted``."""
    found = cited_words(choices, context) if wanted else {}
    return {letter: words.text for letter, words in found.items() if words is not None}


def cited_counts(asked: Iterable[tuple[Mapping[str, str], str | None]]) -> CitedCounts:
    """How many of the choices of all questions, each with its context, are nothing but a citation."""
    found = [words for choices, context in asked for words in cited_words(choices, context).values()]
    shown = [words for words in found if words is not None]
    return CitedCounts(len(shown), len(found) - len(shown), sum(words.cut for words in shown))


def counted_text(counts: Mapping[str, int]) -> str:
    """``CitedCounts.as_json`` in Japanese."""
    cut = f"（{MOST_CHARS} 字で切ったもの {counts['cut']}）" if counts["cut"] else ""
    return f"引用の語を添えた候補 {counts['shown']}{cut} / 引用だけの候補 {counts['without']}"


def _words(sentences: Sequence[Sentence]) -> CitedWords | None:
    articles = {(law_key(one.provision.law), one.provision.article) for one in sentences}
    if len(articles) != 1:
        return None
    parts = list(dict.fromkeys(one.text for one in sentences))
    kept: list[str] = []
    for part in parts:
        if sum(map(len, kept)) + len(part) > MOST_CHARS:
            break
        kept.append(part)
    if not kept:
        kept = [parts[0][: max((one for one in clause_borders(parts[0]) if 0 < one <= MOST_CHARS), default=MOST_CHARS)]]
    cut = "".join(kept) != "".join(parts)
    # Items have no full stop; a statute sets parts off by a full-width space.
    text = "".join(part if part.endswith(("。", "、")) else f"{part}　" for part in kept).strip()
    return CitedWords(f"{text}{LEFT_OUT}" if cut else text, cut)
