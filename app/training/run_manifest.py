"""``run.json`` of an adapter folder: what was trained, from what, with what, and how it went."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..core.chat import chat_template_hash
from ..core.errors import ConfigError, DataError
from ..core.files import read_json, sha256_file, write_json
from ..core.manifests import now
from ..core.outputs import check_folder_place, clear_remains, foreign_entries
from ..core.questions import LETTERS, content_hash
from ..data.records import Record
from ..llm.model_files import tokenizer_sha256
from .config import Precision, TrainConfig, compute_dtype_of, config_as_json, config_differences
from .dev_eval import best_step
from .model.initial_adapter import InitialAdapter, with_seen
from .run_verdict import verdict

FINISHED = "run.json"
UNFINISHED = "run.unfinished.json"


def file_facts(path: Path, records: Sequence[Record]) -> dict[str, Any]:
    """Path as given, SHA-256, number of records and of the questions they are about."""
    questions = {str(record.meta["id"]) for record in records}
    return {"path": str(path), "sha256": sha256_file(path), "records": len(records), "questions": len(questions)}


def _common(values: Sequence[Any]) -> Any:
    # One value when all records agree, otherwise the list of those that occur.
    found = sorted(set(values), key=str)
    return found[0] if len(found) == 1 else found


def start_manifest(
    config: TrainConfig,
    run: Mapping[str, Any],
    *,
    records: Sequence[Record],
    dev_records: Sequence[Record],
    too_long: Sequence[tuple[str, int]],
    mode: str,
    tokenizer: Any,
    base_model: Mapping[str, Any],
    precision: Precision,
    audit: Mapping[str, Any],
    initial: InitialAdapter | None = None,
    world_size: int = 1,
) -> dict[str, Any]:
    """Everything that is known before the first step; ``run`` is ``run_header`` of app.core.manifests."""
    metas = [record.meta for record in records]
    # The settings are stored as they took effect.
    config = replace(config, bnb_4bit_compute_dtype=compute_dtype_of(config, precision))
    by_id, dev_by_id = _hashes(records), _hashes(dev_records)
    manifest = {
        "kind": "adapter",
        "run": dict(run),
        "base_model": dict(base_model),
        "quantization": quantization_facts(config),
        "precision": precision,
        "lora": {
            "r": config.lora_r,
            "alpha": config.lora_alpha,
            "dropout": config.lora_dropout,
            "target_modules": list(config.target_modules),
            "bias": config.lora_bias,
            "rslora": config.rslora,
            "dtype": config.lora_dtype,
        },
        "chat": {
            "format": config.chat_format,
            "template_sha256": chat_template_hash(tokenizer, config.chat_format),
            "tokenizer_sha256": tokenizer_sha256(tokenizer),
            "thinking": False,
        },
        "prompt_version": _common([meta["prompt_version"] for meta in metas]),
        "form": _common([record.form for record in records]),
        "train_mode": mode,
        "few_shot": any(meta["few_shot"] for meta in metas),
        "few_shot_source": few_shot_source(metas),
        "cited_words": any(meta.get("cited_words", False) for meta in metas),
        "use_context": any(meta["use_context"] for meta in metas),
        "retriever_type": _common([meta["retriever_type"] for meta in metas]),
        "context_source": _common([meta.get("context_source") for meta in metas]),
        "top_k": _common([meta["top_k"] for meta in metas]),
        **origin_of_records(config.train_file),
        "generated": sum("generated" in meta for meta in metas),
        "objective": config.objective,
        "loss_on": "output" if config.loss_on_output_only else "prompt and output",
        "seed": config.seed,
        "train_file": file_facts(config.train_file, records),
        "eval_file": file_facts(config.eval_file, dev_records) if config.eval_file else None,
        "skipped_long_records": [{"id": name, "tokens": tokens} for name, tokens in too_long],
        "trained_question_ids": list(by_id),
        "trained_question_hashes": sorted(set(by_id.values())),
        "trained_clusters": sorted(set().union(*(record.clusters for record in records))),
        # They choose the checkpoint, so a test on them is no test either.
        "dev_question_ids": list(dev_by_id),
        "dev_question_hashes": sorted(set(dev_by_id.values())),
        "audit": dict(audit),
        "config": config_as_json(config),
        "processes": {
            "world_size": world_size,
            "effective_batch": config.batch_size * config.gradient_accumulation_steps * world_size,
        },
    }
    return with_seen(manifest, initial)


def _hashes(records: Sequence[Record]) -> dict[str, str]:
    """What each question asks, by its id."""
    return {str(one.meta["id"]): content_hash(one.meta["question"], one.meta["choices"]) for one in records}


def origin_of_records(train_file: Path) -> dict[str, str | None]:
    """``index_dir`` and ``few_shot_path``: where the records' contexts and examples came from, as their own manifest says.

    None where it does not, or where the manifest beside the file is of other records.
    """
    for path in (train_file.with_suffix(".manifest.json"), train_file.parent / "manifest.json"):
        try:
            said = read_json(path)
            command = said["run"]["command"]
            if said["files"][train_file.name]["sha256"] != sha256_file(train_file):
                continue
            index = command[command.index("--index-dir") + 1] if "--index-dir" in command else None
            return {"index_dir": index, "few_shot_path": said["few_shot_path"]}
        except (DataError, KeyError, TypeError, IndexError, OSError):
            continue
    return {"index_dir": None, "few_shot_path": None}


def few_shot_source(metas: Sequence[Mapping[str, Any]]) -> Any:
    """Where the examples of the records that have some come from; None without any, or when records do not say."""
    sources = [meta.get("few_shot_source") for meta in metas if meta["few_shot"]]
    return _common(sources) if sources else None


def quantization_facts(config: TrainConfig) -> dict[str, Any] | None:
    """How the base model was quantised while training; None for a plain one."""
    if not config.use_4bit:
        return None
    return {
        "load_in_4bit": True,
        "compute_dtype": config.bnb_4bit_compute_dtype,
        "quant_type": config.bnb_4bit_quant_type,
        "double_quant": True,
        "lm_head_4bit": config.lm_head_4bit,
    }


def finish_manifest(
    started: Mapping[str, Any],
    *,
    log_history: Sequence[Mapping[str, Any]],
    seconds: float,
    resumed: bool,
    memory: Mapping[str, Any],
) -> dict[str, Any]:
    """The whole ``run.json`` after training; ``log_history`` is the trainer's, ``memory`` predicted and measured."""
    losses = [
        {"step": row["step"], "loss": row["loss"], "learning_rate": row["learning_rate"]}
        for row in log_history
        if "loss" in row
    ]
    dev = [
        {
            "step": row["step"],
            "accuracy": row["eval_accuracy"],
            "gold_logprob": row["eval_gold_logprob"],
            "mass": row["eval_mass"],
            "histogram": {letter: row[f"eval_count_{letter}"] for letter in LETTERS if f"eval_count_{letter}" in row},
            "collapsed": row["eval_collapsed"],
            "statement_accuracy": row.get("eval_statement_accuracy"),
            "statement_auc": row.get("eval_statement_auc"),
        }
        for row in log_history
        if "eval_accuracy" in row
    ]
    step = best_step(log_history)
    best = next((row for row in dev if row["step"] == step), None)
    return {
        **started,
        "run": {**started["run"], "finished_at": now()},
        "training": {
            "steps": losses[-1]["step"] if losses else 0,
            "loss_history": losses,
            "dev_history": dev,
            "best": best,
            "verdict": verdict(dev, best, started["eval_file"]["questions"]) if dev else None,
            "seconds": round(seconds, 3),
            "resumed": resumed,
        },
        "memory": dict(memory),
    }


