"""Reasoning for questions whose choices are statements or things: 正しいもの, 誤っているもの, 該当しないもの.

The deciding sentence is the one that holds what the answer alone says; then the other choices are set against the text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ...core.questions import Question
from ..folding import fold, fold_text
from ..law_numbers import FOLDED_BRANCH
from ..provisions import law_key
from .alignment import Sentence, alignments, held_share, shared_spans
from .contrast import best_contrast, departures
from .draft import (
    Draft,
    against_limit,
    contrast_text,
    lead_of,
    quote,
    reckoned_text,
    spans_of,
)
from .kinds import Contrast
from .phrases import MAX_PHRASE_CHARS, distinctive_weights, own_phrases, sentence_phrase
from .quantities import quantities
from .words import excluded_words

# Hand-checked on the open 100 questions of lawqa_jp: below these, the aligned sentence was often not the deciding one.
DECIDING_COVERAGE = 0.45  # share of the answer's distinctive characters that the sentence holds
FOREIGN_COVERAGE = 0.8  # the same, when the source is not known to hold a gold article (retrieved context)
AGREEING_COVERAGE = 0.6  # share of a choice's characters, to say that it agrees
_EXCLUDING = re.compile(
    r"除く|限りでない|該当しない|該当せず|ならない(?:こと|もの)|とはならない|できません|必要はありません|できないと"
)
_LEAD_EXCLUDES = re.compile(r"次に掲げる[^、。（）]{1,6}を除く")


def explain_statements(draft: Draft, question: Question, sentences: Sequence[Sentence], *, foreign: bool) -> None:
    """``foreign``: none of the sentences stands in a gold article, so only a near repetition of the answer counts."""
    if foreign and question.polarity in ("incorrect", "not_applicable"):
        return
    needed = FOREIGN_COVERAGE if foreign else DECIDING_COVERAGE
    answer = question.choices[question.correct]
    others = {letter: text for letter, text in question.choices.items() if letter != question.correct}
    if question.polarity == "incorrect":
        if _answer_departs(draft, question, sentences, needed):
            for letter, text in others.items():
                rivals = [choice for key, choice in question.choices.items() if key != letter]
                draft.contrasts += _agrees(draft, letter, text, sentences, rivals, "と合う")
        return
    contrasts = {letter: best_contrast(text, [answer], question.question, sentences) for letter, text in others.items()}
    known = [contrast for contrast in contrasts.values() if contrast is not None]
    listed = question.polarity == "not_applicable"
    deciding = _deciding(answer, list(others.values()), known, sentences, needed, excluding=listed)
    if listed and (deciding is None or not _takes_out(answer, deciding)):
        _answer_unlisted(draft, question, deciding, sentences)
    elif deciding is not None:
        _answer_agrees(draft, question, deciding, sentences)
    elif (strongest := max(known, key=lambda one: one.strength, default=None)) and strongest.sentence and not foreign:
        # The answer follows from the sentence by inference; what the others get wrong can still be shown.
        quote(draft, strongest.sentence, spans_of(strongest.text_phrase, strongest.sentence), sentences)
    if not draft.quotes:
        return
    for letter, text in others.items():
        contrast = contrasts[letter]
        if listed:
            rest = [one for one in sentences if one is not deciding]
            rivals = [choice for key, choice in question.choices.items() if key != letter]
            if _agrees(draft, letter, text, rest, rivals, "に当たる"):
                draft.contrasts += 1
                continue
            if contrast is None or contrast.sentence is None or contrast.sentence is not deciding:
                continue
        if contrast is not None:
            draft.parts.append(against_limit(question, letter, contrast) or contrast_text(draft, letter, contrast))
            draft.contrasts += 1


def _deciding(
    answer: str,
    others: Sequence[str],
    contrasts: Sequence[Contrast],
    sentences: Sequence[Sentence],
    needed: float,
    *,
    excluding: bool = False,
) -> Sentence | None:
    """The sentence that decides for the answer: it holds most of what the answer does not share with other choices.

    A sentence against which other choices were found to be wrong, and whose words the answer has, is preferred; for
    該当しないもの (``excluding``) one that takes something out of a rule.
    """
    folded = fold_text(answer)
    weights = distinctive_weights(folded, [fold_text(other) for other in others])
    best: tuple[float, Sentence] | None = None
    for sentence in sentences:
        held = held_share(folded, weights, sentence)
        backed = any(
            contrast.sentence is sentence
            and (_only_here(fold_text(contrast.text_phrase), sentences, folded) or _same_measure(contrast, folded))
            for contrast in contrasts
        )
        out = excluding and held >= 0.2 and _EXCLUDING.search(sentence.text) is not None
        score = held + (0.3 if backed else 0.0) + (0.2 if out else 0.0)
        if score >= needed and (best is None or score > best[0] + 1e-9):
            best = (score, sentence)
    return best[1] if best else None


def _only_here(phrase: str, sentences: Sequence[Sentence], answer: str) -> bool:
    return bool(phrase) and phrase in answer and sum(phrase in one.folded.text for one in sentences) == 1


def _same_measure(contrast: Contrast, answer: str) -> bool:
    """Whether the contrast is with a limit (一億円未満) and the answer too has a number in that unit."""
    limits = [one for one in quantities(fold_text(contrast.text_phrase)) if contrast.kind == "number" and one.limit]
    return any(one.unit == limits[0].unit for one in quantities(answer)) if limits else False


def _takes_out(answer: str, sentence: Sentence) -> bool:
    """Whether the sentence takes the answer out of a rule: by its predicate, or in brackets that name it."""
    outside = re.sub(r"[（(][^（()）]*を除く。?[）)]", "", sentence.text)
    return bool(excluded_words(answer, sentence)) or bool(_EXCLUDING.search(outside))


def _own_spans(answer: str, others: Sequence[str], sentence: Sentence) -> list[tuple[int, int]]:
    """Where the sentence holds what the answer alone says; where it holds the answer at all, if there is no such place."""
    folded = fold_text(answer)
    weights = distinctive_weights(folded, [fold_text(other) for other in others])
    own = "".join(char if weight > 0.5 else "\x00" for char, weight in zip(folded, weights, strict=True))
    return shared_spans(own, sentence) or shared_spans(folded, sentence)


def _answer_agrees(draft: Draft, question: Question, deciding: Sentence, sentences: Sequence[Sentence]) -> None:
    letter, answer = question.correct, question.choices[question.correct]
    others = [text for key, text in question.choices.items() if key != letter]
    taken_out = excluded_words(answer, deciding)
    departing = [] if taken_out else departures(alignments(answer, [deciding])[0], answer)
    phrases = [] if taken_out or departing else own_phrases(question, deciding)
    spans = [span for phrase in phrases for span in spans_of(phrase, deciding)]
    cited = fold_text(quote(draft, deciding, spans or _own_spans(answer, others, deciding), sentences))
    if taken_out:
        draft.parts.append(f"選択肢{letter}の「{taken_out}」は、ここで除かれている。")
        draft.agreement = True
    elif departing:
        # The answer follows from the sentence without repeating it; only a number against a limit can be reckoned.
        reckoned = [reckoned_text(letter, one.choice_phrase, one.text_phrase) for one in departing]
        draft.parts += [text for text in reckoned if text][:1]
        draft.agreement = any(reckoned)
    elif phrases and all(fold_text(phrase) in cited for phrase in phrases):
        draft.parts.append(f"選択肢{letter}の{'と'.join(f'「{phrase}」' for phrase in phrases)}はこれと合う。")
        draft.agreement = True


def _answer_departs(draft: Draft, question: Question, sentences: Sequence[Sentence], needed: float) -> bool:
    """For 誤っているもの: quote the sentence that the answer departs from, and say how."""
    letter, answer = question.correct, question.choices[question.correct]
    others = [text for key, text in question.choices.items() if key != letter]
    found = best_contrast(answer, others, question.question, sentences)
    deciding = found.sentence if found is not None else None
    if deciding is None:
        deciding = _deciding(answer, others, [], sentences, needed)
        if deciding is None or _belongs_to_other(answer, others, deciding):
            return False
    spans = spans_of(found.text_phrase, deciding) if found is not None else []
    quote(draft, deciding, spans or shared_spans(fold_text(answer), deciding), sentences)
    if found is not None:
        draft.parts.append(contrast_text(draft, letter, found))
        draft.agreement = True
    return True


def _belongs_to_other(answer: str, others: Sequence[str], sentence: Sentence) -> bool:
    """Whether another choice repeats the sentence better: then it is the sentence of that choice."""
    own = alignments(answer, [sentence])[0].coverage
    return any(alignments(other, [sentence])[0].coverage > own for other in others)


def _answer_unlisted(
    draft: Draft, question: Question, deciding: Sentence | None, sentences: Sequence[Sentence]
) -> None:
    """For 該当しないもの whose answer no sentence excludes in so many words: how it departs from what is listed."""
    letter, answer = question.correct, question.choices[question.correct]
    others = [text for key, text in question.choices.items() if key != letter]
    lead = lead_of(deciding, sentences) if deciding is not None else None
    if deciding is not None and lead is not None and _LEAD_EXCLUDES.search(lead.text):
        quote(draft, deciding, shared_spans(fold_text(answer), deciding), sentences)
        draft.parts.append(f"選択肢{letter}は、除かれるものとしてここに挙げられている。")
        draft.agreement = True
        return
    found = best_contrast(answer, others, question.question, sentences)
    if found is not None and found.sentence is not None and found.kind in ("number", "excluded", "wording", "limit"):
        spans = spans_of(found.text_phrase, found.sentence)
        quote(draft, found.sentence, spans, sentences)
        draft.parts.append(contrast_text(draft, letter, found))
        draft.agreement = True
        return
    listing = [one for text in others if (one := _listed_in(_without_laws(text, sentences), sentences))]
    missing = _missing_reference(answer, sentences)
    if (
        not missing
        and len(listing) == len(others)
        and len(answer) <= MAX_PHRASE_CHARS
        and not _listed_in(answer, sentences)
    ):
        missing = answer.rstrip("。")
    if not missing and found is not None and found.kind == "absent":
        missing = found.choice_phrase
    if missing and len(listing) >= 2:
        best = max(listing, key=listing.count)
        quote(draft, best, [(0, len(best.folded.text))], sentences)
        draft.parts.append(f"選択肢{letter}の「{missing}」は、そこに挙げられていない。")
        draft.agreement = True
    elif deciding is not None:
        quote(draft, deciding, shared_spans(fold_text(answer), deciding), sentences)


def _listed_in(text: str, sentences: Sequence[Sentence]) -> Sentence | None:
    """The sentence that names the choice: in so many words, or most of its words in order."""
    folded = fold_text(text).rstrip("。")
    for sentence in sentences:
        if folded in sentence.folded.text:
            return sentence
    aligned = alignments(text, sentences, at_most=len(sentences))
    return aligned[0].sentence if aligned and aligned[0].coverage >= AGREEING_COVERAGE else None


def _without_laws(text: str, sentences: Sequence[Sentence]) -> str:
    """The choice without the title of a law in front: statutes refer to their own articles without it."""
    titles = sorted({law_key(one.provision.law) for one in sentences}, key=len, reverse=True)
    return next((text.removeprefix(title) for title in titles if text.startswith(title)), text)


def _missing_reference(answer: str, sentences: Sequence[Sentence]) -> str:
    """An article that the answer names and no sentence does: 第42条の7."""
    folded = fold(answer)
    for match in re.finditer(rf"第\d+条{FOLDED_BRANCH}", folded.text):
        if not any(re.search(re.escape(match.group()) + r"(?!の?\d)", one.folded.text) for one in sentences):
            first, last = folded.source_span(*match.span())
            relative = folded.text[match.end() :].startswith("第")  # 第2条第2項 may stand there as 前条第二項
            return "" if relative else answer[first:last]
    return ""


def _agrees(
    draft: Draft, letter: str, text: str, sentences: Sequence[Sentence], rivals: Sequence[str], verb: str
) -> bool:
    """Say where a choice's own words stand, if they do and nothing departs from them."""
    plain = _without_laws(text, sentences)
    folded = fold_text(plain)
    if len(folded) <= 12:  # a term: best where it is defined, 「管理医療機器」とは
        exact = [one for one in sentences if folded in one.folded.text]
        if not exact:
            return False
        best = max(exact, key=lambda one: (f"「{folded}」" in one.folded.text, one.folded.text.startswith(folded)))
        draft.parts.append(f"選択肢{letter}の「{text}」は、{draft.place(best.provision)}に挙げられている。")
        return True
    aligned = alignments(plain, sentences, at_most=len(sentences))
    if not aligned or aligned[0].coverage < AGREEING_COVERAGE or departures(aligned[0], plain):
        return False
    best_one = aligned[0]
    words = sentence_phrase(best_one, rivals)
    if not words:
        return False
    draft.parts.append(f"選択肢{letter}は、{draft.place(best_one.sentence.provision)}の「{words}」{verb}。")
    return True
