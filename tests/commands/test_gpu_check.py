"""The GPU check walks its whole way on the CPU; without a card the program says so in one line."""

from pathlib import Path
from typing import Any

import pytest
import torch

from app.commands import gpu_check
from app.core.cli import run_program
from app.core.errors import ConfigError, DataError, ModelError
from app.llm.loading import load_tokenizer
from app.training.gpu_check.check import GpuCheck, check_questions, gold_records, run_check
from app.training.memory.projection import PHASES
from app.training.memory.report import PHASE_NAMES
from app.training.memory.run_plan import Card
from app.training.rows.examples import build_examples


def test_without_a_card_it_says_so_in_one_line_and_exits_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_program(gpu_check.main, ["--output", str(tmp_path / "report.md")]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert len(shown.err.strip().splitlines()) == 1
    assert "GPU が見えません" in shown.err
    assert list(tmp_path.iterdir()) == []


def ten_longest_rows(model: Path) -> list[int]:
    """Tokens of the ten rows with the longest prompts."""
    records = sorted(gold_records(check_questions(Path("sample/selection.json"))[0]), key=lambda row: -len(row.input))
    built = build_examples(records[:10], load_tokenizer(str(model)), max_seq_length=2048, chat_format="auto")
    return [len(example.input_ids) for example in built.examples]


def test_the_whole_way_on_the_cpu_gives_a_report_that_does_not_claim_a_card(
    tmp_path: Path, tiny_model_dir: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[GpuCheck] = []

    def watched(*arguments: Any, **options: Any) -> GpuCheck:
        seen.append(run_check(*arguments, **options))
        return seen[-1]

    monkeypatch.setattr("app.training.gpu_check.check.run_check", watched)
    report = tmp_path / "report.md"
    assert gpu_check.main(["--model-name", str(tiny_model_dir), "--output", str(report)], device="cpu") == 0
    text = report.read_text(encoding="utf-8")
    assert capsys.readouterr().out.strip() == text.strip()
    assert "GPU では動かしていません" in text
    for phase in PHASES:
        row = next(line for line in text.splitlines() if line.startswith(f"| {PHASE_NAMES[phase]} |"))
        assert "測れず" not in row
    # Ten rows run, two a step, and the longest of them is what was planned for.
    lengths = ten_longest_rows(tiny_model_dir)
    made = seen[0]
    assert made.plan.setting.max_seq_length == max(lengths)
    assert len(made.step_tokens) == len(made.step_seconds) == 5
    assert sum(made.step_tokens) == sum(lengths)
    assert made.tokens_per_second == pytest.approx(sum(made.step_tokens[1:]) / sum(made.step_seconds[1:]))
    assert "文字の確率の最大の差: 0.0000" in text  # the same device twice
    losses = next(line for line in text.splitlines() if line.startswith("- 各ステップの損失: "))
    assert len(losses.split("、")) == 5
    assert [path.name for path in tmp_path.iterdir()] == ["report.md"]


def test_several_processes_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in {
        "RANK": "1",
        "LOCAL_RANK": "1",
        "WORLD_SIZE": "2",
        "MASTER_ADDR": "h",
        "MASTER_PORT": "1",
    }.items():
        monkeypatch.setenv(name, value)
    assert run_program(gpu_check.main, ["--output", str(tmp_path / "report.md")]) == 1
    assert "torchrun・accelerate launch では使えません" in capsys.readouterr().err
    assert not (tmp_path / "report.md").exists()


def test_questions_of_the_check_share_no_article() -> None:
    train, test = check_questions(Path("sample/selection.json"))
    assert (len(train), len(test)) == (24, 8)
    assert not {question.cluster for question in train} & {question.cluster for question in test}


def test_too_few_questions_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.training.gpu_check.check.TRAIN_QUESTIONS", 10_000)
    with pytest.raises(DataError, match="問題が足りません"):
        check_questions(Path("sample/selection.json"))


def test_the_allocator_is_set_before_the_card_is_asked(
    tmp_path: Path, tiny_model_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []

    def no_card(device: str) -> None:
        order.append("card")
        raise ConfigError("stop here")

    monkeypatch.setattr("app.training.gpu_check.check.allow_growing_segments", lambda: order.append("allocator"))
    monkeypatch.setattr("app.training.gpu_check.check.card_of", no_card)
    with pytest.raises(ConfigError, match="stop here"):
        run_check(str(tiny_model_dir), tmp_path, device="cpu")
    assert order == ["allocator", "card"]


def test_running_out_of_memory_is_one_line_and_leaves_no_report(
    tmp_path: Path, tiny_model_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr("app.training.gpu_check.check.card_of", lambda device: Card(10.0, 0.0))  # planned as for a card
    monkeypatch.setattr(torch.optim.AdamW, "step", full)
    with pytest.raises(ModelError, match="メモリが足りなくなりました"):
        gpu_check.main(["--model-name", str(tiny_model_dir), "--output", str(tmp_path / "report.md")], device="cpu")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--random-weights", "Qwen3-8B", "--model-name", "m"], "--random-weights と --model-name は同時に"),
        (["--random-weights", "Qwen3-8B", "--minutes", "0"], "--minutes は 0 より大きい"),
        (["--minutes", "3"], "--minutes は --random-weights と一緒に"),
        (["--random-weights", "Qwen9-1B"], "寸法のわからないモデル"),
    ],
)
def test_random_weights_that_cannot_be_checked_are_one_line(
    options: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [*options, "--output", str(tmp_path / "report.md")]
    assert run_program(lambda given: gpu_check.main(given, device="cpu"), arguments) == 1
    shown = capsys.readouterr()
    assert words in shown.err
    assert len(shown.err.strip().splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_random_weights_write_a_report_and_values_and_replace_only_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def nothing(case: Any, folder: Path, *, seconds: float) -> Any:
        yield {"part": "error", "error": "止まりました"}

    monkeypatch.setattr("app.training.gpu_check.processes.run_case", nothing)
    monkeypatch.setattr("app.training.gpu_check.random_check.plan_as_json", lambda made: {})
    monkeypatch.setattr("app.training.gpu_check.random_check._planned", lambda model, setting: None)
    arguments = ["--random-weights", "Qwen3-8B", "--output", str(tmp_path / "card.md")]
    for _ in range(2):  # what is there is ours the second time
        assert gpu_check.main(arguments, device="cpu") == 1  # nothing was measured
    assert "**止まりました**" in (tmp_path / "card.md").read_text("utf-8")
    assert '"kind": "gpu_check_random"' in (tmp_path / "card.json").read_text("utf-8")
    assert capsys.readouterr().out.count("# GPU 検査（乱数の重み）: Qwen3-8B") == 2
    (tmp_path / "card.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ConfigError, match="このプログラムがここに書いたものではありません"):
        gpu_check.main(arguments, device="cpu")
