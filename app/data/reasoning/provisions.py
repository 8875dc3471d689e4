"""Reasoning for questions whose choices are names of provisions (根拠条文)."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import SequenceMatcher

from ...core.questions import Question
from ..folding import fold, fold_text
from .alignment import Sentence, cite, held_share, shared_spans, whole_words
from .draft import MAX_LEAD_CHARS, Draft, lead_of, quote
from .named import Named, sentences_of
from .phrases import MAX_PHRASE_CHARS, balanced, shortened

MIN_TOPIC_CHARS = 8  # of a basis question: 政令で定める and the like name nothing


def explain_basis(draft: Draft, question: Question, named: dict[str, Named], sentences: Sequence[Sentence]) -> None:
    """For 根拠条文: what the named provisions say, the answer's first, as far as the source holds them."""
    held = sentences_of(named[question.correct], sentences)
    if not held:
        return
    topic = fold_text(question.question)
    best = max(held, key=lambda one: held_share(topic, [1.0] * len(topic), one))
    lead = lead_of(best, sentences)
    quote(draft, best, shared_spans(topic, best), sentences)
    elsewhere = [
        one for letter, name in named.items() if letter != question.correct for one in sentences_of(name, sentences)
    ]
    words = _topic_words(question.question, [one for one in (best, lead) if one], elsewhere)
    if words and question.polarity not in ("incorrect", "not_applicable"):
        draft.parts.append(f"問いの「{words}」はここに定められている。")
        draft.agreement = True
    for letter, name in named.items():
        other = sentences_of(name, sentences) if letter != question.correct else []
        if other and other[0] is not best:
            place, cited = (
                draft.place(other[0].provision),
                cite(other[0], [(0, len(other[0].folded.text))], MAX_LEAD_CHARS),
            )
            draft.parts.append(f"選択肢{letter}の{place}は{cited}とする定めである。")
            draft.contrasts += 1


def _topic_words(question: str, own: Sequence[Sentence], elsewhere: Sequence[Sentence]) -> str:
    """The longest words of the question that the answer's provision has; what other choices' provisions have too comes
    last, and so does what stands in brackets."""
    folded = fold(question)
    found: list[tuple[bool, int, str]] = []
    for sentence in own:
        for match in SequenceMatcher(None, folded.text, sentence.folded.text, autojunk=False).get_matching_blocks():
            if match.size < MIN_TOPIC_CHARS:
                continue
            words = whole_words(question, *folded.source_span(match.a, match.a + match.size))
            words = words if len(words) <= MAX_PHRASE_CHARS else shortened(words)
            if len(fold_text(words)) >= MIN_TOPIC_CHARS and "（" not in words and balanced(words):
                only_here = not any(fold_text(words) in one.folded.text for one in elsewhere)
                found.append((only_here, len(words), words))
    return max(found, default=(False, 0, ""))[2]
