"""Evaluation speed side by side: write-and-parse, lm-evaluation-harness and this project, interleaved on one machine.

    python -m venv --system-site-packages /tmp/lmeval && /tmp/lmeval/bin/pip install 'lm_eval[hf]'
    /tmp/lmeval/bin/python benchmarks/evaluation.py --model sample/tiny-qwen3 --data sample/selection.json \
        --samples 60 --written 6 --output benchmarks/results/evaluation_tiny.json
    /tmp/lmeval/bin/python benchmarks/evaluation.py --model sample/tiny-qwen3 --data sample/selection.json \
        --samples 60 --output benchmarks/results/evaluation_tiny.json --agreement

Each round runs every side once, each in a process of its own; what is reported are medians over the rounds. Called
again with the same settings it adds rounds to the file, so that a long measurement can be made in pieces. With
``--agreement`` nothing is timed: our log-probabilities are compared with the harness's, letter by letter.
"""

from __future__ import annotations

import argparse
import json
import math
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from app.core.cli import log
from app.core.files import read_json, sha256_file, write_json
from app.core.manifests import run_header

SIDES = ("usual", "loop", "lm_eval", "one", "four", "choice")
RUN_ORDER = (
    "lm_eval",
    "one",
    "four",
    "choice",
    "usual",
    "loop",
)  # the long ones last: a measurement cut short has the others
NAMES = {
    "usual": "(a) write and parse",
    "loop": "(a) write and parse, answers that never end",
    "lm_eval": "(b) lm-evaluation-harness, four orders",
    "one": "(c) ours, one order",
    "four": "(c) ours, four orders",
    "choice": "(c) ours, every choice by itself",
}
CASE = Path(__file__).with_name("evaluation_case.py")
# What rounds of one file must have in common.
SETTINGS = ("model", "context", "samples", "seed", "written", "budget", "dtype", "lm_eval_batch", "threads")
Logprobs = dict[str, dict[str, list[float]]]


def measure(side: str, settings: dict[str, Any], data: Path) -> dict[str, Any]:
    """One process of one side; ends the program with its stderr when it fails."""
    command = [sys.executable, str(CASE), "--side", side, "--data", str(data)]
    for name, value in settings.items():
        command += [f"--{name.replace('_', '-')}", str(value)]
    # A session of its own: Linux shares the processor out by session, and a terminal's other programs count as one.
    done = subprocess.run(command, capture_output=True, text=True, check=False, start_new_session=True)
    if done.returncode:
        raise SystemExit(f"{side}: {done.stderr[-2000:]}")
    return dict(json.loads(done.stdout.splitlines()[-1]))


def summarize(rounds: Sequence[dict[str, dict[str, Any]]]) -> dict[str, dict[str, Any]]:
    """Per side: seconds a question (median, lowest, highest over the rounds), peak RSS, and tokens where written."""
    table: dict[str, dict[str, Any]] = {}
    for side in SIDES:
        runs = [one[side] for one in rounds if side in one]
        if not runs:
            continue
        speeds = sorted(run["seconds"] / run["questions"] for run in runs)
        table[side] = {
            "seconds_per_question": median(speeds), "lowest": speeds[0], "highest": speeds[-1], "rounds": len(runs),
            "questions": runs[0]["questions"],
            "cpu_seconds_per_question": median(run["cpu_seconds"] / run["questions"] for run in runs),
            "peak_rss_gib": median(run["peak_rss_bytes"] for run in runs) / 2**30,
        }  # fmt: skip
        if "computed_tokens" in runs[0]:
            table[side]["tokens"] = [runs[0]["prompt_tokens"], runs[0]["computed_tokens"]]
        if "answers" in runs[0]:
            answers = runs[0]["answers"]
            table[side]["new_tokens"] = [answer["new_tokens"] for answer in answers]
            table[side]["status"] = [answer["status"] for answer in answers]
    return table


def looping(rounds: Sequence[dict[str, dict[str, Any]]], budget: int, clock: str) -> list[float]:
    """Seconds (``clock``) of each answer that ran into the budget by itself or was made to, over all rounds."""
    runs = [one[side] for one in rounds for side in ("usual", "loop") if side in one]
    return [answer[clock] for run in runs for answer in run["answers"] if answer["new_tokens"] >= budget]


def ratios(rounds: Sequence[dict[str, dict[str, Any]]], budget: int, clock: str = "seconds") -> dict[str, float]:
    """What the goals are about: medians over the rounds of ratios taken within a round, where both sides ran.

    ``clock`` is seconds, or cpu_seconds: of the processor, which other programs on the machine do not lengthen.
    """

    def within(over: str, under: str) -> list[float]:
        pairs = [(one[over], one[under]) for one in rounds if over in one and under in one]
        return [a[clock] / a["questions"] / (b[clock] / b["questions"]) for a, b in pairs]

    found = {
        "usual / one": within("usual", "one"),
        "lm_eval / four": within("lm_eval", "four"),
        "four / one": within("four", "one"),
        "choice / four": within("choice", "four"),
    }
    loops = looping(rounds, budget, clock)
    for side in ("one", "four"):
        ours = [one[side][clock] / one[side]["questions"] for one in rounds if side in one]
        if loops and ours:
            found[f"looping answer / {side}"] = [median(loops) / median(ours)]
    return {name: median(values) for name, values in found.items() if values}


def four_way(logprobs: Sequence[float]) -> list[float]:
    """Probabilities of the letters among themselves."""
    weights = [math.exp(value - max(logprobs)) for value in logprobs]
    return [weight / sum(weights) for weight in weights]


