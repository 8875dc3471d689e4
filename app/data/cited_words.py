"""The words of a provision that a choice only cites, as they stand in the context that the question is given.

A choice 「金融商品取引法第8条第1項」 says nothing by itself: whoever judges it has to look the number up. With
``--cited-words`` the prompt shows the provision's own words under it. They come from the context alone; the right answer
plays no part. A choice that says more than a citation, whatever it begins with, has content of its own and gets nothing.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .folding import fold_text
from .provisions import law_key, parse_provisions
from .reasoning.alignment import Sentence, clause_borders, split_sentences
from .reasoning.named import Named, named_provision, sentences_of

# Longer words are cut after a sentence or an item; a first sentence that is itself longer, after one of its clauses.
MOST_CHARS = 300
LEFT_OUT = "（以下略）"
_KANA_END = re.compile("[\u3041-\u309f]$")


@dataclass(frozen=True, slots=True)
class CitedWords:
    """What a choice cites, on one line; ``cut`` where MOST_CHARS left the rest of it out.

    Items are no part of an article or a paragraph that is cited without them, unless nothing else stands there.
    """

    text: str
    cut: bool


@dataclass(frozen=True, slots=True)
class CitedCounts:
    """Choices that are nothing but a citation: with the words under them, without, and those whose words were cut; of
    the first two also how many are among the right answers, since being without words may tell them from the others."""

    shown: int
    without: int
    cut: int
    right_shown: int
    right_without: int

    def as_json(self) -> dict[str, Any]:
        """For results and manifests."""
        right = {"shown": self.right_shown, "without": self.right_without}
        return {"shown": self.shown, "without": self.without, "cut": self.cut, "right": right}


def cited_words(choices: Mapping[str, str], context: str | None) -> dict[str, CitedWords | None]:
    """The words of each choice that is nothing but a citation, by its letter; other choices are left out.

    None where the context does not hold the provision, or where the citation may mean articles of several laws.
    """
    named = {letter: one for letter, text in choices.items() if (one := named_provision(text)) is not None}
    provisions = parse_provisions(context) if named and context else []
    sentences = split_sentences(provisions)
    laws = {fold_text(law_key(one.law)) for one in provisions if one.law}
    return {
        letter: _words(one, sentences_of(one, sentences))
        for letter, one in named.items()
        if not _says_more(one.law, laws)
    }


def words_of(choices: Mapping[str, str], context: str | None, *, wanted: bool) -> dict[str, str]:
    """The words to show under a choice, by its letter; none unless they are ``wanted``."""
    found = cited_words(choices, context) if wanted else {}
    return {letter: words.text for letter, words in found.items() if words is not None}


def cited_counts(asked: Iterable[tuple[Mapping[str, str], str | None, str]]) -> CitedCounts:
    """How many of the choices of all questions, each with its context and right letters, are nothing but a citation."""
    found = [
        (words, letter in correct)
        for choices, context, correct in asked
        for letter, words in cited_words(choices, context).items()
    ]
    return CitedCounts(
        shown=sum(words is not None for words, _ in found),
        without=sum(words is None for words, _ in found),
        cut=sum(words is not None and words.cut for words, _ in found),
        right_shown=sum(words is not None and right for words, right in found),
        right_without=sum(words is None and right for words, right in found),
    )


def counted_text(counts: Mapping[str, Any]) -> str:
    """``CitedCounts.as_json`` in Japanese."""
    shown, without, right = counts["shown"], counts["without"], counts["right"]
    cut = f"（{MOST_CHARS} 字で切ったもの {counts['cut']}）" if counts["cut"] else ""
    return (
        f"文言を添えた候補 {shown}{cut} / 添えられなかった引用だけの候補 {without}"
        f"（正解の候補は {right['shown']} / {right['without']}、"
        f"ほかは {shown - right['shown']} / {without - right['without']}）"
    )


def _says_more(name: str, laws: Collection[str]) -> bool:
    """Whether words stand before a law of the context (登録の根拠は渡船法). Of other names nobody knows what is title."""
    return any(name.endswith(law) and _KANA_END.search(name.removesuffix(law)) for law in laws)


def _words(named: Named, sentences: Sequence[Sentence]) -> CitedWords | None:
    if named.item is None and named.subitem is None:
        sentences = [one for one in sentences if one.provision.item is None] or sentences
    # What stands under 第3条から第5条まで is not known to be the one article's.
    sentences = [one for one in sentences if one.provision.together is None]
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
