from __future__ import annotations

import json
import sys
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from app.commands import build_index as program
from app.core.errors import BackendError, ConfigError, StaleIndexError
from app.retrieval.engines.fusion import RRF_K
from app.retrieval.engines.lexical import PRESENCE_TOKENS
from app.retrieval.engines.qdrant_collection import QdrantAddress, QdrantCollection, qdrant_address
from app.retrieval.index.building import build_index
from app.retrieval.index.manifest import read_manifest
from app.retrieval.index.qdrant_search import QdrantSearch
from app.retrieval.index.qdrant_sync import Revision, Work, plan, synchronise
from app.retrieval.index.statute_index import PARTS, StatuteIndex
from app.retrieval.index.updating import update_index
from app.retrieval.text.query import query_tokens
from tests.retrieval.qdrant_server import serving

MARKET = "505AC0000000003"
OLD = f"{MARKET}_20230401_000000000000000"
QUERIES = (
    "渡船の許可を知事が取り消す",
    "市場の休業日は水曜日とする",
    "桟橋の構造",
    "申請書に氏名を記載して知事に提出",
)
LONG = "知事は、三十日以内に許可をしなければならない。市場は、毎日開く。桟橋の構造は、政令で定める。人を運ぶ船舶をいう。虚偽の記載をしたときは、許可を取り消すことができる。"


@pytest.fixture
def server(tmp_path):
    with serving(tmp_path / "qdrant") as found:
        yield found


@pytest.fixture
def address(server):
    return QdrantAddress(server[0], "horei")


