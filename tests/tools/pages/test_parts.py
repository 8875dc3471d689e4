"""Generated parts of documents."""

import argparse
from pathlib import Path

import pytest

from app.core.errors import DataError
from app.core.manifests import REPOSITORY
from tools.pages.parts import argument_table, markdown_table, refresh

PAGE = "前\n<!-- make docs: greet a b -->\n古い\n<!-- /make docs -->\n後\n"


def test_refresh_replaces_the_body_and_nothing_else() -> None:
    new = refresh(PAGE, {"greet": lambda *words: "+".join(words)}, place="x.md")
    assert new == "前\n<!-- make docs: greet a b -->\na+b\n<!-- /make docs -->\n後\n"
    assert refresh(new, {"greet": lambda *words: "+".join(words)}, place="x.md") == new


@pytest.mark.parametrize(
    ("page", "message"),
    [
        (PAGE, "x.md: make docs: greet という生成部はありません（あるのは other）。"),
        (PAGE.replace("<!-- /make docs -->", ""), "x.md: make docs の始まりと終わりの印の数が合いません。"),
    ],
)
def test_refresh_refuses(page: str, message: str) -> None:
    with pytest.raises(DataError) as caught:
        refresh(page, {"other": str}, place="x.md")
    assert str(caught.value) == message


def test_argument_table() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("place")
    parser.add_argument("--must", required=True, type=Path, help="要る")
    parser.add_argument("--rank", type=int, default=16, help="ランク（既定: 16）")
    parser.add_argument("--kind", choices=("x", "y"), default="x", help="a|b")
    parser.add_argument("--flag", action="store_true", help="旗")
    parser.add_argument("--folder", type=Path, default=REPOSITORY / "sample" / "laws", help="所")
    parser.add_argument("--names", nargs="+", default=["q", "v"], help="名前")
    assert argument_table(parser) == "\n".join(
        [
            "| 引数 | 値 | 既定 | 効果 |",
            "| --- | --- | --- | --- |",
            "| `place` | 文字列 | — |  |",
            "| `--must` | パス | **必須** | 要る |",
            "| `--rank` | 整数 | `16` | ランク |",
            "| `--kind` | `x` / `y` | `x` | a\\|b |",
            "| `--flag` | なし | しない | 旗 |",
            "| `--folder` | パス | `sample/laws` | 所 |",
            "| `--names` | 文字列（複数可） | `q` `v` | 名前 |",
        ]
    )


def test_markdown_table_keeps_cells_on_one_line() -> None:
    assert markdown_table(["甲"], [["一\n二"]]) == "| 甲 |\n| --- |\n| 一 二 |"
