"""The planner as a program: tables, JSON, and one clear line for each wrong input."""

import json
import shlex
from pathlib import Path

import pytest

from app.commands import build_finetune_dataset, plan_memory
from app.core.cli import run_program
from app.training.arguments import config_from_arguments
from app.training.arguments import parser as training_parser
from app.training.memory.run_plan import worst_batch
from app.training.memory.setting import setting_as_json, setting_of
from app.training.preparation import prepare_data


@pytest.fixture
def small(tmp_path: Path) -> str:
    """A config.json of two narrow layers."""
    path = tmp_path / "config.json"
    values = {
        "model_type": "qwen3", "hidden_size": 256, "intermediate_size": 512, "num_hidden_layers": 2,
        "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 64, "vocab_size": 5000,
        "tie_word_embeddings": False, "max_position_embeddings": 4096,
    }  # fmt: skip
    path.write_text(json.dumps(values), encoding="utf-8")
    return str(path)


def test_json_says_what_is_needed_and_where_the_peak_is(small: str, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--model-name", small, "--vram", "4", "--max-seq-length", "128", "--batch-size", "2", "--json"]
    assert run_program(plan_memory.main, options) == 0
    made = json.loads(capsys.readouterr().out)
    assert made["fits"] is True
    assert made["peak_phase"] in made["phases"]
    assert made["peak_gib"] == max(made["phases"].values())
    assert made["setting"]["label_positions"] == 127  # the default gives way to a short row
    assert made["reasons"] == []
    assert made["advice"] == []


def test_the_table_names_items_phases_and_the_verdict(small: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        run_program(plan_memory.main, ["--model-name", small, "--max-seq-length", "64", "--quantization", "nf4"]) == 0
    )
    shown = capsys.readouterr().out
    for words in (
        "重み（4bit の符号）",
        "出力層（lm_head）",
        "逆伝播",
        "← 最大",
        "CUDA コンテキスト",
        "64 トークン × 1 行",
    ):
        assert words in shown


def test_only_a_card_gives_the_largest_setting_with_reasons(small: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_program(plan_memory.main, ["--model-name", small, "--vram", "1.7", "--desktop", "0", "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert made["fits"] is True
    assert len(made["reasons"]) == 5


def test_a_4_bit_head_means_4_bit_weights(small: str, capsys: pytest.CaptureFixture[str]) -> None:
    more = ["--vram", "1.7", "--desktop", "0", "--lm-head-4bit", "--json"]
    assert run_program(plan_memory.main, ["--model-name", small, *more]) == 0
    setting = json.loads(capsys.readouterr().out)["setting"]
    assert (setting["quantization"], setting["lm_head_4bit"]) == ("nf4", True)


def test_the_usual_way_needs_more_than_ours(small: str, capsys: pytest.CaptureFixture[str]) -> None:
    peaks = []
    for extra in ([], ["--reference", "usual"]):
        assert run_program(plan_memory.main, ["--model-name", small, "--max-seq-length", "512", "--json", *extra]) == 0
        peaks.append(json.loads(capsys.readouterr().out)["peak_gib"])
    assert peaks[1] > peaks[0]


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["--model-name", "Qwen/Qwen9-1B"], 1, "寸法のわからないモデル"),
        (["--model-name", "Qwen/Qwen3-8B", "--vram", "3"], 1, "重みだけで入りません"),
        (["--model-name", "Qwen/Qwen3-8B", "--vram", "10", "--exact"], 1, "--exact は大きさを探すとき"),
        (["--model-name", "Qwen/Qwen3-8B", "--vram", "10", "--desktop", "inf"], 2, "--desktop"),
        (["--model-name", "Qwen/Qwen3-8B", "--desktop", "nan"], 2, "--desktop"),
        (["--model-name", "Qwen/Qwen3-8B", "--vram", "10", "--batch-size", "0"], 1, "--batch-size は 1 以上"),
        (["--model-name", "Qwen/Qwen3-8B", "--label-positions", "4096"], 1, "--label-positions 4096"),
        (["--model-name", "Qwen/Qwen3-8B", "--vram", "10", "--desktop", "-1"], 1, "--desktop"),
        (["--model-name", "Qwen/Qwen3-8B", "--label-positions", "some"], 2, "整数でも full でもありません"),
        (["--model-name", "Qwen/Qwen3-8B", "--quantization", "int8"], 2, "使い方の誤り"),
        (["--vram", "10"], 2, "--model-name"),
    ],
)
def test_wrong_input_is_one_line(options: list[str], code: int, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    if code == 2:  # argparse leaves by itself
        with pytest.raises(SystemExit, match="2"):
            run_program(plan_memory.main, options)
    else:
        assert run_program(plan_memory.main, options) == code
    shown = capsys.readouterr()
    assert shown.out == ""
    assert words in shown.err
    assert len(shown.err.strip().splitlines()) == 1


@pytest.fixture
def records(tmp_path: Path) -> Path:
    """Choice records of the sample's first questions."""
    path = tmp_path / "choice.jsonl"
    options = ["--lawqa-path", "sample/selection.json", "--form", "choice", "--context", "gold", "--samples", "6"]
    assert run_program(build_finetune_dataset.main, [*options, "--output-path", str(path)]) == 0
    return path


def test_a_training_file_is_planned_by_its_own_rows_and_gives_the_command(
    tiny_model_dir: Path, records: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = str(tiny_model_dir)
    training = [
        "--objective",
        "choice",
        "--batch-size",
        "2",
        "--learning-rate",
        "1e-4",
        "--no-activation-checkpointing",
    ]
    options = ["--model-name", model, "--train-file", str(records), *training]
    capsys.readouterr()
    assert run_program(plan_memory.main, [*options, "--json"]) == 0
    shown = capsys.readouterr()
    made = json.loads(shown.out)
    assert "学習データを読んでいます: 24/24" in shown.err
    command = shlex.split(made["command"])
    assert command[:2] == ["python", "scripts/train_qwen_law_ft.py"]
    config = config_from_arguments(training_parser().parse_args(command[2:]))
    assert (config.objective, config.batch_size, config.learning_rate) == ("choice", 2, 1e-4)
    assert (config.activation_checkpointing, config.use_4bit) == (False, False)
    assert (config.train_file, config.output_dir) == (records, Path("runs/choice"))
    # What the trainer itself would plan for these rows.
    worst = worst_batch(prepare_data(config).units, config.batch_size)
    setting = setting_of(config, label_positions=worst.label_positions, longest=worst.longest)
    assert made["setting"] == setting_as_json(setting)
    assert made["fits"] is None
    assert not Path("runs/choice").exists()


def test_a_card_that_is_too_small_gets_what_it_needs_into_the_command(
    tiny_model_dir: Path, records: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--model-name", str(tiny_model_dir), "--train-file", str(records), "--objective", "choice"]
    capsys.readouterr()
    assert run_program(plan_memory.main, [*options, "--json"]) == 0
    need = json.loads(capsys.readouterr().out)["required_gib"]
    enough = ["--vram", f"{need + 0.001:.4f}", "--desktop", "0"]
    assert run_program(plan_memory.main, [*options, *enough]) == 0
    shown = capsys.readouterr().out
    assert "に入ります" in shown
    assert "この見積もりの学習コマンド:\npython scripts/train_qwen_law_ft.py" in shown
    assert "--use-4bit" not in shown
    assert "推奨する設定" not in shown  # the name of the tiny model's folder says no size
    assert run_program(plan_memory.main, [*options, "--vram", f"{need - 0.01:.3f}", "--desktop", "0", "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    if made["fits"]:
        added = made["reasons"][0].removeprefix("入るように加えた設定: ")
        assert made["command"].count(added.split()[0]) == 1
    else:
        assert made["advice"]
    tight = [*options, "--vram", "0.3", "--desktop", "0"]
    assert run_program(plan_memory.main, tight) == 0
    assert "（このままでは入らない見込みです）" in capsys.readouterr().out


def test_a_batch_of_questions_is_advised_to_be_one_before_they_are_shortened(
    tiny_model_dir: Path, records: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--model-name", str(tiny_model_dir), "--train-file", str(records), "--objective", "choice"]
    tight = [*options, "--batch-size", "3", "--vram", "0.3", "--desktop", "0", "--json"]
    capsys.readouterr()
    assert run_program(plan_memory.main, tight) == 0
    made = json.loads(capsys.readouterr().out)
    assert made["fits"] is False
    assert made["advice"][0].startswith("--batch-size 1（--gradient-accumulation-steps を増やせば結果は同じ） → ")


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--train-file", "README.md"], "JSON として読めません"),
        (["--train-file", "nowhere.jsonl"], "ファイルがありません"),
        (["--train-file", "RECORDS"], "--objective choice を指定する"),
        (["--train-file", "RECORDS", "--quantization", "nf4"], "--use-4bit と --bnb-4bit-quant-type で指定"),
        (["--train-file", "RECORDS", "--label-positions", "2"], "学習データから読みます"),
        (["--train-file", "RECORDS", "--no-checkpointing"], "--activation-checkpointing で指定"),
        (["--train-file", "RECORDS", "--exact"], "--exact は --train-file と同時に"),
        (["--train-file", "RECORDS", "--fp16", "--bf16"], "--fp16 と --bf16"),
        (["--use-4bit", "--tokenizer", "x"], "--use-4bit、--tokenizer は --train-file と一緒に"),
    ],
)
def test_a_training_that_cannot_be_planned_is_one_line(
    tiny_model_dir: Path, records: Path, more: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    more = [str(records) if one == "RECORDS" else one for one in more]
    assert run_program(plan_memory.main, ["--model-name", str(tiny_model_dir), *more]) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert words in shown.err
    assert len(shown.err.strip().splitlines()) == 1


def test_a_step_that_cannot_be_counted_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--model-name", "Qwen/Qwen3-8B", "--batch-size", str(10**12)]
    assert run_program(plan_memory.main, arguments) == 1
    assert "--batch-size と --max-seq-length の積は 67,108,864 トークンまで見積もれます。" in capsys.readouterr().err