class CharacterEmbedder:
    """Vectors of character counts, of length 1."""

    name, width = "characters", 32

    def passages(self, texts):
        rows = np.full((len(texts), self.width), 0.1, dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            for character in text:
                row[ord(character) * 2654435761 % self.width] += 1
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    def query(self, text):
        return self.passages([text])[0]


# A server does not say how rare its words are, so it cannot tell where they do not reach.
SHARED = tuple(part for part in PARTS if part != "prior")


def _found(index: StatuteIndex, query: str, **more: object) -> list[tuple[str, str]]:
    return [(hit.article.law_title, hit.article.num) for hit in index.search(query, 10, parts=(), **more)]


def test_ranks_and_scores_are_those_of_the_local_engine(index_dir, sample_index, server, address):
    assert len(set(query_tokens("\n".join(QUERIES) * 2 + LONG))) > PRESENCE_TOKENS
    for folder in (index_dir, sample_index):
        synchronise(folder, address)
        local, remote = StatuteIndex(folder), StatuteIndex(folder, qdrant=address)
        # The last is too long for BM25+; without parts the short ones go without it too.
        for query, parts in [
            *((query, SHARED) for query in (*QUERIES, "\n".join(QUERIES) * 2 + LONG)),
            (QUERIES[0], ()),
        ]:
            here, there = local.search(query, 20, parts=parts), remote.search(query, 20, parts=parts)
            # Equal scores may stand in another order.
            assert sorted((-round(hit.score, 3), hit.article.anchor) for hit in here) == sorted((-round(hit.score, 3), hit.article.anchor) for hit in there)  # fmt: skip
            assert [hit.score for hit in there] == pytest.approx([hit.score for hit in here], rel=1e-5)
            assert here[0].article == there[0].article


def test_every_document_is_there_with_its_law_and_dates(index_dir, server, address):
    result = synchronise(index_dir, address)
    assert (result.added, result.removed, result.redated, result.documents) == (3, 0, 0, 11)
    collection = QdrantCollection(address, read_manifest(index_dir).build_id)
    assert collection.versions() == {"1 2023-04-01 9999-12-31": 7, "2 2023-04-01 9999-12-31": 1, "3 2023-04-01 9999-12-31": 3}  # fmt: skip
    state = collection.state()
    assert state is not None
    assert state["generation"] == "1"
    assert state["common"] == []
    sent = next(body for method, path, body in server[1].requests if method == "PUT" and path.endswith("/points") and len(body["points"]) > 1)  # fmt: skip
    assert sent["points"][0]["id"] == 1 << 16
    assert sent["points"][0]["payload"] == {
        "rev": 1, "law_id": "503AC0000000001", "valid_from": 20230401, "valid_to": 99991231, "version": "1 2023-04-01 9999-12-31",
    }  # fmt: skip


def test_a_second_time_writes_nothing(index_dir, address):
    synchronise(index_dir, address)
    assert synchronise(index_dir, address).documents == 0


@pytest.fixture
def market(tmp_path, make_law):
    """Writes a revision of 市場法 that names its day off; returns the file."""

    def write(revision_id: str, day: str) -> Path:
        path = tmp_path / f"{revision_id}.xml"
        path.write_text(
            make_law("市場法", "令和五年法律第三号", {"2": [f"市場の休業日は、{day}とする。"]}), encoding="utf-8"
        )
        return path

    return write


def test_adding_replacing_and_removing_a_law(index_dir, address, market):
    synchronise(index_dir, address)
    index = StatuteIndex(index_dir, qdrant=address)
    assert _found(index, "市場の休業日は水曜日")[0] == ("市場法", "2")

    update_index(index_dir, add=market(OLD, "火曜日"))
    assert synchronise(index_dir, address).documents == 1  # the second paragraph and 第一条 are gone
    hit = index.search("市場の休業日", 1)[0]
    assert hit.passages[0].lines[0][1] == "市場の休業日は、火曜日とする。"

    # A later revision ends the one before it: only its dates are written again.
    update_index(index_dir, add=market(f"{MARKET}_20250401_507AC0000000009", "月曜日"))
    result = synchronise(index_dir, address)
    assert (result.added, result.redated, result.removed) == (1, 1, 0)
    now, then = index.search("市場の休業日", 1)[0], index.search("市場の休業日", 1, as_of=date(2024, 1, 1))[0]
    assert (now.article.valid_from, then.article.valid_from) == ("2025-04-01", "2023-04-01")
    assert _found(index, "市場の休業日", as_of=date(2025, 4, 1)).count(("市場法", "2")) == 1

    update_index(index_dir, remove=[MARKET])
    assert synchronise(index_dir, address).removed == 2
    assert ("市場法", "2") not in _found(index, "市場の休業日は月曜日")
    fresh = StatuteIndex(index_dir)
    for query in QUERIES:
        assert set(_found(index, query)) == set(_found(fresh, query))


def test_laws_and_dates_filter_alike(index_dir, address):
    synchronise(index_dir, address)
    local, remote = StatuteIndex(index_dir), StatuteIndex(index_dir, qdrant=address)
    for index in (local, remote):
        assert {law for law, _ in _found(index, "桟橋の構造と許可", laws=["504CO0000000002"])} == {"渡船法施行令"}
        assert _found(index, "桟橋の構造と許可", as_of=date(2023, 3, 31)) == []
        assert index.search("渡船法第6条の構造", 3, laws=["504CO0000000002"])[0].article.law_title == "渡船法施行令"


def test_vectors_and_fusion_on_the_server(tmp_path, book, address):
    folder = tmp_path / "hybrid"
    embedder = CharacterEmbedder()
    build_index(book, folder, embedder=embedder)
    synchronise(folder, address)
    local, remote = StatuteIndex(folder, "vector", embedder), StatuteIndex(folder, "vector", embedder, address)
    for query in QUERIES:
        here, there = local.search(query, 5, parts=()), remote.search(query, 5, parts=())
        assert [hit.article.anchor for hit in here] == [hit.article.anchor for hit in there]
        assert [hit.score for hit in there] == pytest.approx([hit.score for hit in here], abs=1e-4)
    fused = StatuteIndex(folder, "hybrid", embedder, address).search("市場の休業日は水曜日とする", 3, parts=())
    assert (fused[0].article.law_title, fused[0].article.num) == ("市場法", "2")
    # First in both rankings, ranks counted from 1 as in fusion.py.
    assert fused[0].score == pytest.approx(2 / (RRF_K + 1))
    assert list(fused[0].components) == ["hybrid"]


def test_a_collection_that_lags_behind_is_refused_in_one_line(index_dir, address, market, monkeypatch):
    monkeypatch.setattr(QdrantSearch.wait_for, "__defaults__", (0.0,))
    with pytest.raises(StaleIndexError, match=r"コレクション horei-[0-9a-f]{16} がありません.*--sync"):
        StatuteIndex(index_dir, qdrant=address)
    synchronise(index_dir, address)
    index = StatuteIndex(index_dir, qdrant=address)
    update_index(index_dir, add=market(OLD, "火曜日"))
    with pytest.raises(StaleIndexError, match=r"世代 1 で、索引の世代 2 と違います.*--sync") as caught:
        index.search("市場の休業日", 1)
    assert "\n" not in str(caught.value)
    synchronise(index_dir, address)
    assert index.search("市場の休業日", 1)[0].article.law_title == "市場法"


def test_a_sync_that_was_cut_short_is_seen_and_mended(index_dir, address, market, monkeypatch):
    monkeypatch.setattr(QdrantSearch.wait_for, "__defaults__", (0.0,))
    synchronise(index_dir, address)
    update_index(index_dir, add=market(OLD, "火曜日"))
    with monkeypatch.context() as cut:
        cut.setattr(QdrantCollection, "add", lambda *_: (_ for _ in ()).throw(BackendError("cut")))
        with pytest.raises(BackendError):
            synchronise(index_dir, address)
    with pytest.raises(StaleIndexError, match="書き換えの途中"):
        StatuteIndex(index_dir, qdrant=address)
    assert synchronise(index_dir, address).documents == 1
    assert StatuteIndex(index_dir, qdrant=address).search("火曜日", 1)[0].article.law_title == "市場法"


def test_a_search_during_an_update_is_not_trusted(index_dir, address):
    synchronise(index_dir, address)
    index = StatuteIndex(index_dir, qdrant=address)
    collection = QdrantCollection(address, read_manifest(index_dir).build_id)
    collection.set_state((collection.state() or {}) | {"generation": None})
    with pytest.raises(StaleIndexError, match="書き換えられました"):
        index.search("市場の休業日", 1)


def test_a_new_build_has_a_collection_of_its_own_and_the_old_one_goes(index_dir, book, server, address):
    synchronise(index_dir, address)
    other = QdrantCollection(QdrantAddress(address.url, "other"), "0123456789abcdef")
    other.create(None)
    old = read_manifest(index_dir).build_id
    build_index(book, index_dir)
    new = read_manifest(index_dir).build_id
    assert new != old
    synchronise(index_dir, address)
    assert sorted(server[1].shards) == sorted([f"horei-{new}", "other-0123456789abcdef"])


def test_the_plan_follows_from_what_is_there():
    def revision(rev, valid_to="9999-12-31", documents=4):
        return Revision(rev, "L", "2020-01-01", valid_to, documents)

    wanted = [revision(1), revision(2, "2021-01-01"), revision(3), revision(4), revision(5)]
    held = {
        "1 2020-01-01 9999-12-31": 4,  # as it should be
        "2 2020-01-01 9999-12-31": 4,  # other dates
        "3 2020-01-01 9999-12-31": 3,  # a document is missing
        "5 2020-01-01 9999-12-31": 1,  # dates set halfway
        "5 2020-01-01 2021-01-01": 3,
        "9 2020-01-01 9999-12-31": 2,  # not in the store any more
    }
    assert plan(wanted, held) == Work(remove=(3, 9), redate=(2, 5), add=(3, 4))


def test_the_program_builds_and_brings_the_server_along(tmp_path, book, server, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RETRIEVER_STORE", "qdrant")
    monkeypatch.setenv("QDRANT_URL", server[0])
    folder = str(tmp_path / "i")
    assert program.main(["--source", str(book), "--index-dir", folder]) == 0
    assert "書いた文書 11" in capsys.readouterr().err
    assert program.main(["--remove", MARKET, "--index-dir", folder]) == 0
    assert "削除 1" in capsys.readouterr().err
    assert program.main(["--sync", "--index-dir", folder]) == 0
    assert "書いた文書 0" in capsys.readouterr().err
    monkeypatch.setenv("RETRIEVER_STORE", "local")
    with pytest.raises(SystemExit):
        program.main(["--sync", "--index-dir", folder])


def test_a_server_that_is_not_there_is_one_line(index_dir):
    with pytest.raises(BackendError, match=r"127\.0\.0\.1:9 .*応答がありません.*QDRANT_URL") as caught:
        synchronise(index_dir, QdrantAddress("http://127.0.0.1:9", "horei"))
    assert "\n" not in str(caught.value)


def test_the_key_is_sent_and_never_shown(tmp_path, index_dir, config_for):
    with serving(tmp_path / "q", api_key="s3cret") as (url, engine):
        config = config_for(index_dir, retriever_store="qdrant", qdrant_url=url, qdrant_api_key="s3cret")
        address = qdrant_address(config.retriever)
        assert address is not None
        assert synchronise(index_dir, address).documents == 11
        assert engine.keys == {"s3cret"}
        for text in (repr(address), str(config), json.dumps(config.retriever.model_dump(mode="json"))):
            assert "s3cret" not in text
        with pytest.raises(BackendError, match="QDRANT_API_KEY"):
            synchronise(index_dir, QdrantAddress(url, "horei", "wrong"))
    assert qdrant_address(config_for(index_dir).retriever) is None


def test_a_key_is_not_sent_in_the_open():
    with pytest.raises(ConfigError, match=r"https://") as caught:
        QdrantAddress("http://example.com:6333", "horei", "s3cret")
    assert "s3cret" not in str(caught.value)


def test_a_missing_package_is_one_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "qdrant_client", None)
    with pytest.raises(ConfigError, match=r"pip install 'horei-ft\[qdrant\]'"):
        QdrantCollection(QdrantAddress("http://localhost:6333", "horei"), "0" * 16)
