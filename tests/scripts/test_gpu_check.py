"""The GPU check walks its whole way on the CPU; without a card the program says so in one line."""

from pathlib import Path

import pytest

from app.core.cli import run_program
from app.core.errors import DataError
from app.training.gpu_check import check_questions
from app.training.memory_projection import PHASES
from app.training.memory_report import PHASE_NAMES
from scripts import gpu_check


def test_without_a_card_it_says_so_in_one_line_and_exits_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_program(gpu_check.main, ["--output", str(tmp_path / "report.md")]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert len(shown.err.strip().splitlines()) == 1
    assert "GPU が見えません" in shown.err
    assert list(tmp_path.iterdir()) == []


def test_the_whole_way_on_the_cpu_gives_a_report_that_does_not_claim_a_card(
    tmp_path: Path, tiny_model_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = tmp_path / "report.md"
    assert gpu_check.main(["--model-name", str(tiny_model_dir), "--output", str(report)], device="cpu") == 0
    text = report.read_text(encoding="utf-8")
    assert capsys.readouterr().out.strip() == text.strip()
    assert "GPU では動かしていません" in text
    for phase in PHASES:
        row = next(line for line in text.splitlines() if line.startswith(f"| {PHASE_NAMES[phase]} |"))
        assert "測れず" not in row
    assert "文字の確率の最大の差: 0.0000" in text  # the same device twice
    losses = next(line for line in text.splitlines() if line.startswith("- 各ステップの損失: "))
    assert len(losses.split("、")) == 5
    assert [path.name for path in tmp_path.iterdir()] == ["report.md"]


def test_questions_of_the_check_share_no_article() -> None:
    train, test = check_questions(Path("sample/selection.json"))
    assert (len(train), len(test)) == (24, 8)
    assert not {question.cluster for question in train} & {question.cluster for question in test}


def test_too_few_questions_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.training.gpu_check.TRAIN_QUESTIONS", 10_000)
    with pytest.raises(DataError, match="問題が足りません"):
        check_questions(Path("sample/selection.json"))
