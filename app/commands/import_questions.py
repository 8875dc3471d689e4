"""Make a question file in lawqa_jp's format of a table: CSV, TSV, JSON Lines, JMMLU, JCommonsenseQA, ○× statements."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..core.cli import JapaneseParser, log
from ..core.errors import DataError
from ..data.importing.answers import ANSWER_FORMS
from ..data.importing.encoding import ENCODINGS
from ..data.importing.tables import DELIMITERS

EXAMPLES = (
    "python scripts/import_questions.py sample/own/町内会クイズ.csv --law 町内会規約 --output-dir results/own",
    "python scripts/import_questions.py sample/own/町内会クイズ.csv --question 問題文 --choices 選択肢1 選択肢2 選択肢3 選択肢4 "
    "--answer 正解 --law-column 出題者 --output-dir results/own_named",
    "python scripts/import_questions.py sample/own/町内会の○×.tsv --output-dir results/own_statements",
)
# Options that name a column, and what the column holds.
COLUMNS = {
    "question": "問題文の列",
    "answer": "正解の列",
    "statement": "○× で答える文の列（選択肢のない表）",
    "id": "問題の ID の列（既定: 行の番号から作る）",
    "context": "根拠の条文の列",
    "law-column": "法令や科目の列（結果をその名前ごとに数える）",
}


def parser() -> JapaneseParser:
    """The parser of this program."""
    made = JapaneseParser(
        "自分の問題の表（CSV、TSV、JSON Lines）を、学習と評価に使える lawqa_jp の形式にする。", EXAMPLES
    )
    add = made.add_argument
    add("file", type=Path, metavar="FILE", help="問題の表。JMMLU と JCommonsenseQA の形もそのまま読む")
    add("--output-dir", type=Path, required=True, help="書き出すフォルダ（questions.json と manifest.json）")
    for name, text in COLUMNS.items():
        add(f"--{name}", metavar="列", help=f"{text}。見出しからわかるときは要らない")
    add(
        "--choices",
        nargs="+",
        metavar="列",
        help="選択肢の列を順に。一つだけなら、そのセルに一行ずつ並んでいるとみなす",
    )
    add(
        "--answer-form",
        choices=ANSWER_FORMS,
        help="正解の書き方: letter 文字（a、ア）、number 1 からの番号、number0 0 からの番号、text 選択肢の本文（既定 auto: 読み分ける。番号は、選択肢のキーか列が 0 から始まれば 0 から、ほかは 1 から数える）",
    )
    add("--law", metavar="名前", help="どの問題にも付ける法令や科目の名前")
    add("--no-header", action="store_true", help="見出しの行がない。列は 1、2、3 の番号で指定する")
    add(
        "--encoding",
        choices=tuple(ENCODINGS),
        help="文字コード（既定: 調べて表示する）",
    )
    add("--delimiter", choices=tuple(DELIMITERS), help="列の区切り（既定: 見出しから調べる）")
    return made


def main(argv: Sequence[str]) -> int:
    """Run the program; returns its exit code."""
    arguments = parser().parse_args(argv)
    from ..core.files import sha256_file
    from ..core.manifests import run_header
    from ..data.importing.questions import Naming, import_rows
    from ..data.importing.source import Reading, read_source
    from ..data.importing.writing import QUESTIONS, check_folder, write_import

    header = run_header(argv)
    check_folder(arguments.output_dir, arguments.file)
    columns = {name: getattr(arguments, name.replace("-", "_")) for name in COLUMNS}
    columns["law"] = columns.pop("law-column")
    source = read_source(
        arguments.file,
        Reading(arguments.encoding, arguments.delimiter, not arguments.no_header, columns, arguments.choices, arguments.answer_form),
    )  # fmt: skip
    for line in _described(arguments.file, source):
        log(line)
    naming = Naming(arguments.file.stem, arguments.law)
    imported = import_rows(source.table.rows, source.columns, naming, source.answers)
    faults = sorted([*source.table.faults, *imported.faults], key=lambda fault: fault.line)
    if faults:
        for number, fault in enumerate(faults, start=1):
            log(f"({number}) {fault}")
        raise DataError(
            f"{arguments.file}: {len(faults)} 件の誤りがあります（上の一覧）。何も書いていません。表を直して、もう一度実行してください。"
        )
    if not imported.samples:
        raise DataError(f"{arguments.file}: 見出しのほかに行がありません。")
    if imported.unlabelled:
        log(f"選択肢の頭の記号（「ア．」など）を除いた問題: {imported.unlabelled} 問")
    facts = {
        "run": header,
        "source": {
            "path": str(arguments.file),
            "sha256": sha256_file(arguments.file),
            "encoding": source.encoding,
            "table": source.table.kind,
            "form": source.form,
            "answers": source.answers,
        },
    }
    for line in write_import(arguments.output_dir, facts, imported.samples):
        log(line)
    print(arguments.output_dir / QUESTIONS)
    return 0


def _described(path: Path, source: Any) -> list[str]:
    """How the file was read, and which column is what."""
    columns = source.columns
    form = f"、{source.form} の形" if source.form else ""
    parts = [
        ("問題文", columns.question), ("○× の文", columns.statement), ("選択肢", "・".join(columns.choices)),
        ("正解", columns.answer), ("ID", columns.id), ("条文", columns.context), ("法令・科目", columns.law),
    ]  # fmt: skip
    named = "、".join(f"{part} ← {name}" for part, name in parts if name)
    unused = [name for name in source.table.columns if name not in columns.used]
    rest = f"。使わない列: {'、'.join(name or '（名前なし）' for name in unused)}" if unused else ""
    return [f"{path}: {source.encoding}、{source.table.kind}{form}、{len(source.table.rows)} 行", f"{named}{rest}"]
