"""An index is built only in a folder of its own; whatever else lies there stays."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.core.errors import ConfigError
from app.retrieval.index.building import build_index
from app.retrieval.index.folder import generations
from app.retrieval.index.manifest import read_manifest


def _texts(folder: Path) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    "files",
    [
        {"thesis.txt": "x"},
        {"gen-ai-notes/thesis.txt": "x"},
        {"gen-0123456789abcdef/thesis.txt": "x"},  # our form of a name, but nothing of ours in it
        {"building/plans/house.txt": "x"},
        {"manifest.json": '{"mine": 1}'},
        {".lock": "mine"},
        {"manifest.json": "{broken", "gen-x/store.sqlite": "x"},
    ],
)
def test_a_folder_that_is_no_index_is_left_alone(book, tmp_path, files):
    for name, text in files.items():
        (tmp_path / "mine" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "mine" / name).write_text(text)
    with pytest.raises(ConfigError) as refused:
        build_index(book, tmp_path / "mine")
    first = sorted(path.name for path in (tmp_path / "mine").iterdir())[0]
    assert str(refused.value) == (
        f"--index-dir {tmp_path / 'mine'} は索引のフォルダではなく、別のファイルがあります（{first} など）。"
        "空のフォルダか、まだないフォルダを指定してください。"
    )
    assert _texts(tmp_path / "mine") == files


def test_files_beside_and_inside_an_index_stay(book, index_dir):
    old = index_dir / read_manifest(index_dir).folder
    mine = {"note.txt": "a", "gen-notes/n.txt": "b", f"{old.name}/mine.txt": "c"}
    for name, text in mine.items():
        (index_dir / name).parent.mkdir(exist_ok=True)
        (index_dir / name).write_text(text)
    build_index(book, index_dir)
    assert {name: (index_dir / name).read_text() for name in mine} == mine
    assert sorted(path.name for path in old.iterdir()) == ["mine.txt"]


def test_building_that_holds_other_files_is_refused(book, index_dir):
    (index_dir / "building").mkdir()
    (index_dir / "building" / "house.txt").write_text("b")
    with pytest.raises(ConfigError, match="building は、このプログラムが書いたものではありません"):
        build_index(book, index_dir)
    assert (index_dir / "building" / "house.txt").read_text() == "b"


def test_a_broken_manifest_may_be_built_again(book, index_dir):
    """The generation's own store says whose the folder is."""
    (index_dir / "manifest.json").write_text("{")
    build_index(book, index_dir)
    assert [folder.name for folder in generations(index_dir)] == [read_manifest(index_dir).folder]


def test_a_file_is_no_folder(book, tmp_path):
    (tmp_path / "i").write_text(json.dumps({}))
    with pytest.raises(ConfigError, match="はファイルです"):
        build_index(book, tmp_path / "i")
