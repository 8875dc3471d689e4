"""Shards as jobs: the whole that comes back is that of one evaluation; what cannot be sent is refused before anything runs."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import psutil
import pytest

from app.commands import cross_fit, evaluate_multiple_choice, submit_shards
from app.commands.submit_shards import Part, cards, parts_of, slurm_settings, whole_of
from app.core.cli import run_program
from app.core.errors import ConfigError
from app.core.options import words_without
from app.evaluation.results.file import read_result

SAMPLE = Path(__file__).resolve().parents[2] / "sample"


def submit(*words: object) -> int:
    return run_program(submit_shards.main, [str(word) for word in words])


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    samples = json.loads((SAMPLE / "selection.json").read_text("utf-8"))["samples"][:3]
    path = tmp_path / "data.json"
    path.write_text(json.dumps({"samples": samples}, ensure_ascii=False), "utf-8")
    return path


def test_jobs_on_this_machine_give_the_whole(
    data: Path, tiny_model_dir: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("submitit", reason="submitit is not installed (make test installs it)")
    monkeypatch.setattr(submit_shards, "POLL_SECONDS", 0.05)
    asked = ["--data", data, "--hf-model-name", tiny_model_dir, "--no-hf-load-in-4bit", "--context", "gold"]
    code = submit("--shards", 2, "--gpus", 0, "evaluate", *asked, "--scoring", "choice", "--output", "out/r.json")
    printed = capfd.readouterr()
    assert code in (0, 3), printed.err
    assert run_program(evaluate_multiple_choice.main,
                       [str(one) for one in (*asked, "--scoring", "choice", "--output", "whole.json")]) == code  # fmt: skip
    merged, whole = read_result(Path("out/r.json")), read_result(Path("whole.json"))
    assert merged.run["shards"] == ["out/r_1of2.json", "out/r_2of2.json"]
    assert [one.id for one in merged.outcomes] == [one.id for one in whole.outcomes]
    for one, other in zip(merged.outcomes, whole.outcomes, strict=True):
        assert one.answers[0].log_odds == pytest.approx(other.answers[0].log_odds, abs=1e-4)
    assert printed.out.startswith("正解率")
    assert printed.err.count("終わりました（残り ") == 2
    kept = sorted(path.suffix for path in Path("out/r_jobs").iterdir())
    assert ".pkl" not in kept  # nobody is left a pickle to load
    assert kept.count(".err") == 2


def test_a_part_that_fails_is_named_with_its_reason(
    data: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("submitit", reason="submitit is not installed (make test installs it)")
    monkeypatch.setattr(submit_shards, "POLL_SECONDS", 0.05)
    # The second part fails as a program does; the first one's distrust (3) is the whole's to tell.
    code = "import sys; two = '2/2' in sys.argv; print('エラー: 壊れています。' if two else '', file=sys.stderr); sys.exit(1 if two else 3)"
    monkeypatch.setattr(submit_shards, "process_words", lambda _: [sys.executable, "-c", code])
    assert submit("--shards", 2, "--gpus", 0, "evaluate", "--data", data, "--output", "r.json") == 1
    error = capfd.readouterr().err
    assert "2 個のうち 1 個が終わりませんでした。--shard 2/2: 壊れています。（" in error
    assert "--shard 2/2: 失敗しました" in error
    assert "--shard 1/2: 終わりました" in error
    assert "Traceback" not in error


def test_a_program_that_is_told_to_end_takes_its_jobs_along(
    data: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("submitit", reason="submitit is not installed (make test installs it)")
    monkeypatch.setattr(submit_shards, "POLL_SECONDS", 0.05)
    before = signal.getsignal(signal.SIGTERM)
    # submitit kills what it started alone: the program's own process would go on.
    code = (
        "import os, sys, subprocess, time, pathlib; own = subprocess.Popen(['sleep', '60']); "
        "pathlib.Path(sys.argv[-2].replace('/', 'of')).write_text(f'{os.getpid()} {own.pid}'); time.sleep(60)"
    )
    monkeypatch.setattr(submit_shards, "process_words", lambda _: [sys.executable, "-c", code])
    Path("r_jobs").mkdir()
    Path("r_jobs/7_result.pkl").touch()  # of a killed run

    running = [Path("1of2"), Path("2of2")]

    def end_when_both_run() -> None:
        while not all(path.exists() and path.read_text() for path in running):
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGTERM)

    ending = threading.Thread(target=end_when_both_run)
    ending.start()
    assert submit("--shards", 2, "--gpus", 0, "evaluate", "--data", data, "--output", "r.json") == 130
    ending.join()
    for pid in (int(pid) for path in running for pid in path.read_text().split()):
        with contextlib.suppress(psutil.NoSuchProcess):
            assert psutil.Process(pid).status() == psutil.STATUS_ZOMBIE  # ended, and not yet buried by init
    assert "ジョブを止めました" in capfd.readouterr().err
    assert signal.getsignal(signal.SIGTERM) == before
    assert not Path("r_jobs/7_result.pkl").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["evaluate", "--data", "d", "--output", "o.json", "--shard", "1/2"], "--shard は submit_shards が決める"),
        (["evaluate", "--data", "d", "--output", "o.json", "--merge=a"], "--merge=a は submit_shards が決める"),
        (["evaluate", "--data", "d", "--output", "o.json", "--llm-host", "http://u:pw1234@h"], "http://***@h: パスワードか鍵は"),
        (["evaluate", "--data", "d"], "--data と --output が要ります"),
        (["evaluate", "--data", "d", "--output", "o.json", "--reading-test"], "--reading-test は分けて行えません"),
        (["evaluate", "--data", "d", "--output", "o.json", "--both-forms"], "--both-forms は分けて行えません"),
    ],
)  # fmt: skip
def test_what_cannot_be_sent_is_refused(
    words: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert submit("--shards", 2, *words) == 1
    error = capsys.readouterr().err
    assert message in error
    assert "pw1234" not in error
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["evaluate", "--data", "d", "--output", "mine.json"], "--output mine.json は既にあり、"),
        (["evaluate", "--data", "d", "--output", "o.json", "--report", "mine.json"], "--report mine.json は既にあり、"),
        (["evaluate", "--data", "d", "--output", "mine"], "--output mine はフォルダです"),
        (["cross-fit", "--data", "d", "--model-name", "m", "--output-dir", "mine"], "mine: 別のファイルがあります（x"),
        (["cross-fit", "--data", "d", "--model-name", "m", "--output-dir", "mine.json"], "mine.json はファイルです"),
    ],
)
def test_a_place_where_the_whole_cannot_go_is_found_out_before_the_parts(
    words: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine").mkdir()
    for path in ("mine.json", "mine/x"):
        Path(path).write_text("mine", "utf-8")
    assert submit("--shards", 2, "--gpus", 0, *words) == 1
    assert message in capsys.readouterr().err
    assert sorted(str(path) for path in Path().rglob("*")) == ["mine", "mine.json", "mine/x"]


def test_logs_are_not_put_into_a_cross_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["--log-dir", "cf/logs", "cross-fit", "--data", "d", "--model-name", "m", "--output-dir", "cf"]
    assert submit("--shards", 2, *words) == 1
    assert "--log-dir cf/logs は結果のフォルダ cf の中です" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("words", [["--shards", "1", "evaluate"], ["--shards", "2"], ["--shards", "2", "train"],
                                   ["--shards", "2", "evaluate", "--no-such-option"]])  # fmt: skip
def test_wrong_usage(words: list[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        submit(*words)
    assert stopped.value.code == 2


def test_without_submitit_the_way_out_is_said(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "submitit", None)
    assert submit("--shards", 2, "--gpus", 0, "evaluate", "--data", data, "--output", "r.json") == 1
    assert 'pip install "horei-ft[cluster]"' in capsys.readouterr().err


def tail(part: Part, count: int) -> Sequence[str]:
    return part.words[-count:]


def test_the_words_of_the_parts_and_of_the_whole() -> None:
    words = ["--data", "d.json", "--output=a/r.json", "--report", "r.html", "--seed", "7", "--top-k", "3"]
    output, whole = whole_of("evaluate", evaluate_multiple_choice, words)
    assert (output, whole) == (
        Path("a/r.json"), ["--data", "d.json", "--seed", "7", "--output", "a/r.json", "--report", "r.html"],
    )  # fmt: skip
    first, second = parts_of("evaluate", words, output, 2)
    assert (first.shard, first.place) == ("1/2", Path("a/r_1of2.json"))
    assert list(tail(second, 12)) == [
        "--data", "d.json", "--output=a/r.json", "--seed", "7", "--top-k", "3", "--output", "a/r_2of2.json",
        "--shard", "2/2", "--resume",
    ]  # fmt: skip
    folds = ["--data", "d", "--model-name", "m", "--output-dir", "a/cf", "--report=r.html", "--learning-rate", "1e-4"]
    output, whole = whole_of("cross-fit", cross_fit, folds)
    assert (output, whole) == (Path("a/cf"), folds)
    assert list(tail(parts_of("cross-fit", folds, output, 3)[2], 6)) == [
        "--learning-rate", "1e-4", "--output-dir", "a/cf_3of3", "--shard", "3/3",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("words", "kept"),
    [
        (["--report", "a", "b"], ["b"]),
        (["b", "--report=a"], ["b"]),
        (["--report-x", "a"], ["--report-x", "a"]),
        (["--data", "--report"], ["--data"]),
    ],
)
def test_an_option_is_left_out_with_its_value(words: list[str], kept: list[str]) -> None:
    assert words_without(words, "--report") == kept


def test_what_is_asked_of_slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("submitit", reason="submitit is not installed (make test installs it)")
    for name, text in {"srun": "", "sbatch": "cp $1 sent.sh; echo Submitted batch job 7"}.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n", "utf-8")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.chdir(tmp_path)
    arguments = submit_shards.parser().parse_args(
        ["--shards", "8", "--cluster", "slurm", "--minutes", "90", "--cpus", "6", "--memory-gb", "48",
         "--slurm", "partition=gpu", "--slurm", "account=law", "evaluate"]
    )  # fmt: skip
    part = Part("3/8", Path("r_3of8.json"), ("python", "scripts/evaluate_multiple_choice.py"))
    assert submit_shards.sent(arguments, part, 2, 8, tmp_path / "logs").job_id == "7"
    lines = Path("sent.sh").read_text("utf-8").splitlines()
    wanted = ["cpus-per-task=6", "gpus-per-node=1", "job-name=horei-3of8", "mem=48GB", "time=90", "partition=gpu", "account=law"]  # fmt: skip
    assert [f"#SBATCH --{one}" for one in wanted if f"#SBATCH --{one}" not in lines] == []
    (job,) = (tmp_path / "logs").glob("*.pkl")
    assert b"subprocess" in job.read_bytes()
    assert b"app.commands" not in job.read_bytes()
    arguments.slurm = ["no_such=1"]
    with pytest.raises(ConfigError, match=r"--cluster slurm: Unknown argument 'no_such'"):
        submit_shards.sent(arguments, part, 2, 8, tmp_path / "logs")


def test_slurm_where_there_is_none_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("submitit", reason="submitit is not installed (make test installs it)")
    monkeypatch.setenv("PATH", str(tmp_path))
    arguments = submit_shards.parser().parse_args(["--shards", "2", "--cluster", "slurm", "evaluate"])
    with pytest.raises(ConfigError, match=r'--cluster slurm: Could not detect "srun"'):
        submit_shards.sent(arguments, Part("1/2", Path("r"), ("x",)), 0, 2, tmp_path / "logs")


@pytest.mark.parametrize("text", ["partition", "=gpu", "partition="])
def test_a_setting_of_slurm_has_a_name_and_a_value(text: str) -> None:
    arguments = submit_shards.parser().parse_args(["--shards", "2", "--slurm", text, "evaluate"])
    with pytest.raises(ConfigError, match="NAME=VALUE"):
        slurm_settings(arguments)


def test_a_card_for_each_part(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert cards(0, 2) == ["", ""]
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
    assert cards(1, 3) == ["0", "1", "2"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,6,7")
    assert cards(1, 2) == ["4", "6"]
    with pytest.raises(ConfigError, match="--shards 4 に GPU は 3 枚です"):
        cards(1, 4)
