from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from app.core.questions import Question
from app.data.lawqa import load_questions
from app.retrieval.index.building import build_index
from app.retrieval.index.statute_index import StatuteIndex
from benchmarks import retrieval_peers, retrieval_qdrant, vectors

SAMPLE = Path(__file__).resolve().parents[2] / "sample"


@pytest.fixture(scope="module")
def questions() -> list[Question]:
    return load_questions(SAMPLE / "selection.json")[:6]


@pytest.fixture(scope="module")
def index(tmp_path_factory) -> StatuteIndex:
    folder = tmp_path_factory.mktemp("stores") / "index"
    build_index(SAMPLE / "laws", folder)
    return StatuteIndex(folder)


def test_an_index_ranks_like_itself(index, questions):
    result = retrieval_qdrant.compare(index, index, questions)
    assert result["same"] == {"first 1": 6, "first 3": 6, "first 10": 6}
    assert result["same_articles_in_top_3"] == result["queries"] == 6


def test_recall_is_the_share_of_the_nearest_that_were_found():
    assert vectors.recall([[1, 2], [3, 9]], [[1, 2], [3, 4]]) == 0.75


def test_random_vectors_have_length_1_and_point_one_way():
    made = np.concatenate(list(vectors.blocks(300, 32)))
    assert made.shape == (300, 32)
    assert np.linalg.norm(made, axis=1) == pytest.approx(np.ones(300), abs=1e-5)
    assert float((made @ made.mean(axis=0)).min()) > 0


def test_the_vector_store_finds_most_of_the_nearest():
    ours = vectors.measure(2000, 64, 5)["ours"]
    assert ours["recall"] >= 0.8
    assert ours["cpu_ms"] < 1000


def test_peers_get_the_same_laws_and_queries(tmp_path):
    laws = ["422SN0000000018", "501SA0000000004"]
    assert retrieval_peers.prepare(tmp_path, SAMPLE / "laws", laws, {"a": "渡船の許可"}) == 2
    assert sorted(path.name.split("_")[0] for path in (tmp_path / "xml").iterdir()) == laws
    found = retrieval_peers.measure("horei-ft", tmp_path)
    assert set(found) == {"build_seconds", "build_cpu_seconds", "query_ms", "query_cpu_ms", "peak_rss", "found"}
    assert len(found["found"]["a"]) == 10
    assert {law_id for law_id, _ in found["found"]["a"]} == set(laws)
    documents = list(retrieval_peers.documents(tmp_path))
    assert {law_id for (law_id, _), _ in documents} == set(laws)
    assert all(tokens for _, tokens in documents)
