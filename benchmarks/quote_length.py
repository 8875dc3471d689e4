"""How long a run of characters two legal texts share that have nothing to do with each other.

  python benchmarks/quote_length.py --data ../shared/data/lawqa_jp/selection_open100.json

For every two questions without a common article: does the reasoning drawn by rule for one (what a rationale looks like),
or what it asks, share a run of n characters with the context of the other? Prints one JSON object: per n the share of
such pairs in percent, and the share of the reasonings that share such a run with their own context.
``--min-quote`` of scripts/generate_rationales.py is chosen by it (docs/cot-records.md).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from app.core.files import to_json
from app.core.questions import Question
from app.data.lawqa import load_questions
from app.data.provisions import parse_provisions
from app.data.reasoning.explain import explain

LENGTHS = (8, 10, 12, 14, 16, 18, 20, 25, 30)


def runs(text: str, length: int) -> set[str]:
    """Every run of ``length`` characters, white space left out."""
    plain = "".join(text.split())
    return {plain[start : start + length] for start in range(len(plain) - length + 1)}


def unrelated(questions: Sequence[Question]) -> list[tuple[int, int]]:
    """Pairs of questions that share neither an article nor a cluster."""
    keys = [{ref.article_key for ref in question.articles} for question in questions]
    count = len(questions)
    return [
        (one, other)
        for one in range(count)
        for other in range(count)
        if one != other and not keys[one] & keys[other] and questions[one].cluster != questions[other].cluster
    ]


def measure(questions: Sequence[Question]) -> dict[str, object]:
    """Shares in percent by length of the run."""
    contexts = ["\n".join(one.text for one in parse_provisions(question.context or "")) for question in questions]
    reasonings = [explain(question, question.context).text for question in questions]
    asked = ["\n".join([question.question, *question.choices.values()]) for question in questions]
    pairs = unrelated(questions)
    rows = {}
    for length in LENGTHS:
        held = [runs(text, length) for text in contexts]
        said = [runs(text, length) for text in reasonings]
        put = [runs(text, length) for text in asked]
        rows[str(length)] = {
            "unrelated_reasoning": _percent(sum(bool(said[one] & held[other]) for one, other in pairs), len(pairs)),
            "unrelated_question": _percent(sum(bool(put[one] & held[other]) for one, other in pairs), len(pairs)),
            "own_reasoning": _percent(sum(bool(a & b) for a, b in zip(said, held, strict=True)), len(questions)),
        }
    return {"questions": len(questions), "unrelated_pairs": len(pairs), "percent_by_length": rows}


def _percent(part: int, whole: int) -> float:
    return round(100 * part / whole, 2) if whole else 0.0


def parser() -> argparse.ArgumentParser:
    """The parser of this program."""
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--data", type=Path, required=True)
    return made


if __name__ == "__main__":
    print(to_json(measure(load_questions(parser().parse_args().data)), indent=2))
