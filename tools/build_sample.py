"""Build sample/laws and sample/selection.json from the authored text under sample/source."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from app.core.cli import JapaneseParser, log, run_program
from app.core.errors import ConfigError, DataError
from app.core.outputs import check_folder_place, same_file

SAMPLE = Path(__file__).resolve().parents[1] / "sample"


def parser() -> JapaneseParser:
    """The command line."""
    made = JapaneseParser(
        "架空の法令集（法令標準XML）と四択問題を、sample/source の原稿から作ります。",
        [
            "python scripts/build_sample.py",
            "python scripts/build_sample.py --stats",
            "python scripts/build_sample.py --check",
        ],
    )
    made.add_argument("--source", type=Path, default=SAMPLE / "source", help="原稿のフォルダ（既定: sample/source）")
    made.add_argument("--output", type=Path, default=SAMPLE, help="書き出すフォルダ（既定: sample）")
    mode = made.add_mutually_exclusive_group()
    mode.add_argument("--stats", action="store_true", help="法令・条・問題・記号・まとまりの数を表示する（書かない）")
    mode.add_argument("--check", action="store_true", help="書き出し先が原稿どおりかだけを調べる（違えば終了コード 1）")
    return made


def program(argv: Sequence[str]) -> None:
    """Build, check or count."""
    arguments = parser().parse_args(argv)
    from tools.sample.book import build_files, describe, load_book, stale_files, write_files

    book = load_book(arguments.source)
    if arguments.stats:
        print("\n".join(describe(book)))
        return
    files = build_files(book)
    stale = stale_files(files, arguments.output)
    if arguments.check:
        if stale:
            raise DataError(
                f"{arguments.output}: 原稿と違うファイルが {len(stale)} あります（{stale[0]} など）。"
                "python scripts/build_sample.py で作り直してください。"
            )
        log(f"{len(files)} ファイルは原稿どおりです。")
        return
    there = [path for path in stale if (arguments.output / path).exists()]
    if there and not same_file(arguments.output, SAMPLE):
        raise ConfigError(
            f"--output {arguments.output} には原稿と違うファイルがあります（{there[0]} など {len(there)} 件）。書きつぶさないよう、"
            "空のフォルダを指定してください。"
        )
    check_folder_place("--output", arguments.output)
    write_files(files, arguments.output)
    log(f"{len(files)} ファイルのうち {len(stale)} を書きました: {arguments.output}")


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code of the program."""
    return run_program(program, argv)


if __name__ == "__main__":
    sys.exit(main())
