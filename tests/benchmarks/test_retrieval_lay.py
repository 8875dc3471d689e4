from __future__ import annotations

from pathlib import Path

from app.core.files import read_jsonl, write_jsonl
from app.retrieval.index.building import build_index
from benchmarks.retrieval_lay import REWRITINGS, LayQuestion, hits_at, lay
from benchmarks.retrieval_references import references

SAMPLE = Path(__file__).resolve().parents[2] / "sample/laws"


def test_hits_are_counted_at_three_and_ten():
    questions = [LayQuestion(str(n), "", frozenset({("民法", "1")})) for n in range(4)]
    filler = [("民法", str(n)) for n in range(2, 20)]
    found = [[("民法", "1")], [*filler[:2], ("民法", "1")], [*filler[:3], ("民法", "1")], filler]
    assert hits_at(found, questions) == {"hit_at_3": 0.5, "hit_at_10": 0.75}


def test_every_rewriting_is_of_an_odd_id():
    rows = read_jsonl(REWRITINGS)
    assert len(rows) == 33
    assert all(LayQuestion(row["id"], "", frozenset()).odd and row["queries"] for row in rows)


def test_rows_and_references_of_the_sample(tmp_path):
    build_index(SAMPLE, tmp_path / "i")
    write_jsonl(tmp_path / "q.jsonl", [
        {"id": "n01", "query": "渡船事業法第3条", "gold": [["渡船事業法", "3"]]},
        {"id": "n02", "query": "渡船事業法第4条", "gold": [["渡船事業法", "3"]]},
    ])  # fmt: skip
    rows = lay(tmp_path / "i", tmp_path / "q.jsonl", even=True)["rows"]
    assert rows["odd ids: as asked"] == {"questions": 1, "hit_at_3": 1.0, "hit_at_10": 1.0, "coverage_median": 1.0}
    assert set(rows) == {
        "odd ids: without prior", "odd ids: as asked", "odd ids: rewritten by hand", "even ids: without prior", "even ids: as asked",
    }  # fmt: skip
    assert "even ids: as asked" not in lay(tmp_path / "i", tmp_path / "q.jsonl", even=False)["rows"]
    found = references(tmp_path / "i")
    assert found["wrong"] == []
    assert set(found["outcomes"]["main"]) == {"right"}
