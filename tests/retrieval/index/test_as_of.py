from __future__ import annotations

from datetime import date

import pytest

from app.commands import build_index as program
from app.core.errors import DataError
from app.data.egov.source import LawFile
from app.data.egov.xml import revision_date
from app.retrieval.index.building import build_index, in_force
from app.retrieval.index.manifest import read_manifest
from app.retrieval.index.statute_index import StatuteIndex
from app.retrieval.index.updating import update_index

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
    files = [LawFile(f"{name}/{name}.xml", 1, bytes, bytes) for name in names]
    found = [file.name.split("/")[0] for file in in_force(files, date.fromisoformat(day))]
    assert [name.lower() for name in found] == [name.lower() for name in kept]


@pytest.fixture
def shops(tmp_path, make_law):
    """Two laws in files that are named by hand, and alike up to the first _."""
    (tmp_path / "shops").mkdir()
    for name in ("shop_hours", "shop_rules"):
        xml = make_law(f"{name}法", "令和三年法律第一号", {"1": [f"{name}の定め"]})
        (tmp_path / "shops" / f"{name}.xml").write_text(xml, encoding="utf-8")
    return tmp_path / "shops"


def test_laws_whose_names_begin_alike_are_two_laws(shops, tmp_path):
    result = build_index(shops, tmp_path / "i", as_of=date(2024, 4, 1))
    assert (result.counts["laws"], result.dropped) == (2, ())
    index = StatuteIndex(tmp_path / "i")
    found = [index.references(f"{name}法第1条")[0].article.law_id for name in ("shop_hours", "shop_rules")]
    assert found == ["shop_hours", "shop_rules"]


def test_a_law_is_chosen_by_the_id_that_the_index_knows_it_by(shops, tmp_path):
    assert build_index(shops, tmp_path / "i", laws=["shop_rules"]).counts["laws"] == 1
    rows = StatuteIndex(tmp_path / "i").store.connection.execute("SELECT law_id FROM laws").fetchall()
    assert rows == [("shop_rules",)]
    with pytest.raises(DataError, match=r"shops: 指定された法令ID shop がありません。$"):
        build_index(shops, tmp_path / "i", laws=["shop"])


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


def test_a_day_without_a_revision_is_said(tmp_path, make_law):
    """渡船法 is there from 2025 on only, 市場法 was enacted in 2025, 港法 has both."""
    for name, title in (
        ("503AC0000000001_20250401_507AC0000000009", "渡船法"),
        ("507AC0000000002_20250401_000000000000000", "市場法"),
        ("401AC0000000004_20250401_000000000000000", "岬法"),  # as some data have it: no amending law, but 36 years old
        ("501AC0000000003_20200401_000000000000000", "港法"),
        ("501AC0000000003_20250401_507AC0000000009", "港法"),
    ):
        (tmp_path / "laws" / name).mkdir(parents=True)
        xml = make_law(title, f"令和三年法律第{name[12:15]}号", {"1": [f"{title}の定め"]})
        if title == "岬法":
            xml = xml.replace('Era="Reiwa"', 'Era="Heisei"').replace('Year="3"', 'Year="1"')
        (tmp_path / "laws" / name / f"{name}.xml").write_text(xml, encoding="utf-8")
    folder = tmp_path / "i"
    result = build_index(tmp_path / "laws", folder)
    assert result.dropped == ()
    index = StatuteIndex(folder)
    day = date(2024, 4, 1)
    found = {name: index.references(f"{name}第1条", as_of=day)[0] for name in ("渡船法", "市場法", "港法", "岬法")}
    assert [item.status for item in found.values()] == ["no_revision", "no_revision", "found", "no_revision"]
    assert (
        "2024-04-01 に施行されていた渡船法の版は索引にありません（あるのは 2025-04-01 からの版）"
        in found["渡船法"].note
    )
    assert "施行されていた岬法の版は索引にありません（あるのは 2025-04-01 からの版）" in found["岬法"].note
    assert "市場法は 2025-04-01 に施行された法令で、2024-04-01 にはまだ施行されていません" in found["市場法"].note
    assert index.gaps(day) == [
        "2024-04-01 に施行されていた版が索引にない法令が 2 件あり（全 4 件）、結果に入りません。"
    ]
    assert index.gaps(date(2025, 4, 1)) == index.gaps() == []
    dated = build_index(tmp_path / "laws", tmp_path / "dated", as_of=day)
    assert dated.dropped == (("401AC0000000004", "岬法"), ("507AC0000000002", "市場法"), ("503AC0000000001", "渡船法"))
    assert "法令 3 件が入っていません" in StatuteIndex(tmp_path / "dated").gaps()[0]
    item = StatuteIndex(tmp_path / "dated").references("渡船法第1条")[0]
    assert (item.status, item.note) == (
        "no_revision",
        "渡船法第1条: この索引は 2024-04-01 の条文だけで、渡船法のその日の版は入っていません。",
    )


def test_of_two_revisions_of_one_day_the_later_amendment_counts_however_they_came(tmp_path, make_law):
    names = [f"{MARKET}_20250401_{amending}" for amending in ("506AC0000000002", "507AC0000000001")]
    for name, day in zip(names, ("火曜日", "金曜日"), strict=True):
        (tmp_path / name).mkdir()
        xml = make_law("市場法", "令和五年法律第三号", {"2": [f"市場の休業日は、{day}とする。"]})
        (tmp_path / name / f"{name}.xml").write_text(xml, encoding="utf-8")
    shown = []
    for first, second in (names, names[::-1]):
        build_index(tmp_path / first, tmp_path / f"i-{first}")
        update_index(tmp_path / f"i-{first}", add=tmp_path / second)
        shown.append(StatuteIndex(tmp_path / f"i-{first}").search("市場の休業日", 5))
    both = tmp_path / "both"
    both.mkdir()
    for name in names:
        (tmp_path / name).rename(both / name)
    build_index(both, tmp_path / "i")
    shown.append(StatuteIndex(tmp_path / "i").search("市場の休業日", 5))
    for hits in shown:
        assert [hit.passages[0].lines[0][1] for hit in hits] == ["市場の休業日は、金曜日とする。"]
    build_index(both, tmp_path / "dated", as_of=date(2025, 4, 1))
    assert "金曜日" in StatuteIndex(tmp_path / "dated").search("市場の休業日", 1)[0].passages[0].lines[0][1]


def test_a_day_before_every_law_is_refused_and_nothing_is_written(book, tmp_path):
    with pytest.raises(DataError, match="1900-01-01 に施行されている法令がありません"):
        build_index(book, tmp_path / "i", as_of=date(1900, 1, 1))
    assert not (tmp_path / "i" / "manifest.json").exists()


def test_an_interrupted_build_of_another_day_is_not_gone_on_with(revisions, tmp_path, monkeypatch):
    folder = tmp_path / "i"
    with monkeypatch.context() as cut:
        cut.setattr("app.retrieval.index.building._finish", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))
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
