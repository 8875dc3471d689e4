"""What a generated question must not share with questions kept for testing: an article, a run of words, too much of anything."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ...core.questions import Question
from ..folding import fold_text
from ..provisions import law_key
from .kinds.drafts import Draft

RUN_CHARS = 13
_GRAM_CHARS = 5


@dataclass(frozen=True, slots=True)
class Similarity:
    """The generated question nearest to an excluded one."""

    value: float  # shared character runs of five, over those of both (Jaccard), 0 to 1
    excluded: str  # id


class Excluded:
    """The questions to keep away from."""

    def __init__(self, questions: Sequence[Question]) -> None:
        self._articles = {ref.article_key for question in questions for ref in question.articles}
        texts = [
            (question.id, fold_text(part))
            for question in questions
            for part in (question.question, *question.choices.values())
        ]
        self._runs = {run for _, text in texts for run in _runs(text, RUN_CHARS)}
        self._grams: dict[str, list[str]] = {}
        self._sizes: dict[str, int] = {}
        whole: dict[str, set[str]] = {}
        for question_id, text in texts:
            whole.setdefault(question_id, set()).update(_runs(text, _GRAM_CHARS))
        for question_id, grams in whole.items():
            self._sizes[question_id] = len(grams)
            for gram in grams:
                self._grams.setdefault(gram, []).append(question_id)

    @property
    def articles(self) -> int:
        """How many articles are kept away from."""
        return len(self._articles)

    def holds_article(self, law: str, article: str) -> bool:
        """Whether an excluded question has this article of the law with this title in its context."""
        return (law_key(law), article) in self._articles

    def shares_article(self, draft: Draft) -> bool:
        """Whether the draft shows an article of an excluded question."""
        return any(self.holds_article(passage.law, passage.article) for passage in draft.passages)

    def shared_run(self, texts: Iterable[str], context: str) -> str:
        """A run of 13 characters that the texts share with an excluded question and the statute does not have; "" if none."""
        if not self._runs:
            return ""
        statute = fold_text(context)
        for text in texts:
            for run in _runs(fold_text(text), RUN_CHARS):
                if run in self._runs and run not in statute:
                    return run
        return ""

    def similarity(self, texts: Iterable[str]) -> Similarity:
        """How near the texts together come to the nearest excluded question."""
        grams = {gram for text in texts for gram in _runs(fold_text(text), _GRAM_CHARS)}
        shared: Counter[str] = Counter(question_id for gram in grams for question_id in self._grams.get(gram, ()))
        nearest = max(
            (
                (count / (len(grams) + self._sizes[question_id] - count), question_id)
                for question_id, count in shared.items()
            ),
            default=(0.0, ""),
        )
        return Similarity(*nearest)


def _runs(text: str, size: int) -> list[str]:
    return [text[index : index + size] for index in range(len(text) - size + 1)]
