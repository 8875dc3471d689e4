"""``kill -9`` in the middle of a training: the report and the values have what was measured by then."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.training.gpu_check.test_random_check import CONFIG

ROOT = Path(__file__).resolve().parents[3]
# Planned before the case starts: while this process plans, what the case measures waits, and here it would all be there.
PROGRAM = """
import sys
from app.commands import gpu_check
from app.training.gpu_check import processes, random_check

plan, start, made = random_check._plans, processes.run_case, {}

def planned(case, *given, **more):
    made[case.name] = plan(case, [])
    return start(case, *given, **more)

if __name__ == "__main__":
    processes.run_case, random_check._plans = planned, lambda case, notes: made[case.name]
    gpu_check.main(sys.argv[1:], device="cpu")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is a POSIX signal")
def test_a_check_that_is_killed_in_a_training_keeps_the_steps_before(tmp_path: Path) -> None:
    config, values = tmp_path / "config.json", tmp_path / "card.json"
    config.write_text(json.dumps({**CONFIG, "max_position_embeddings": 4096}), encoding="utf-8")
    options = ["--random-weights", str(config), "--minutes", "30", "--output", str(tmp_path / "card.md")]
    log = tmp_path / "log.txt"
    with log.open("wb") as printed:
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *options], cwd=ROOT, stdout=printed, stderr=printed, start_new_session=True,
            env={**os.environ, "OMP_NUM_THREADS": "1", "TMPDIR": str(tmp_path)},
        )  # fmt: skip
    training: dict[str, object] = {}
    try:
        while "unfinished" not in training:
            assert process.poll() is None, log.read_text("utf-8")
            time.sleep(0.05)
            if values.exists():  # whole at every moment
                (case, *_) = json.loads(values.read_text("utf-8"))["cases"]
                training = case["parts"].get("train", {})
                assert "train" not in case["parts"] or "unfinished" in training, "seen too late to be killed inside"
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    try:
        left = json.loads(values.read_text("utf-8"))
        (case, *_) = left["cases"]
        train = case["parts"]["train"]
        done = len(train["step_seconds"])
        assert 1 <= done < 6
        assert (list(case["parts"]), case["error"], left["finished"]) == (["load", "train"], None, False)
        assert {"forward", "loss", "backward", "optimizer"} == set(train["peak_bytes"]) == set(train["reserved_bytes"])
        assert train["step_tokens"] == [8 * 1024] * done
        assert case["plans"]["train"]["peak_gib"] > 0
        report = (tmp_path / "card.md").read_text("utf-8")
        assert f"**6 ステップ中 {done} で止まりました**" in report
    finally:
        # What it had started ends with it: nothing of this session's group is left to write into the folder.
        for _ in range(300):
            try:
                os.killpg(process.pid, 0)
            except ProcessLookupError:
                break
            time.sleep(0.1)
        else:
            os.killpg(process.pid, signal.SIGKILL)
            pytest.fail("a process outlived the check")
