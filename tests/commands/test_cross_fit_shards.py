"""Parts of a cross-fitting, each in a folder of its own, are the cross-fitting."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.commands import cross_fit
from app.core.cli import run_program
from app.evaluation.results.file import read_result

SAMPLE = Path(__file__).resolve().parents[2] / "sample"


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    samples = json.loads((SAMPLE / "selection.json").read_text("utf-8"))["samples"][:8]
    path = tmp_path / "data.json"
    path.write_text(json.dumps({"samples": samples}, ensure_ascii=False), "utf-8")
    return path


def run(data: Path, model: Path, folder: str, *more: object) -> int:
    fixed = ["--data", data, "--model-name", model, "--output-dir", folder, "--folds", 2, "--dev", 0]
    training = ["--max-steps", 1, "--batch-size", 2, "--gradient-accumulation-steps", 1, "--lora-r", 2]
    return run_program(cross_fit.main, [str(word) for word in (*fixed, *training, *more)])


def test_the_parts_are_the_whole(data: Path, tiny_model_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in (1, 2):
        assert run(data, tiny_model_dir, f"part_{number}", "--shard", f"{number}/2") == 0
        printed = capsys.readouterr()
        assert printed.out == ""
        assert "--merge に渡してください" in printed.err
    # The untuned model and fold 2; fold 1.
    assert sorted(path.name for path in Path("part_1").rglob("*.json") if path.name in ("base.json", "tuned.json")) == ["base.json", "tuned.json"]  # fmt: skip
    assert not Path("part_1/seed_42/fold_1").exists()
    assert [str(path) for path in Path("part_2").rglob("tuned.json")] == ["part_2/seed_42/fold_1/tuned.json"]
    assert run(data, tiny_model_dir, "gap", "--merge", "part_2") == 1
    assert "1 個の部分が足りません: --shard 1/2" in capsys.readouterr().err
    assert run(data, tiny_model_dir, "part_1", "--shard", "2/2") == 1
    assert "違い: shard" in capsys.readouterr().err

    code = run(data, tiny_model_dir, "merged", "--merge", "part_2", "part_1")
    merged = capsys.readouterr()
    assert "学習します" not in merged.err
    assert code == run(data, tiny_model_dir, "whole")
    assert merged.out == capsys.readouterr().out
    for name in ("base.json", "seed_42/tuned.json"):
        one, other = (read_result(Path(folder) / name) for folder in ("merged", "whole"))
        assert [row.predicted for row in one.outcomes] == [row.predicted for row in other.outcomes]
        for row, twin in zip(one.outcomes, other.outcomes, strict=True):
            assert row.answers[0].log_odds == pytest.approx(twin.answers[0].log_odds, abs=1e-5)
    assert Path("merged/seed_42/fold_2/adapter/run.json").is_file()
    assert Path("part_1/seed_42/fold_2/adapter/run.json").is_file()


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--shard", "1/2", "--merge", "x"], "--shard は一部だけの結果"),
        (["--shard", "1/2", "--report", "r.html"], "--shard は一部だけの結果"),
        (["--shard", "4/4"], "調整前の評価と組で 3 個なので、4 個には分けられません"),
        (["--merge", "x"], "x/settings.json"),
    ],
)
def test_what_cannot_be_is_refused(
    data: Path, tiny_model_dir: Path, more: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(data, tiny_model_dir, "out", *more) == 1
    assert message in capsys.readouterr().err
    assert not list(Path().rglob("base.json"))
