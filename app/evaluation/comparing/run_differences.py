"""What besides the adapter decides a result, so that a verdict says what was compared."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from ...core.runs import index_without_place, served_model
from ..running.plan import RETRIEVED

ADAPTER = "adapter"
# What a reader calls them.
NAMES = {
    ADAPTER: "アダプタ", "model": "モデル", "quantization": "量子化", "chat": "会話の形式", "server": "サーバーの設定",
    "context": "文脈", "retrieval": "検索", "reasoning": "理由を書かせるか", "writing": "書かせる長さと温度",
    "few_shot": "例題", "scoring": "採点",
}  # fmt: skip


def settings_of(run: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a result's ``run`` by code (``NAMES``); equal values mean asked alike of equal models.

    Folders, devices, batch sizes and seeds are left out: they change no answer beyond rounding.
    """
    plan, model = run.get("plan") or {}, run.get("model") or {}
    base = model.get("base_model") or {}
    written = plan.get("cot") or plan.get("scoring") not in ("letter", "choice")
    retrieved = plan.get("context") in RETRIEVED
    index = index_without_place(run.get("index")) or {}
    return {
        # One model may lie in different folders on two machines, and two models of one size have equal configurations.
        "model": (model.get("backend"), PurePath(str(model.get("model"))).name, base.get("config_sha256")),
        "quantization": (bool(model.get("load_in_4bit")), model.get("bnb"), model.get("dtype")),
        "chat": model.get("chat_format"),
        "server": (model.get("host"), model.get("num_ctx"), model.get("think")),
        "context": (plan.get("context"), plan.get("top_k") if retrieved else None),
        "retrieval": (
            index.get("corpus_hash"),
            index.get("retriever") or {},
            index.get("reranker"),
            index.get("embedding"),
        )
        if retrieved
        else (),
        "reasoning": bool(plan.get("cot")),
        "writing": (plan.get("budget_tokens"), plan.get("temperature")) if written else (),
        "few_shot": (bool(plan.get("few_shot")), plan.get("few_shot_source")),
        "scoring": plan.get("scoring"),
    }


def differences(first: Mapping[str, Any], second: Mapping[str, Any]) -> tuple[str, ...]:
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


def _hashes(run: Mapping[str, Any]) -> dict[str, tuple[Any, ...] | None]:
    """What files and templates the settings of that name stand for."""
    model = run.get("model") or {}
    weights = (model.get("base_model") or {}).get("weights_sha256") or served_model(model)
    chat = (model.get("template_sha256"), model.get("tokenizer_sha256"))
    return {"model": (str(weights),) if weights else None, "chat": chat if all(chat) else None}


def _weights(run: Mapping[str, Any]) -> Any:
    adapter = run.get("adapter")
    return adapter.get("weights_sha256", adapter.get("path")) if isinstance(adapter, dict) else None
