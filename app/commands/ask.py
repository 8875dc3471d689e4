"""Ask the statutes: a question answered from the articles found, a statement held against them, a choice among several."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from ..answering.options import add_day, add_options
from ..core.cli import JapaneseParser, run_program

EXAMPLES = (
    'python scripts/ask.py "アパートの敷金はいつ返ってくるか" --hf-model-name Qwen/Qwen3-1.7B',
    'python scripts/ask.py --check "港務日誌は、十年間保存しなければならない。" --index-dir results/demo/index --adapter results/demo/adapter',
    'python scripts/ask.py "港務日誌は何年間保存するか" --index-dir results/demo/index',
    "python scripts/ask.py --file results/demo/split/test.json --id 港湾条例_第1章_選択式_関連法令_問題番号6"
    " --index-dir results/demo/index --adapter results/demo/adapter",
    "python scripts/ask.py --chat --llm-backend ollama --llm-model qwen3:8b",
)


def parser() -> JapaneseParser:
    """The parser of this program."""
    made = JapaneseParser(
        "法令について尋ねる。見つけた条文と、それを根拠にした答え（引用は確かめる）を示す。文が条文に合うかの判断（--check）、"
        "選択肢のある問題もできる。モデルを指定しなければ条文だけを示す。"
        "見本の極小モデル（make demo の後）にできるのは --check と選択肢の判断だけで、答えの文章は書けない。",
        EXAMPLES,
    )
    add = made.add_argument
    add("question", nargs="?", help="質問。末尾に「a …」「b …」の行があれば選択肢のある問題。- で標準入力から読む")
    add("--check", metavar="文", help="この文（文ごと、50 文まで）が条文に合うかを判断する。- で標準入力から読む")
    add("--choice", action="append", metavar="文", help="質問の選択肢（2〜6 回指定する）")
    add("--file", type=Path, metavar="FILE", help="lawqa_jp の形式の問題ファイル。--id がなければ全問を順に尋ねる")
    add("--id", metavar="ID", help="--file のうちこの問題だけを尋ねる")
    add("--chat", action="store_true", help="続けて質問する（前のやりとりを踏まえて答える）")
    add("--full", action="store_true", help="条の全文も示し、いちばん近い一文に印を付ける")
    add("--json", action="store_true", help="1 行に 1 件の JSON で出力する")
    add_day(made)
    add_options(made)
    return made


def main(argv: Sequence[str]) -> int:
    """Ask what the options say."""
    made = parser()
    arguments = made.parse_args(argv)
    _check_usage(made, arguments)
    from ..answering.asking import Manner, ask_file, ask_question, ask_questions, check_text
    from ..answering.opening import open_session

    session, manifest = open_session(arguments)
    manner = Manner(arguments.full, arguments.json, arguments.as_of, arguments.max_new_tokens)
    if arguments.check is not None:
        return check_text(session, _text(arguments.check), manner)
    if arguments.file is not None:
        return ask_file(session, arguments.file, arguments.id, manifest, manner)
    if arguments.chat:
        return ask_questions(session, arguments.question, manner)
    return ask_question(session, _text(arguments.question), arguments.choice or (), manner)


def _check_usage(made: JapaneseParser, arguments: argparse.Namespace) -> None:
    given = [arguments.check is not None, arguments.file is not None, arguments.question is not None or arguments.chat]
    if sum(given) != 1:
        made.error("質問、--check、--file、--chat のどれか一つが要ります")
    if arguments.id is not None and arguments.file is None:
        made.error("--id は --file と一緒に使います")
    if arguments.choice and (arguments.question is None or arguments.chat):
        made.error("--choice は質問と一緒に使います（--chat とは使えません）")
    if arguments.think and (arguments.check is not None or arguments.choice or arguments.file is not None):
        made.error("--think は --check・--choice・--file と使えません: 思考の後の確率は読めません")


def _text(given: str) -> str:
    return sys.stdin.read() if given == "-" else given


if __name__ == "__main__":
    sys.exit(run_program(main))
