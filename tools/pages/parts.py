"""The generated parts of the documents: found by their markers, written by ``make docs``, checked by a test.

A generated part stands between two comments and is never edited by hand::

    <!-- make docs: arguments train_qwen_law_ft -->
    …
    <!-- /make docs -->

The first word names the generator; the rest are its arguments, a word each, or a line each when they take several lines.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from app.core.cli import count, seed_number
from app.core.errors import DataError
from app.core.manifests import REPOSITORY

_PART = re.compile(
    r"(?P<open><!-- make docs: (?P<name>\S+)(?P<arguments>[^>]*?)\s-->\n)(?P<body>.*?)(?P<close><!-- /make docs -->)",
    re.DOTALL,
)
Generator = Callable[..., str]


def refresh(text: str, generators: Mapping[str, Generator], *, place: str) -> str:
    """The document with every generated part made anew.

    Raises DataError naming ``place`` for a marker without a generator or without its end.
    """

    def written(match: re.Match[str]) -> str:
        name = match["name"]
        if name not in generators:
            raise DataError(
                f"{place}: make docs: {name} という生成部はありません（あるのは {'・'.join(generators)}）。"
            )
        given = match["arguments"].strip(" ")
        arguments = [line.strip() for line in given.splitlines() if line.strip()] if "\n" in given else given.split()
        body = generators[name](*arguments)
        return f"{match['open']}{body.strip()}\n{match['close']}"

    if text.count("<!-- make docs: ") != len(_PART.findall(text)):
        raise DataError(f"{place}: make docs の始まりと終わりの印の数が合いません。")
    return _PART.sub(written, text)


def argument_table(parser: argparse.ArgumentParser) -> str:
    """A Markdown table of a program's options: name, values, default, effect. ``--help`` and ``--debug`` are left out."""
    rows = [
        (_names(action), _values(action), _default(action), _effect(action))
        for action in parser._actions
        if action.dest not in ("help", "debug")
    ]
    return markdown_table(("引数", "値", "既定", "効果"), rows)


def markdown_table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """A Markdown table; ``|`` in a cell is escaped and line ends become spaces."""
    lines = [list(head)]
    lines.append(["---"] * len(lines[0]))
    lines += [[" ".join(str(cell).replace("|", "\\|").split()) for cell in row] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _names(action: argparse.Action) -> str:
    return " / ".join(f"`{name}`" for name in action.option_strings) or f"`{action.dest}`"


def _values(action: argparse.Action) -> str:
    if action.choices is not None:
        return " / ".join(f"`{choice}`" for choice in action.choices)
    if action.nargs == 0 or isinstance(action, argparse.BooleanOptionalAction):
        return "なし"
    kind = {int: "整数", float: "小数"}.get(action.type, "文字列") if isinstance(action.type, type) else "文字列"
    if getattr(action.type, "__name__", "") == "Path":
        kind = "パス"
    if action.type is seed_number:
        kind = "整数"
    if action.type is count:
        kind = "整数（1 以上）"
    return f"{kind}（複数可）" if action.nargs in ("+", "*") else kind


def _default(action: argparse.Action) -> str:
    if action.required and action.option_strings:
        return "**必須**"
    default = getattr(action, "shown_default", action.default)  # an option that is None unless given says what it means
    if default is None or default is argparse.SUPPRESS:
        return "—"
    if isinstance(default, bool):
        return "する" if default else "しない"
    if isinstance(default, Path) and default.is_relative_to(REPOSITORY):
        return f"`{default.relative_to(REPOSITORY).as_posix()}`"  # the same page wherever the checkout lies
    if isinstance(default, (list, tuple)):
        return " ".join(f"`{value}`" for value in default)
    return f"`{default}`"


def _effect(action: argparse.Action) -> str:
    # The default has a column of its own here.
    return re.sub(r"（既定[:： ][^（）]*）", "", (action.help or "").replace("%%", "%"))
