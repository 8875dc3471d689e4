"""What besides the adapter decides a result, so that a verdict says what was compared."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any

from ...core.runs import served_model
from ..results.run_facts import IndexFacts, RunFacts
from ..running.plan import RETRIEVED

ADAPTER = "adapter"
# What a reader calls them.
NAMES = {
    ADAPTER: "アダプタ", "model": "モデル", "quantization": "量子化", "chat": "会話の形式", "server": "サーバーの設定",
    "context": "文脈", "retrieval": "検索", "reasoning": "理由を書かせるか", "writing": "書かせ方（長さ、温度、抽出の設定）",
    "few_shot": "例題", "cited_words": "引用だけの候補に添える文言", "scoring": "採点",
}  # fmt: skip


def settings_of(run: RunFacts) -> dict[str, Any]:
    """The settings of a result's ``run`` by code (``NAMES``); equal values mean asked alike of equal models.

    Folders, devices, batch sizes and seeds are left out: they change no answer beyond rounding.
    """
    plan, model, index = run.plan, run.model, run.index or IndexFacts()
    written = plan.cot or plan.scoring not in ("letter", "choice")
    retrieved = plan.context in RETRIEVED
    return {
        # One model may lie in different folders on two machines, and two models of one size have equal configurations.
        "model": (model.backend, PurePath(str(model.model)).name, model.base_model and model.base_model.config_sha256),
        "quantization": (bool(model.load_in_4bit), model.bnb, model.dtype),
        "chat": model.chat_format,
        "server": (model.host, model.num_ctx, model.think),
        "context": (plan.context, plan.top_k if retrieved else None),
        "retrieval": index.searched if retrieved else (),
        "reasoning": bool(plan.cot),
        "writing": (plan.budget_tokens, plan.temperature, model.samplers) if written else (),
        "few_shot": (bool(plan.few_shot), plan.few_shot_source),
        "cited_words": bool(plan.cited_words),
        "scoring": plan.scoring,
    }


def differences(first: RunFacts, second: RunFacts) -> tuple[str, ...]:
    """Codes of what two results' ``run`` differ in, the adapter first; a setting that neither records is equal."""
    names = [ADAPTER] if _weights(first) != _weights(second) else []
    one, other = settings_of(first), settings_of(second)
    # Hashes that results of before 0.3.0 do not have count where both say them.
    hashes = (_hashes(first), _hashes(second))
    changed = {name for name in hashes[0] if all(each[name] for each in hashes) and hashes[0][name] != hashes[1][name]}
    found = [name for name in one if one[name] != other[name] or name in changed]
    if "context" in found:  # how articles were found says nothing more where only one run was given any
        found = [name for name in found if name != "retrieval"]
    return (*names, *found)


def rewrites_itself(run: RunFacts) -> bool:
    """Whether the model that was asked rewrote the questions for the search, so that another one finds other articles."""
    retriever = run.index.retriever if run.index is not None else None
    return (retriever or {}).get("rewrite") in ("auto", "always")


def _hashes(run: RunFacts) -> dict[str, tuple[Any, ...] | None]:
    """What files, templates and days the settings of that name stand for."""
    model = run.model
    weights = (model.base_model and model.base_model.weights_sha256) or served_model(model.model_dump())
    chat = (model.template_sha256, model.tokenizer_sha256)
    since = run.index.law_since if run.index is not None and run.plan.context in RETRIEVED else None
    return {
        "model": (str(weights),) if weights else None,
        "chat": chat if all(chat) else None,
        "retrieval": (since,) if since else None,
    }


def _weights(run: RunFacts) -> Any:
    adapter = run.adapter
    if adapter is None:
        return None
    return adapter.weights_sha256 if "weights_sha256" in adapter.model_fields_set else adapter.path
