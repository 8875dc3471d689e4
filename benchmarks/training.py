"""Training speed and memory side by side: the usual script, TRL and this project, interleaved on one machine.

    python -m venv --system-site-packages /tmp/trl && /tmp/trl/bin/pip install trl
    python scripts/build_finetune_dataset.py --lawqa-path sample/selection.json --mode direct --context gold \
        --orders 4 --samples 12 --output-path /tmp/gold4.jsonl
    /tmp/trl/bin/python benchmarks/training.py --model sample/tiny-qwen3 --records /tmp/gold4.jsonl \
        --output benchmarks/results/training_tiny.json

Each round runs every side once, each in a process of its own; what is reported are medians over the whole rounds. Runs
are added to those that ``--output`` holds already, so that a long measurement can be made in pieces. The JSON holds
every measured step.
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from app.core.cli import log
from app.core.files import read_json, sha256_file, write_json
from app.core.manifests import run_header

SIDES = ("usual", "trl", "ours", "shared")
NAMES = {
    "usual": "(a) usual script: pad to 1024, full logits",
    "trl": "(b) TRL SFTTrainer, completion-only loss",
    "ours": "(c) ours, one row an order",
    "shared": "(c) ours, orders share a prefix",
}
CASE = Path(__file__).with_name("training_case.py")


def measure(side: str, options: argparse.Namespace) -> dict[str, Any]:
    """One process of one side; raises CalledProcessError with its stderr when it fails."""
    with tempfile.TemporaryDirectory() as folder:
        # A session of its own: Linux shares the processor out by session, and a terminal's other programs count as one.
        done = subprocess.run(
            [
                sys.executable, str(CASE), "--side", side, "--model", options.model, "--records", str(options.records),
                "--steps", str(options.steps), "--batch", str(options.batch), "--dtype", options.dtype,
                "--folder", folder,
            ],
            capture_output=True, text=True, check=False, start_new_session=True,
        )  # fmt: skip
    if done.returncode:
        raise SystemExit(f"{side}: {done.stderr[-2000:]}")
    return dict(json.loads(done.stdout.splitlines()[-1]))


def settings_of(options: argparse.Namespace) -> dict[str, Any]:
    """What rounds must have in common to be put together."""
    return {
        "model": options.model, "records_sha256": sha256_file(options.records), "steps": options.steps,
        "batch": options.batch, "dtype": options.dtype, "versions": run_header([])["packages"],
    }  # fmt: skip


def earlier_rounds(options: argparse.Namespace, settings: dict[str, Any]) -> list[dict[str, dict[str, Any]]]:
    """Rounds, the last perhaps in part, that ``--output`` holds; stops when they were measured with other settings."""
    if not options.output.exists():
        return []
    stored = read_json(options.output)
    if stored["settings"] != settings:
        raise SystemExit(f"{options.output} was measured with other settings: {stored['settings']}")
    return list(stored["rounds"])


def step_seconds(run: dict[str, Any]) -> float:
    """Median seconds of a step, the first left out when there are more: it allocates and compiles."""
    seconds = run["seconds_per_step"]
    return float(median(seconds[1:] or seconds))


def step_processor_seconds(run: dict[str, Any]) -> float:
    """As ``step_seconds``, of the processor: what other programs on the machine hardly change."""
    seconds = run["processor_seconds"]
    return float(median(seconds[1:] or seconds))


def summarize(rounds: list[dict[str, dict[str, Any]]]) -> dict[str, dict[str, Any]]:
    """Per side: rows/s and answer tokens/s (median, lowest, highest over the rounds), peak RSS, first and last loss."""
    table: dict[str, dict[str, Any]] = {}
    for side in rounds[0]:
        runs = [one[side] for one in rounds]
        speeds = sorted(run["rows_per_step"] / step_seconds(run) for run in runs)
        answers = 2  # letter and stop token, the tokens that matter on every side
        table[side] = {
            "rows_per_second": median(speeds), "lowest": speeds[0], "highest": speeds[-1],
            "answer_tokens_per_second": median(speeds) * answers,
            "rows_per_processor_second": median(run["rows_per_step"] / step_processor_seconds(run) for run in runs),
            "peak_rss_gib": median(run["peak_rss_bytes"] for run in runs) / 2**30,
            "training_gib": median(run["peak_rss_bytes"] - run["loaded_rss_bytes"] for run in runs) / 2**30,
            "losses": runs[0]["losses"],
        }  # fmt: skip
    return table


def largest_difference(one: list[float], other: list[float]) -> float:
    """Largest difference of two loss curves."""
    return max(abs(left - right) for left, right in zip(one, other, strict=True))


def as_markdown(table: dict[str, dict[str, Any]]) -> str:
    """The table of the report."""
    base = table["usual"]
    lines = [
        "| side | rows/s (lowest–highest) | answer tokens/s | × usual | rows / processor s (× usual) | peak RSS GiB | × usual | loss first → last |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for side, row in table.items():
        lines.append(
            f"| {NAMES[side]} | {row['rows_per_second']:.3f} ({row['lowest']:.3f}–{row['highest']:.3f}) "
            f"| {row['answer_tokens_per_second']:.3f} | {row['rows_per_second'] / base['rows_per_second']:.2f} "
            f"| {row['rows_per_processor_second']:.3f} "
            f"({row['rows_per_processor_second'] / base['rows_per_processor_second']:.2f}) "
            f"| {row['peak_rss_gib']:.2f} | {row['peak_rss_gib'] / base['peak_rss_gib']:.2f} "
            f"| {row['losses'][0]:.4f} → {row['losses'][-1]:.4f} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="folder of the model")
    parser.add_argument(
        "--records", type=Path, required=True, help="four-order records, the orders of a question in a row"
    )
    parser.add_argument("--output", type=Path, required=True, help="JSON of everything that was measured")
    parser.add_argument("--steps", type=int, default=6, help="optimiser steps a run (6)")
    parser.add_argument("--batch", type=int, default=4, help="rows a step, a multiple of 4 (4)")
    parser.add_argument("--dtype", default="auto", help="type of the base weights: auto (as stored), float32 (auto)")
    parser.add_argument(
        "--runs",
        type=int,
        default=len(SIDES),
        help="runs to add, four a round; 0 prints the table of those there are (4)",
    )
    options = parser.parse_args()
    # A time limit ends this program by SIGTERM: as an exception it also ends the run in its session of its own.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    settings = settings_of(options)
    rounds = earlier_rounds(options, settings)
    for _ in range(options.runs):
        if not rounds or len(rounds[-1]) == len(SIDES):
            rounds.append({})
        side = SIDES[len(rounds[-1])]
        rounds[-1][side] = measure(side, options)
        log(f"round {len(rounds)} {side}: {step_seconds(rounds[-1][side]):.2f} s a step")
        store(options.output, settings, rounds)
    whole = [one for one in rounds if len(one) == len(SIDES)]
    if whole:
        table = summarize(whole)
        print(as_markdown(table))
        worst = loss_differences(table)
        print(f"\nLargest difference of the loss to (c): TRL {worst['trl']:.1e}, shared prefix {worst['shared']:.1e}")


def loss_differences(table: dict[str, dict[str, Any]]) -> dict[str, float]:
    """Largest difference of the losses of TRL and of the shared prefix to ours."""
    return {side: largest_difference(table[side]["losses"], table["ours"]["losses"]) for side in ("trl", "shared")}


def store(output: Path, settings: dict[str, Any], rounds: list[dict[str, dict[str, Any]]]) -> None:
    """Write every run, and the summary of the whole rounds."""
    whole = [one for one in rounds if len(one) == len(SIDES)]
    table = summarize(whole) if whole else {}
    write_json(
        output,
        {
            "run": run_header(sys.argv[1:]), "settings": settings, "summary": table,
            "largest_loss_difference_to_ours": loss_differences(table) if whole else {}, "rounds": rounds,
        },
    )  # fmt: skip


if __name__ == "__main__":
    main()
