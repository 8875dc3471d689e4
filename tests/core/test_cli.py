"""Exit codes, one-line errors, progress on stderr."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from collections.abc import Callable, Sequence

import pytest

from app.core.cli import JapaneseParser, format_seconds, log, progress, run_program, seed_number
from app.core.errors import (
    BackendError,
    ConfigError,
    DataError,
    ModelError,
    StaleIndexError,
    UntrustworthyResult,
    UserError,
)


def raising(error: BaseException) -> Callable[[Sequence[str]], int]:
    def main(argv: Sequence[str]) -> int:
        raise error

    return main


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (DataError("x.json: 1 行目\nが悪い"), 1, "エラー: x.json: 1 行目 が悪い\n"),
        (ConfigError("設定"), 1, "エラー: 設定\n"),
        (StaleIndexError("索引"), 1, "エラー: 索引\n"),
        (ModelError("モデル"), 1, "エラー: モデル\n"),
        (BackendError("接続"), 1, "エラー: 接続\n"),
        (UntrustworthyResult("COLLAPSED"), 3, "警告: COLLAPSED\n"),
        (KeyboardInterrupt(), 130, "中断しました。\n"),
        (ZeroDivisionError("division"), 1, "エラー: ZeroDivisionError: division（--debug を付けるとトレースバックを表示します）\n"),
    ],
)  # fmt: skip
def test_an_error_is_one_line_and_a_code(
    error: BaseException, code: int, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_program(raising(error), []) == code
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", line)


@pytest.mark.parametrize("error", [DataError("x"), ZeroDivisionError("y")])
def test_debug_shows_the_traceback(error: Exception) -> None:
    with pytest.raises(type(error)):
        run_program(raising(error), ["--debug"])


@pytest.mark.parametrize(("returned", "code"), [(None, 0), (0, 0), (3, 3)])
def test_the_code_of_a_program_that_ends_well(returned: int | None, code: int) -> None:
    assert run_program(lambda argv: returned, []) == code


def test_arguments_are_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Sequence[str]] = []
    monkeypatch.setattr("sys.argv", ["program", "--x", "1"])
    run_program(lambda argv: seen.append(argv))
    run_program(lambda argv: seen.append(argv), ["--y"])
    assert seen == [["--x", "1"], ["--y"]]


def test_wrong_usage_exits_2_in_japanese(capsys: pytest.CaptureFixture[str]) -> None:
    program = JapaneseParser("説明。", ["python scripts/x.py --n 1"])
    program.prog = "x.py"
    program.add_argument("--number", type=int)
    for argv in (["--number", "one"], ["--unknown"], ["--num", "1"]):  # no abbreviations either
        with pytest.raises(SystemExit) as stop:
            program.parse_args(argv)
        assert stop.value.code == 2
        assert capsys.readouterr().err.startswith("x.py: 使い方の誤り: ")


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--share", "nan", "有限の数にしてください: 'nan'"),
        ("--share", "-inf", "有限の数にしてください: '-inf'"),
        ("--share", "1e999", "有限の数にしてください: '1e999'"),
        ("--share", "x", "数ではありません: 'x'"),
        ("--seed", "-1", "0 から 4294967295 までの整数にしてください: '-1'"),
        ("--seed", "4294967296", "0 から 4294967295 までの整数にしてください"),
        ("--seed", "9" * 5000, "0 から 4294967295 までの整数にしてください"),
        ("--seed", "１", "0 から 4294967295 までの整数にしてください"),
    ],
)
def test_numbers_that_no_program_can_use_are_wrong_usage(option, value, words, capsys):
    parser = JapaneseParser("する。", [])
    parser.add_argument_group("値").add_argument("--share", type=float)
    parser.add_argument("--seed", type=seed_number)
    assert vars(parser.parse_args(["--share", "0.5", "--seed", "4294967295"])) == {"debug": False, "share": 0.5, "seed": 2**32 - 1}  # fmt: skip
    with pytest.raises(SystemExit) as caught:
        parser.parse_args([f"{option}={value}"])
    assert caught.value.code == 2
    assert words in capsys.readouterr().err


def test_help_shows_the_examples_as_written(capsys: pytest.CaptureFixture[str]) -> None:
    program = JapaneseParser("説明。", ["python scripts/x.py --n 1", "python scripts/x.py --n 2"])
    with pytest.raises(SystemExit) as stop:
        program.parse_args(["--help"])
    assert stop.value.code == 0
    out = capsys.readouterr().out
    assert out.endswith("例:\n  python scripts/x.py --n 1\n  python scripts/x.py --n 2\n")
    assert "オプション:" in out
    assert program.parse_args(["--debug"]).debug is True


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0.0秒"), (3.14, "3.1秒"), (59.94, "59.9秒"), (59.97, "1分0秒"), (60, "1分0秒"), (75.2, "1分15秒"),
     (3599.6, "1時間0分"), (3661, "1時間1分"), (90000, "25時間0分")],
)  # fmt: skip
def test_seconds_are_written_in_japanese(seconds: float, text: str) -> None:
    assert format_seconds(seconds) == text


def test_progress_yields_everything_and_says_so_at_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(progress(range(3), total=3, label="検索")) == [0, 1, 2]
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("検索: 3/3（")
    assert captured.err.count("\n") == 1


def test_progress_estimates_what_is_left(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    clock = itertools.count(0, 20)  # 20 seconds an item
    monkeypatch.setattr("app.core.cli.time.monotonic", lambda: float(next(clock)))
    list(progress("ab", total=2, label="評価"))
    assert capsys.readouterr().err.splitlines() == ["評価: 1/2（残り約 20.0秒）", "評価: 2/2（1分0秒）"]


def test_log_goes_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    log("進行中")
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "進行中\n")


def test_a_reader_that_goes_away_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    import io

    stderr = io.StringIO()
    monkeypatch.setattr("sys.stderr", stderr)
    assert run_program(raising(BrokenPipeError()), []) == 0
    assert stderr.closed


def test_a_log_that_nobody_reads_any_more_does_not_stop_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w", encoding="utf-8") as broken:
        monkeypatch.setattr("sys.stderr", broken)
        log("進行中")
        log("まだ進行中")
        monkeypatch.undo()
    script = (
        "from app.core.cli import log, run_program; run_program(lambda argv: [log('x') for _ in range(3)] and None)"
    )
    reader, writer = os.pipe()
    os.close(reader)
    assert subprocess.run([sys.executable, "-c", script], stderr=writer, check=False).returncode == 0
    os.close(writer)


def test_untrustworthy_is_no_user_error() -> None:
    assert not issubclass(UntrustworthyResult, UserError)
