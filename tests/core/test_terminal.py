"""No text steers a terminal, whatever the console's encoding; JSON stays JSON."""

from __future__ import annotations

import io
import json
import sys
import unicodedata
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.cli import log, run_program
from app.core.terminal import SafeStream, encodable, safe_streams, safe_text

TEXTS = st.text(st.characters(codec=None), max_size=40)


class Console(io.TextIOWrapper):
    """Standard output as a program finds it: an encoding that refuses what it lacks, and maybe a terminal."""

    def __init__(self, encoding: str, terminal: bool = False) -> None:
        super().__init__(io.BytesIO(), encoding=encoding, errors="strict", newline="\n")
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal

    def text(self) -> str:
        self.flush()
        return self.buffer.getvalue().decode(self.encoding)  # type: ignore[attr-defined]  # BytesIO


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("第一条\t本文\n", "第一条\t本文\n"),
        ("\x1b]0;PWNED\x07", "\\u001b]0;PWNED\\u0007"),  # the window's title
        ("\x1b]52;c;ZXZpbA==\x07", "\\u001b]52;c;ZXZpbA==\\u0007"),  # the clipboard
        ("\x1b[2J\x9b2J", "\\u001b[2J\\u009b2J"),  # clear the screen, in seven bits and in eight
        ("正解\ra", "正解\\u000da"),  # writes over the line
        ("x\x7f\x00\b", "x\\u007f\\u0000\\u0008"),
        ("\u202e逆\u202c \u2066\u2069", "\\u202e逆\\u202c \\u2066\\u2069"),
        ("a\u2028b\u2029", "a\\u2028b\\u2029"),
        ("半\ud842分", "半\\ud842分"),
        ("𠮷野家 é – ①", "𠮷野家 é – ①"),
    ],
)
def test_what_could_steer_a_terminal_is_shown(text: str, shown: str) -> None:
    assert safe_text(text) == shown


@given(TEXTS)
def test_nothing_unsafe_is_left_and_nothing_safe_is_touched(text: str) -> None:
    shown = safe_text(text)
    assert not [char for char in shown if unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") and char not in "\n\t"]
    assert safe_text(shown) == shown
    escaped = sum(safe_text(char) != char for char in text)
    assert len(shown) == len(text) + 5 * escaped


@given(TEXTS, st.sampled_from(["utf-8", "cp932", "ascii", "latin-1", "euc_jp"]))
def test_json_stays_json_in_every_encoding(text: str, encoding: str) -> None:
    written = encodable(safe_text(json.dumps({"法": text}, ensure_ascii=False)), encoding)
    assert json.loads(written.encode(encoding).decode(encoding)) == {"法": text}


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [("cp932", "57.1\\u201360.2 髙 \\ud842\\udfb7"), ("utf-8", "57.1–60.2 髙 𠮷"), ("nonsense", "57.1\\u201360.2 \\u9ad9 \\ud842\\udfb7")],
)  # fmt: skip
def test_what_an_encoding_lacks_is_written_as_json_has_it(encoding: str, shown: str) -> None:
    assert encodable("57.1–60.2 髙 𠮷", encoding) == shown


@pytest.mark.parametrize("encoding", ["cp932", "ascii", "utf-8"])
def test_a_program_ends_as_it_would_without_the_redirect(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    out, err = Console(encoding), Console(encoding)
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)

    def main(_: Sequence[str]) -> int:
        print("95 % 区間 57.1–60.2 \x1b[1;31m𠮷\x1b[0m")
        log("注意: \x1b]0;x\x07\r行")
        return 3

    assert run_program(main, []) == 3
    assert (sys.stdout, sys.stderr) == (out, err)
    assert "\x1b" not in out.text() + err.text()
    assert "57.1" in out.text()
    assert "\\u000d" in err.text()


def test_a_terminal_keeps_our_styles_and_bars_only(monkeypatch: pytest.MonkeyPatch) -> None:
    out, err = Console("utf-8", terminal=True), Console("utf-8", terminal=True)
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    with safe_streams():
        with safe_streams():  # a program that calls another one
            print("\x1b[1;31m赤\x1b[0m\x1b[8m隠\x1b[2J")
        print("\r\x1b[2K\x1b[1A\x1b[?25l 40 %\x1b]0;x\x07", file=sys.stderr)
        log("\x1b[2K")  # data in a line of ours: never a bar
    assert out.text() == "\x1b[1;31m赤\x1b[0m\\u001b[8m隠\\u001b[2J\n"
    assert err.text() == "\r\x1b[2K\x1b[1A\x1b[?25l 40 %\\u001b]0;x\\u0007\n\\u001b[2K\n"


def test_a_safe_stream_is_the_stream_otherwise() -> None:
    inner = Console("cp932")
    stream = SafeStream(inner)
    assert stream.write("–\n") == 2
    stream.writelines(["a", "\x07"])
    stream.flush()
    assert (stream.encoding, stream.isatty(), inner.text()) == ("cp932", False, "\\u2013\na\\u0007")


@pytest.mark.parametrize("missing", ["stdout", "stderr"])
def test_a_stream_that_is_closed_takes_everything(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, missing, None)

    def main(_: Sequence[str]) -> int:
        print("結果")
        log("行")
        sys.stdout.flush()
        return 3 if sys.stdout.isatty() or sys.stderr.isatty() else 0

    assert run_program(main, []) == 0
    assert getattr(sys, missing) is None


def test_an_argument_in_another_encoding_than_the_environments_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "getfilesystemencoding", lambda: "ascii")
    assert run_program(lambda argv: 0, ["\udce5\udcb1\udc8a"]) == 1
    assert "この環境の文字コード（ascii）では読めません。PYTHONUTF8=1 を" in capsys.readouterr().err


def test_an_argument_that_is_not_utf8_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_program(lambda argv: 0, ["--data", "caf\udce9.json"]) == 1
    assert capsys.readouterr().err == (
        "エラー: 引数 'caf\\udce9.json' が UTF-8 ではありません。ファイルの名前を変えてください。\n"
    )
