"""Take an adapter away: merged weights, GGUF, an Ollama Modelfile and a model card, each asked again and compared."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..core.cli import JapaneseParser, log, run_program, seed_number
from ..core.errors import ConfigError, UntrustworthyResult
from ..core.manifests import run_header
from ..llm.export.plan import GGUF_TYPES

DTYPES = ("auto", "bfloat16", "float16", "float32")
EXAMPLES = (
    "python scripts/export_adapter.py --lora-path runs/direct_rag --output-dir export/direct_rag --data results/split/test.json",
    "python scripts/export_adapter.py --lora-path runs/direct_rag --output-dir export/direct_rag --data results/split/test.json "
    "--gguf f16 q8_0",
    "python scripts/export_adapter.py --plan --hf-model-name Qwen/Qwen3-8B --gguf f16 q8_0",
)


def parser() -> JapaneseParser:
    """The parser of this program."""
    made = JapaneseParser(
        "学習したアダプタを、統合した重み・GGUF・Ollama の形に書き出し、同じ問題を尋ね直して差を確かめる。", EXAMPLES
    )
    add = made.add_argument
    add("--lora-path", type=Path, metavar="DIR", help="学習したアダプタのフォルダ")
    add("--output-dir", type=Path, metavar="DIR", help="書き出すフォルダ（中に merged と gguf ができる）")
    add("--data", type=Path, help="確かめに使う問題のファイル（lawqa_jp 形式。--recheck 0 なら不要）")
    add("--hf-model-name", help="ベースモデルの名前かフォルダ（既定: アダプタの run.json にあるもの）")
    add("--dtype", choices=DTYPES, default="auto", help="統合した重みの型（既定 auto、ベースモデルと同じ）")
    add(
        "--gguf",
        nargs="*",
        choices=GGUF_TYPES,
        metavar="TYPE",
        help=f"GGUF も書く: {'・'.join(GGUF_TYPES)}（種類を省くと f16 q8_0 と、llama-quantize があれば q4_k_m）",
    )
    add(
        "--ollama",
        action="store_true",
        help="Ollama の Modelfile も書く（テンプレートが学習と同じトークンになるときだけ）",
    )
    add(
        "--recheck", type=int, default=40, metavar="N", help="書き出した後に尋ね直す問題数。0 なら確かめない（既定 40）"
    )
    add(
        "--results",
        type=Path,
        nargs="*",
        default=[],
        metavar="JSON",
        help="モデルカードに載せる評価結果（調整前・調整後）",
    )
    add("--name", help="モデルの名前、GGUF のファイル名になる（既定: アダプタのフォルダの名前）")
    add("--device", default="auto", help="確かめに使う装置 auto・cpu・cuda・cuda:番号（既定 auto）")
    add("--seed", type=seed_number, default=42, help="確かめの問題を選ぶ乱数の種（既定 42）")
    add("--few-shot-path", type=Path, help="アダプタを例題付きで学習したとき、例題を選んだ問題ファイル")
    add("--plan", action="store_true", help="書き出さず、config.json だけから大きさ・ディスク・メモリの見積もりを示す")
    return made


def main(argv: Sequence[str]) -> int:
    """Run the program; returns its exit code."""
    program = parser()
    arguments = program.parse_args(argv)
    if arguments.plan:
        return _plan(program, arguments)
    if arguments.lora_path is None or arguments.output_dir is None:
        program.error("--lora-path と --output-dir が要ります（--plan なら --hf-model-name だけ）")
    if arguments.recheck < 0 or (arguments.recheck and arguments.data is None):
        program.error("--data が要ります（確かめないなら --recheck 0）")
    name = arguments.name or arguments.lora_path.resolve().name
    if not re.fullmatch(r"[A-Za-z0-9][\w.-]*", name, re.ASCII):
        program.error(f"--name は英数字と . _ - で書きます（{name!r} は使えません）")
    # torch, and what needs it, only after --help had its chance.
    from ..data.few_shot import few_shot_from
    from ..llm.export.export import export
    from ..llm.export.job import ExportJob

    job = ExportJob(
        adapter=arguments.lora_path,
        output=arguments.output_dir,
        name=name,
        model_name=arguments.hf_model_name,
        dtype=arguments.dtype,
        gguf=_kinds(arguments.gguf),
        ollama=arguments.ollama,
        questions=_questions(arguments),
        few_shot=few_shot_from(arguments.few_shot_path),
        results=lambda weights: [_measured(path, weights) for path in arguments.results],
        device=arguments.device,
        header=run_header(argv),
    )
    distrust = export(job)
    log(f"{arguments.output_dir} に書き出しました。")
    if not job.questions:
        log("注意: 書き出した形は確かめていません（--recheck 0）。")
    if distrust:
        raise UntrustworthyResult("。".join(distrust))
    return 0


def _kinds(asked: list[str] | None) -> tuple[str, ...]:
    """The GGUF types that the options stand for, each once, in the order given."""
    if asked is None:
        return ()
    if asked:
        return tuple(dict.fromkeys(asked))
    from ..llm.export.gguf_file import QUANTIZER, find_quantizer

    if find_quantizer() is None:
        log(f"llama.cpp の {QUANTIZER} が PATH にないので、q4_k_m は作りません。")
        return ("f16", "q8_0")
    return ("f16", "q8_0", "q4_k_m")


def _questions(arguments: argparse.Namespace) -> tuple[Any, ...]:
    if not arguments.recheck:
        return ()
    from ..data.lawqa import load_questions
    from ..evaluation.running.evaluate import pick_questions

    questions = load_questions(arguments.data)
    return tuple(pick_questions(questions, min(arguments.recheck, len(questions)), arguments.seed))


def _measured(path: Path, weights_sha256: str) -> Any:
    """One evaluation for the model card. Raises ConfigError for a result of another adapter, or one that does not say
    what was asked."""
    from ..evaluation.results.file import read_result
    from ..llm.export.card import Measured

    result = read_result(path)
    facts = result.facts
    if facts.adapter is not None and facts.adapter.weights_sha256 != weights_sha256:
        raise ConfigError(f"{path}: 別のアダプタの評価結果です。このアダプタの結果を --results に指定してください。")
    data, context = facts.data, facts.plan.context
    if data.path is None or data.sha256 is None or context is None:
        raise ConfigError(
            f"{path}: 問題ファイルと文脈の記録がない評価結果（import_results.py のものなど）はモデルカードに載せられません。"
            "evaluate_multiple_choice.py の結果を --results に指定してください。"
        )
    low, high = result.summary["ci95"]
    return Measured(
        file=str(path),
        tuned=facts.adapter is not None,
        correct=result.summary["correct"],
        total=result.summary["total"],
        ci95=(low, high),
        data=f"{Path(data.path).name} ({data.sha256[:12]}…)",
        context=context,
        distrust=tuple(facts.distrust),
    )


def _plan(program: JapaneseParser, arguments: argparse.Namespace) -> int:
    from ..core.manifests import read_adapter_manifest
    from ..llm.export.plan import plan_export, plan_lines
    from ..training.memory.model_sizes import read_model_sizes

    name = arguments.hf_model_name
    if name is None and arguments.lora_path is not None:
        name = read_adapter_manifest(arguments.lora_path)["base_model"]["name"]
    if name is None:
        program.error("--plan には --hf-model-name か --lora-path が要ります")
    values = read_model_sizes(name).values
    plan = plan_export(values, name=name, dtype=arguments.dtype, gguf=_kinds(arguments.gguf))
    print("\n".join(plan_lines(plan, check=arguments.recheck > 0)))
    return 0


if __name__ == "__main__":
    sys.exit(run_program(main))
