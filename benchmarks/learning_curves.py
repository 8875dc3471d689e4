"""Learning curves of variants of one training run, the same rows and seeds, beside the spread between seeds.

    python scripts/build_finetune_dataset.py --lawqa-path sample/selection.json --mode direct --context gold \
        --orders 4 --output-path /tmp/gold4.jsonl
    python benchmarks/learning_curves.py --model-name sample/tiny-qwen3 --train-file /tmp/gold4.jsonl --seeds 5 \
        --work-dir /tmp/curves --output benchmarks/results/curves_tiny.json \
        --side "fp32=--lora-dtype fp32" --side "bf16=--lora-dtype bf16" \
        --options "--bf16 --share-prefix --max-steps 40 --batch-size 4 --gradient-accumulation-steps 2"

Every side is a run of ``scripts/train_qwen_law_ft.py`` with ``--options`` and its own, for each seed; the first side is
what the others are compared with. A finished run in ``--work-dir`` is not repeated; one of other settings is refused.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path
from statistics import mean, stdev

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from app.core.cli import log
from app.core.files import read_json, sha256_file, write_json
from app.core.manifests import run_header

TRAIN = Path(__file__).resolve().parents[1] / "scripts" / "train_qwen_law_ft.py"
LAST_SHARE = 4  # the end of a curve: its last quarter


def losses_of(folder: Path) -> list[float]:
    """The loss of every step of a finished run."""
    return [float(row["loss"]) for row in read_json(folder / "run.json")["training"]["loss_history"]]


def run(options: argparse.Namespace, name: str, own: list[str], seed: int) -> list[float]:
    """The curve of one side and seed. A training that is over in its folder is not repeated, one of other settings or rows is
    refused by the program itself (``--resume``); its words end the benchmark when it fails."""
    folder = options.work_dir / f"{name}_{seed}"
    done = subprocess.run(
        [
            sys.executable, str(TRAIN), "--model-name", options.model_name, "--train-file", str(options.train_file),
            "--output-dir", str(folder), "--seed", str(seed), "--resume", *options.options.split(), *own,
        ],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(f"{name}, seed {seed}: {done.stderr[-2000:]}")
    return losses_of(folder)


def end_of(curve: list[float]) -> float:
    """Mean loss of the last quarter of a curve."""
    return mean(curve[-max(len(curve) // LAST_SHARE, 1) :])


def compare(curves: dict[str, dict[int, list[float]]]) -> dict[str, dict[str, float]]:
    """Per side: mean loss of the first step and of the end over the seeds, the spread of the end between seeds, and

    against the first side with the same seed: largest and mean difference of a step, mean difference of the end.
    """
    reference = next(iter(curves.values()))
    table = {}
    for name, by_seed in curves.items():
        ends = [end_of(curve) for curve in by_seed.values()]
        pairs = [
            (here, there) for seed, curve in by_seed.items() for here, there in zip(curve, reference[seed], strict=True)
        ]
        table[name] = {
            "first": mean(curve[0] for curve in by_seed.values()),
            "end": mean(ends),
            "end_spread": stdev(ends) if len(ends) > 1 else 0.0,
            "largest_difference": max(abs(here - there) for here, there in pairs),
            "mean_absolute_difference": mean(abs(here - there) for here, there in pairs),
            "end_difference": mean(end_of(by_seed[seed]) - end_of(reference[seed]) for seed in by_seed),
            "first_difference": mean(by_seed[seed][0] - reference[seed][0] for seed in by_seed),
        }
    return table


def as_markdown(table: dict[str, dict[str, float]]) -> str:
    """The table of the report."""
    lines = [
        "| side | first step | last quarter (sd between seeds) | Δ first | Δ last quarter | mean abs. Δ of a step | largest |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, row in table.items():
        lines.append(
            f"| {name} | {row['first']:.4f} | {row['end']:.4f} ({row['end_spread']:.4f}) | {row['first_difference']:+.4f} "
            f"| {row['end_difference']:+.4f} | {row['mean_absolute_difference']:.4f} | {row['largest_difference']:.4f} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Train what is missing, compare and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model-name", required=True, help="folder of the model")
    parser.add_argument("--train-file", type=Path, required=True, help="training records")
    parser.add_argument("--side", action="append", required=True, metavar="NAME=OPTIONS", help="a variant; two or more")
    parser.add_argument("--options", default="", help="training options of every side")
    parser.add_argument("--seeds", type=int, default=3, help="seeds 1, 2, … (3)")
    parser.add_argument("--work-dir", type=Path, required=True, help="adapter folders; finished ones are kept")
    parser.add_argument("--output", type=Path, required=True, help="JSON of every curve")
    options = parser.parse_args()
    sides = {name: more.split() for name, _, more in (side.partition("=") for side in options.side)}
    curves: dict[str, dict[int, list[float]]] = {name: {} for name in sides}
    for seed in range(1, options.seeds + 1):
        for name, own in sides.items():
            curves[name][seed] = run(options, name, own, seed)
            log(f"{name}, seed {seed}: {curves[name][seed][0]:.4f} -> {end_of(curves[name][seed]):.4f}")
    table = compare(curves)
    write_json(
        options.output,
        {
            "run": run_header(sys.argv[1:]), "train_file_sha256": sha256_file(options.train_file), "sides": sides,
            "options": options.options, "summary": table, "curves": curves,
        },
    )  # fmt: skip
    print(as_markdown(table))


if __name__ == "__main__":
    main()
