"""How far readers of generated questions, who do not see the key, agree with what was generated.

  python benchmarks/reading_agreement.py results/generated_320/questions.json benchmarks/results/reading_320.json

The readers saw the provisions, the question and the choices, not the key, and judged every choice: T (it fits what is
asked about), F, or U (the provisions do not decide). The file of their answers names the command, the commit and the
SHA-256 of the set that they read; another set is refused. Prints one JSON object; shares in percent, with the exact
interval of Clopper and Pearson.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from app.core.errors import DataError, UserError
from app.core.files import read_json, sha256_file, to_json

ODD = ("natural", "a little unnatural", "clearly unnatural")


def share(count: int, total: int) -> dict[str, Any]:
    """A count with its share and exact interval, in percent."""
    from scipy.stats import binomtest

    bounds = binomtest(count, total).proportion_ci(method="exact")
    low, high = (round(100 * float(bound), 2) for bound in (bounds.low, bounds.high))
    return {"count": count, "percent": round(100 * count / total, 2), "ci95": [low, high]}


def agreement(samples: Sequence[Mapping[str, Any]], answers: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What the readers' answers say of the questions that they read.

    Raises DataError for an answer to a question that is not there, or not of its number of choices.
    """
    by_number = {str(sample["ファイル名"])[-5:]: sample for sample in samples}
    otherwise, undecided = [], []
    for answer in answers:
        sample = by_number.get(answer["id"])
        if sample is None or len(answer["judged"]) != len(sample["generated"]["candidates"]):
            raise DataError(f"{answer['id']}: この番号の、選択肢が {len(answer['judged'])} 個の問題がありません。")
        for (letter, candidate), judged in zip(
            sample["generated"]["candidates"].items(), answer["judged"], strict=True
        ):
            if judged == "U":
                undecided.append(f"{answer['id']} {letter}")
            elif (judged == "T") != candidate["true"]:
                otherwise.append(f"{answer['id']} {letter}")
    wrong = [answer["id"] for answer in answers if answer["answer"] != by_number[answer["id"]]["output"]]
    choices = sum(len(answer["judged"]) for answer in answers)
    second = [answer["id"] for answer in answers if answer["second"]]
    return {
        "questions": len(answers),
        "choices": choices,
        "answers_otherwise": {**share(len(wrong), len(answers)), "ids": wrong},
        "choices_otherwise": {**share(len(otherwise), choices), "ids": otherwise},
        "choices_undecided": {**share(len(undecided), choices), "ids": undecided},
        "two_answers_possible": {**share(len(second), len(answers)), "ids": second},
        "wording": {
            name: share(sum(answer["odd"] == degree for answer in answers), len(answers))
            for degree, name in enumerate(ODD)
        },
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the agreement; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("questions", type=Path, help="questions.json of generate_questions.py")
    parser.add_argument("answers", type=Path, help="the readers' answers")
    asked = parser.parse_args(arguments)
    try:
        read = read_json(asked.answers)
        if sha256_file(asked.questions) != read["set"]["sha256"]:
            raise DataError(
                f"{asked.questions}: 読んだ組ではありません（SHA-256 {read['set']['sha256'][:12]}…）。"
                f"コミット {read['set']['commit']} で作り直してください: {read['set']['command']}"
            )
        print(to_json(agreement(read_json(asked.questions)["samples"], read["answers"]), indent=2))
    except UserError as error:
        print(f"エラー: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
