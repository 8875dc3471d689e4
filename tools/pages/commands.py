"""The shell commands that a Markdown page shows, so that a test can run or parse every one of them.

A page marks its commands with ```` ```bash ````. Inside, one line is one command (``\\`` continues it, ``&&`` joins two);
``NAME=value`` in front sets the environment and ``> FILE`` at the end names where the output goes. Anything a reader
could not paste into every shell (pipes, substitutions) is refused.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass

from app.core.errors import DataError

_FENCE = re.compile(r"^\s*```(?!`)(?P<language>\S*)")
_ASSIGNMENT = re.compile(r"^[A-Z][A-Z0-9_]*=")
_STARTS = re.compile(r"^\s*(?:[A-Z_]+=\S+ )*(?:\S*python3?|make|pip|git|source|cd|\S*pre-commit)\s+[^\s=|]")
# Programs that start one of ours, several times, with the rest of the line.
_LAUNCHERS = ("torchrun", "accelerate")
_INLINE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_OPTION = re.compile(r"(?<![\w-])--[a-z0-9][a-z0-9-]*")


@dataclass(frozen=True, slots=True)
class Command:
    """One command as a page shows it."""

    page: str  # path of the page, as the caller gave it
    line: int  # of the page, from 1
    text: str  # continued lines joined, the comment left out
    environment: tuple[tuple[str, str], ...]  # assignments in front
    words: tuple[str, ...]  # program and arguments
    output: str | None  # the file named by ">"

    @property
    def program(self) -> str | None:
        """``train_qwen_law_ft`` of ``python scripts/train_qwen_law_ft.py …``, and of the same after a launcher; None for
        another command."""
        at = self._script
        return None if at is None else self.words[at].removeprefix("scripts/").removesuffix(".py")

    @property
    def arguments(self) -> list[str]:
        """What follows the program's file, or the first word of a command that is none of ours."""
        return list(self.words[(self._script or 0) + 1 :])

    @property
    def _script(self) -> int | None:
        launched = self.words[0] in _LAUNCHERS
        if not launched and not self.words[0].endswith("python"):
            return None
        places = range(1, len(self.words) if launched else min(2, len(self.words)))
        return next((at for at in places if re.fullmatch(r"scripts/\w+\.py", self.words[at])), None)

    @property
    def place(self) -> str:
        """``docs/x.md:12: python …`` for a message."""
        return f"{self.page}:{self.line}: {self.text}"


def shell_commands(text: str, page: str) -> list[Command]:
    """The commands of every bash block, in order. Raises DataError for a line that is no plain command."""
    found = []
    for number, line, language in _block_lines(text):
        stripped = line.strip()
        if language == "bash" and stripped and not stripped.startswith("#"):
            found += [_command(part.strip(), page, number) for part in stripped.split(" && ")]
    return found


def unmarked_commands(text: str) -> list[tuple[int, str]]:
    """(line, text) of what looks like a command in a block that is not marked bash."""
    return [
        (number, line.strip())
        for number, line, language in _block_lines(text)
        if language not in ("bash", "python") and _STARTS.match(line)
    ]


def named_options(text: str) -> list[tuple[int, str]]:
    """(line, ``--option``) of every long option between backticks in the running text."""
    inside = {number for number, _, _ in _block_lines(text)}
    return [
        (number, option)
        for number, line in enumerate(text.splitlines(), 1)
        if number not in inside
        for code in _INLINE.findall(line)
        for option in _OPTION.findall(code)
    ]


def _block_lines(text: str) -> list[tuple[int, str, str]]:
    """(number of the first line, joined line, language) of the lines inside fenced blocks."""
    found: list[tuple[int, str, str]] = []
    language: str | None = None
    continued = False
    for number, line in enumerate(text.splitlines(), 1):
        fence = _FENCE.match(line)
        if fence:
            language = fence["language"] if language is None else None
        elif language is not None:
            if continued:
                start, before, _ = found.pop()
                found.append((start, f"{before[:-1].rstrip()} {line.strip()}", language))
            else:
                found.append((number, line, language))
        continued = language == "bash" and line.endswith("\\")
    return found


def _command(text: str, page: str, line: int) -> Command:
    place = f"{page}:{line}: {text}"
    try:
        words = shlex.split(text, comments=True)
    except ValueError as error:
        raise DataError(f"{place}: コマンドとして読めません（{error}）。") from None
    if any(word in ("|", ";", "<", "&", ">>") for word in words) or "$(" in text:
        raise DataError(f"{place}: 一行に一つの、どのシェルにも貼り付けられるコマンドにしてください。")
    environment = []
    while words and _ASSIGNMENT.match(words[0]):
        name, _, value = words.pop(0).partition("=")
        environment.append((name, value))
    output = None
    if len(words) > 2 and words[-2] == ">":
        output = words[-1]
        words = words[:-2]
    if not words or ">" in words:
        raise DataError(f"{place}: コマンドとして読めません。")
    bare = re.sub(r"\s+#.*$", "", text) if len(shlex.split(text)) > len(shlex.split(text, comments=True)) else text
    return Command(page, line, bare, tuple(environment), tuple(words), output)
