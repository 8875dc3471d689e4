"""What one evaluation asks and how it reads the answer; contradictions are refused before anything is loaded."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from ...core.errors import ConfigError
from ...core.prompts import Form
from ...core.questions import ORDERS, Question, orders_of

Scoring = Literal["letter", "choice", "text", "both"]
SCORINGS: tuple[Scoring, ...] = ("letter", "choice", "text", "both")
ContextSource = Literal["none", "removed", "rag", "gold"]
CONTEXTS: tuple[ContextSource, ...] = ("none", "removed", "rag", "gold")
# What the reading test compares the right articles with.
WITHOUT: tuple[ContextSource, ...] = ("none", "removed")
_WHERE_GIVEN = ("few_shot_source", "cited_words")
RETRIEVED: tuple[ContextSource, ...] = ("removed", "rag")


@dataclass(frozen=True, slots=True)
class EvaluationPlan:
    """Settings that decide a result; two results are comparable question by question only if they share the questions.

    context        none (closed book), removed (retrieved articles without the question's own), rag (retrieved articles)
                   or gold (the question's own articles)
    top_k          articles retrieved, 0 without retrieval
    scoring        letter (log-probability of the letters), choice (every choice judged in a prompt of its own), text
                   (what was written) or both (letter and text)
    cot            reason first, within ``budget_tokens``, then answer
    few_shot       two solved examples before the question (direct prompts only)
    cited_words    what a choice only cites stands under it, as far as the context holds it (choice form only)
    few_shot_source  where they come from (app/data/few_shot.py); None without examples
    orders         1 asks in the file's order, 4 in every order of ``orders_of`` (four for four choices)
    ensemble       the answer is the choice of highest probability averaged over the orders, not the majority's
    budget_tokens  most tokens a written answer may have
    temperature    0 takes the most probable token each time
    batch_size     questions written at once; no effect on results
    seed           of the choice of ``--samples`` questions, of sampling and of the bootstrap
    """

    context: ContextSource = "rag"
    top_k: int = 3
    scoring: Scoring = "letter"
    cot: bool = False
    few_shot: bool = False
    orders: int = 4
    ensemble: bool = False
    budget_tokens: int = 512
    temperature: float = 0.0
    batch_size: int = 8
    seed: int = 42
    few_shot_source: str | None = None
    cited_words: bool = False

    def __post_init__(self) -> None:
        faults = []
        if self.scoring == "choice":
            # Every choice is judged without the others: there is no order, nothing written, and examples show letters.
            refused = {
                "--orders 4": self.orders != 1,
                "--ensemble": self.ensemble,
                "--use-cot": self.cot,
                "--few-shot": self.few_shot,
            }
            named = "、".join(name for name, given in refused.items() if given)
            if named:
                faults.append(f"--scoring choice は選択肢を一つずつ尋ねるので、{named} とは使えません")
        elif self.cited_words:
            faults.append(f"--cited-words は --scoring choice だけのものです（指定は {self.scoring}）")
        if self.orders not in (1, len(ORDERS)):
            faults.append(f"--orders は 1 か {len(ORDERS)} です（指定は {self.orders}）")
        if self.ensemble and self.orders == 1:
            faults.append("--ensemble は --orders 4 と一緒に使います")
        if self.ensemble and self.scoring == "text":
            faults.append("--ensemble は文字の確率を平均するので、--scoring text とは使えません")
        if self.cot and self.few_shot:
            faults.append("--few-shot は --use-cot とは使えません（cot のプロンプトに例題はありません）")
        if self.batch_size < 1:
            faults.append(f"--batch-size は 1 以上です（指定は {self.batch_size}）")
        if self.budget_tokens < 1:
            faults.append(f"--max-new-tokens は 1 以上です（指定は {self.budget_tokens}）")
        if self.context in RETRIEVED and self.top_k < 1:
            faults.append(f"--top-k は 1 以上です（指定は {self.top_k}）")
        if faults:
            raise ConfigError("。".join(faults) + "。")

    @property
    def form(self) -> Form:
        """How a question is put: its choices all at once, or each by itself."""
        return "choice" if self.scoring == "choice" else "letter"

    def orders_for(self, question: Question) -> tuple[str, ...]:
        """The orders in which the question is asked, the file's own first."""
        return orders_of(len(question.choices))[: None if self.orders > 1 else 1]

    @property
    def writes_text(self) -> bool:
        """Whether the model has to generate."""
        return self.cot or self.scoring in ("text", "both")

    def as_dict(self) -> dict[str, Any]:
        """For the result file; the source of the examples and the cited words only where there are some."""
        return {name: value for name, value in asdict(self).items() if name not in _WHERE_GIVEN or value}

    def result_key(self) -> dict[str, Any]:
        """The settings that a resumed run must share with the interrupted one."""
        return {name: value for name, value in self.as_dict().items() if name != "batch_size"}
