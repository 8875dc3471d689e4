from __future__ import annotations

import sys

import pytest

from app.commands import build_index as program
from app.core.errors import ConfigError, StaleIndexError
from app.retrieval.engines.lexical import SECOND_WEIGHT
from app.retrieval.engines.sudachi import SudachiWords, second_words
from app.retrieval.index.building import build_index
from app.retrieval.index.manifest import read_manifest
from app.retrieval.index.statute_index import StatuteIndex
from app.retrieval.index.updating import update_index


class Spellings:
    """Two ways to write two words, and nothing else."""

    version = "spellings/1"

    def words(self, text):
        return [word for shapes, word in ((("水曜日", "水ようび"), "水曜"), (("毎日", "まいにち"), "毎日")) for shape in shapes for _ in range(text.count(shape))]  # fmt: skip


@pytest.fixture
def with_words(book, tmp_path):
    build_index(book, tmp_path / "words", second=Spellings())
    return tmp_path / "words"


def test_another_spelling_is_found_by_the_second_field(with_words, index_dir):
    query = "市場の水ようび"
    plain = {hit.article.num: hit.components["bm25"] for hit in StatuteIndex(index_dir).search(query, 9) if hit.article.law_title == "市場法"}  # fmt: skip
    both = {hit.article.num: hit.components["bm25"] for hit in StatuteIndex(with_words, second=Spellings()).search(query, 9) if hit.article.law_title == "市場法"}  # fmt: skip
    assert both["2"] > plain["2"]  # 水曜日
    assert both["1"] == pytest.approx(plain["1"])  # 毎日 is not asked for
    assert SECOND_WEIGHT > 0


def test_the_field_is_written_down_and_has_to_be_asked_for(with_words, index_dir):
    assert read_manifest(with_words).sudachi == "spellings/1"
    assert read_manifest(index_dir).sudachi is None
    with pytest.raises(StaleIndexError, match="RETRIEVER_SUDACHI=true"):
        StatuteIndex(with_words)
    with pytest.raises(StaleIndexError, match=r"build_index\.py --sudachi"):
        StatuteIndex(index_dir, second=Spellings())
    other = Spellings()
    other.version = "spellings/2"
    with pytest.raises(StaleIndexError, match=r"索引は spellings/1、このプログラムは spellings/2"):
        StatuteIndex(with_words, second=other)
    with pytest.raises(StaleIndexError, match="RETRIEVER_SUDACHI=true"):
        update_index(with_words, remove=["505AC0000000003"])


def test_an_update_writes_the_field_too(with_words, tmp_path, make_law):
    name = "505AC0000000003_20230401_000000000000000"
    path = tmp_path / f"{name}.xml"
    path.write_text(make_law("市場法", "令和五年法律第三号", {"7": ["市場は、水曜日に休む。"]}), encoding="utf-8")
    update_index(with_words, add=path, second=Spellings())
    hits = StatuteIndex(with_words, second=Spellings()).search("まいにち、水ようび", 3)
    assert [(hit.article.law_title, hit.article.num) for hit in hits] == [("市場法", "7")]


def test_a_missing_package_is_one_line(monkeypatch, tmp_path, book, capsys):
    monkeypatch.setitem(sys.modules, "sudachipy", None)
    with pytest.raises(ConfigError, match=r"pip install 'horei-ft\[sudachi\]'"):
        program.main(["--source", str(book), "--index-dir", str(tmp_path / "i"), "--sudachi"])


def test_only_the_local_store_has_it(index_dir, config_for):
    assert second_words(config_for(index_dir).retriever) is None
    with pytest.raises(ConfigError, match="RETRIEVER_STORE=local"):
        second_words(config_for(index_dir, retriever_sudachi=True, retriever_store="qdrant").retriever)


def test_words_of_sudachi_are_normalised_and_without_particles():
    # Not in dev: the dictionary is a wheel of 77 MB. The field itself is tested with a stand-in.
    pytest.importorskip("sudachipy", reason="needs the extra [sudachi]")
    pytest.importorskip("sudachidict_core", reason="needs the extra [sudachi]")
    cut = SudachiWords()
    assert cut.words("届出の取扱いを行う。\n引越し") == ["届け出", "取り扱い", "行う", "引っ越し"]
    assert "sudachidict_core" in cut.version
    assert len(cut.words("条文" * 60_000)) == 120_000 // 2  # longer than Sudachi takes at once
