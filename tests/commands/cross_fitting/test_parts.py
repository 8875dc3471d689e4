"""The parts of a cross-fitting become its folder; gaps, overlaps, strangers and unfinished work are refused before a copy."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from app.commands.cross_fitting.parts import Unit, parts_in_order, take_parts, units_of
from app.core.errors import ConfigError, UserError
from app.core.files import read_json, write_json
from app.evaluation.running.shard import Shard
from tests.killing import kill_at_change

BASE = Unit("調整前の評価", (Path("base.json"), Path("base_without.json")))
FOLDS = [
    Unit(f"{number} 組目", (Path(f"seed_1/fold_{number}/tuned.json"),), Path(f"seed_1/fold_{number}"))
    for number in (1, 2, 3)
]
UNITS = [BASE, *FOLDS]
SETTINGS = {"shard": "None", "folds": "3", "data_sha256": "d", "index_dir": "/here"}


@pytest.fixture
def parts(tmp_path: Path) -> list[Path]:
    """Two parts: the untuned evaluation and fold 2, folds 1 and 3."""
    folders = []
    for number in (1, 2):
        folder = tmp_path / f"part {number}"
        write_json(folder / "settings.json", SETTINGS | {"shard": f"{number}/2", "index_dir": f"/there/{number}"})
        for unit in Shard(number, 2).take(UNITS):
            for result in unit.results:
                write_json(folder / result, {"of": unit.name})
            if unit.place:
                write_json(folder / unit.place / "adapter" / "run.json", {"of": unit.name})
                (folder / unit.place / ".lock").touch()
        for fold in (1, 2, 3):
            write_json(folder / "seed_1" / "folds" / f"fold_{fold}" / "test.json", {"fold": fold})
        write_json(folder / "seed_1" / "folds" / "split.json", {"made": number})  # says when it was made
        folders.append(folder)
    return folders


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_the_whole_is_what_the_parts_did(parts: list[Path], tmp_path: Path) -> None:
    whole, before = tmp_path / "whole", [contents(part) for part in parts]
    ordered = parts_in_order(parts[::-1], SETTINGS)
    assert ordered == parts
    take_parts(whole, ordered, UNITS)
    found = contents(whole)
    results = ["base.json", "base_without.json", *(f"seed_1/fold_{n}/{name}" for n in (1, 2, 3) for name in ("adapter/run.json", "tuned.json"))]  # fmt: skip
    splits = [*(f"seed_1/folds/fold_{n}/test.json" for n in (1, 2, 3)), "seed_1/folds/split.json"]
    assert sorted(found) == sorted([*results, *splits])
    assert all(found[name] == {**before[0], **before[1]}[name] for name in results)
    assert [contents(part) for part in parts] == before
    take_parts(whole, ordered, UNITS)  # once more, as after a kill
    assert contents(whole) == found


def test_parts_of_before_name_no_index(parts: list[Path]) -> None:
    assert parts_in_order(parts, {**SETTINGS, "index": {"corpus_hash": "1"}}) == parts
    for part in parts:
        write_json(part / "settings.json", {**read_json(part / "settings.json"), "index": {"corpus_hash": "2"}})
    with pytest.raises(ConfigError, match="違い: index"):
        parts_in_order(parts, {**SETTINGS, "index": {"corpus_hash": "1"}})


def test_half_a_copy_is_made_again(parts: list[Path], tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    write_json(whole / "seed_1" / ".fold_1.part" / "half.json", {})
    take_parts(whole, parts, UNITS)
    assert not list(whole.rglob("*.part"))
    assert not (whole / "seed_1" / "fold_1" / "half.json").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 and fork are POSIX")
def test_a_merge_killed_at_any_file_ends_as_if_nothing_had_been(parts: list[Path], tmp_path: Path) -> None:
    def merge(whole: Path) -> int:
        take_parts(whole, parts, UNITS)
        return 0

    before = [contents(part) for part in parts]
    merge(tmp_path / "whole")
    wanted = contents(tmp_path / "whole")
    for number in range(1, 200):
        again = tmp_path / f"{number}"
        again.mkdir()
        code = kill_at_change(partial(merge, again), number, again)
        merge(again)
        assert contents(again) == wanted, number
        if code is not None:
            break
    assert code == 0
    assert number > 20
    assert [contents(part) for part in parts] == before


def _change(part: int, name: str, value: Any) -> Callable[[list[Path]], None]:
    return lambda parts: write_json(parts[part] / name, value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_change(1, "settings.json", SETTINGS | {"shard": "1/2"}), r"どちらも --shard 1/2 です"),
        (_change(1, "settings.json", SETTINGS | {"shard": "2/3"}), r"part 2: 3 個に分けた部分です（.*part 1 は 2 個）"),
        (_change(1, "settings.json", SETTINGS | {"shard": "2/2", "folds": "5"}), r"part 2: 別の設定で行った部分です（違い: folds）"),
        (_change(1, "settings.json", SETTINGS | {"shard": "2/2", "extra": "1"}), r"違い: extra"),
        (_change(1, "settings.json", SETTINGS | {"shard": "2/2", "index": {"corpus_hash": "other"}}), r"part 2: 別の設定で行った部分です（違い: index）"),
        (_change(1, "settings.json", SETTINGS), r"part 2: --shard で行った交差適合のフォルダではありません"),
        (_change(1, "settings.json", []), r"part 2: --shard で行った交差適合のフォルダではありません"),
        (lambda parts: parts.pop(), r"1 個の部分が足りません: --shard 2/2"),
        (lambda parts: (parts[0] / "base_without.json").unlink(), r"base_without\.json: 調整前の評価がまだ終わっていません"),
        (lambda parts: (parts[1] / FOLDS[2].results[0]).unlink(), r"3 組目がまだ終わっていません"),
        (_change(0, str(FOLDS[0].results[0]), {}), r"1 組目が二つの部分にあります"),
        (_change(1, "base.json", {}), r"調整前の評価が二つの部分にあります"),
        (_change(1, "seed_1/folds/fold_2/test.json", {}), r"問題の分け方が違います"),
    ],
)  # fmt: skip
def test_gaps_overlaps_and_strangers_are_refused(
    parts: list[Path], tmp_path: Path, change: Callable[[list[Path]], object], message: str
) -> None:
    change(parts)
    with pytest.raises(UserError, match=message):
        take_parts(tmp_path / "whole", parts_in_order(parts, SETTINGS), UNITS)
    assert not (tmp_path / "whole").exists()


def test_another_result_in_the_whole_s_place_is_kept(parts: list[Path], tmp_path: Path) -> None:
    write_json(tmp_path / "whole" / "base.json", {"mine": 1})
    before = contents(tmp_path / "whole")
    with pytest.raises(UserError, match=r"base\.json: 別の結果が既にあります"):
        take_parts(tmp_path / "whole", parts, UNITS)
    assert contents(tmp_path / "whole") == before


def test_every_piece_of_work_is_in_one_part() -> None:
    assert units_of(UNITS, None) == UNITS
    for of in (1, 2, 3, 4):
        shares = [units_of(UNITS, Shard(number, of)) for number in range(1, of + 1)]
        assert sorted(unit.name for share in shares for unit in share) == sorted(unit.name for unit in UNITS)
    with pytest.raises(UserError, match="4 個なので、5 個には分けられません"):
        units_of(UNITS, Shard(1, 5))
