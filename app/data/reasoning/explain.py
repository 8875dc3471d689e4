"""The reasoning of a cot record, drawn from the statute: where the deciding sentence stands, what it says, and how the
choices agree with it or depart from it.

Nothing is said that cannot be shown. Quotes are cut out of the source; agreement is claimed only for words that stand
in the quoted sentence, a contrast only between words of the choice and words of a sentence. Where nothing decides,
less is said, and the counts tell how often. Rules, thresholds and their hand check: docs/cot-records.md.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ...core.questions import Question
from ..headings import WHOLE_TEXT
from ..provisions import law_key, parse_provisions, section_label
from .alignment import split_sentences
from .draft import Draft, Reasoning
from .named import named_provisions
from .phrases import MAX_PHRASE_CHARS
from .provisions import explain_basis
from .statements import explain_statements

_ASKING = re.compile(r"か(?:[（(][^）)]*[）)])?。?$")


def explain(question: Question, source: str | None) -> Reasoning:
    """The reasoning for the question's answer, quoting only ``source`` (the gold text, or the context in the prompt).

    Choices are named by the letters of the question as it is shown.
    """
    sentences = [one for one in split_sentences(parse_provisions(source or "")) if not _ASKING.search(one.text)]
    gold = {ref.article_key for ref in question.articles}
    own = [one for one in sentences if (law_key(one.provision.law), one.provision.article) in gold]
    draft = Draft()
    named = named_provisions(question)
    if named:
        explain_basis(draft, question, named, own or sentences)
    elif own or sentences:
        explain_statements(draft, question, own or sentences, foreign=not own)
    if not draft.quotes:
        return Reasoning(_without_evidence(question, bool(own)))
    return draft.finish(len(question.choices) - 1)


def _without_evidence(question: Question, gold_present: bool) -> str:
    """What can still be said: which articles the question rests on, and whether the text at hand holds them."""
    if not question.articles:
        return f"「{_topic(question)}」を定める文は、示された資料からは特定できない。"
    laws: dict[str, list[str]] = {}
    for law, article in dict.fromkeys(ref.article_key for ref in question.articles):
        laws.setdefault(law, []).append("" if article == WHOLE_TEXT else section_label(article))
    listed = "、".join(_article_names(law, labels) for law, labels in laws.items())
    if gold_present or question.context is None:
        return f"根拠となるのは{listed}である。"
    return f"根拠となるのは{listed}であるが、その文は手元の参照条文に含まれていない。"


def _article_names(law: str, labels: Sequence[str]) -> str:
    named = [label.replace(" ", "の") for label in labels if label]
    joint = "" if not named or named[0].startswith(("第", "附則")) else "の"
    return law + joint + "及び".join(named)


def _topic(question: Question) -> str:
    return re.split(r"[。\n]", question.question.strip())[0][:MAX_PHRASE_CHARS]
