"""run.yaml: written from the arguments of a run, read back as words before those that were typed."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import pytest

from app.core.errors import ConfigError, DataError
from app.core.run_file import add_config_option, parse_with_run_file, run_file_text

AGAIN = ["python", "scripts/x.py", "--config", "a b/run.yaml"]


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(exit_on_error=False)
    add_config_option(made)
    made.add_argument("--model-name", required=True)
    made.add_argument("--learning-rate", type=float, default=2e-4)
    made.add_argument("--layers", nargs="+", default=["all"])
    made.add_argument("--file", type=Path)
    made.add_argument("--spare", action=argparse.BooleanOptionalAction, default=True)
    made.add_argument("--bare", action="store_true")
    made.add_argument("--no-rag", action="store_true")
    made.add_argument("--resume", action="store_true")
    made.add_argument("--no-plan", action="store_true")  # the trainer's: whether memory is planned is no setting
    answer = made.add_mutually_exclusive_group()
    answer.add_argument("--ensemble", action="store_true")
    answer.add_argument("--majority", action="store_true")
    return made


def stored(path: Path, *words: str, **resolved: Any) -> argparse.Namespace:
    arguments = parser().parse_args(list(words))
    path.write_text(run_file_text(parser(), vars(arguments), AGAIN, **resolved), "utf-8")
    return arguments


@pytest.mark.parametrize(
    "words",
    [
        ["--model-name", "m"],
        ["--model-name", "-m", "--learning-rate", "1e-5", "--layers", "q", "v", "--file", "データ/a.jsonl"],
        ["--model-name", "1.5", "--no-spare", "--bare", "--no-rag", "--majority"],
    ],
)
def test_what_is_written_gives_the_same_arguments(tmp_path: Path, words: list[str]) -> None:
    path = tmp_path / "run.yaml"
    words = [f"--model-name={words[1]}", *words[2:]]
    arguments = stored(path, *words)
    again = parse_with_run_file(parser(), ["--config", str(path)])
    assert vars(again) == {**vars(arguments), "config": path}


def test_the_file_says_its_command_first_and_no_secret(tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    stored(path, "--model-name", "https://me:pass@host/m", "--resume", "--no-plan", file=Path("x"))
    assert path.read_text("utf-8") == (
        "# python scripts/x.py --config 'a b/run.yaml'\nlearning_rate: 0.0002\nlayers:\n- all\nfile: x\nspare: true\n"
    )


def test_typed_options_win(tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    stored(path, "--model-name", "m", "--layers", "q", "--ensemble")
    typed = ["--config", str(path), "--model-name", "n", "--layers", "v", "w", "--no-spare", "--majority"]
    made = parse_with_run_file(parser(), typed)
    assert (made.model_name, made.layers, made.spare, made.ensemble, made.majority) == (
        "n",
        ["v", "w"],
        False,
        False,
        True,
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("lerning_rate: 1", "lerning_rate という設定はありません。learning_rate のことですか。"),
        ("resume: true", "resume という設定はありません"),
        ("問題: 1", "問題 という設定はありません。使えるのはこのプログラムの引数の名前です。"),
        ("- a\n- b", "「名前: 値」の並びではありません"),
        ("", "「名前: 値」の並びではありません"),
        ("a: b\nc: [", "YAML として読めません（2 行目）"),
        ("!!python/object/apply:os.system [ls]", "YAML として読めません（1 行目）"),
        ("model_name: a\nbare: true\nmodel_name: b", "YAML として読めません（1 行目）"),  # YAML takes the last
        ("model_name: 1" + "0" * 5000, "YAML として読めません。"),
        ("bare: 1", "bare は true か false です（1）"),
        ("model_name: [a, b]", "model_name の値 ['a', 'b'] は使えません"),
        ("layers: {a: 1}", "layers の値 {'a': 1} は使えません"),
    ],
)
def test_a_wrong_file_is_one_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "run.yaml"
    path.write_text(text, "utf-8")
    with pytest.raises(ConfigError) as caught:
        parse_with_run_file(parser(), ["--config", str(path), "--model-name", "m"])
    assert str(caught.value).startswith(f"--config {path}: ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_value_is_checked_as_a_typed_one(tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    path.write_text("learning-rate: fast", "utf-8")
    with pytest.raises(argparse.ArgumentError, match="--learning-rate"):
        parse_with_run_file(parser(), ["--config", str(path), "--model-name", "m"])


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="ファイルがありません"):
        parse_with_run_file(parser(), ["--config", str(tmp_path / "none.yaml")])
