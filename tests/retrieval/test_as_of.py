from __future__ import annotations

from datetime import date

import pytest

from app.core.errors import DataError
from app.data.egov import revision_date
from app.data.egov_source import LawFile
from app.retrieval.building import build_index, in_force
from app.retrieval.manifest import read_manifest
from app.retrieval.statute_index import StatuteIndex
from scripts import build_index as program

MARKET = "505AC0000000003"


@pytest.mark.parametrize(
    ("revision_id", "day"),
    [
        ("505AC0000000003_20230401_000000000000000", "2023-04-01"),
        ("321CONSTITUTION_19470503_000000000000000", "1947-05-03"),
        ("505AC0000000003", None),
        ("market", None),
    ],
)
def test_the_date_of_a_revision_is_in_its_id(revision_id, day):
    assert revision_date(revision_id) == day


@pytest.mark.parametrize(
    ("day", "kept"),
    [
        ("2023-03-31", ["plain"]),
        ("2023-04-01", ["a_20230401_x", "plain"]),
        ("2025-03-31", ["a_20230401_x", "plain"]),
        ("2025-04-01", ["a_20250401_x", "plain"]),
        ("2030-01-01", ["a_20250401_x", "B_20300101_x", "plain"]),
    ],
)
def test_one_revision_of_each_law_is_in_force(day, kept):
    names = ["A_20230401_X", "A_20250401_X", "B_20300101_X", "plain"]
    files = [LawFile(f"{name}/{name}.xml", 1, bytes) for name in names]
    found = [file.name.split("/")[0] for file in in_force(files, date.fromisoformat(day))]
    assert [name.lower() for name in found] == [name.lower() for name in kept]


@pytest.fixture
def revisions(book, make_law):
    """市場法 with a revision of 2025 and one of 2099 beside the first."""
    for revision, day in (("20250401_507AC0000000009", "月曜日"), ("20990401_507AC0000000010", "日曜日")):
        name = f"{MARKET}_{revision}"
        (book / name).mkdir()
        xml = make_law("市場法", "令和五年法律第三号", {"2": [f"市場の休業日は、{day}とする。"]})
        (book / name / f"{name}.xml").write_text(xml, encoding="utf-8")
    return book


@pytest.mark.parametrize(("day", "off"), [("2024-01-01", "水曜日"), ("2025-04-01", "月曜日"), ("2099-04-01", "日曜日")])
def test_an_index_of_one_day_holds_and_searches_that_day(revisions, tmp_path, day, off):
    folder = tmp_path / "i"
    result = build_index(revisions, folder, as_of=date.fromisoformat(day))
    assert result.counts["revisions"] == result.counts["laws"] == 3
    assert read_manifest(folder).as_of == day
    index = StatuteIndex(folder)
    hit = index.search("市場の休業日は何曜日か", 1)[0]  # not today's
    assert hit.passages[0].lines[0][1] == f"市場の休業日は、{off}とする。"
    assert index.references("市場法第2条")[0].article == hit.article
    assert index.search("市場の休業日は何曜日か", 1, as_of=date.fromisoformat(day))[0].article == hit.article
    with pytest.raises(DataError, match=rf"{day} に施行されている条文しかなく、2026-01-01 の条文は引けません.*--as-of"):
        index.search("市場の休業日", 1, as_of=date(2026, 1, 1))


def test_a_day_before_every_law_is_refused_and_nothing_is_written(book, tmp_path):
    with pytest.raises(DataError, match="1900-01-01 に施行されている法令がありません"):
        build_index(book, tmp_path / "i", as_of=date(1900, 1, 1))
    assert not (tmp_path / "i" / "manifest.json").exists()


def test_an_interrupted_build_of_another_day_is_not_gone_on_with(revisions, tmp_path, monkeypatch):
    folder = tmp_path / "i"
    with monkeypatch.context() as cut:
        cut.setattr("app.retrieval.building._finish", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))
        with pytest.raises(KeyboardInterrupt):
            build_index(revisions, folder, as_of=date(2024, 1, 1))
    result = build_index(revisions, folder, as_of=date(2025, 4, 1))
    assert result.resumed == 0
    assert "月曜日" in StatuteIndex(folder).search("市場の休業日", 1)[0].passages[0].lines[0][1]


def test_the_program_takes_the_day(revisions, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    arguments = ["--source", str(revisions), "--index-dir", str(tmp_path / "i"), "--as-of", "2024-01-01"]
    assert program.main(arguments) == 0
    assert "3 法令" in capsys.readouterr().err
    assert read_manifest(tmp_path / "i").as_of == "2024-01-01"