def agreement(ours: Logprobs, theirs: Logprobs) -> dict[str, Any]:
    """How often the letter of highest probability is the same, and the largest difference of a probability.

    ``by_question`` is the latter question by question. Raises ValueError unless both hold the same questions in the
    same orders.
    """
    if {name: sorted(one) for name, one in ours.items()} != {name: sorted(one) for name, one in theirs.items()}:
        raise ValueError("the two sides answered different questions")
    pairs = {
        name: [(four_way(ours[name][order]), four_way(theirs[name][order])) for order in ours[name]] for name in ours
    }
    apart = {
        name: max(abs(a - b) for one, other in lines for a, b in zip(one, other, strict=True))
        for name, lines in pairs.items()
    }
    return {
        "compared": sum(map(len, pairs.values())),
        "same_letter": sum(one.index(max(one)) == other.index(max(other)) for each in pairs.values() for one, other in each),
        "largest_difference": max(apart.values()),
        "by_question": apart,
    }  # fmt: skip


def as_markdown(table: dict[str, dict[str, Any]], shares: dict[str, float], cpu_shares: dict[str, float]) -> str:
    """The table of the report and the ratios below it."""
    lines = [
        "| side | questions | rounds | s/question (lowest–highest) | CPU s/question | tokens | peak RSS GiB |",
        "|---|---|---|---|---|---|---|",
    ]
    for side, row in table.items():
        tokens = "—"
        if "tokens" in row:
            tokens = "{} in prompts, {} computed".format(*row["tokens"])
        elif "new_tokens" in row:
            tokens = " ".join(map(str, row["new_tokens"])) + " written"
        lines.append(
            f"| {NAMES[side]} | {row['questions']} | {row['rounds']} | {row['seconds_per_question']:.3f} "
            f"({row['lowest']:.3f}–{row['highest']:.3f}) | {row['cpu_seconds_per_question']:.3f} | {tokens} "
            f"| {row['peak_rss_gib']:.2f} |"
        )
    below = [f"{name}: {value:.2f} (processor time {cpu_shares[name]:.2f})" for name, value in shares.items()]
    return "\n".join([*lines, "", *below])


def earlier(output: Path, settings: dict[str, Any], data_sha256: str) -> dict[str, Any]:
    """What the file holds already; ends the program when its settings are others."""
    if not output.exists():
        return {"settings": settings, "data_sha256": data_sha256, "runs": [], "rounds": [], "agreement": {}}
    before = dict(read_json(output))
    if before["settings"] != settings or before["data_sha256"] != data_sha256:
        raise SystemExit(f"{output}: measured with other settings; choose another --output")
    return before


def next_round(rounds: list[dict[str, dict[str, Any]]], sides: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The last round while it lacks all of ``sides``, otherwise a new one at the end of ``rounds``."""
    if not rounds or any(side in rounds[-1] for side in sides):
        rounds.append({})
    return rounds[-1]


def main() -> None:
    """Measure, store and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="folder of the model")
    parser.add_argument("--data", type=Path, required=True, help="questions in the format of lawqa_jp")
    parser.add_argument("--output", type=Path, required=True, help="JSON of everything that was measured")
    parser.add_argument("--context", choices=("none", "gold"), default="gold", help="context of the prompts (gold)")
    parser.add_argument("--samples", type=int, default=12, help="questions asked (12)")
    parser.add_argument("--seed", type=int, default=0, help="of the choice of questions (0)")
    parser.add_argument("--written", type=int, default=2, help="of these, questions answered by writing (2)")
    parser.add_argument("--budget", type=int, default=2048, help="most tokens of a written answer (2048)")
    parser.add_argument("--dtype", choices=("float32", "bfloat16", "4bit"), default="float32", help="of the weights")
    parser.add_argument("--lm-eval-batch", type=int, default=1, help="batch size of the harness (1, its default)")
    parser.add_argument(
        "--threads", type=int, default=1, help="of every side (1: least disturbed by other programs on the machine)"
    )
    parser.add_argument("--sides", nargs="+", choices=SIDES, default=list(RUN_ORDER), help="sides measured (all)")
    parser.add_argument("--rounds", type=int, default=3, help="interleaved repetitions added (3)")
    parser.add_argument("--agreement", action="store_true", help="compare with the harness instead of timing")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # as an exception, which ends the running side as well
    settings = {name: getattr(options, name) for name in SETTINGS}
    stored = earlier(options.output, settings, sha256_file(options.data))
    stored["runs"].append(run_header(sys.argv[1:]))
    if options.agreement:
        ours = measure("spelled", settings, options.data)["logprobs"]
        theirs = measure("lm_eval", settings, options.data)["logprobs"]
        stored["agreement"] = {**agreement(ours, theirs), "dtype": options.dtype}
    for number in range(0 if options.agreement else options.rounds):
        current = next_round(stored["rounds"], options.sides)
        for side in options.sides:
            # What was answered is compared by --agreement; here it would only fill the file.
            measured = measure(side, settings, options.data)
            current[side] = {name: value for name, value in measured.items() if name != "logprobs"}
            write_json(options.output, stored)  # a killed measurement keeps the sides it has done
            speed = current[side]["seconds"] / current[side]["questions"]
            log(f"round {number + 1}/{options.rounds} {side}: {speed:.3f} s a question")
    stored["summary"] = summarize(stored["rounds"])
    stored["ratios"] = ratios(stored["rounds"], options.budget)
    stored["cpu_ratios"] = ratios(stored["rounds"], options.budget, "cpu_seconds")
    write_json(options.output, stored)
    print(as_markdown(stored["summary"], stored["ratios"], stored["cpu_ratios"]))
    if stored["agreement"]:
        print({name: value for name, value in stored["agreement"].items() if name != "by_question"})


if __name__ == "__main__":
    main()
