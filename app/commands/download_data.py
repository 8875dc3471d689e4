"""Fetch what the project works on: lawqa_jp's questions and e-Gov's statutes."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from time import monotonic
from typing import Any

from ..core.cli import JapaneseParser, log, progress, run_program
from ..core.errors import BackendError, UsageError
from ..core.outputs import check_folder_place
from ..data.egov.api import SITE, ListedLaw, PoliteClient, Politeness
from ..data.egov.download import download_bulk, download_laws
from ..data.lawqa_download import GITHUB, download_lawqa

EXAMPLES = (
    "python scripts/download_data.py --lawqa --output data/lawqa_jp",
    "python scripts/download_data.py --law 129AC0000000089 417AC0000000086 --output data/egov/laws",
    "python scripts/download_data.py --all --output data/egov/all_laws.zip",
    "python scripts/download_data.py --updated-on 2026-05-01 --output data/egov/updated.zip",
    "python scripts/download_data.py --all --as-of 2024-04-01 --output data/egov/2024",
)


def parser() -> JapaneseParser:
    parser = JapaneseParser(
        "四択問題（lawqa_jp）と e-Gov の法令XMLを取得する。止めても、同じコマンドで続きから取得する。", EXAMPLES
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--lawqa", action="store_true", help="lawqa_jp の問題ファイル")
    what.add_argument("--law", nargs="+", metavar="法令ID", help="この法令（例 129AC0000000089）")
    what.add_argument("--category", metavar="分類", help="事項別分類コードの法令（例 001 は憲法）")
    what.add_argument(
        "--updated-on",
        type=date.fromisoformat,
        metavar="YYYY-MM-DD",
        help="この日に e-Gov で更新された法令（過去 3 か月まで）",
    )
    what.add_argument("--all", action="store_true", help="すべての法令")
    parser.add_argument(
        "--output",
        type=Path,
        required=True,
        help="保存先。名前が .zip なら一括ダウンロードの zip（--all、--category、--updated-on）、それ以外はフォルダ",
    )
    parser.add_argument(
        "--as-of", type=date.fromisoformat, metavar="YYYY-MM-DD", help="この日の版を取得する（保存先はフォルダ）"
    )
    parser.add_argument("--pause", type=float, default=1.0, metavar="秒", help="要求と要求の間に待つ秒数（既定 1）")
    parser.add_argument("--retries", type=int, default=4, help="失敗したときに試し直す回数（既定 4）")
    parser.add_argument("--site", help="取得元のアドレス（既定: e-Gov、lawqa_jp は GitHub）")
    return parser


def main(argv: Sequence[str]) -> int:
    program = parser()
    arguments = program.parse_args(argv)
    zipped = arguments.output.suffix.lower() == ".zip"
    if zipped and (arguments.as_of or arguments.law or arguments.lawqa):
        program.error(
            "zip で取得できるのは --all・--category・--updated-on の現在の版です。--output にフォルダを指定してください"
        )
    if arguments.updated_on and not zipped:
        program.error("--updated-on は zip で取得します。--output に .zip で終わる名前を指定してください")
    if arguments.category and not arguments.category.isdigit():
        program.error(f"--category {arguments.category}: 数字で指定してください（例 001）")
    if arguments.lawqa and arguments.as_of:
        program.error("--as-of は法令の版を選ぶもので、--lawqa（四択問題）にはありません。--as-of を外してください")
    try:
        politeness = Politeness(pause_seconds=arguments.pause, retries=arguments.retries)
    except UsageError as error:
        program.error(str(error))
    if arguments.lawqa:
        for name, count in download_lawqa(arguments.output, arguments.site or GITHUB, politeness):
            log(f"{arguments.output / name}: {count} 問")
        return 0
    client = PoliteClient(arguments.site or SITE, politeness)
    if not zipped:
        check_folder_place("--output", arguments.output)
    category = arguments.category
    if zipped:
        facts = download_bulk(
            client,
            arguments.output,
            category=category and str(int(category)),
            updated_on=arguments.updated_on,
            watch=_megabytes(),
        )
        log(f"{arguments.output}: {facts['laws']:,} 法令、{facts['bytes']:,} バイト、SHA-256 {facts['sha256']}")
        return 0
    laws = _listed(client, arguments)

    def watch(items: Sequence[ListedLaw]) -> Iterator[ListedLaw]:
        return progress(items, total=len(items), label="取得")

    done = download_laws(client, laws, arguments.output, watch)
    log(f"{arguments.output}: 新しく {done.new:,} 法令、取得済み {done.kept:,} 法令")
    if done.repealed:
        shown = "、".join(done.repealed[:10]) + (
            f" ほか {len(done.repealed) - 10:,} 件" if len(done.repealed) > 10 else ""
        )
        log(f"廃止・失効した法令は取得しません（{len(done.repealed):,} 件）: {shown}")
    if done.failed:
        for line in done.failed:
            log(f"取得できなかった法令: {line}")
        raise BackendError(f"{len(done.failed)} 法令を取得できませんでした。同じコマンドで残りだけを取得できます。")
    return 0


def _listed(client: PoliteClient, arguments: Any) -> list[ListedLaw]:
    if not arguments.law:
        category = arguments.category and arguments.category.zfill(3)
        return list(client.laws(category=category, as_of=arguments.as_of))
    laws = [law for law_id in arguments.law for law in client.laws(law_id=law_id, as_of=arguments.as_of)]
    missing = sorted(set(arguments.law) - {law.law_id for law in laws})
    if missing:
        raise BackendError(f"e-Gov に法令ID {', '.join(missing)} がありません。法令IDと --as-of を確かめてください。")
    return laws


def _megabytes() -> Any:
    last = monotonic()

    def show(size: int) -> None:
        nonlocal last
        if monotonic() - last > 5:
            last = monotonic()
            log(f"取得: {size / 2**20:,.0f} MB")

    return show


if __name__ == "__main__":
    sys.exit(run_program(main))
