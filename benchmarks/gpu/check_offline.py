"""The whole check of a card on a machine without internet, in one command and within ``--minutes``.

    python3 benchmarks/gpu/check_offline.py --wheels .carry --output results/card --minutes 9

Installs what ``carry_wheels.py`` brought into a folder of its own, says in one line what is missing, then trains the sample's
tiny model (``tiny.md``: planned against measured, letters of the card and of the processor) and measures random weights
(``card.md``, ``card.json``). Each file is whole after every part: a run that is cut keeps what it measured.

Nothing but Python is needed at the start: whatever is imported here comes after the installation.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
COMMIT = "commit.txt"  # beside the wheels: a copy without .git does not know it
NEEDED = (
    "torch", "transformers", "peft", "bitsandbytes", "accelerate", "tokenizers", "safetensors", "pydantic-settings",
    "jinja2", "matplotlib",
)  # fmt: skip
BESIDE = "beside"  # folder of what is only measured beside ours
SAMPLE_SECONDS = 120.0
# Starting takes a while before a program looks at its own clock.
START_SECONDS = 20.0
# Does what no package's version tells: imports, and a matrix through bitsandbytes' own library on the card.
PROBE = """
import json, sys, torch
device = sys.argv[1]
if device == "cuda" and not torch.cuda.is_available():
    sys.exit(f"torch {torch.__version__} から GPU が見えません")
import accelerate, bitsandbytes as bnb, peft
from transformers import Trainer
weight = torch.randn(64, 64, device=device, dtype=torch.bfloat16 if device == "cuda" else torch.float32)
packed, state = bnb.functional.quantize_4bit(weight, quant_type="nf4", compress_statistics=True)
again = bnb.functional.dequantize_4bit(packed, state)
assert (again - weight).abs().max() < 1.0
facts = {"torch": torch.__version__, "cuda": torch.version.cuda, "bitsandbytes": bnb.__version__}
if device == "cuda":
    facts |= {"card": torch.cuda.get_device_name(), "capability": list(torch.cuda.get_device_capability()),
              "cudnn": torch.backends.cudnn.version()}
print(json.dumps(facts))
"""
CHECK = "import sys; from app.commands import gpu_check; from app.core.cli import run_program; sys.exit(run_program(lambda given: gpu_check.main(given, device={device!r}), sys.argv[1:]))"


def missing(names: Iterable[str], path: Sequence[str]) -> list[str]:
    """What ``names`` and all that they need lack in ``path``: a phrase each, by name."""
    from packaging.requirements import Requirement

    found: dict[str, str] = {}
    left, seen = [Requirement(name) for name in names], set[str]()
    while left:
        asked = left.pop()
        there = next(iter(metadata.distributions(name=asked.name, path=list(path))), None)
        if there is None:
            found[asked.name] = f"{asked} がありません"
        elif not asked.specifier.contains(there.version, prereleases=True):
            found[asked.name] = f"{asked} が要りますが、{there.version} です"
        # What torch needs came with it, and it is asked to compute.
        if there is None or asked.name in seen or asked.name == "torch":
            continue
        seen.add(asked.name)
        needs = [Requirement(text) for text in there.requires or []]
        left += [one for one in needs if one.marker is None or one.marker.evaluate({"extra": ""})]
    return [found[name] for name in sorted(found)]


def install(wheels: Iterable[Path], target: Path) -> str | None:
    """Unpack the wheels into ``target``; pip's last word where it fails."""
    done = subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-index", "--no-deps",
         "--no-compile", "--no-cache-dir", "--target", str(target), *map(str, sorted(wheels))],
        capture_output=True, text=True,
    )  # fmt: skip
    return None if done.returncode == 0 else last_word(done.stderr)


def last_word(text: str) -> str:
    """The last line that says something."""
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "何も表示せずに止まりました")


def say(text: str) -> None:
    """A line of progress, at once."""
    print(text, file=sys.stderr, flush=True)


