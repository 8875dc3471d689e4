"""Let a model write its reasoning for law questions, and keep what is right and quotes the statute, as cot records."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..core.cli import JapaneseParser, count, log, seed_number
from ..core.errors import ConfigError, UntrustworthyResult
from ..core.files import sha256_file, sha256_text, to_json, write_json
from ..core.locks import file_lock
from ..core.manifests import now, run_header
from ..core.options import add_options, from_arguments
from ..core.outputs import RECORDS, Output, check_outputs, json_kind, set_aside
from ..core.prompts import PROMPT_VERSION
from ..core.runs import ResumeKey
from ..evaluation.rationales import MIN_QUOTE, describe_counts, harvest
from ..evaluation.running.plan import EvaluationPlan
from ..evaluation.running.resolving import create_backend
from ..llm.model_options import ModelOptions, model_key, resolve_config

EXAMPLES = (
    "python scripts/generate_rationales.py --data sample/selection.json --output-path results/finetune/sample_rationales.jsonl "
    "--hf-model-name sample/tiny-qwen3 --no-hf-load-in-4bit --samples 2 --max-new-tokens 60",
    "python scripts/generate_rationales.py --data results/split/train.json --output-path results/finetune/rationales.jsonl "
    "--hf-model-name Qwen/Qwen3-8B --context gold --max-new-tokens 512 --resume",
    "python scripts/generate_rationales.py --data results/split/train.json --output-path results/finetune/rationales.jsonl "
    "--llm-backend ollama --llm-model qwen3:8b",
)


def parser() -> JapaneseParser:
    program = JapaneseParser(
        "モデル自身に理由を四つの並びで書かせ、3 通り以上で正解し、条文を逐語で引用したものだけを cot の学習レコードにする。",
        EXAMPLES,
    )
    add = program.add_argument
    add("--data", type=Path, required=True, help="lawqa_jp 形式の問題ファイル（学習用の組。評価する問題は入れない）")
    add("--output-path", type=Path, required=True, help="書き出す JSONL（途中経過は同じ場所の .progress.jsonl）")
    add("--samples", type=count, help="問題数。--seed で選ぶ（既定: すべて）")
    add(
        "--context",
        choices=("gold", "rag", "distractors"),
        default="gold",
        help="理由を書かせるときの参照条文（既定 gold）",
    )
    add("--top-k", type=count, help="渡す条文の数（rag、distractors。既定: RETRIEVER_TOP_K、3）")
    add("--index-dir", type=Path, help="索引のフォルダ（既定: RETRIEVER_INDEX_DIR、data/index）")
    add_options(program, ModelOptions)
    add(
        "--max-new-tokens", type=count, default=512, help="1 件の長さの上限、トークン。切れた文章は使わない（既定 512）"
    )
    add(
        "--min-quote",
        type=int,
        default=MIN_QUOTE,
        metavar="CHARS",
        help=f"条文と逐語で一致すべき文字数（既定 {MIN_QUOTE}）",
    )
    add("--temperature", type=float, default=0.0, help="0 なら毎回同じ文章（既定 0）")
    add("--batch-size", type=count, default=1, help="一度に書かせる問題数（1 問は四つの並び。既定 1）")
    add("--seed", type=seed_number, default=42, help="乱数の種（既定 42）")
    add("--resume", action="store_true", help="中断したところから続ける")
    return program


def main(argv: Sequence[str]) -> int:
    arguments = parser().parse_args(argv)
    if arguments.min_quote < 1:
        raise ConfigError(f"--min-quote {arguments.min_quote}: 1 以上にしてください。")
    from ..data.lawqa import load_questions
    from ..evaluation.running.evaluate import pick_questions, without_place
    from ..evaluation.running.progress_file import progress_path
    from ..evaluation.running.resuming import outcomes_of
    from ..llm.exported import trained_of, weights_identity
    from ..retrieval.question_contexts import context_plan

    path = arguments.output_path
    check_outputs(
        [
            Output("--output-path", path, RECORDS),
            Output("--output-path の途中経過", progress_path(path), json_kind("evaluation-progress")),
            Output("--output-path の記録", path.with_suffix(".manifest.json"), json_kind("rationales")),
        ],
        {"--data": arguments.data},
    )
    header, options = run_header(argv), from_arguments(ModelOptions, arguments)
    config = resolve_config(options, retriever_top_k=arguments.top_k, retriever_index_dir=arguments.index_dir)
    questions = pick_questions(load_questions(arguments.data), arguments.samples, arguments.seed)
    context = context_plan(
        arguments.context, config.retriever.top_k, arguments.index_dir, questions=questions, seed=arguments.seed
    )
    plan = EvaluationPlan(
        context="gold" if arguments.context == "gold" else "rag", top_k=context.top_k, scoring="text", cot=True,
        budget_tokens=arguments.max_new_tokens, temperature=arguments.temperature, batch_size=arguments.batch_size,
        seed=arguments.seed,
    )  # fmt: skip
    trained = trained_of(config.llm)
    weights = weights_identity(*trained) if trained else None
    model = model_key(options, config.llm, weights)
    source = {"path": str(arguments.data), "sha256": sha256_file(arguments.data), "questions": len(questions)}
    contexts = {question.id: context.context_of(question) for question in questions}
    # What was found may differ at the next start: another index, or another way to search it.
    shown = to_json([contexts[question.id].text for question in questions])
    found_sha256 = {} if arguments.context == "gold" else {"contexts_sha256": sha256_text(shown)}
    key = ResumeKey(settings={
        "data": source["sha256"], "ids": [question.id for question in questions], "plan": plan.result_key(),
        "context": arguments.context, "model": without_place(model), "prompt_version": PROMPT_VERSION,
        **found_sha256,
    })  # fmt: skip
    with file_lock(path):
        outcomes, facts = outcomes_of(
            path, key, questions, plan, load_backend=lambda: create_backend(options, config.llm, plan),
            contexts=lambda question: contexts[question.id], model_key=model, resume=arguments.resume, label="理由",
        )  # fmt: skip
        found = harvest(
            outcomes, questions, contexts, context, dataset=arguments.data.resolve().parent.name,
            min_quote=arguments.min_quote,
            model={"model": model["model"], "adapter_sha256": weights, "temperature": arguments.temperature},
        )  # fmt: skip
        return written(path, found, {
            "kind": "rationales", "run": header, "source": source, "prompt_version": PROMPT_VERSION,
            "plan": {**plan.as_dict(), "context": arguments.context}, "model": facts,
            "min_quote": arguments.min_quote,
        })  # fmt: skip


def written(path: Path, found: Any, manifest: dict[str, Any]) -> int:
    """Write records and manifest. Raises UntrustworthyResult when there is no record to write."""
    from ..data.records import write_records

    target = path.with_suffix(".manifest.json")
    target.unlink(missing_ok=True)  # after a kill it would speak of what is no longer there
    if found.records:
        write_records(path, found.records)
        manifest["file"] = {"sha256": sha256_file(path), "records": len(found.records)}
    else:
        if path.exists():  # it is not what the manifest speaks of
            log(f"前にあった {path} は {set_aside(path)} に残しました。")
        manifest["file"] = None
    manifest["counts"] = dict(found.counts)
    manifest["run"] = {**manifest["run"], "finished_at": now()}
    write_json(target, manifest)
    log(describe_counts(found.counts))
    print(target)
    if not found.records:
        raise UntrustworthyResult(
            f"残せる理由が一つもなく、{path} は書いていません。理由ごとの件数は {target} にあります。"
            "--max-new-tokens を増やすか、別のモデルを指定してください。"
        )
    return 0
