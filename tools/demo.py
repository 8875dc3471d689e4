"""The whole loop on the embedded sample: split, index, records, training, evaluation before and after, verdict."""

from __future__ import annotations

import contextlib
import io
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from app.core.cli import JapaneseParser, format_seconds, log
from app.core.errors import ConfigError
from app.core.files import read_json, write_json, write_text
from app.core.manifests import REPOSITORY, run_header
from app.core.options import as_words
from app.core.outputs import foreign_entries
from app.data.context import ContextSource as RecordContext
from app.data.record_settings import RecordSettings
from app.evaluation.running.plan import ContextSource
from app.llm.model_options import ModelOptions, check_environment

EXAMPLES = ("python scripts/demo.py", "python scripts/demo.py --output results/demo --seed 7")
RECORD_CONTEXTS: tuple[RecordContext, ...] = ("gold", "rag")
CONTEXTS: Mapping[ContextSource, str] = {"none": "文脈なし", "rag": "検索した条文（上位 3 条）", "gold": "正解の条文"}
MODEL = "sample/tiny-qwen3"
MARK = "デモの結果.txt"
PARTS = ("split", "index", "finetune", "adapter", "eval")


def parser() -> JapaneseParser:
    """The parser of this program."""
    made = JapaneseParser(
        "付属の見本（創作の法令と極小モデル）で、分割から学習・評価・判定までを通して動かす。", EXAMPLES
    )
    made.add_argument("--output", type=Path, default=Path("results/demo"), help="結果のフォルダ（既定: results/demo）")
    made.add_argument("--seed", type=int, default=42, help="分割と学習の乱数の種（既定: 42）")
    return made


def main(argv: Sequence[str]) -> int:
    """Run every step in order and print the table."""
    arguments = parser().parse_args(argv)
    folder: Path = arguments.output.resolve()
    with contextlib.chdir(REPOSITORY):
        check_environment()
    empty_folder(folder)
    started = time.monotonic()
    with contextlib.chdir(REPOSITORY):
        prepare(folder, arguments.seed)
        train(folder, arguments.seed)
        rows = evaluate_all(folder)
    write_json(folder / "summary.json", rows)
    write_log(folder, rows)
    print(table(rows))
    print(f"\n結果のフォルダ: {arguments.output}（合計 {format_seconds(time.monotonic() - started)}）")
    print(closing_words(rows))
    return 0


def empty_folder(folder: Path) -> None:
    """Make the folder, or remove what an earlier demo left in it. Raises ConfigError for a folder with other things."""
    if foreign_entries(folder) and not (folder / MARK).exists():
        raise ConfigError(f"{folder}: デモの結果ではないファイルがあります。別の --output を指定してください。")
    for part in PARTS:
        shutil.rmtree(folder / part, ignore_errors=True)
    write_text(folder / MARK, "scripts/demo.py が作ったフォルダです。次のデモで書き直されます。\n")


def prepare(folder: Path, seed: int) -> None:
    """Split by cluster, index the sample statutes, write the training records."""
    from app.commands.build_finetune_dataset import write_dataset
    from app.commands.build_index import write_index
    from app.commands.split_selection_dataset import SplitSettings, write_split
    from app.retrieval.index.settings import IndexSettings

    log("[1/6] 条文クラスタで分ける")
    split = SplitSettings(lawqa_path=Path("sample/selection.json"), output_dir=folder / "split", seed=seed)
    write_split(split, run_header(as_words(split)))
    log("[2/6] 法令を索引にする")
    laws = Path("sample/laws")
    index = IndexSettings(source=laws, index_dir=folder / "index")
    write_index(index, laws, run_header(as_words(index)))
    log("[3/6] 学習レコードを作る")
    for side in ("train", "dev"):
        for context in RECORD_CONTEXTS:
            records = RecordSettings(
                lawqa_path=folder / "split" / f"{side}.json",
                form="choice",
                context=context,
                index_dir=folder / "index",
                output_path=records_of(folder, side, context),
            )
            write_dataset(records, run_header(as_words(records)))
    # Each question once with its own articles and once with those that a search finds.
    both = [records_of(folder, "train", context).read_text("utf-8") for context in RECORD_CONTEXTS]
    write_text(records_of(folder, "train", "gold_rag"), "".join(both))


def records_of(folder: Path, side: str, context: str) -> Path:
    """The records of one side of the split (train or dev) in one context."""
    return folder / "finetune" / f"ft_choice_{context}_{side}.jsonl"


def train(folder: Path, seed: int) -> None:
    """LoRA on the tiny model: every choice judged by itself, compared within its question."""
    from app.commands.train_qwen_law_ft import run_training
    from app.training.config import TrainConfig
    from app.training.rank_group import joined

    log("[4/6] LoRA を学習する")
    config = TrainConfig(
        model_name=MODEL,
        train_file=records_of(folder, "train", "gold_rag"),
        eval_file=records_of(folder, "dev", "rag"),
        output_dir=folder / "adapter",
        objective="choice",
        # One pass, so that the demo stays within minutes on two cores.
        num_epochs=1,
        batch_size=8,
        gradient_accumulation_steps=1,
        learning_rate=1e-3,
        activation_checkpointing=False,
        logging_steps=10,
        seed=seed,
    )
    with joined():
        run_training(config, as_words(config))