def main(argv: Sequence[str]) -> int:
    """Install, look, check."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wheels", type=Path, required=True, help="carry_wheels.py のフォルダ")
    parser.add_argument("--output", type=Path, required=True, help="報告のフォルダ")
    parser.add_argument("--minutes", type=float, default=9.0, help="全体の制限時間（既定: 9）")
    parser.add_argument("--models", nargs="+", default=["Qwen3-8B", "Qwen3-14B"], help="乱数の重みで測る寸法")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda", help="cpu は手順を試すだけ")
    arguments = parser.parse_args(argv)
    ends = time.monotonic() + 60 * arguments.minutes
    if not (3, 11) <= sys.version_info[:2] <= (3, 13):
        say(f"エラー: Python 3.11〜3.13 が要りますが、{sys.version.split()[0]} です（{sys.executable}）。")
        return 1
    if not any(arguments.wheels.glob("*.whl")):
        say(f"エラー: {arguments.wheels}: wheel がありません。carry_wheels.py で作ったフォルダを指定してください。")
        return 1
    arguments.output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="carried-") as folder:
        return _check(arguments, Path(folder), ends)


def _check(arguments: argparse.Namespace, folder: Path, ends: float) -> int:
    began = time.monotonic()
    ours, beside = folder / "ours", folder / BESIDE
    failure = install(arguments.wheels.glob("*.whl"), ours)
    if failure is not None:
        say(
            f"エラー: {arguments.wheels}: 入れられません（{failure}）。この Python（{sys.version.split()[0]}）用に作り直してください。"
        )
        return 1
    lacking = missing(NEEDED, [str(ours), *sys.path])
    if lacking:
        say(
            f"エラー: 足りないもの: {'、'.join(lacking)}。carry_wheels.py の PINNED に加えるか、この計算機に入れてください。"
        )
        return 1
    probed = _probe(PROBE, [ours], arguments.device)
    if probed.returncode != 0:
        say(
            f"エラー: 動きません: {last_word(probed.stderr)}。CUDA の部品が違うなら、carry_wheels.py --cuda で作り直してください。"
        )
        return 1
    # Apart from ours: a datasets that lacks something keeps transformers itself from being imported.
    without = _without_trl(arguments.wheels / BESIDE, ours, beside)
    if without is not None:
        say(f"注意: TRL とは比べません（{without}）。")
    commit = arguments.wheels / COMMIT
    facts: dict[str, Any] = {
        **json.loads(last_word(probed.stdout)),
        "commit": commit.read_text(encoding="utf-8").strip() if commit.exists() else None,
        "python": sys.version.split()[0], "without_trl": without, "ready_seconds": round(time.monotonic() - began, 1),
    }  # fmt: skip
    _store(arguments.output, facts)
    say(f"用意ができました（{facts['ready_seconds']} 秒）: {json.dumps(facts, ensure_ascii=False)}")
    run = [sys.executable, "-c", CHECK.format(device=arguments.device)]
    environment = _environment([ours, beside] if without is None else [ours])
    facts["tiny"] = _run(
        [*run, "--model-name", "sample/tiny-qwen3", "--output", str((arguments.output / "tiny.md").resolve())],
        environment, min(SAMPLE_SECONDS, ends - time.monotonic()),
    )  # fmt: skip
    _store(arguments.output, facts)
    left = max(ends - time.monotonic(), START_SECONDS + 1)
    facts["random_weights"] = _run(
        [*run, "--random-weights", *arguments.models, "--minutes", f"{(left - START_SECONDS) / 60:.2f}", "--output",
         str((arguments.output / "card.md").resolve())],
        environment, left + START_SECONDS,
    )  # fmt: skip
    _store(arguments.output, facts)
    return 0 if facts["random_weights"] == "0" else 1


def _without_trl(wheels: Path, ours: Path, beside: Path) -> str | None:
    """Why TRL cannot be measured with what is in ``wheels``, which is unpacked into ``beside``; None when it can."""
    found = sorted(wheels.glob("*.whl")) if wheels.is_dir() else []
    failure = install(found, beside) if found else "wheel を運んでいません"
    if failure is not None:
        return failure
    lacking = missing(["trl"], [str(ours), str(beside), *sys.path])
    if lacking:
        return "、".join(lacking)
    probed = _probe("from trl import SFTTrainer", [ours, beside])
    return None if probed.returncode == 0 else last_word(probed.stderr)


def _probe(program: str, folders: Sequence[Path], *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program, *words], env=_environment(folders), capture_output=True, text=True
    )


def _environment(folders: Sequence[Path]) -> dict[str, str]:
    found = [*map(str, folders), str(REPOSITORY), os.environ.get("PYTHONPATH", "")]
    return {
        **os.environ, "PYTHONPATH": os.pathsep.join(filter(None, found)), "PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1",
        "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false",
    }  # fmt: skip


def _run(command: Sequence[str], environment: dict[str, str], seconds: float) -> str:
    """The exit status of a program in the repository, or that it took too long."""
    try:
        return str(subprocess.run(command, cwd=REPOSITORY, env=environment, timeout=max(seconds, 1)).returncode)
    except subprocess.TimeoutExpired:
        return f"{seconds:.0f} 秒で止めました"


def _store(folder: Path, facts: dict[str, Any]) -> None:
    half = folder / "machine.json.part"
    half.write_text(json.dumps(facts, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    half.replace(folder / "machine.json")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
