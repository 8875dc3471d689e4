"""run.yaml: the options of a run as a file that is written with it and given back with ``--config``.

    # python scripts/train_qwen_law_ft.py --config runs/a/run.yaml --output-dir runs/a_2
    model_name: Qwen/Qwen3-8B
    learning_rate: 0.0002

A key is an option's name with ``_`` or ``-``. The values become words of the command line before those that were typed,
so that the typed ones win and every check is the program's own.
"""

from __future__ import annotations

import argparse
import difflib
import shlex
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from .errors import ConfigError
from .files import read_text
from .outputs import starts_with
from .redaction import hide

RUN_FILE = "run.yaml"
IS_RUN_FILE = starts_with("# python scripts/", "# torchrun ")
# What says how a program runs, not what it does.
_NOT_SETTINGS = frozenset({"help", "debug", "config", "resume", "dry_run", "plan", "no_plan", "merge"})


def add_config_option(parser: argparse._ActionsContainer) -> None:
    """The option ``--config``."""
    parser.add_argument(
        "--config", type=Path, metavar="YAML",
        help="前の実行が書いた設定ファイル（run.yaml）のとおりに行う。ほかの引数も付けると、そちらが優先する",
    )  # fmt: skip


def parse_with_run_file(parser: argparse.ArgumentParser, argv: Sequence[str] | None) -> argparse.Namespace:
    """The parsed arguments, those that ``--config`` names included.

    Raises DataError for a file that cannot be read, ConfigError for one that holds other things than options.
    """
    typed = list(sys.argv[1:] if argv is None else argv)
    finder = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    add_config_option(finder)
    try:
        path = finder.parse_known_args(typed)[0].config
    except argparse.ArgumentError:
        path = None  # --config without a value: the parser says so
    return parser.parse_args(typed if path is None else [*_words(parser, path, typed), *typed])


def run_file_text(
    parser: argparse.ArgumentParser, settings: Mapping[str, Any], again: Sequence[str], **resolved: Any
) -> str:
    """The run file of ``settings`` by the names of the options: first the command that runs it ``again``, then every
    option with a value.

    ``resolved`` are values that came from elsewhere (the environment); None leaves one out. An address with a password
    is left out.
    """
    import yaml

    values: dict[str, Any] = {}
    for action in _settings(parser).values():
        value = resolved[action.dest] if action.dest in resolved else settings[action.dest]
        if isinstance(value, tuple):
            value = list(map(str, value))
        elif not isinstance(value, (str, int, float, list)) and value is not None:
            value = str(value)
        unsaid = value is None or (value is False and (_denial(action) is None or action.default is False))
        if not unsaid and not (isinstance(value, str) and hide(value) != value):
            values[action.dest] = value
    text: str = yaml.safe_dump(values, allow_unicode=True, sort_keys=False, width=10_000)
    return f"# {shlex.join(again)}\n{text}"


def _settings(parser: argparse.ArgumentParser) -> dict[str, argparse.Action]:
    return {one.dest: one for one in parser._actions if one.dest not in _NOT_SETTINGS and one.option_strings}


def _denial(action: argparse.Action) -> str | None:
    return next(
        (name for name in action.option_strings if name.startswith("--no-") and len(action.option_strings) > 1), None
    )


@cache
def _loader() -> Any:
    """YAML's safe loader, which refuses a name that stands twice (YAML itself takes the last)."""
    import yaml

    class Loader(yaml.SafeLoader):  # type: ignore[misc]  # yaml has no types
        def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
            names = [key.value for key, _ in node.value]
            for key, _ in node.value:
                if names.count(key.value) > 1:
                    raise yaml.constructor.ConstructorError(None, None, "said twice", key.start_mark)
            return dict(super().construct_mapping(node, deep))

    return Loader


def _read(path: Path) -> Mapping[Any, Any]:
    import yaml

    try:
        values = yaml.load(read_text(path), Loader=_loader())  # noqa: S506  # a SafeLoader
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        place = "" if mark is None else f"（{mark.line + 1} 行目）"
        raise ConfigError(
            f"--config {path}: YAML として読めません{place}。前の実行が書いた run.yaml を指定してください。"
        ) from None
    if not isinstance(values, dict):
        raise ConfigError(
            f"--config {path}: 「名前: 値」の並びではありません。前の実行が書いた run.yaml を指定してください。"
        )
    return values


def _words(parser: argparse.ArgumentParser, path: Path, typed: Sequence[str]) -> list[str]:
    known = _settings(parser)
    said = {word.partition("=")[0] for word in typed}
    words: list[str] = []
    for key, value in _read(path).items():
        name = str(key).replace("-", "_")
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
            way = f"{near[0]} のことですか。" if near else "使えるのはこのプログラムの引数の名前です。"
            raise ConfigError(f"--config {path}: {key} という設定はありません。{way}")
        if value is not None and not said & _rivals(parser, known[name]):
            words += _said(known[name], value, f"--config {path}: {key}")
    return words


def _rivals(parser: argparse.ArgumentParser, action: argparse.Action) -> set[str]:
    """Options that cannot stand beside ``action``: typed, they win."""
    groups = [one._group_actions for one in parser._mutually_exclusive_groups if action in one._group_actions]
    return {name for group in groups for other in group if other is not action for name in other.option_strings}


def _said(action: argparse.Action, value: Any, place: str) -> list[str]:
    """A value as words of the command line."""
    name = action.option_strings[0]
    if action.nargs == 0:
        if not isinstance(value, bool):
            raise ConfigError(f"{place} は true か false です（{value!r}）。")
        denial = _denial(action)
        return [name] if value else [] if denial is None else [denial]
    values = value if isinstance(value, list) else [value]
    if any(isinstance(one, (dict, list, bool)) for one in values) or (action.nargs is None and len(values) != 1):
        raise ConfigError(f"{place} の値 {value!r} は使えません。")
    return [f"{name}={values[0]}"] if action.nargs is None else [name, *map(str, values)]
