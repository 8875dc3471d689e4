"""What the questions of several files look like side by side: real ones, and those that are made to train for them.

  python benchmarks/question_shapes.py ../shared/data/lawqa_jp/selection_open100.json results/generated/questions.json

A model that is trained on short contexts of one law does not learn to read long ones of two. Prints one JSON object, a
row for each file: lengths of the contexts, how many show several laws or articles, how much of them stands in brackets,
and for choices of 25 characters or more how much of their wording stands in the context in runs of six characters,
those that fit the request (made positive) apart from the others.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import mean, median, quantiles

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from app.core.files import to_json
from app.core.questions import Question
from app.core.requests import statement_truths
from app.data.lawqa import load_questions

RUN = 6  # characters
MIN_CHARS = 25  # of a choice that is a sentence or a long thing
PRINTED = 0.95  # of a choice's characters in such runs, above which it is the statute's own words
_MARKS = re.compile(r"[\s、。「」・]")


def wording(choice: str, context: str) -> float:
    """Share of the choice's characters that lie in a run of ``RUN`` characters which the context has too, 0 to 1."""
    choice, context = _MARKS.sub("", choice), _MARKS.sub("", context)
    held = [False] * len(choice)
    for start in range(len(choice) - RUN + 1):
        if choice[start : start + RUN] in context:
            held[start : start + RUN] = [True] * RUN
    return sum(held) / max(1, len(held))


def measure(questions: Sequence[Question]) -> dict[str, object]:
    """The row of one file; shares in percent."""
    contexts = [question.context or "" for question in questions]
    laws = [len({ref.article_key[0] for ref in question.articles}) for question in questions]
    articles = [len({ref.article_key for ref in question.articles}) for question in questions]
    shares: dict[bool, list[float]] = {True: [], False: []}
    lengths = []
    for question in questions:
        for letter, fits in statement_truths(question).items():
            lengths.append(len(question.choices[letter]))
            if len(question.choices[letter]) >= MIN_CHARS:
                shares[fits].append(wording(question.choices[letter], question.context or ""))
    sizes = [len(context) for context in contexts]
    tenths = quantiles(sizes, n=10, method="inclusive") if len(sizes) > 1 else sizes * 9
    return {
        "questions": len(questions),
        "context_chars": {"p10": round(tenths[0]), "median": round(median(sizes)), "p90": round(tenths[8])},
        "several_laws": _percent([count > 1 for count in laws]),
        "articles_mean": round(mean(articles), 2),
        "brackets_in_context": _percent(["（" in context for context in contexts]),
        "items_in_context": _percent(["\n##### " in context for context in contexts]),
        "choice_chars_median": median(lengths),
        "in_the_contexts_words": {name: _percent(shares[fits]) for name, fits in (("fitting", True), ("others", False))},
        "as_printed": {
            name: _percent([share > PRINTED for share in shares[fits]])
            for name, fits in (("fitting", True), ("others", False))
        },
    }  # fmt: skip


def _percent(values: Sequence[float]) -> float:
    return round(100 * mean(values), 1) if values else 0.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path, help="question files in lawqa_jp's form")
    print(to_json({str(path): measure(load_questions(path)) for path in parser.parse_args().files}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
