"""Laws given back by the store are the laws that were put in."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from app.data.egov.law import lines
from app.data.egov.source import law_files, read_law
from app.retrieval.index.building import build_index
from app.retrieval.index.statute_index import StatuteIndex
from app.retrieval.store.laws import paragraph_of, stored_sources

SAMPLE = Path(__file__).resolve().parents[3] / "sample" / "laws"


def test_a_paragraph_is_read_back_from_its_lines() -> None:
    for law in map(read_law, law_files(SAMPLE)):
        for article in law.main.articles:
            for one in article.paragraphs:
                assert paragraph_of(one.num, one.label, one.caption, tuple(lines(one))) == one


def test_laws_in_force_come_back_with_their_main_provisions(tmp_path: Path) -> None:
    build_index(SAMPLE, tmp_path / "index")
    sources = {one.title(): one for one in stored_sources(tmp_path / "index", date(2026, 6, 1))}
    for law in map(read_law, law_files(SAMPLE)):
        if law.title in sources:
            stored = sources[law.title].read()
            assert stored.main == law.main
            assert (stored.law_id, stored.revision_id) == (law.law_id, law.revision_id)
    assert len(sources) >= 9


def test_two_days_with_the_same_last_change_have_the_same_law(tmp_path: Path) -> None:
    build_index(SAMPLE, tmp_path / "index")
    store = StatuteIndex(tmp_path / "index").store
    changes = [store.last_change(day) for day in ("0000-01-01", "2025-09-30", "2025-10-01", "2025-12-31", "2026-01-01")]
    assert changes == [None, "2025-04-01", "2025-10-01", "2025-10-01", "2026-01-01"]
    assert store.last_change("9000-01-01") == "2026-01-01"
