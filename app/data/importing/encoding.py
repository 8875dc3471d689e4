"""Which encoding a text file has, found out from its bytes, and its text."""

from __future__ import annotations

import re
import unicodedata
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from dataclasses import dataclass
from pathlib import Path

from ...core.errors import DataError
from ...core.failures import os_error_line

# What may be asked for by name, and Python's codec. cp932 is what Excel on Windows saves as plain CSV.
ENCODINGS = {
    "utf-8": "utf-8",
    "cp932": "cp932",
    "euc-jp": "euc_jp",
    "iso-2022-jp": "iso2022_jp_ext",
    "utf-16": "utf-16",
}
_HALF_KANA = re.compile("[\uff61-\uff9f]")


@dataclass(frozen=True, slots=True)
class Decoded:
    """The text of a file without its byte order mark, line ends as ``\\n``, and its encoding as it is told to the user."""

    text: str
    encoding: str


def read_any(path: Path, encoding: str | None = None) -> Decoded:
    """The text of ``path``, its encoding found out unless ``encoding`` (a key of ENCODINGS) names it.

    Raises DataError with the place of the first byte that does not fit.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise DataError(f"{path}: ファイルがありません。パスを確かめてください。") from None
    except IsADirectoryError:
        raise DataError(f"{path}: フォルダです。ファイルを指定してください。") from None
    except OSError as error:
        raise DataError(os_error_line(error, path)) from None
    if data.startswith(b"PK\x03\x04") or data.startswith(b"\xd0\xcf\x11\xe0"):
        raise DataError(f"{path}: Excel のブックです。「CSV UTF-8（コンマ区切り）」で保存し直してください。")
    found = _named(data, encoding, path) if encoding else _found_out(data, path)
    if "\0" in found.text:
        line = found.text[: found.text.index("\0")].count("\n") + 1
        raise DataError(
            f"{path}: {line} 行目に NUL 文字があり、文章のファイルではありません（{found.encoding} として）。--encoding で文字コードを指定してください。"
        )
    return Decoded(re.sub("\r\n?", "\n", found.text.removeprefix("\ufeff")), found.encoding)


def _named(data: bytes, encoding: str, path: Path) -> Decoded:
    try:
        return Decoded(data.decode(ENCODINGS[encoding]), encoding.upper())
    except UnicodeError as error:
        where = _line_of(data, error)
        raise DataError(
            f"{path}: {encoding.upper()} として読めません{where}。--encoding を外すと文字コードを調べます。"
        ) from None


def _line_of(data: bytes, error: UnicodeError) -> str:
    if not isinstance(error, UnicodeDecodeError):
        return ""
    line = data[: error.start].count(b"\n") + 1
    return f"（{line} 行目、{error.start} バイト目）"


def _found_out(data: bytes, path: Path) -> Decoded:
    if data.startswith(BOM_UTF8):
        return Decoded(_strict(data, "utf-8", "UTF-8（BOM 付き）", path), "UTF-8（BOM 付き）")
    if data.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        return Decoded(_strict(data, "utf-16", "UTF-16", path), "UTF-16")
    for codec, name in (("utf-16-le", "UTF-16（LE、BOM なし）"), ("utf-16-be", "UTF-16（BE、BOM なし）")):
        # Commas and line ends have a zero byte beside them in UTF-16, and text in no other encoding has any.
        if b"\0" in data and len(data) % 2 == 0 and (text := _decoded(data, codec)) is not None and _is_text(text):
            return Decoded(text, name)
    if b"\x1b$" in data and (text := _decoded(data, "iso2022_jp_ext")) is not None:
        return Decoded(text, "ISO-2022-JP")
    if (text := _decoded(data, "utf-8")) is not None:
        return Decoded(text, "ASCII" if text.isascii() else "UTF-8（BOM なし）")
    readings = [
        Decoded(text, name)
        for codec, name in (("cp932", "CP932（Shift_JIS）"), ("euc_jp", "EUC-JP"))
        if (text := _decoded(data, codec)) is not None and _is_text(text)
    ]
    if not readings:
        try:
            data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise DataError(
                f"{path}: 文字コードがわかりません（UTF-8 としては {_line_of(data, error)[1:-1]}で読めなくなり、CP932・EUC-JP・UTF-16 でもありません）。"
                "UTF-8 で保存し直すか、--encoding で指定してください。"
            ) from None
    # EUC-JP read as CP932 comes out as half-width kana.
    return min(readings, key=lambda one: len(_HALF_KANA.findall(one.text)))


def _strict(data: bytes, codec: str, name: str, path: Path) -> str:
    try:
        return data.decode(codec)
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path}: {name}の印で始まりますが、{_line_of(data, error)[1:-1]}で読めなくなります。UTF-8 で保存し直してください。"
        ) from None


def _decoded(data: bytes, codec: str) -> str | None:
    try:
        return data.decode(codec)
    except UnicodeDecodeError:
        return None


def _is_text(text: str) -> bool:
    """Whether ``text`` has no control, private or unassigned characters, as a wrong reading of bytes would."""
    return all(char in "\t\r\n\x1b" or unicodedata.category(char) not in ("Cc", "Co", "Cn", "Cs") for char in text)
