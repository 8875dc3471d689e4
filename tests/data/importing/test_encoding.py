"""Encodings are found out from the bytes, told by name, and a byte that fits nowhere is placed."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import DataError
from app.data.importing.encoding import read_any

TEXT = "問題文,選択肢1,正解\r\n「回覧板」は～①いつ回すか,高橋さん,１\r\n"
LEGACY = TEXT.replace("～", "")  # has other characters in each of the old encodings


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        (TEXT.encode("utf-8"), "UTF-8（BOM なし）"),
        (TEXT.encode("utf-8-sig"), "UTF-8（BOM 付き）"),
        (TEXT.encode("cp932"), "CP932（Shift_JIS）"),
        (LEGACY.replace("①", "").encode("euc_jp"), "EUC-JP"),
        (LEGACY.replace("①", "").encode("iso2022_jp"), "ISO-2022-JP"),
        (TEXT.encode("utf-16"), "UTF-16"),
        (b"\xfe\xff" + TEXT.encode("utf-16-be"), "UTF-16"),
        (TEXT.encode("utf-16-le"), "UTF-16（LE、BOM なし）"),
        (TEXT.encode("utf-16-be"), "UTF-16（BE、BOM なし）"),
        (b"q,a\r\nx,y\r\n", "ASCII"),
    ],
)
def test_the_encoding_is_found_out(tmp_path: Path, data: bytes, encoding: str) -> None:
    (tmp_path / "x.csv").write_bytes(data)
    read = read_any(tmp_path / "x.csv")
    assert read.encoding == encoding
    assert "\r" not in read.text
    assert not read.text.startswith("\ufeff")
    if encoding != "ASCII":
        assert read.text.splitlines()[1].endswith("いつ回すか,高橋さん,１")


def test_an_encoding_asked_for_by_name_is_used(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_bytes("ア".encode("cp932"))
    assert read_any(tmp_path / "x.csv", "cp932").encoding == "CP932"
    with pytest.raises(DataError, match=r"UTF-8 として読めません（1 行目、0 バイト目）"):
        read_any(tmp_path / "x.csv", "utf-8")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            "良い行\n".encode() + b"\xff\xff\n",
            r"文字コードがわかりません（UTF-8 としては 2 行目、10 バイト目で読めなくなり",
        ),
        ("あ".encode("utf-8-sig") + b"\xff", r"UTF-8（BOM 付き）の印で始まりますが、1 行目、6 バイト目で"),
        (b"PK\x03\x04rest", "Excel のブックです"),
        (b"q,a\nx\0\x01,y\nz", "2 行目に NUL 文字"),
    ],
)
def test_bytes_that_are_no_text_are_refused(tmp_path: Path, data: bytes, message: str) -> None:
    (tmp_path / "x.csv").write_bytes(data)
    with pytest.raises(DataError, match=message):
        read_any(tmp_path / "x.csv")


@given(
    st.text("あいうえおかきくけこをがのはでと会長任期町内回覧板一二三年日", min_size=1),
    st.sampled_from(["cp932", "euc_jp"]),
)
def test_japanese_sentences_are_told_apart(tmp_path_factory: pytest.TempPathFactory, text: str, codec: str) -> None:
    path = tmp_path_factory.getbasetemp() / "told.csv"
    path.write_bytes(f"問題文,正解\nこれは、{text}です。,a\n".encode(codec))
    assert read_any(path).text == f"問題文,正解\nこれは、{text}です。,a\n"
