"""What data may do to a terminal: nothing. Every program's output passes through here on its way out.

Questions, statutes, model names and answers are other people's text. An escape sequence in them could set the window's
title, fill the clipboard (OSC 52) or hide lines; a bidirectional override shows another text than the one that is there.
Such characters, and those that the console's encoding lacks, are written as ``\\u001b``: a person sees what stands
there, and JSON stays JSON.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, TextIO

# Half a surrogate pair: what tools that cut UTF-16 leave, and how a name whose bytes are no UTF-8 is held.
HALF = re.compile("[\ud800-\udfff]")
# Controls but newline and tab, delete, C1, marks and overrides of direction, line separators, half surrogates.
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufff9-\ufffb\ud800-\udfff]"
)
# The program's own styles (bold, dim, red, yellow, plain); data that holds them can colour itself and nothing more.
_STYLES = r"\x1b\[(?:0|1|2|1;31|1;33)m"
_STYLE = re.compile(_STYLES)
# What progress bars on a terminal need besides: cursor up, erase line, hide and show the cursor, colours, return.
_BARS = re.compile(_STYLES + r"|\x1b\[[0-9;]*[mAKG]|\x1b\[\?25[lh]|\r")
_NOTHING = re.compile(r"(?!)")


def safe_text(text: str) -> str:
    """``text`` with every character that could steer a terminal written as ``\\uXXXX``."""
    return _UNSAFE.sub(_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    return f"\\u{ord(match.group()):04x}"


def encodable(text: str, encoding: str) -> str:
    """``text`` with what ``encoding`` lacks written as ``\\uXXXX`` (two of them above U+FFFF, as JSON has it)."""
    try:
        if text.encode(encoding).decode(encoding) == text:
            return text
    except (UnicodeError, LookupError):
        pass
    return "".join(char if _fits(char, encoding) else _json_escape(char) for char in text)


def _fits(char: str, encoding: str) -> bool:
    try:
        return char.encode(encoding).decode(encoding) == char  # cp932 would make another sign of ¢
    except UnicodeError:
        return False
    except LookupError:
        return char.isascii()


def _json_escape(char: str) -> str:
    units = char.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))


class SafeStream:
    """A text stream that writes safe text in its own encoding; everything else is the stream's."""

    def __init__(
        self,
        stream: TextIO,
        allowed: re.Pattern[str] = _NOTHING,
        reword: Callable[[str], str] | None = None,
    ) -> None:
        self._stream = stream
        self._allowed = allowed
        self._reword = reword

    def write(self, text: str) -> int:
        """Write ``text``; returns its length."""
        length = len(text)
        if self._reword is not None:
            text = self._reword(text)
        parts: list[str] = []
        end = 0
        for match in self._allowed.finditer(text):
            parts += [safe_text(text[end : match.start()]), match.group()]
            end = match.end()
        parts.append(safe_text(text[end:]))
        self._stream.write(encodable("".join(parts), self._stream.encoding or "utf-8"))
        return length

    def writelines(self, lines: Any) -> None:
        """Write each of ``lines``."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def safe_streams(reword: Callable[[str], str] | None = None) -> Iterator[None]:
    """Standard output and error are safe inside; a terminal keeps the program's own styles and progress bars.

    ``reword`` changes every text before it is written. What is not there (pythonw, ``>&-``) takes everything and shows
    nothing; so no file that is opened later gets its number, to which libraries in C would write.
    """
    import sys

    out, err = sys.stdout, sys.stderr
    with ExitStack() as opened:
        if out is None:
            sys.stdout = opened.enter_context(open(os.devnull, "w", encoding="utf-8"))
        elif not isinstance(out, SafeStream):
            sys.stdout = SafeStream(out, _STYLE if out.isatty() else _NOTHING, reword)
        if err is None:
            sys.stderr = opened.enter_context(open(os.devnull, "w", encoding="utf-8"))
        elif not isinstance(err, SafeStream):
            sys.stderr = SafeStream(err, _BARS if err.isatty() else _NOTHING, reword)
        try:
            yield
        finally:
            sys.stdout, sys.stderr = out, err
