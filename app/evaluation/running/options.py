"""Command line of the evaluation: its options, and the settings and backend they stand for."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ...core.chat import CHAT_FORMATS
from ...core.errors import ConfigError
from ...core.files import sha256_file
from ...core.rag_config import LLMConfig, RAGConfig, load_config
from ...core.redaction import hide
from ...core.run_file import RUN_FILE, add_config_option
from ...data.few_shot import BUILTIN, FewShot
from ...llm.backend import NUM_CTX, ScoringBackend
from ...llm.backends import BACKENDS, BY_TEXT, Running, load_backend
from ...llm.model_files import files_sha256
from .guards import adapter_form, check_few_shot_source, resolve_few_shot
from .plan import CONTEXTS, RETRIEVED, SCORINGS, WITHOUT, ContextSource, EvaluationPlan, Scoring
from .shard import shard_argument

COT_BUDGET_TOKENS = 512


def add_options(parser: argparse.ArgumentParser) -> None:
    """Every option of ``scripts/evaluate_multiple_choice.py``."""
    flag = argparse.BooleanOptionalAction
    add = parser.add_argument
    add_config_option(parser)
    add("--data", type=Path, help="問題ファイル: lawqa_jp の形式の JSON、または試験問題の JSON Lines")
    add("--output", type=Path, help="結果の JSON（途中経過は同じ場所の .progress.jsonl）")
    add(
        "--shard",
        type=shard_argument,
        metavar="番号/個数",
        help="問題を個数に分けたうちの一つだけを評価する（1/4 から 4/4 を、別々の GPU や計算機で）",
    )
    add(
        "--merge",
        type=Path,
        nargs="+",
        metavar="JSON",
        help="--shard の結果をすべて渡すと、一つの結果にして --output に書く",
    )
    add("--samples", type=int, help="問題数。--seed で選び、ファイルの順に尋ねる（既定: すべて）")
    add(
        "--context",
        choices=CONTEXTS,
        help="文脈: none なし、rag 検索した条文、gold 正解の条文、removed 正解の条文を抜いた検索結果（既定 rag）",
    )
    add(
        "--reading-test",
        action="store_true",
        help="条文を読んでいるか: 正解の条文あり・文脈なし・正解の条文を抜いた検索結果の三通りで尋ねて比べる（索引が要る。"
        "--output と、その隣の _none・_removed に書く）",
    )
    add("--no-rag", action="store_true", help="--context none と同じ")
    add("--top-k", type=int, help="検索する条の数（既定: RETRIEVER_TOP_K、3）")
    add("--index-dir", type=Path, help="索引のフォルダ（既定: RETRIEVER_INDEX_DIR、data/index）")
    add_model_options(parser)
    add(
        "--scoring",
        choices=SCORINGS,
        help="letter 選択肢の文字の確率、choice 選択肢を一つずつ判断させて比べる、text 文章の読み取り、both letter と text"
        "（既定: アダプタの学習時の形、なければ letter。ollama・openai は text で、ほかは確率を返すサーバーだけ）",
    )
    add(
        "--orders",
        type=int,
        choices=(1, 4),
        help="選択肢の並びの数。4 はどの選択肢もすべての位置に置く並び（既定: letter は 4、ほかは 1）",
    )
    answer = parser.add_mutually_exclusive_group()
    answer.add_argument(
        "--ensemble",
        action="store_true",
        help="並びの間で確率を平均した答えで採点する（文字の確率で採点するときの既定）",
    )
    answer.add_argument("--majority", action="store_true", help="並びの多数決で採点する（文章で採点するときの既定）")
    add(
        "--use-cot",
        action="store_true",
        help="理由を書かせてから答えさせる（予算内で答えがなくても答えの文字を採点する）",
    )
    add("--few-shot", action=flag, default=None, help="例題を付ける（既定: アダプタの学習時と同じ、なければ付けない）")
    add(
        "--few-shot-path",
        type=Path,
        help="例題を付け、この問題ファイルから選ぶ（学習レコードを作ったときと同じファイル）",
    )
    add(
        "--max-new-tokens",
        type=int,
        default=COT_BUDGET_TOKENS,
        help=f"書かせる長さの上限、トークン（既定 {COT_BUDGET_TOKENS}）",
    )
    add("--temperature", type=float, default=0.0, help="0 なら毎回同じ答え（既定 0）")
    add("--batch-size", type=int, default=8, help="一度に書かせる問題数。結果は変わらない（既定 8）")
    add("--seed", type=int, default=42, help="乱数の種（既定 42）")
    add("--resume", action="store_true", help="中断した評価の続きから行う")
    add("--allow-trained", action="store_true", help="学習に使った問題も採点する（結果に印を付け、終了コード 3）")
    add("--report", type=Path, metavar="HTML", help="1 ファイルの HTML 報告も書く（ネットワーク不要）")
    add("--plan", action="store_true", help="評価せず、この問題数でどれだけの差を見分けられるかを表示する")


def add_model_options(parser: argparse.ArgumentParser, backend_option: str = "--llm-backend") -> None:
    """The options that say which model answers, and how it is run; a program may name the first after its own use."""
    flag = argparse.BooleanOptionalAction
    add = parser.add_argument
    add(backend_option, dest="llm_backend", choices=BACKENDS, help="モデルの動かし方（既定: LLM_BACKEND、hf）")
    add("--llm-model", help="サーバーのモデル名（既定: LLM_MODEL）")
    add(
        "--llm-host",
        help="サーバーのアドレス（既定: LLM_HOST、なければ vllm・openai は http://localhost:8000/v1、llamacpp は "
        "http://localhost:8080、ollama は OLLAMA_HOST）",
    )
    add(
        "--tokenizer",
        metavar="MODEL",
        help="サーバーのモデルのトークナイザ: フォルダか名前。アダプタのフォルダなら学習のしかたも run.json から読む"
        "（既定: LLM_TOKENIZER、なければ vllm・llamacpp は --hf-model-name）",
    )
    add(
        "--llm-timeout",
        type=float,
        metavar="SECONDS",
        help="サーバーの 1 回答の制限時間（既定: LLM_TIMEOUT、300 秒）",
    )
    add("--llm-concurrency", type=int, help="サーバーに同時に送る要求の数（既定: LLM_CONCURRENCY、4）")
    add("--num-ctx", type=int, help=f"ollama の文脈の長さ、トークン（既定 {NUM_CTX}）")
    add("--think", action=flag, default=False, help="ollama で思考を有効にする（既定: しない）")
    add("--hf-model-name", help="Hugging Face のモデル名かフォルダ（既定: HF_MODEL_NAME）")
    add("--hf-lora-path", type=Path, help="学習したアダプタのフォルダ（既定: LORA_PATH）")
    add("--hf-load-in-4bit", action=flag, default=None, help="4bit で読み込む（既定: LOAD_IN_4BIT、する）")
    add("--bnb-4bit-compute-dtype", help="4bit の計算型 float16・bfloat16・float32（既定: BNB_4BIT_COMPUTE_DTYPE）")
    add("--bnb-4bit-quant-type", help="4bit の方式 nf4・fp4（既定: BNB_4BIT_QUANT_TYPE）")
    add("--device", default="auto", help="auto・cpu・cuda・cuda:番号（既定 auto）")
    add("--chat-format", choices=CHAT_FORMATS, help="会話の形式（既定: アダプタの学習時の形式、なければ auto）")


# Options that only these backends take; given to another, they would be left out without a word.
_SERVERS = tuple(name for name in BACKENDS if name != "hf")
_BY_IDS = tuple(name for name in BACKENDS if name not in BY_TEXT)
_ONLY_FOR: dict[tuple[str, ...], tuple[str, ...]] = {
    ("hf_lora_path", "hf_load_in_4bit", "bnb_4bit_compute_dtype", "bnb_4bit_quant_type"): ("hf",),
    ("hf_model_name", "chat_format"): _BY_IDS,
    ("num_ctx", "think"): ("ollama",),
    ("llm_model", "llm_host", "llm_timeout", "llm_concurrency"): _SERVERS,
}


def _is_given(arguments: argparse.Namespace, name: str) -> bool:
    value = getattr(arguments, name, None)
    return value is not None and (name != "think" or bool(value))  # --no-think asks for nothing


def resolve_config(arguments: argparse.Namespace) -> RAGConfig:
    """Command line over environment over defaults. Raises ConfigError for an option that the backend has no use for."""
    config = load_config(
        llm_backend=arguments.llm_backend,
        llm_model=arguments.llm_model,
        llm_host=arguments.llm_host,
        llm_tokenizer=arguments.tokenizer,
        llm_timeout=arguments.llm_timeout,
        llm_concurrency=arguments.llm_concurrency,
        hf_model_name=arguments.hf_model_name,
        lora_path=arguments.hf_lora_path,
        load_in_4bit=arguments.hf_load_in_4bit,
        bnb_4bit_compute_dtype=arguments.bnb_4bit_compute_dtype,
        bnb_4bit_quant_type=arguments.bnb_4bit_quant_type,
        retriever_top_k=arguments.top_k,
        retriever_index_dir=arguments.index_dir,
        retriever_type=getattr(arguments, "retriever", None),  # of the programs that search for people
    )
    for names, backends in _ONLY_FOR.items():
        given = [name for name in names if _is_given(arguments, name)]
        if given and config.llm.backend not in backends:
            way = "どちらかを外してください。"
            if given[0] == "hf_lora_path":
                way = "サーバーがアダプタを載せているなら、--tokenizer にそのフォルダを指定してください。"
            raise ConfigError(
                f"--{given[0].replace('_', '-')} は --llm-backend {'・'.join(backends)} だけで使えます"
                f"（指定は {config.llm.backend}）。{way}"
            )
    return config


def resolve_plan(
    arguments: argparse.Namespace, config: RAGConfig, manifest: Mapping[str, Any] | None, few_shot: FewShot = BUILTIN
) -> EvaluationPlan:
    """The plan that the options, the configuration and the adapter make together. Raises ConfigError on contradictions."""
    local, by_text = config.llm.backend == "hf", config.llm.backend in BY_TEXT
    if arguments.no_rag and arguments.context not in (None, "none"):
        raise ConfigError(f"--no-rag と --context {arguments.context} は一緒に使えません。")
    if arguments.few_shot is False and arguments.few_shot_path:
        raise ConfigError("--no-few-shot と --few-shot-path は同時に指定できません。どちらかを外してください。")
    # A merged model keeps its adapter's run.json.
    where = str(config.llm.lora_path or config.llm.hf_model_name) if local else config.llm.tokenizer_name
    asked = True if arguments.few_shot_path else arguments.few_shot
    examples = resolve_few_shot(manifest, asked, arguments.use_cot, where)
    if examples and manifest is not None:
        check_few_shot_source(manifest, few_shot.source, where)
    if arguments.reading_test and (arguments.no_rag or arguments.context not in (None, "gold")):
        given = "--no-rag" if arguments.no_rag else f"--context {arguments.context}"
        raise ConfigError(f"--reading-test は三通りの文脈で尋ねるので、{given} とは使えません。")
    usual: ContextSource = "gold" if arguments.reading_test else "rag"
    context: ContextSource = "none" if arguments.no_rag else arguments.context or usual
    learned = adapter_form(manifest, where)
    if learned == "choice" and arguments.use_cot and arguments.scoring is None:
        raise ConfigError(
            f"{where}: アダプタは choice の形で学習しています。--use-cot で評価するには --scoring letter も指定してください。"
        )
    scoring: Scoring = arguments.scoring or ("text" if by_text else learned or "letter")
    if by_text and scoring != "text" and (arguments.think or arguments.use_cot):
        given, why = ("--think", "思考") if arguments.think else ("--use-cot", "理由")
        raise ConfigError(
            f"{given} は答えの前に{why}を書かせ、--llm-backend {config.llm.backend} はその後の確率を読めないので、"
            f"--scoring {scoring} とは使えません。--scoring text を指定するか、{given} を外してください。"
        )
    orders = arguments.orders or (4 if scoring == "letter" and not arguments.use_cot else 1)
    # The mean probability breaks every tie of the vote; written answers have no probabilities.
    ensemble = arguments.ensemble or (orders > 1 and scoring in ("letter", "both") and not arguments.majority)
    return EvaluationPlan(
        context=context,
        top_k=config.retriever.top_k if context in RETRIEVED else 0,
        scoring=scoring,
        cot=arguments.use_cot,
        few_shot=examples,
        few_shot_source=few_shot.source if examples else None,
        orders=orders,
        ensemble=ensemble,
        budget_tokens=arguments.max_new_tokens,
        temperature=arguments.temperature,
        batch_size=arguments.batch_size,
        seed=arguments.seed,
    )


def plans_of(
    arguments: argparse.Namespace, config: RAGConfig, plan: EvaluationPlan
) -> list[tuple[Path, EvaluationPlan]]:
    """What is asked and where each result goes, the main one last: one plan, or the three of the reading test."""
    main = (arguments.output, plan)
    if not arguments.reading_test:
        return [main]
    others = [
        replace(plan, context=context, top_k=config.retriever.top_k if context in RETRIEVED else 0)
        for context in WITHOUT
    ]
    return [*((beside(arguments.output, one.context), one) for one in others), main]


def output_paths(arguments: argparse.Namespace) -> list[Path]:
    """Every result file that the options ask for."""
    others = [beside(arguments.output, context) for context in WITHOUT] if arguments.reading_test else []
    return [*others, arguments.output]


def beside(output: Path, context: str) -> Path:
    """Where the reading test writes the result in another context: ``tuned_none.json`` beside ``tuned.json``."""
    return output.with_name(f"{output.stem}_{context}{output.suffix}")


def run_file_path(output: Path) -> Path:
    """Where the settings of the evaluation that writes ``output`` go: ``base.run.yaml`` beside ``base.json``."""
    return output.with_suffix(f".{RUN_FILE}")


def resolved_options(config: RAGConfig, plan: EvaluationPlan) -> dict[str, Any]:
    """The options that the environment may have given, as they took effect."""
    llm = config.llm
    found: dict[str, Any] = {"llm_backend": llm.backend}
    if llm.backend == "hf":
        found |= {"hf_model_name": llm.hf_model_name, "hf_load_in_4bit": llm.load_in_4bit}
        found |= {"hf_lora_path": llm.lora_path} if llm.lora_path is not None else {}
        if llm.load_in_4bit:
            found["bnb_4bit_compute_dtype"] = llm.bnb_4bit_compute_dtype
            found["bnb_4bit_quant_type"] = llm.bnb_4bit_quant_type
    else:
        found |= {"llm_model": llm.model, "llm_host": llm.address}
        found |= {"tokenizer": llm.tokenizer} if llm.tokenizer is not None else {}
    if plan.context in RETRIEVED:
        found |= {"top_k": config.retriever.top_k, "index_dir": config.retriever.index_dir}
    return found


def model_key(arguments: argparse.Namespace, config: RAGConfig, weights_sha256: str | None) -> dict[str, Any]:
    """What names the model and changes its answers; a resumed run must have the same."""
    llm = config.llm
    if llm.backend != "hf":
        # Only what is sent is recorded.
        sent: dict[str, Any] = (
            {"num_ctx": running_of(arguments).num_ctx, "think": arguments.think} if llm.backend == "ollama" else {}
        )
        if llm.backend not in BY_TEXT:
            sent = {"tokenizer": llm.tokenizer_name, "chat_format_option": arguments.chat_format}
            sent |= {"adapter_sha256": weights_sha256} if weights_sha256 else {}
        return {"backend": llm.backend, "model": llm.model, "host": hide(llm.address), **sent}
    quantization = (config.llm.bnb_4bit_compute_dtype, config.llm.bnb_4bit_quant_type)
    settings = None if config.llm.lora_path is None else config.llm.lora_path.expanduser() / "adapter_config.json"
    return {
        "backend": "hf",
        "model": config.llm.hf_model_name,
        "files_sha256": files_sha256(config.llm.hf_model_name),
        "adapter_sha256": weights_sha256,
        "adapter_config_sha256": sha256_file(settings) if settings is not None and settings.is_file() else None,
        "load_in_4bit": config.llm.load_in_4bit,
        "bnb": list(quantization) if config.llm.load_in_4bit else None,
        "chat_format_option": arguments.chat_format,
        "device": arguments.device,
    }


def create_backend(arguments: argparse.Namespace, llm: LLMConfig, plan: EvaluationPlan) -> ScoringBackend:
    """The backend the options name, loaded."""
    return load_backend(
        llm, replace(running_of(arguments), temperature=plan.temperature, seed=plan.seed, form=plan.form)
    )


def running_of(arguments: argparse.Namespace) -> Running:
    """How the options of ``add_model_options`` run a model."""
    return Running(
        device=arguments.device,
        chat_format=arguments.chat_format,
        num_ctx=arguments.num_ctx or NUM_CTX,
        think=arguments.think,
    )
