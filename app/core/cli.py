"""What every program shares: exit codes, one-line errors, ``--debug`` and progress on stderr."""

from __future__ import annotations

import argparse
import contextlib
import math
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from .errors import (
    EXIT_DONE,
    EXIT_FAILED,
    EXIT_UNTRUSTWORTHY,
    EXIT_USAGE,
    ConfigError,
    UntrustworthyResult,
    UserError,
)
from .failures import is_panic, known_failure
from .parents import end_with_parent
from .redaction import hide
from .terminal import HALF, safe_streams, safe_text

Item = TypeVar("Item")
MAX_SEED = 2**32 - 1  # numpy's


class JapaneseParser(argparse.ArgumentParser):
    """argparse with Japanese headings, examples kept as written, and ``--debug`` on every program."""

    def __init__(self, description: str, examples: Sequence[str]) -> None:
        epilog = "例:\n" + "\n".join(f"  {example}" for example in examples)
        super().__init__(
            description=description,
            epilog=epilog,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            add_help=False,
            allow_abbrev=False,
        )
        self.register("type", float, finite)  # argparse takes "nan", which no comparison refuses
        self._optionals.title = "オプション"
        self._positionals.title = "引数"
        self.add_argument("-h", "--help", action="help", help="この説明を表示して終わる")
        self.add_argument(
            "--debug", action="store_true", help="エラーのとき、1 行の説明に加えてトレースバックも表示する"
        )

    def error(self, message: str) -> None:  # type: ignore[override]  # argparse declares NoReturn; we exit as it does
        self.exit(EXIT_USAGE, f"{self.prog}: 使い方の誤り: {message}（{self.prog} --help で説明を表示）\n")


def count(word: str) -> int:
    """The type of an option that counts something: an integer from 1 on."""
    try:
        value = int(word)
    except ValueError:
        value = 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"1 以上の整数を指定してください（指定は {word}）")
    return value


def finite(text: str) -> float:
    """A number of the command line. Raises ArgumentTypeError for what is none, infinity and NaN included."""
    try:
        value = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"数ではありません: {text!r}") from None
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"有限の数にしてください: {text!r}")
    return value


def seed_number(text: str) -> int:
    """A seed of the command line: what torch, numpy and Python all take. Raises ArgumentTypeError for another."""
    if not text.isascii() or not text.isdecimal() or len(text) > 10 or int(text) > MAX_SEED:
        raise argparse.ArgumentTypeError(f"0 から {MAX_SEED} までの整数にしてください: {text!r}")
    return int(text)


def run_program(
    main: Callable[[Sequence[str]], int | None],
    argv: Sequence[str] | None = None,
    *,
    reword: Callable[[str], str] | None = None,
) -> int:
    """Run ``main`` and turn its errors into one line on stderr and an exit code (0, 1, 2, 3; 130 when interrupted).

    ``reword`` changes all that is printed on its way out (the installed command names its programs otherwise).
    """
    end_with_parent()
    with safe_streams(reword):
        return _run(main, list(sys.argv[1:] if argv is None else argv))


def _run(main: Callable[[Sequence[str]], int | None], arguments: list[str]) -> int:
    debug = "--debug" in arguments
    try:
        for argument in arguments:
            if HALF.search(argument):
                raise ConfigError(_unreadable(argument))
        return main(arguments) or EXIT_DONE
    except UserError as error:
        if debug:
            raise
        log(f"エラー: {_one_line(str(error))}")
        return EXIT_FAILED
    except UntrustworthyResult as warning:
        log(f"警告: {_one_line(str(warning))}")
        return EXIT_UNTRUSTWORTHY
    except BrokenPipeError:
        # The reader of our output (head, less) went away: not our failure.
        sys.stderr.close()
        return EXIT_DONE
    except KeyboardInterrupt:
        log("中断しました。")
        return 130
    except BaseException as error:
        if debug or not (isinstance(error, Exception) or is_panic(error)):
            raise
        if (known := known_failure(error)) is not None:
            log(f"エラー: {_one_line(known)}")
            return EXIT_FAILED
        log(f"エラー: {type(error).__name__}: {_one_line(str(error))}（--debug を付けるとトレースバックを表示します）")
        return EXIT_FAILED


def _unreadable(argument: str) -> str:
    """Why an argument holds bytes that are no characters."""
    encoding = sys.getfilesystemencoding()
    if encoding != "utf-8":  # LC_ALL=C with Python's UTF-8 mode switched off
        return f"引数 {argument!r} を、この環境の文字コード（{encoding}）では読めません。PYTHONUTF8=1 を付けて実行してください。"
    return f"引数 {argument!r} が UTF-8 ではありません。ファイルの名前を変えてください。"


def _one_line(text: str) -> str:
    return " ".join(text.split())


def log(message: str) -> None:
    """One line on stderr, at once: safe for terminals, without keys and passwords.

    Nobody need be left to read it: the work goes on.
    """
    try:
        print(safe_text(hide(message)), file=sys.stderr, flush=True)
    except BrokenPipeError:
        # What the stream still holds would fail again at the end, and with it the program.
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())


def format_seconds(seconds: float) -> str:
    """``75.2`` as ``1分15秒``; under a minute with one decimal."""
    if seconds < 59.95:  # what would be written as 60.0 is a minute
        return f"{seconds:.1f}秒"
    whole = round(seconds)
    hours, rest = divmod(whole, 3600)
    minutes, left = divmod(rest, 60)
    return f"{hours}時間{minutes}分" if hours else f"{minutes}分{left}秒"


def progress(items: Iterable[Item], *, total: int, label: str, every_seconds: float = 10.0) -> Iterator[Item]:
    """Yield the items; show a bar on a terminal, otherwise a plain line every ``every_seconds`` and one at the end."""
    if sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True)) as bar:
            yield from bar.track(items, total=total, description=label)
        return
    started = last = time.monotonic()
    done = 0
    for item in items:
        yield item
        done += 1
        now = time.monotonic()
        if now - last >= every_seconds and done < total:
            last = now
            left = (now - started) / done * (total - done)
            log(f"{label}: {done}/{total}（残り約 {format_seconds(left)}）")
    log(f"{label}: {done}/{total}（{format_seconds(time.monotonic() - started)}）")
