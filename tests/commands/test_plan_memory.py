"""The planner as a program: tables, JSON, and one clear line for each wrong input."""

import json
from pathlib import Path

import pytest

from app.commands import plan_memory
from app.core.cli import run_program


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
        (["--model-name", "Qwen/Qwen3-8B", "--vram", "10", "--desktop", "inf"], 1, "--desktop"),
        (["--model-name", "Qwen/Qwen3-8B", "--desktop", "nan"], 1, "--desktop"),
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
