"""The files of a generated set: questions.json, unseen.json, and manifest.json that vouches for them."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from app.core.files import sha256_file, write_json
from app.core.manifests import now
from app.core.questions import Question
from app.data.generation.gates import Gate, check_gates, gates
from app.data.generation.leaks import Excluded
from app.data.generation.making import Made
from app.data.generation.settling import entries
from app.data.lawqa import questions_from, write_samples

QUESTIONS, UNSEEN, MANIFEST = "questions.json", "unseen.json", "manifest.json"


@dataclass(frozen=True, slots=True)
class Source:
    """Where the set comes from and what it keeps away from."""

    laws: dict[str, Any]  # path and hash
    excluded: list[dict[str, Any]]  # path, hash and number of questions of each file


def write_set(
    folder: Path,
    header: dict[str, Any],
    source: Source,
    seed: int,
    made: Made,
    unseen: Made | None,
    excluded: Excluded,
    lexical_overlap: Callable[[Sequence[Question]], tuple[float, int] | None],
    longest_choice: Callable[[Sequence[Question]], float],
) -> list[str]:
    """Write the set when its gates hold; returns lines that say what it is. Raises DataError and writes nothing otherwise."""
    random_ = random.Random(seed)  # noqa: S311  # reproducible by seed, no secret
    sets = {QUESTIONS: made} | ({UNSEEN: unseen} if unseen and unseen.settled else {})
    written: dict[str, Any] = {}
    lines: list[str] = []
    for name, one in sets.items():
        samples = entries(one.settled, random_)
        questions = questions_from({"samples": samples}, source=name)
        measured = gates(questions, lexical_overlap, longest_choice)
        if name == QUESTIONS:
            check_gates(measured)
        facts = _facts(one, samples, questions, measured, excluded)
        written[name] = (samples, facts)
        lines += describe(name, facts)
    (folder / MANIFEST).unlink(missing_ok=True)  # written last: it vouches for the files beside it
    for name in (QUESTIONS, UNSEEN):
        if name not in written:
            (folder / name).unlink(missing_ok=True)  # of an earlier run
    manifest: dict[str, Any] = {"kind": "generated_questions", "run": header, "source": source.laws, "seed": seed, "excluded": source.excluded,
                                "excluded_articles": excluded.articles, "files": {}}  # fmt: skip
    for name, (samples, facts) in written.items():
        write_samples(folder / name, samples)
        manifest["files"][name] = {"sha256": sha256_file(folder / name), **facts}
    manifest["run"] = {**header, "finished_at": now()}
    write_json(folder / MANIFEST, manifest)
    return lines


def _facts(
    made: Made,
    samples: Sequence[dict[str, Any]],
    questions: Sequence[Question],
    measured: Sequence[Gate],
    excluded: Excluded,
) -> dict[str, Any]:
    candidates = [one for sample in samples for one in sample["generated"]["candidates"].values()]
    nearest = max(
        ((excluded.similarity((q.question, *q.choices.values())), q.id) for q in questions),
        key=lambda pair: pair[0].value,
    )
    lengths = [len(question.context or "") for question in questions]
    return {
        "questions": len(questions),
        "laws": len({sample["generated"]["law_id"] for sample in samples}),
        "clusters": len({question.cluster for question in questions}),
        "kinds": dict(Counter(sample["generated"]["kind"] for sample in samples).most_common()),
        "polarity": dict(Counter(sample["generated"]["polarity"] for sample in samples).most_common()),
        "edits": {
            ("true" if true else "false"): dict(Counter(one["edit"] for one in candidates if one["true"] is true).most_common())
            for true in (True, False)
        },
        "context_chars": {"median": median(lengths), "max": max(lengths)},
        "two_or_more_articles": sum(len({ref.article_key for ref in question.articles}) > 1 for question in questions) / len(questions),
        "gates": {gate.name: {"value": round(gate.value, 4), "least": gate.least, "most": gate.most} for gate in measured},
        "nearest_to_excluded": {"similarity": round(nearest[0].value, 4), "id": nearest[1], "excluded_id": nearest[0].excluded},
        "passed_over_paragraphs": dict(made.passed_over.most_common()),
        "dropped_drafts": dict(made.dropped.most_common()),
    }  # fmt: skip


def describe(name: str, facts: dict[str, Any]) -> list[str]:
    """What a set is, in lines for the terminal."""
    kinds = "、".join(f"{kind} {count}" for kind, count in facts["kinds"].items())
    measured = "、".join(f"{gate} {value['value']:.1%}" for gate, value in facts["gates"].items())
    nearest = facts["nearest_to_excluded"]
    return [
        f"{name}: {facts['questions']} 問、{facts['laws']} 法令、{facts['clusters']} クラスタ（{kinds}）。条文は中央値 {facts['context_chars']['median']:.0f} 字",
        f"{name}: {measured}",
        f"{name}: 除いた問題との類似度は最大 {nearest['similarity']:.2f}（{nearest['id']} と {nearest['excluded_id'] or 'なし'}）",
    ]