def check_folder(folder: Path, *, resume: bool) -> str:
    """``new``, ``unfinished`` or ``finished``: what the output folder holds.

    Raises ConfigError when it holds another run and ``resume`` is off, or files that are no run's.
    """
    check_folder_place("--output-dir", folder)
    for name, state, what in ((FINISHED, "finished", "終わった学習"), (UNFINISHED, "unfinished", "途中の学習")):
        if (folder / name).exists():
            if not resume:
                way = (
                    "別のフォルダを指定してください" if state == "finished" else "続けるなら --resume を付けてください"
                )
                raise ConfigError(f"--output-dir {folder} には{what}があります（{name}）。{way}。")
            return state
    if foreign := foreign_entries(folder):
        raise ConfigError(
            f"--output-dir {folder} には別のファイルがあります（{foreign[0]} など）。"
            "空のフォルダか、まだないフォルダを指定してください。"
        )
    return "new"


def check_same_run(folder: Path, name: str, now_started: Mapping[str, Any]) -> dict[str, Any]:
    """The stored manifest of the folder. Raises ConfigError naming every difference to the run that is asked for."""
    stored = read_json(folder / name)
    if not isinstance(stored, dict) or "config" not in stored:
        raise DataError(f"{folder / name}: 内容が壊れています。別の --output-dir ではじめからやり直してください。")
    differences = training_differences(now_started, stored)
    for key, label in (("train_file", "学習データの内容"), ("eval_file", "開発用データの内容")):
        if (now_started[key] or {}).get("sha256") != (stored[key] or {}).get("sha256"):
            differences.append(f"{label}が変わっています（{(now_started[key] or {}).get('path')}）")
    if differences:
        raise ConfigError(
            f"{folder} の学習とは設定が違うので再開できません: {' ／ '.join(differences)}。"
            "同じ設定で再開するか、別の --output-dir を指定してください。"
        )
    return stored


