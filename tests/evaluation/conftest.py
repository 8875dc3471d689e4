"""Questions, outcomes and a scripted backend for the evaluation tests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from app.core.files import sha256_text
from app.core.questions import LETTERS, ORDERS, ArticleRef, Question, content_hash
from app.evaluation.results.order_answer import OrderAnswer
from app.evaluation.results.outcomes import Outcome
from app.llm.backend import Generation, Judgement, LetterReading


def make_question(number: int = 1, correct: str = "c", **values: Any) -> Question:
    """Question ``q<number>`` on article ``number`` of 架空法; its choices are named after their letters."""
    return Question(**{
        "id": f"q{number}",
        "question": f"問{number}: 正しいものはどれですか。",
        "choices": {letter: f"問{number}の選択肢{letter.upper()}本文" for letter in LETTERS},
        "correct": correct,
        "context": f"## 架空法\n### 第{number}条\n本文{number}",
        "articles": (ArticleRef("架空法", str(number)),),
        "cluster": f"架空法 第{number}条",
        "polarity": "correct",
        "source": "test.json",
        "law": "架空法",
        **values,
    })  # fmt: skip


def make_answer(order: str, predicted: str | None, *, sure: float | None = 0.7, **values: Any) -> OrderAnswer:
    """An answer whose predicted (shown) letter has probability ``sure``, the others the rest; None for no scores."""
    logprobs = None
    if sure is not None and predicted is not None:
        logprobs = tuple(float(np.log(sure if letter == predicted else (1 - sure) / 3)) for letter in LETTERS)
    return OrderAnswer(order, sha256_text(order), predicted, logprobs, None if logprobs is None else 1.0, **values)


def make_outcome(
    question: Question, chosen: Sequence[str | None], *, ensemble: bool = False, sure: float | None = 0.7, **values: Any
) -> Outcome:
    """The outcome in which order k chose the original letter ``chosen[k]``."""
    answers = [
        make_answer(order, None if letter is None else LETTERS[order.index(letter)], sure=sure)
        for order, letter in zip(ORDERS, chosen, strict=False)
    ]
    return Outcome(**{
        "id": question.id,
        "question_sha256": content_hash(question.question, question.choices),
        "question": question.question,
        "choices": dict(question.choices),
        "correct": question.correct,
        "law": question.law,
        "polarity": question.polarity,
        "cluster": question.cluster,
        "gold_articles": tuple(ref.article_key for ref in question.articles),
        "context": question.context,
        "passages": (),
        "answers": tuple(answers),
        "ensemble": ensemble,
        **values,
    })  # fmt: skip


@dataclass
class ScriptedBackend:
    """Scores and writes what a function of the prompt says; keeps every prompt it saw."""

    letter_of: Callable[[str], str]  # prompt (and forced reasoning) -> shown letter that is most probable
    text_of: Callable[[str], Any] = lambda prompt: "c"
    odds_of: Callable[[str], float] = lambda prompt: 0.0  # log-odds that the candidate fits
    prompts: list[str] = field(default_factory=list)
    generated: list[str] = field(default_factory=list)
    shared: list[bool] = field(default_factory=list)

    def facts(self) -> dict[str, Any]:
        return {"backend": "scripted"}

    def read_letters(
        self,
        prompts: Sequence[str],
        letters: Sequence[str],
        *,
        reasonings: Sequence[str] | None = None,
        alike: bool = False,
    ) -> list[LetterReading]:
        self.shared.append(alike)
        behind = [""] * len(prompts) if reasonings is None else [f"\n<<{text}>>" for text in reasonings]
        asked = [prompt + end for prompt, end in zip(prompts, behind, strict=True)]
        self.prompts += asked
        return [self._reading(prompt, letters) for prompt in asked]

    def _reading(self, prompt: str, letters: Sequence[str]) -> LetterReading:
        others = float(np.float32(np.log(0.15 / (len(letters) - 1))))
        logprobs = [others] * len(letters)
        logprobs[list(letters).index(self.letter_of(prompt))] = float(np.float32(np.log(0.85)))
        return LetterReading(tuple(logprobs), float(np.exp(logprobs).sum()), 1)

    def judge(self, prompts: Sequence[str]) -> list[Judgement]:
        self.prompts += prompts
        return [Judgement(self.odds_of(prompt), 0.9, len(prompt)) for prompt in prompts]

    def generate(
        self, prompts: Sequence[str], *, max_new_tokens: int | None = None, temperature: float | None = None
    ) -> list[Generation]:
        written = []
        for prompt in prompts:
            self.generated.append(prompt)
            text = self.text_of(prompt)
            if isinstance(text, Exception):
                raise text
            written.append(Generation(text, len(prompt), len(text), truncated=len(text) >= (max_new_tokens or 10**9)))
        return written

    def invoke(self, prompt: str, **kwargs: Any) -> str:
        return self.generate([prompt], **kwargs)[0].text


@pytest.fixture
def question_of() -> Callable[..., Question]:
    return make_question


@pytest.fixture
def outcome_of() -> Callable[..., Outcome]:
    return make_outcome


@pytest.fixture
def answer_of() -> Callable[..., OrderAnswer]:
    return make_answer


@pytest.fixture
def scripted() -> type[ScriptedBackend]:
    return ScriptedBackend
