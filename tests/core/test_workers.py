"""Jobs in processes: every one is done, the first failure stops the rest, each has its share and its own log."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import pytest

from app.core.errors import ConfigError, DataError
from app.core.files import read_json, write_json
from app.core.workers import Job, run_jobs, share_of


@pytest.mark.parametrize("workers", [1, 2])
def test_every_job_is_done(tmp_path: Path, workers: int, capsys: pytest.CaptureFixture[str]) -> None:
    jobs = [
        Job(f"{number} 番", tmp_path / "logs" / f"{number}.txt", write_json, (tmp_path / f"{number}.json", number))
        for number in range(3)
    ]
    run_jobs(jobs, workers)
    assert [json.loads((tmp_path / f"{number}.json").read_text()) for number in range(3)] == [0, 1, 2]
    said = capsys.readouterr().err
    assert said.count("終わりました") == (3 if workers > 1 else 0)
    assert (tmp_path / "logs").exists() == (workers > 1)


def test_a_job_prints_into_its_file_and_has_its_card(tmp_path: Path) -> None:
    jobs = [Job(name, tmp_path / name, os.system, ("echo card $CUDA_VISIBLE_DEVICES",)) for name in "ab"]
    run_jobs(jobs, 2, cards=["3", "7"])
    assert [(tmp_path / name).read_text() for name in "ab"] == ["card 3\n", "card 7\n"]


def test_the_first_failure_stops_the_others(tmp_path: Path) -> None:
    jobs = [
        Job("長い", tmp_path / "long.txt", time.sleep, (600,)),
        Job("壊れた", tmp_path / "broken.txt", read_json, (tmp_path / "nothing.json",)),
        Job("次", tmp_path / "next.txt", write_json, (tmp_path / "next.json", 1)),
    ]
    began = time.monotonic()
    with pytest.raises(ConfigError, match=r"^壊れた: .*nothing\.json.*broken\.txt"):
        run_jobs(jobs, 2)
    assert time.monotonic() - began < 300
    assert not (tmp_path / "next.json").exists()
    with pytest.raises(DataError, match=r"nothing\.json"):  # as it is, where it runs here
        run_jobs(jobs[1:2], 1)


def test_a_job_that_dies_without_a_word(tmp_path: Path) -> None:
    (tmp_path / "log.txt").write_text("エラー: 前の実行のもの\n", "utf-8")
    with pytest.raises(ConfigError, match="何も表示せずに止まりました"):
        run_jobs([Job("黙る", tmp_path / "log.txt", os._exit, (9,))], 2)
    with pytest.raises(ConfigError, match="シグナル 9 で止められました。メモリが足りないときの止まり方です"):
        run_jobs([Job("大きい", tmp_path / "log.txt", signal.raise_signal, (signal.SIGKILL,))], 2)


@pytest.mark.parametrize(
    ("environ", "cards", "share"),
    [
        ({}, (), {"OMP_NUM_THREADS": "3"}),
        ({"OMP_NUM_THREADS": "5"}, (), {}),
        ({}, ("0", "GPU-1"), {"OMP_NUM_THREADS": "3", "CUDA_VISIBLE_DEVICES": "GPU-1"}),
    ],
)
def test_the_share_of_a_worker(
    environ: dict[str, str], cards: tuple[str, ...], share: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.core.workers._processors", lambda: 7)
    assert share_of(1, 2, cards, environ) == share
