"""What comparisons and reports rely on in the ``run`` of a result: how it was asked, whom, and whether to trust it."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from ...core.runs import BaseModelFacts, index_without_place
from ..running.plan import RETRIEVED, ContextSource


class _Facts(BaseModel):
    """What is there has its type; what a version did not write is None, and what nobody looks into is left alone."""

    model_config = ConfigDict(frozen=True, strict=True, extra="allow")


class PlanFacts(_Facts):
    """Of ``EvaluationPlan``, as its versions wrote it."""

    context: ContextSource | None = None
    top_k: Annotated[int, Field(ge=0)] | None = Field(default=None, validate_default=True)
    scoring: str | None = None
    cot: bool | None = None
    few_shot: bool | None = None
    few_shot_source: str | None = None
    cited_words: bool | None = None
    orders: int | None = None
    ensemble: bool | None = None
    budget_tokens: int | None = None
    temperature: float | None = None

    @field_validator("top_k")
    @classmethod
    def _of_retrieval(cls, value: int | None, others: ValidationInfo) -> int | None:
        if value is None and others.data.get("context") in RETRIEVED:
            raise ValueError("retrieval without a number of articles")
        return value


class ModelFacts(_Facts):
    """What a backend said of itself; values that are only compared may have any type."""

    backend: Any = None
    model: Any = None
    base_model: BaseModelFacts | None = None
    load_in_4bit: Any = None
    bnb: Any = None
    dtype: Any = None
    chat_format: Any = None
    template_sha256: Any = None
    tokenizer_sha256: Any = None
    host: Any = None
    num_ctx: Any = None
    think: Any = None
    samplers: Any = None
    adapter_sha256: Any = None
    lora_path: Any = None


class IndexFacts(_Facts):
    """The index that was searched."""

    corpus_hash: Any = None
    law_since: str | None = None  # last day of a change in the law that was read; results of before 0.3.0 do not say
    retriever: dict[str, Any] | None = None
    reranker: Any = None
    rewritings_sha256: Any = None
    embedding: Any = None

    @property
    def searched(self) -> dict[str, Any]:
        """What was searched and how, but for the day; without the places of what has a hash of its own
        (``index_without_place``)."""
        return dict(index_without_place(self.model_dump(exclude={"law_since"})))


class SeenFacts(_Facts):
    """Ids of questions that the adapter has seen: by id, under another id, and in the choice of its checkpoint."""

    by_id: list[str]
    by_content: list[str]
    dev: list[str] = []

    @property
    def ids(self) -> list[str]:
        """All of them."""
        return [*self.by_id, *self.by_content, *self.dev]


class AdapterFacts(_Facts):
    """The adapter, or those of all folds as lists. Without ``trained_on`` nobody knows whether the model was asked what
    it had learned."""

    trained_on: SeenFacts
    path: Any = None
    run_sha256: Any = None
    weights_sha256: Any = None


class DataFacts(_Facts):
    """The question file."""

    path: str | None = None
    sha256: str | None = None
    questions: int | None = None


class RunFacts(_Facts):
    """``run`` of a result file."""

    plan: PlanFacts
    distrust: list[str]
    notes: list[str] = []
    command: list[str] = []
    packages: dict[str, Any] = {}
    prompt_version: str | None = None
    finished_at: str | None = None
    data: DataFacts = DataFacts()
    model: ModelFacts = ModelFacts()
    index: IndexFacts | None = None
    adapter: AdapterFacts | None = None
    folds: list[Any] | None = None

    @property
    def trained_ids(self) -> list[str]:
        """Questions of the result that its own adapter was trained on, by id or content, or chosen by as dev questions."""
        return [] if self.adapter is None else self.adapter.trained_on.ids