def training_differences(now: Mapping[str, Any], stored: Mapping[str, Any]) -> list[str]:
    """What two manifests say to differ in how was trained, data apart, as a reader would say it; empty for one way."""
    differences = config_differences(now["config"], stored["config"])
    sizes = [(one.get("processes") or {"world_size": 1})["world_size"] for one in (stored, now)]
    if sizes[0] != sizes[1]:
        differences.append(f"プロセスの数: {sizes[0]} → {sizes[1]}")
    if _both_differ(now, stored, "precision"):
        differences.append(
            f"計算の型: {stored['precision']} → {now['precision']}（--bf16・--fp16・--device か、計算機の違い）"
        )
    differences += _base_differences(now["base_model"], stored["base_model"])
    chat, before = now["chat"], stored["chat"]
    if any(chat.get(name) != before.get(name) for name in ("format", "template_sha256", "thinking")):
        differences.append("チャットテンプレートが変わっています")
    if _both_differ(chat, before, "tokenizer_sha256"):
        differences.append("トークナイザが変わっています")
    if (now.get("init_adapter") or {}).get("weights_sha256") != (stored.get("init_adapter") or {}).get(
        "weights_sha256"
    ):
        differences.append("--init-adapter のアダプタの重みが変わっています")
    return differences


def _base_differences(now: Mapping[str, Any], stored: Mapping[str, Any]) -> list[str]:
    """What the base models differ in; where the weights are known they count, not what the folder is called."""
    if now["config_sha256"] != stored["config_sha256"]:
        return ["ベースモデルが変わっています"]
    if _both_differ(now, stored, "weights_sha256"):
        return ["ベースモデルの重みが変わっています"]
    known = now.get("weights_sha256") and stored.get("weights_sha256")
    return [] if known or now["name"] == stored["name"] else [f"--model-name: {stored['name']} → {now['name']}"]


def _both_differ(now: Mapping[str, Any], stored: Mapping[str, Any], name: str) -> bool:
    """Whether both say it (a run of before 0.3.0 does not), and differently."""
    return bool(now.get(name) and stored.get(name) and now[name] != stored[name])


def write_started(folder: Path, started: Mapping[str, Any]) -> None:
    """Mark the folder as holding this run."""
    clear_remains(folder)
    write_json(folder / UNFINISHED, started)
