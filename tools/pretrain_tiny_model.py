"""Make sample/tiny-qwen3: train its tokenizer, pretrain the model on generated text, write folder, history and curve."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from app.core.cli import JapaneseParser, format_seconds, log


def parser() -> JapaneseParser:
    """The command line."""
    made = JapaneseParser(
        "同梱の小さな Qwen3（sample/tiny-qwen3）を、生成した読解文だけで事前学習して作ります。",
        [
            "python scripts/pretrain_tiny_model.py --output results/tiny-qwen3",
            "python scripts/pretrain_tiny_model.py --output results/tiny-qwen3 --state-dir results/tiny-state  # 中断後も同じ行で再開",
            "python scripts/pretrain_tiny_model.py --output /tmp/tiny --steps 20  # 動作確認",
        ],
    )
    made.add_argument("--output", type=Path, required=True, help="モデルフォルダの書き出し先")
    made.add_argument("--steps", type=int, help="学習ステップ数（既定: 同梱モデルを作った値）")
    made.add_argument("--seed", type=int, default=1, help="乱数の種（既定: 1）")
    made.add_argument("--threads", type=int, default=1, help="使う CPU スレッド数（既定: 1）")
    made.add_argument("--eval-every", type=int, help="何ステップごとに技能を測るか")
    made.add_argument("--state-dir", type=Path, help="途中経過の置き場。あれば続きから始める")
    made.add_argument("--curve", type=Path, help="学習曲線（PNG）の書き出し先")
    made.add_argument("--history", type=Path, help="測定値（JSON）の書き出し先")
    return made


def check_writable_outputs(args: argparse.Namespace, width: int) -> None:
    """Raise ConfigError when an output is somebody else's: the folder may hold only a model of this program's width."""
    from app.core.errors import ConfigError, UserError
    from app.core.files import read_json
    from app.core.outputs import Output, check_folder_place, check_outputs, contains, foreign_entries
    from app.core.places import MODEL

    check_folder_place("--output", args.output, own=MODEL)
    try:
        config = read_json(args.output / "config.json")
    except UserError:
        config = {}
    ours = isinstance(config, dict) and config.get("hidden_size") == width
    if (foreign := foreign_entries(args.output)) and not ours:
        raise ConfigError(
            f"--output {args.output} には極小モデルではないファイルがあります（{foreign[0]} など）。"
            "空のフォルダか、まだないフォルダを指定してください。"
        )
    outputs = [Output("--history", args.history, contains('"parameters"'))] if args.history else []
    outputs += [Output("--curve", args.curve, contains("Matplotlib"))] if args.curve else []
    check_outputs(outputs, {})


def main(argv: Sequence[str] | None = None) -> int:
    """Pretrain and write the model."""
    args = parser().parse_args(argv)
    import torch

    from app.core.files import write_json
    from tools.tiny_model.exercises import tokenizer_texts
    from tools.tiny_model.model import TinyShape, save_model
    from tools.tiny_model.pretraining import PretrainConfig, Pretraining
    from tools.tiny_model.signs import make_signs_neutral
    from tools.tiny_model.tokenizer import train_tokenizer

    check_writable_outputs(args, TinyShape().hidden_size)
    torch.set_num_threads(args.threads)
    given = {"steps": args.steps, "seed": args.seed, "eval_every": args.eval_every}
    config = PretrainConfig(**{name: value for name, value in given.items() if value is not None})
    log("トークナイザを学習します。")
    tokenizer = train_tokenizer(tokenizer_texts(config.seed))
    run = Pretraining(config, TinyShape(), tokenizer)
    if args.state_dir and (args.state_dir / "state.json").exists():
        run.load(args.state_dir)
        log(f"{args.state_dir}: ステップ {run.step} から再開します。")
    parameters = sum(weight.numel() for weight in run.model.parameters())
    log(f"パラメータ {parameters:,}、語彙 {len(tokenizer):,}、{config.steps} ステップ")
    run.run(report=_print_entry, state_dir=args.state_dir)
    make_signs_neutral(run.model, tokenizer)
    save_model(run.model, tokenizer, args.output)
    facts = {"config": asdict(config), "shape": asdict(run.shape), "parameters": parameters, "threads": args.threads}
    if args.history:
        write_json(args.history, {**facts, "seconds": round(run.seconds, 1), "history": run.history})
    if args.curve:
        from tools.tiny_model.curve import write_curve

        write_curve(run.history, args.curve)
    log(f"{args.output}: 書き出しました（学習 {format_seconds(run.seconds)}、{run.tokens:,} トークン）。")
    return 0


def _print_entry(entry: dict[str, Any]) -> None:
    losses = " ".join(f"{name} {value:.3f}" for name, value in entry["losses"].items())
    skills = " ".join(f"{name} {value:.2f}" for name, value in entry["skill"].items())
    log(
        f"ステップ {entry['step']}（{format_seconds(entry['seconds'])}、{entry['tokens']:,} トークン） 損失 {losses} / 正答率 {skills}"
    )
