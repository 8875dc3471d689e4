"""From the settings of an evaluation to what it does: the configuration, the plans, the backend."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ...core.errors import ConfigError
from ...core.questions import ORDERS
from ...core.rag_config import LLMConfig, RAGConfig
from ...data.few_shot import BUILTIN, FewShot
from ...llm.backend import ScoringBackend
from ...llm.backends import BY_TEXT, load_backend
from ...llm.model_options import ModelOptions, resolve_config, resolved_model
from .guards import adapter_form, check_few_shot_source, resolve_cited_words, resolve_few_shot
from .plan import RETRIEVED, WITHOUT, ContextSource, EvaluationPlan, Scoring
from .settings import EvaluationSettings, beside


def config_of(settings: EvaluationSettings) -> RAGConfig:
    """The settings over the environment over defaults. Raises ConfigError for an option that the backend has no use for."""
    return resolve_config(settings.model, retriever_top_k=settings.top_k, retriever_index_dir=settings.index_dir)


def resolve_plan(
    settings: EvaluationSettings, config: RAGConfig, manifest: Mapping[str, Any] | None, few_shot: FewShot = BUILTIN
) -> EvaluationPlan:
    """The plan that the settings, the configuration and the adapter make together. Raises ConfigError on contradictions."""
    local, by_text = config.llm.backend == "hf", config.llm.backend in BY_TEXT
    # A merged model keeps its adapter's run.json.
    where = str(config.llm.lora_path or config.llm.hf_model_name) if local else config.llm.tokenizer_name
    asked = True if settings.few_shot_path else settings.few_shot
    judged = settings.scoring == "choice" and not settings.both_forms
    # Judged choices never have examples, whatever the adapter learned with; asked for, the plan refuses them.
    examples = bool(asked) if judged else resolve_few_shot(manifest, asked, settings.use_cot, where)
    if examples and manifest is not None:
        check_few_shot_source(manifest, few_shot.source, where)
    if settings.both_forms and examples:
        raise ConfigError(
            f"{where}: アダプタは例題を付けて文字の形で学習したもので、選択肢を一つずつ判断させる問い方では例題を付けられません。"
            "--both-forms を外し、--scoring letter を指定してください。"
        )
    usual: ContextSource = "gold" if settings.reading_test else "rag"
    context: ContextSource = settings.context or usual
    learned = adapter_form(manifest, where)
    if learned == "choice" and settings.use_cot and settings.scoring is None:
        raise ConfigError(
            f"{where}: アダプタは choice の形で学習しています。--use-cot で評価するには --scoring letter も指定してください。"
        )
    usual_scoring: Scoring = "choice" if settings.both_forms else "text" if by_text else learned or "letter"
    scoring: Scoring = settings.scoring or usual_scoring
    think = settings.model.think
    if by_text and scoring != "text" and (think or settings.use_cot):
        given, why = ("--think", "思考") if think else ("--use-cot", "理由")
        raise ConfigError(
            f"{given} は答えの前に{why}を書かせ、--llm-backend {config.llm.backend} はその後の確率を読めないので、"
            f"--scoring {scoring} とは使えません。--scoring text を指定するか、{given} を外してください。"
        )
    orders = settings.orders or (4 if scoring == "letter" and not settings.use_cot else 1)
    # The mean probability breaks every tie of the vote; written answers have no probabilities.
    ensemble = settings.ensemble or (orders > 1 and scoring in ("letter", "both") and not settings.majority)
    return EvaluationPlan(
        context=context,
        top_k=config.retriever.top_k if context in RETRIEVED else 0,
        scoring=scoring,
        cot=settings.use_cot,
        few_shot=examples,
        few_shot_source=few_shot.source if examples else None,
        cited_words=resolve_cited_words(manifest, settings.cited_words, scoring, where),
        orders=orders,
        ensemble=ensemble,
        budget_tokens=settings.max_new_tokens,
        temperature=settings.temperature,
        batch_size=settings.batch_size,
        seed=settings.seed,
    )


def plans_of(
    settings: EvaluationSettings, config: RAGConfig, plan: EvaluationPlan
) -> list[tuple[Path, EvaluationPlan]]:
    """What is asked and where each result goes, the main one last: one plan, the three of the reading test, or the two
    forms."""
    main = (settings.result, plan)
    if settings.both_forms:
        letters = replace(plan, scoring="letter", orders=len(ORDERS), ensemble=True, cited_words=False)
        return [(beside(settings.result, "letter"), letters), main]
    if not settings.reading_test:
        return [main]
    others = [
        replace(plan, context=context, top_k=config.retriever.top_k if context in RETRIEVED else 0)
        for context in WITHOUT
    ]
    return [*((beside(settings.result, one.context), one) for one in others), main]


def resolved_options(config: RAGConfig, plans: Sequence[EvaluationPlan]) -> dict[str, Any]:
    """The options that the environment may have given, as they took effect in what is asked."""
    found = resolved_model(config.llm)
    if any(plan.context in RETRIEVED for plan in plans):
        found |= {"top_k": config.retriever.top_k, "index_dir": config.retriever.index_dir}
    return found


def create_backend(model: ModelOptions, llm: LLMConfig, plan: EvaluationPlan) -> ScoringBackend:
    """The backend the options name, loaded."""
    return load_backend(llm, replace(model.running, temperature=plan.temperature, seed=plan.seed, form=plan.form))
