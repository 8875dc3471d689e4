"""A cross-fitting in parts, for cards and machines of their own: which work is whose, and the whole's folder from theirs."""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...core.errors import ConfigError, DataError
from ...core.files import read_json, sha256_file
from ...core.locks import is_lock_file
from ...evaluation.running.shard import Shard, shard_argument
from .answers import wanted
from .settings import CrossFitSettings

# Where the index lies may differ from machine to machine; what is searched stands in ``index``.
_NOT_COMPARED = {"shard", "index_dir"}


@dataclass(frozen=True, slots=True)
class Unit:
    """A piece of work that one part does: the evaluation of the untuned model, or a fold.

    name     what lines call it
    results  the files that it is done with, under the folder
    place    the fold's own folder under the folder; None where the results are all there is
    """

    name: str
    results: tuple[Path, ...]
    place: Path | None = None


def all_units(settings: CrossFitSettings) -> list[Unit]:
    """The work that is shared out: the untuned evaluation, then every fold of every seed."""

    def unit(name: str, output: Path, place: Path | None = None) -> Unit:
        results = wanted(settings, output).values()
        return Unit(name, tuple(one.relative_to(settings.output_dir) for one in results), place)

    folds = [
        unit(
            f"seed {seed} の {number}/{settings.folds} 組目", fold / "tuned.json", fold.relative_to(settings.output_dir)
        )
        for seed in settings.all_seeds
        for number, fold in enumerate(settings.fold_dirs(seed), start=1)
    ]
    return [unit("調整前の評価", settings.output_dir / "base.json"), *folds]


def units_of(units: Sequence[Unit], shard: Shard | None) -> list[Unit]:
    """The work of a part, all of it without one. Raises ConfigError for more parts than there is work for."""
    if shard is not None and shard.of > len(units):
        raise ConfigError(f"--shard: 調整前の評価と組で {len(units)} 個なので、{shard.of} 個には分けられません。")
    return list(units) if shard is None else list(shard.take(units))


def parts_in_order(parts: Sequence[Path], settings: Mapping[str, Any]) -> list[Path]:
    """The folders of the parts by their numbers: all there, each once, and of what ``settings`` say of the whole.

    Raises DataError for a folder that is no part, ConfigError for one of something else, a gap or an overlap.
    """
    found: dict[int, Path] = {}
    of = 0
    for part in parts:
        stored = read_json(part / "settings.json")
        try:
            shard = shard_argument(str(stored.get("shard")))
        except (AttributeError, argparse.ArgumentTypeError):
            raise DataError(f"{part}: --shard で行った交差適合のフォルダではありません。") from None
        names = (stored.keys() | settings.keys()) - _NOT_COMPARED
        if "index" not in stored:
            names -= {"index"}  # of before 0.3.0, which stored the place only; the results' own index is compared
        if different := sorted(name for name in names if stored.get(name) != settings.get(name)):
            raise ConfigError(f"{part}: 別の設定で行った部分です（違い: {'、'.join(different)}）。")
        of = of or shard.of
        if shard.of != of:
            raise ConfigError(f"{part}: {shard.of} 個に分けた部分です（{parts[0]} は {of} 個）。")
        if shard.number in found:
            raise ConfigError(f"{found[shard.number]} と {part}: どちらも --shard {shard} です。")
        found[shard.number] = part
    if missing := [f"{number}/{of}" for number in range(1, of + 1) if number not in found]:
        raise ConfigError(f"{len(missing)} 個の部分が足りません: --shard {'、'.join(missing)}。行ってからまとめてください。")  # fmt: skip
    return [found[number] for number in range(1, of + 1)]


def take_parts(folder: Path, parts: Sequence[Path], units: Sequence[Unit]) -> None:
    """Copy into ``folder`` what each part (in the order of ``parts_in_order``) has done; the parts stay as they are.

    Raises ConfigError, before anything is copied, for work that is not done, that is there twice or otherwise, and for
    questions that were shared out otherwise.
    """
    owners = [(unit, parts[place % len(parts)]) for place, unit in enumerate(units)]
    for unit, owner in owners:
        for result in unit.results:
            _check_result(folder, parts, owner, result, unit.name)
        if (
            unit.place is not None
            and (folder / unit.place).exists()
            and not any((folder / result).exists() for result in unit.results)
        ):
            raise ConfigError(f"{folder / unit.place}: 途中の組があります。別の --output-dir を指定してください。")
    _check_splits(parts)
    for part in parts:
        for split in sorted(part.glob("seed_*/folds")):
            _copy(split, folder / split.relative_to(part))
    for unit, owner in owners:
        # The results again: contexts that a part was asked in later are not in a folder that was copied before.
        for place in unit.results if unit.place is None else (unit.place, *unit.results):
            _copy(owner / place, folder / place)


def _check_result(folder: Path, parts: Sequence[Path], owner: Path, result: Path, name: str) -> None:
    if not (owner / result).is_file():
        raise ConfigError(f"{owner / result}: {name}がまだ終わっていません。この部分を同じ引数で続けてください。")
    for part in parts:
        if part != owner and (part / result).exists():
            raise ConfigError(f"{owner / result} と {part / result}: {name}が二つの部分にあります。")
    if (folder / result).exists() and sha256_file(folder / result) != sha256_file(owner / result):
        raise ConfigError(f"{folder / result}: 別の結果が既にあります。別の --output-dir を指定してください。")


def _check_splits(parts: Sequence[Path]) -> None:
    first: dict[Path, Path] = {}
    for part in parts:
        for path in sorted(part.glob("seed_*/folds/fold_*/*.json")):
            other = first.setdefault(path.relative_to(part), path)
            if sha256_file(other) != sha256_file(path):
                raise ConfigError(f"{other} と {path}: 問題の分け方が違います。")


def _copy(source: Path, target: Path) -> None:
    """A file or a folder, whole or not at all under its name; what is there already is that."""
    if target.exists():
        return
    half = target.with_name(f".{target.name}.part")
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.rmtree(half, ignore_errors=True)  # of a merge that was killed
        shutil.copytree(source, half, ignore=_locks)
    else:
        shutil.copyfile(source, half)
    half.rename(target)


def _locks(place: str, names: list[str]) -> list[str]:
    return [name for name in names if is_lock_file(Path(place) / name)]