def evaluate_all(folder: Path) -> list[dict[str, Any]]:
    """Evaluate before and after in each context; one row a context with the paired comparison."""
    from app.commands.compare_runs import compared
    from app.evaluation.comparing.comparison_json import as_json

    rows = []
    log("[5/6] 学習に使っていない条文の問題で、調整前と調整後を評価する")
    for context, label in CONTEXTS.items():
        files = {name: folder / "eval" / f"{name}_{context}.json" for name in ("base", "tuned")}
        for name, adapter in (("base", None), ("tuned", folder / "adapter")):
            evaluate(folder, context, files[name], adapter)
        _, pairs, reasons = compared(list(files.values()), 42)
        warn(reasons, "この比較は信用できません: ")
        comparison = as_json(pairs)
        write_json(folder / "eval" / f"compare_{context}.json", comparison)
        rows.append(row(label, read_json(files["base"]), read_json(files["tuned"]), comparison["comparisons"][0]))
    log("[6/6] 表にまとめる")
    return rows


def evaluate(folder: Path, context: ContextSource, output: Path, adapter: Path | None) -> None:
    """Evaluate the untuned model (None) or the adapter; what the program would print goes to a text file beside."""
    from app.commands.evaluate_multiple_choice import evaluate_beside
    from app.evaluation.running.settings import EvaluationSettings

    settings = EvaluationSettings(
        data=folder / "split" / "test.json",
        output=output,
        context=context,
        index_dir=folder / "index",
        model=ModelOptions(hf_model_name=MODEL, hf_load_in_4bit=False, hf_lora_path=adapter),
        scoring="choice",
    )
    warn(evaluate_beside(settings))


def warn(reasons: Sequence[str], about: str = "") -> None:
    """Say why a result must not be trusted; a demo goes on and shows it."""
    if reasons:
        log(f"  警告: {about}{'。'.join(dict.fromkeys(reasons))}")


def row(label: str, base: dict[str, Any], tuned: dict[str, Any], comparison: dict[str, Any]) -> dict[str, Any]:
    """One line of the table, as numbers."""
    sides = {
        name: {key: result["summary"][key] for key in ("accuracy", "ci95", "correct", "total", "statements", "floors")}
        for name, result in (("base", base), ("tuned", tuned))
    }
    return {"context": label, **sides, "comparison": comparison}


def table(rows: Sequence[dict[str, Any]]) -> str:
    """The table as the terminal shows it."""
    from rich.console import Console
    from rich.table import Table

    shown = Table(
        title=f"条文の重ならない {rows[0]['base']['total']} 問での正解率（選択肢を一つずつ判定、[ ] は 95 % 区間）"
    )
    for head in ("文脈", "調整前", "調整後", "判定"):
        shown.add_column(head, overflow="fold")
    for line in rows:
        sides = [
            f"{line[name]['accuracy']:.1%} [{line[name]['ci95'][0]:.0%}–{line[name]['ci95'][1]:.0%}]".replace(
                "[", "\\["
            )
            for name in ("base", "tuned")
        ]
        shown.add_row(line["context"], *sides, verdict_of(line))
    text = io.StringIO()
    Console(file=text, width=110).print(shown)
    return text.getvalue().rstrip()


def verdict_of(line: dict[str, Any]) -> str:
    """The first part of the verdict sentence and the p value."""
    from app.evaluation.number_text import p_text

    comparison = line["comparison"]
    return f"{comparison['verdict'].split('（')[0]}\n{p_text(comparison['p_value'])}"


def write_log(folder: Path, rows: Sequence[dict[str, Any]]) -> None:
    """The experiment log of the run with the evaluations filled in."""
    from app.training.experiment_log import render_experiment_log

    names = {"base": "調整前", "tuned": "調整後"}
    evaluations = [
        {"name": f"{label}・{line['context']}", "correct": line[name]["correct"], "total": line[name]["total"]}
        for line in rows
        for name, label in names.items()
    ]
    write_text(
        folder / "experiment_log.md", render_experiment_log(read_json(folder / "adapter" / "run.json"), evaluations)
    )


def closing_words(rows: Sequence[dict[str, Any]]) -> str:
    """What the numbers show, and what they do not."""
    without, gold = rows[0], rows[-1]
    gain = gold["tuned"]["accuracy"] - gold["base"]["accuracy"]
    overlap = gold["base"]["floors"]["lexical_overlap"]
    if gold["comparison"]["conclusion"] == "better":
        seen = (
            "極小モデルは条文と文を見比べることだけを事前に練習しており、製品の問い方と答え方（○と×）は知りません。"
            "それを LoRA が見本の問題で教えました。"
        )
    else:
        seen = "この差からは、LoRA が答え方を教えたとは言えません（docs/tiny-model.md）。"
    unread = "条文なしでは調整後も偶然（25 %）の近くです。" if _near_chance(without["tuned"]) else ""
    return (
        f"正解の条文を見せたときの差は {gain * 100:+.1f} ポイントです。{seen}{unread}\n"
        f"見本の問題は条文とのつき合わせで解けるように作ってあり、文字の重なりだけでも {overlap['accuracy']:.0%} 解けます。"
        "モデルは創作の文章だけで訓練した極小のもので、実在の法令についての性能は何も示しません。"
        "本物のモデルでの測定は docs/real-run.md にあります。"
    )


def _near_chance(side: dict[str, Any]) -> bool:
    low, high = side["ci95"]
    return bool(low <= side["floors"]["chance"] <= high)
