"""How often a single statement is judged rightly, and how often "the articles do not tell" is said, by the two thresholds.

    make demo
    python benchmarks/statement_check.py --data results/demo/split/dev.json --index-dir results/demo/index --adapter results/demo/adapter
    python benchmarks/statement_check.py --data results/demo/split/test.json --index-dir results/demo/index --adapter results/demo/adapter \
        --output benchmarks/results/statement_check_demo.json

Every choice that is a sentence of its own becomes a statement, searched for and judged as ``scripts/ask.py --check``
does: once with the articles found, once with the question's own articles taken out of them, when nothing should be
claimed. The thresholds (``app/answering/statements.py``) are chosen on dev; test is judged once. Without ``--adapter``
nothing is judged and only the coverage is measured, which takes an index alone.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from app.core.cli import log
from app.core.files import sha256_file, write_json
from app.core.manifests import run_header

SENTENCE_CHARS = 15  # shorter choices (七年間) are parts of a sentence, no statements
SURES = (0.5, 0.6, 0.7, 0.8, 0.9)
REACHES = (0.0, 0.3, 0.4, 0.5, 0.6, 0.7)


@dataclass(frozen=True, slots=True)
class Row:
    """One statement, judged with one set of articles."""

    question: str
    letter: str
    true: bool
    removed: bool  # the question's own articles were taken out
    probability: float | None  # that it fits
    coverage: float | None
    found: bool  # whether one of the question's own articles is among those shown


def statements(questions: Sequence[Any]) -> list[tuple[Any, str, bool]]:
    """(question, letter, whether the statement is true) of every question whose choices are all sentences."""
    from app.core.requests import statement_truths

    return [
        (question, letter, truth)
        for question in questions
        if question.polarity in ("correct", "incorrect")
        and all(len(text) >= SENTENCE_CHARS for text in question.choices.values())
        for letter, truth in statement_truths(question).items()
    ]


def judged(pipeline: Any, backend: Any, question: Any, letter: str, true: bool, removed: bool) -> Row:
    """The statement judged as ``Session.check`` judges it, or without the question's own articles."""
    from app.answering.statements import probability_of, statement_prompt
    from app.evaluation.running.contexts import is_gold

    text, top_k = question.choices[letter], pipeline.config.retriever.top_k
    found = pipeline.retrieve_candidates(text, top_k + (len(question.articles) if removed else 0), shown=top_k)

    def own(one: Any) -> bool:
        return is_gold(question, one.law_title, one.part, one.article)

    shown = [one for one in found if not (removed and own(one))][:top_k]
    context = pipeline.format_context(shown)
    probability = None
    if context.used and backend is not None:
        (judgement,) = backend.judge([statement_prompt(text, context.text)])
        probability = probability_of(judgement.log_odds)
    if removed:
        # What coverage would be in an index without these articles: that of the first article that stays.
        index, names = pipeline.index, {one.id for one in shown[:1]}
        hits = index.search(text, top_k + len(question.articles))
        first = [hit for hit in hits if f"{hit.article.law_id}#{hit.article.anchor}" in names]
        coverage = index.coverage(text, first)
    else:
        coverage = pipeline.reach(text).coverage
    return Row(question.id, letter, true, removed, probability, coverage, any(map(own, context.used)))


def table(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """For each pair of thresholds: of the statements judged with what was found, the share claimed and the share of those
    that is right; of those without their own articles, the share claimed nevertheless."""
    out = []
    for reach in REACHES:
        for sure in SURES:
            line: dict[str, Any] = {"reach": reach, "sure": sure}
            for name, removed in (("found", False), ("removed", True)):
                some = [row for row in rows if row.removed == removed]
                claimed = [row for row in some if _claimed(row, sure, reach)]
                right = [row for row in claimed if ((row.probability or 0.0) > 0.5) == row.true]
                line |= {f"{name}": len(some), f"{name}_claimed": len(claimed), f"{name}_right": len(right)}
            out.append(line)
    return out


def coverages(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """For each least coverage the share of statements that have it: with one of the question's own articles among those
    shown, without any because the search missed it, and with these taken out."""
    groups = {
        "own_shown": [row for row in rows if not row.removed and row.found],
        "own_missed": [row for row in rows if not row.removed and not row.found],
        "own_removed": [row for row in rows if row.removed],
    }
    return [
        {"reach": reach} | {name: _share([row.coverage or 0.0 for row in some], reach) for name, some in groups.items()}
        for reach in REACHES
    ]


def _share(values: Sequence[float], least: float) -> float | None:
    return round(sum(value >= least for value in values) / len(values), 3) if values else None


def _claimed(row: Row, sure: float, reach: float) -> bool:
    if row.probability is None or (row.coverage is not None and row.coverage < reach):
        return False
    return max(row.probability, 1 - row.probability) >= sure


def main() -> None:
    """Judge, print, store."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="questions")
    parser.add_argument("--index-dir", type=Path, required=True, help="index of their law")
    parser.add_argument(
        "--adapter", type=Path, help="adapter folder with run.json; without one only coverage is measured"
    )
    parser.add_argument("--output", type=Path, help="JSON of every row and the table")
    options = parser.parse_args()

    from app.answering.model import named_model
    from app.core.rag_config import load_config
    from app.data.lawqa import load_questions
    from app.llm.backends import Running, load_backend
    from app.retrieval.rag_pipeline import RAGPipeline

    config = load_config(env_file=None, retriever_index_dir=options.index_dir, lora_path=options.adapter)
    named = named_model(config.llm)
    backend = None if named is None else load_backend(named.config, Running(form="choice"))
    pipeline = RAGPipeline(config)
    asked = statements(load_questions(options.data))
    rows = []
    for number, (question, letter, true) in enumerate(asked, start=1):
        rows += [judged(pipeline, backend, question, letter, true, removed) for removed in (False, True)]
        if number % 20 == 0:
            log(f"{number}/{len(asked)}")
    print(f"{len(asked)} statements, own article among those shown: {sum(r.found for r in rows if not r.removed)}")
    for line in [*coverages(rows), *([] if backend is None else table(rows))]:
        print(line)
    if options.output is not None:
        write_json(
            options.output,
            {
                "run": run_header(sys.argv[1:]),
                "data_sha256": sha256_file(options.data),
                "coverage": coverages(rows),
                "claims": [] if backend is None else table(rows),
                "rows": [asdict(row) for row in rows],
            },
        )


if __name__ == "__main__":
    main()
