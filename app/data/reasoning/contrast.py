"""Where a statement departs from a sentence of a statute: another number, a negation, a limit, another word.

A contrast is reported only where its two sides can be shown: the statement's own words, and the sentence's words at the
same place. What the statement shares with the choices that do agree with the statute is never reported, since it cannot
be what makes it wrong. The rules and thresholds were set by reading their results on lawqa_jp (docs/cot-records.md).
"""

from __future__ import annotations

from collections.abc import Sequence

from ..folding import fold_text
from .alignment import Alignment, Sentence, alignments
from .gaps import gaps
from .kinds import Contrast
from .words import absent, added, concessions, excluded, numbers, swaps


def best_contrast(
    choice: str, agreeing: Sequence[str], question: str, sentences: Sequence[Sentence]
) -> Contrast | None:
    """What most clearly sets ``choice`` apart from the sentences; None if nothing can be shown.

    ``agreeing`` are the choices that do agree with the statute.
    """
    shared = [fold_text(text).replace("必ずしも", "") for text in agreeing]
    context = "\n".join(sentence.folded.text for sentence in sentences)
    aligned = alignments(choice, sentences)
    close = [one for one in aligned if one.coverage >= 0.6 * aligned[0].coverage] if aligned else []
    found: list[Contrast] = []
    for one in close:
        found += gaps(one, choice, context)
        found += numbers(one, choice, context)
        found += added(one, choice)
        found += excluded(one, choice)
    found += swaps(choice, sentences, context)
    found += concessions(choice, sentences)
    if close and close[0].coverage >= 0.4:
        titles = "\n".join(fold_text(sentence.provision.law) for sentence in sentences)
        found += absent(choice, fold_text(question), context + "\n" + titles)
    own = [one for one in found if not _is_shared(one, shared)]
    return max(own, key=lambda contrast: contrast.strength, default=None)


def departures(alignment: Alignment, choice: str) -> list[Contrast]:
    """Numbers, negations and limits in which ``choice`` differs from the sentence it is laid against."""
    context = alignment.sentence.folded.text
    found = [*gaps(alignment, choice, context), *numbers(alignment, choice, context)]
    return [one for one in found if one.kind in ("number", "negation", "limit", "omitted")]


def _is_shared(contrast: Contrast, agreeing: Sequence[str]) -> bool:
    """Whether a choice that agrees with the statute says the same, so that it cannot be what is wrong."""
    if contrast.kind == "omitted":
        return not any(fold_text(contrast.text_phrase) in text for text in agreeing)
    return any(fold_text(contrast.choice_phrase) in text for text in agreeing)
