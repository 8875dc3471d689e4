"""Write questions as a task of lm-evaluation-harness."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..core.cli import JapaneseParser, log

EXAMPLES = (
    "python scripts/export_lm_eval.py --data sample/selection.json --output-dir results/lm_eval --context gold",
    "python scripts/export_lm_eval.py --data results/split/test.json --output-dir results/lm_eval --name lawqa_test",
)


def parser() -> JapaneseParser:
    parser = JapaneseParser(
        "四択問題を lm-evaluation-harness の課題（JSONL と YAML）として書き出す。プロンプトは自分の評価と同じもの。", EXAMPLES
    )  # fmt: skip
    parser.add_argument("--data", type=Path, required=True, help="lawqa_jp 形式の問題ファイル")
    parser.add_argument("--output-dir", type=Path, required=True, help="書き出すフォルダ")
    parser.add_argument("--name", default="horei_lawqa", help="課題の名前（既定 horei_lawqa）")
    parser.add_argument(
        "--context", choices=("none", "gold"), default="none", help="文脈: なし、正解の条文（既定 none）"
    )
    parser.add_argument("--orders", type=int, choices=(1, 4), default=4, help="選択肢の並びの数（既定 4）")
    parser.add_argument("--few-shot", action="store_true", help="例題を 2 問付ける")
    return parser


def main(argv: Sequence[str]) -> int:
    program = parser()
    arguments = program.parse_args(argv)
    if not arguments.name.isidentifier() or not arguments.name.isascii():
        program.error(f"--name は英数字と _ で書きます（指定は {arguments.name!r}）")
    from ..core.files import write_jsonl, write_text
    from ..core.outputs import Output, check_outputs, contains
    from ..data.lawqa import load_questions
    from ..evaluation.exchange.lm_eval import lm_eval_rows, own_task, task_yaml
    from ..evaluation.running.plan import EvaluationPlan

    plan = EvaluationPlan(
        context=arguments.context, top_k=0, orders=arguments.orders, few_shot=arguments.few_shot
    )  # fmt: skip
    rows = arguments.output_dir / f"{arguments.name}.jsonl"
    task = arguments.output_dir / f"{arguments.name}.yaml"
    check_outputs(
        [
            Output("--output-dir", rows, contains('"prompt_sha256"')),
            Output("--output-dir", task, own_task(arguments.name, rows)),
        ],
        {"--data": arguments.data},
    )
    count = write_jsonl(rows, lm_eval_rows(load_questions(arguments.data), plan))
    write_text(task, task_yaml(arguments.name, rows))
    log(f"{rows}: {count} 行（{count // arguments.orders} 問 × {arguments.orders} 通りの並び）")
    print(
        "lm_eval run --model hf --model_args pretrained=MODEL,enable_thinking=False --apply_chat_template "
        f"--include_path {arguments.output_dir} --tasks {arguments.name} --log_samples --output_path results/lm_eval"
    )
    return 0
