from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from app.commands import build_index
from app.core.cli import run_program

SAMPLE = Path(__file__).resolve().parents[2] / "sample/laws"


def test_builds_and_shows_statistics(tmp_path, capsys):
    assert run_program(build_index.main, ["--source", str(SAMPLE), "--index-dir", str(tmp_path / "i")]) == 0
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "法令、" in printed.err
    assert run_program(build_index.main, ["--stats", "--index-dir", str(tmp_path / "i")]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["counts"]["laws"] == len(list(SAMPLE.rglob("*.xml")))
    assert facts["unreadable"] == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--source", "none.zip"], "none.zip: ありません"),
        (["--source", str(SAMPLE), "--laws", "1X"], "法令ID 1X"),
        (["--stats"], "索引がありません"),
    ],
)
def test_failures_are_one_line(tmp_path, capsys, arguments, words):
    assert run_program(build_index.main, [*arguments, "--index-dir", str(tmp_path / "i")]) == 1
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("arguments", [[], ["--source", "x", "--add", "y"]])
def test_usage(arguments):
    with pytest.raises(SystemExit) as caught:
        build_index.main(arguments)
    assert caught.value.code == 2


def test_adding_and_removing(tmp_path, capsys):
    index = ["--index-dir", str(tmp_path / "i")]
    first, second = sorted(SAMPLE.rglob("*.xml"))[:2]
    assert run_program(build_index.main, ["--source", str(first), *index]) == 0
    assert run_program(build_index.main, ["--add", str(second), *index]) == 0
    assert "追加 1、置き換え 0、削除 0、変更なし 0" in capsys.readouterr().err
    assert run_program(build_index.main, ["--remove", first.stem.split("_")[0], *index]) == 0
    assert run_program(build_index.main, ["--stats", *index]) == 0
    assert json.loads(capsys.readouterr().out)["counts"]["laws"] == 1
    assert run_program(build_index.main, ["--remove", "1X", *index]) == 1
    assert "1X" in capsys.readouterr().err


def test_unreadable_laws_are_listed(tmp_path, capsys):
    (tmp_path / "1.xml").write_text("<Law>", encoding="utf-8")
    law = next(SAMPLE.rglob("*.xml"))
    (tmp_path / law.name).write_bytes(law.read_bytes())
    arguments = ["--source", str(tmp_path), "--index-dir", str(tmp_path / "i")]
    assert run_program(build_index.main, arguments) == 1
    assert run_program(build_index.main, [*arguments, "--skip-unreadable"]) == 0
    assert "除いた法令: 1.xml: XML として読めません" in capsys.readouterr().err


def test_a_damaged_member_of_a_zip_is_named_and_can_be_skipped(tmp_path, capsys):
    laws = sorted(SAMPLE.rglob("*.xml"))[:2]
    source = tmp_path / "laws.zip"
    with zipfile.ZipFile(source, "w", zipfile.ZIP_DEFLATED) as archive:
        for law in laws:
            archive.write(law, law.name)
        start = archive.infolist()[0].header_offset + 30 + len(laws[0].name)
    data = bytearray(source.read_bytes())
    data[start + 40 : start + 60] = b"\xff" * 20
    source.write_bytes(data)
    arguments = ["--source", str(source), "--index-dir", str(tmp_path / "i")]
    fault = f"{source}: {laws[0].name} を取り出せません（Error -3 while decompressing data"
    assert run_program(build_index.main, arguments) == 1
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith(f"エラー: {fault}")
    assert said.endswith("）。取り直してください。（読めない法令を除いて作るには --skip-unreadable を付けてください）")
    assert not (tmp_path / "i" / "manifest.json").exists()
    assert run_program(build_index.main, [*arguments, "--skip-unreadable"]) == 0
    assert f"除いた法令: {fault}" in capsys.readouterr().err
    assert run_program(build_index.main, ["--stats", "--index-dir", str(tmp_path / "i")]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["counts"]["laws"], len(facts["unreadable"])) == (1, 1)
