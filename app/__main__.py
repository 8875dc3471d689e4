"""``horei NAME …``: every program as a subcommand of one command, for whoever installed the package without the checkout."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Sequence

from .commands import COMMANDS
from .core.cli import run_program
from .core.errors import EXIT_DONE, EXIT_USAGE

_SCRIPT = re.compile(r"(?:python )?\bscripts/(\w+)\.py")
_SHORT = {program: name for name, program in COMMANDS.items()}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program that the first word names; returns its exit code (2 where there is no such program)."""
    words = list(sys.argv[1:] if argv is None else argv)
    if not words or words[0] in ("-h", "--help"):
        print(overview())
        return EXIT_DONE
    name, *rest = words
    if name not in COMMANDS:
        print(f"horei: 使い方の誤り: {name!r} というコマンドはありません（horei --help で一覧を表示）", file=sys.stderr)
        return EXIT_USAGE
    sys.argv[0] = f"horei {name}"  # what usage lines and run.json call this program
    program = importlib.import_module(f".commands.{COMMANDS[name]}", __package__)
    return run_program(program.main, rest, reword=as_installed)


def overview() -> str:
    """Every subcommand with the first sentence of its program."""
    width = max(map(len, COMMANDS))
    lines = ["使い方: horei コマンド [引数 …]（horei コマンド --help で説明と例を表示）", ""]
    for name, program in COMMANDS.items():
        description = importlib.import_module(f".commands.{program}", __package__).parser().description
        lines.append(f"  {name:{width}}  {description.split('。')[0]}")
    return "\n".join(lines)


def as_installed(text: str) -> str:
    """``text`` with the programs of ``scripts/`` called as they are called without the checkout."""
    return _SCRIPT.sub(lambda found: f"horei {_SHORT[found[1]]}" if found[1] in _SHORT else found[0], text)


if __name__ == "__main__":
    raise SystemExit(main())
