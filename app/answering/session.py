"""One index and one model, asked by a person or by many: what the terminal and the page both do."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from typing import Any

from ..core.errors import ConfigError, DataError
from ..core.questions import Question
from ..llm.backend import ScoringBackend
from ..retrieval.grounds import Answer, Grounds, Turn
from ..retrieval.rag_pipeline import RAGPipeline, search_query
from .options import AnswerForm
from .questions import Choice, choose
from .statements import (
    MAX_STATEMENT_CHARS,
    Verdict,
    decide,
    nearest,
    probability_of,
    statement_prompt,
)
from .streaming import visible


class LazyModel:
    """A backend that is loaded when it is first needed; None stands for no model at all."""

    def __init__(self, load: Callable[[], ScoringBackend] | None) -> None:
        self._load = load
        self._loaded: ScoringBackend | None = None
        self._lock = threading.Lock()
        # What runs the work of ``invoke``: retrieval may ask in the middle of a search, and where many share the model
        # it has to wait for its turn like everybody.
        self.turn: Callable[[Callable[[], str]], str] = _at_once

    @property
    def named(self) -> bool:
        """Whether there is a model to be asked."""
        return self._load is not None

    @property
    def loaded(self) -> bool:
        """Whether it has been loaded."""
        return self._loaded is not None

    def require(self) -> Callable[[], ScoringBackend]:
        """What loads the model. Raises ConfigError where none was named."""
        if self._load is None:
            raise ConfigError(
                "モデルが指定されていません。--hf-model-name か --adapter、またはサーバーなら --llm-backend と --llm-model を指定してください。"
            )
        return self._load

    def backend(self) -> ScoringBackend:
        """The backend. Raises ConfigError where no model was named."""
        load = self.require()
        with self._lock:
            if self._loaded is None:
                self._loaded = load()
            return self._loaded

    def invoke(self, prompt: str, **kwargs: Any) -> str:
        """The model's text, for what retrieval asks of it."""
        return self.turn(lambda: str(self.backend().invoke(prompt, **kwargs)))


def _at_once(work: Callable[[], str]) -> str:
    return work()


class Session:
    """Questions and statements answered from one index by one model."""

    def __init__(
        self,
        pipeline: RAGPipeline,
        model: LazyModel,
        *,
        form: AnswerForm = "choice",
        few_shot: bool = False,
        cited_words: bool = False,
    ) -> None:
        """``form`` is how questions with choices are put; ``few_shot`` puts examples before those of the letter form,
        ``cited_words`` what a choice only cites under it in the choice form."""
        self.pipeline = pipeline
        self.model = model
        self.form = form
        self.few_shot = few_shot
        self.cited_words = cited_words

    def grounds(
        self, question: str, earlier: Sequence[Turn] = (), *, top_k: int | None = None, as_of: date | None = None
    ) -> Grounds:
        """What is found for a question, before any model is asked."""
        return self.pipeline.grounds(question, earlier=earlier, top_k=top_k, as_of=as_of)

    def written(self, grounds: Grounds, *, max_new_tokens: int | None = None) -> Iterator[str]:
        """The answer as it is written, thoughts left out; nothing where no article was found, since nothing could be cited."""
        if not grounds.context.used:
            return iter(())
        return visible(self.model.backend().stream(grounds.prompt, max_new_tokens=max_new_tokens))

    def read(self, text: str, grounds: Grounds) -> Answer:
        """The answer with its citations checked."""
        return self.pipeline.read_answer(text, grounds)

    def check(self, statement: str, *, top_k: int | None = None, as_of: date | None = None) -> Verdict:
        """A statement held against the articles found for it; without a model only these. Raises DataError for one that
        is too long."""
        if len(statement) > MAX_STATEMENT_CHARS:
            raise DataError(
                f"確かめる文が {len(statement):,} 文字あります（上限 {MAX_STATEMENT_CHARS:,} 文字）。文ごとに分けてください。"
            )
        grounds = self.grounds(" ".join(statement.split()), top_k=top_k, as_of=as_of)
        shown = grounds.context.used
        probability = mass = decision = None
        if self.model.named:
            if shown:
                (judgement,) = self.model.backend().judge([statement_prompt(statement, grounds.context.text)])
                probability, mass = probability_of(judgement.log_odds), judgement.mass
            decision = decide(probability, grounds.coverage)
        return Verdict(
            statement=statement,
            decision=decision,
            probability=probability,
            mass=mass,
            coverage=grounds.coverage,
            passages=shown,
            deciding=nearest(statement, [passage.deciding for passage in shown]),
            notes=grounds.notes,
        )

    def choose(self, question: Question, *, top_k: int | None = None, as_of: date | None = None) -> Choice:
        """The choice that the model takes from the articles found for a question; without a model only these."""
        passages = self.pipeline.retrieve_documents(search_query(question), top_k, as_of=as_of)
        context = self.pipeline.format_context(passages)
        if not self.model.named:
            return Choice(question, None, {}, context)
        return choose(
            self.model.backend(), question, context, self.form, few_shot=self.few_shot, cited_words=self.cited_words
        )
