"""Measures what a second field of Sudachi's words is worth and costs, on the development half of the questions.

  python benchmarks/retrieval_sudachi.py --index-dir data/index --data ../shared/data/lawqa_jp/selection_open100.json

Builds an index of some of the laws without the field and one with it, and prints one JSON object: seconds, bytes, and R@3
and Hit@3 for several weights of the field. Needs the extra [sudachi].
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from app.core.files import to_json
from app.core.questions import Question
from app.data.lawqa import load_questions
from app.retrieval.engines.sudachi import SudachiWords
from app.retrieval.index.building import build_index
from app.retrieval.index.statute_index import PARTS, StatuteIndex
from benchmarks.retrieval_quality import TEXTS, Scores, chosen_laws, gold_articles, scores, searched, sides_of, summary

WEIGHTS = (0.25, 0.5, 1.0)  # of a word's score beside a token's


def measure(index_dir: Path, questions: Sequence[Question], laws: int) -> dict[str, Any]:
    """Quality without the field and with it at each weight, differences to without; what building took."""
    whole = StatuteIndex(index_dir)
    gold = gold_articles(whole, questions)
    sides = sides_of(questions, gold, other_half=False)
    chosen = chosen_laws(whole, gold, laws)
    out: dict[str, Any] = {"laws": len(chosen), "load_average": round(os.getloadavg()[0], 1), "rows": {}}
    bases: dict[str, Scores] = {}
    for name, second in (("without", None), ("with", SudachiWords())):
        with tempfile.TemporaryDirectory() as folder:
            wall, cpu = time.perf_counter(), time.process_time()
            build_index(Path(whole.manifest.source), Path(folder), laws=chosen, second=second)
            out[f"build_{name}"] = {
                "seconds": round(time.perf_counter() - wall, 1),
                "cpu_seconds": round(time.process_time() - cpu, 1),
                "words_mib": round(sum(path.stat().st_size for path in Path(folder).glob("gen-*/words/*")) / 2**20, 1),
            }
            index = StatuteIndex(Path(folder), second=second)
            for weight in WEIGHTS if second is not None else (0.0,):
                with mock.patch("app.retrieval.engines.lexical.SECOND_WEIGHT", weight):
                    for text_name, text in TEXTS.items():
                        for parts_name, parts in (("default", PARTS), ("bm25 alone", ())):
                            row = f"{text_name}: {parts_name}"
                            scored = scores(searched(index, text, parts), sides["dev"], gold)
                            base = None if second is None else bases[row]
                            bases.setdefault(row, scored)
                            label = row if second is None else f"{row}, Sudachi × {weight}"
                            out["rows"][label] = summary(scored, sides, base)
    return out


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--index-dir", type=Path, default=Path("data/index"))
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument(
        "--laws", type=int, default=500, help="laws taken, evenly over all, beside those with gold articles"
    )
    given = parser.parse_args()
    print(to_json(measure(given.index_dir, load_questions(given.data), given.laws), indent=2))
