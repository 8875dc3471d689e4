"""Rows keep the line they begin on; what is wrong with the file as such is told with that line."""

import pytest

from app.data.importing.tables import TableRow, read_json_lines, read_table


def test_a_quoted_line_end_keeps_the_numbers_right() -> None:
    table = read_table('問,答\n"一\n二",a\n\n三,b\n')
    assert table.columns == ("問", "答")
    assert table.rows == (TableRow(2, {"問": "一\n二", "答": "a"}), TableRow(5, {"問": "三", "答": "b"}))
    assert table.faults == ()


@pytest.mark.parametrize(
    ("text", "kind", "columns"),
    [
        ("問\t答\n一,二\ta\n", "タブ区切り", ("問", "答")),
        ("問;答;解説\n一,二;a;\n", "セミコロン区切り", ("問", "答", "解説")),
        ("問,答\n一;二;三,a\n", "コンマ区切り", ("問", "答")),
        ('"問,い",答\n一,a\n', "コンマ区切り", ("問,い", "答")),
    ],
)
def test_the_delimiter_is_the_one_of_the_header(text: str, kind: str, columns: tuple[str, ...]) -> None:
    table = read_table(text)
    assert (table.kind, table.columns, table.faults) == (kind, columns, ())


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        (
            "問,答\n一,二,a\nx\n",
            [
                "2 行目: 列が 3 つあります（見出しは 2 つ）。値の中の区切り文字や改行は \" で囲んでください。",
                "3 行目: 列が 1 つあります（見出しは 2 つ）。足りない列があります。",
            ],
        ),
        ('問,答\n一,a\n"二,b\n三,c\n', ['3 行目: " で始まる値が閉じていません。この行から先は読めていません。']),
        ('問,答\n"一"二,a\n', ['2 行目: " で囲んだ値の後に余分な文字があります（値の中の " は "" と書きます）。この行から先は読めていません。']),
        ("問,問\n一,a\n", ["1 行目: 見出し「問」が二つあります。"]),
        ("問題，正解\n一，a\n", ["1 行目: 見出し「問題，正解」の区切りが全角です。半角のコンマにしてください。"]),
    ],
)  # fmt: skip
def test_faults_of_the_file(text: str, faults: list[str]) -> None:
    assert [str(fault) for fault in read_table(text).faults] == faults


def test_without_a_header_the_columns_are_numbers() -> None:
    table = read_table("一,a\n二,b\n", header=False)
    assert table.columns == ("1", "2")
    assert [row.line for row in table.rows] == [1, 2]


def test_json_lines() -> None:
    table = read_json_lines('{"q": "一"}\n\n[1]\n{"q": \n{"a": 1, "q": "\\ud842"}\n{"a": 2}\n')
    assert table.columns == ("q", "a")
    assert table.rows == (TableRow(1, {"q": "一"}), TableRow(6, {"a": 2}))
    assert [str(fault) for fault in table.faults] == [
        "3 行目: オブジェクトではありません（list）。",
        "4 行目: JSON として読めません（Expecting value）。",
        r"5 行目: 文字の半分だけが残っています（\ud842）。",
    ]
