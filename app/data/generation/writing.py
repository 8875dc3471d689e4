"""The files of a generated set: questions.json, unseen.json, and manifest.json that vouches for them."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from ...core.files import sha256_file, sha256_text, write_json, write_text
from ...core.manifests import now
from ...core.outputs import Output, check_folder_place, check_outputs, clear_remains, in_ledger, json_kind
from ...core.questions import Question
from ..lawqa import questions_from, samples_text
from .blind import Judged, blind_accuracy
from .gates import Gate, check_gates, gates
from .leaks import Excluded
from .making import Made
from .settling import entries

QUESTIONS, UNSEEN, MANIFEST, WRITING = "questions.json", "unseen.json", "manifest.json", ".generated.writing.json"


@dataclass(frozen=True, slots=True)
class Floors:
    """The rules without a model that every evaluation prints, handed in by the program."""

    lexical_overlap: Callable[[Sequence[Question]], tuple[float, int] | None]
    longest_choice: Callable[[Sequence[Question]], float]


def check_folder(folder: Path, inputs: Mapping[str, Path | None]) -> None:
    """Raise ConfigError, one line, when the set must not or cannot be written into ``folder``."""
    check_folder_place("--output", folder)
    ours = in_ledger(folder / MANIFEST, folder / WRITING)
    check_outputs(
        [
            Output("--output", folder / QUESTIONS, ours),
            Output("--output", folder / UNSEEN, ours),
            Output("--output", folder / MANIFEST, json_kind("generated_questions")),
        ],
        inputs,
    )


def write_set(
    folder: Path, facts: dict[str, Any], seed: int, sets: Mapping[str, Made], excluded: Excluded, floors: Floors
) -> list[str]:
    """Write the sets (file name → what was made) when the gates of the first hold; returns lines that say what they are.

    ``facts`` go into the manifest as they are. What is about to be written stands in a ledger meanwhile, so that after a
    kill the files are known as ours. Raises DataError, and writes nothing, where a gate fails.
    """
    random_ = random.Random(seed)  # noqa: S311  # reproducible by seed, no secret
    texts: dict[str, str] = {}
    files: dict[str, Any] = {}
    lines: list[str] = []
    for name, made in sets.items():
        samples = entries(made.settled, random_)
        questions = questions_from({"samples": samples}, source=name)
        measured = gates(questions, floors.lexical_overlap, floors.longest_choice)
        if name == QUESTIONS:
            check_gates(measured)
        texts[name] = samples_text(samples)
        files[name] = {"sha256": sha256_text(texts[name]), **_facts(made, samples, questions, measured, excluded)}
        lines += describe(name, files[name])
    before = {name: sha256_file(folder / name) for name in (QUESTIONS, UNSEEN) if (folder / name).exists()}
    named = {
        name: [sha256_text(text), before.get(name, "")] for name, text in {**dict.fromkeys(before, ""), **texts}.items()
    }
    write_json(folder / WRITING, {"kind": "generated_questions-writing", "files": named})
    (folder / MANIFEST).unlink(missing_ok=True)
    for name in before.keys() - texts.keys():
        (folder / name).unlink()  # of an earlier run: not what the manifest will speak of
    for name, text in texts.items():
        write_text(folder / name, text)
    run = {**facts["run"], "finished_at": now()}
    write_json(folder / MANIFEST, {"kind": "generated_questions", **facts, "run": run, "seed": seed, "files": files})
    (folder / WRITING).unlink()
    clear_remains(folder)
    return lines


def _facts(
    made: Made,
    samples: Sequence[dict[str, Any]],
    questions: Sequence[Question],
    measured: Sequence[Gate],
    excluded: Excluded,
) -> dict[str, Any]:
    generated = [sample["generated"] for sample in samples]
    candidates = [one for each in generated for one in each["candidates"].values()]
    similar = [excluded.similarity((one.question, *one.choices.values())) for one in questions]
    nearest = max(range(len(questions)), key=lambda index: similar[index].value)
    lengths = [len(question.context or "") for question in questions]
    several = [len({ref.article_key for ref in question.articles}) > 1 for question in questions]
    blind = blind_accuracy([_judged(one, each) for one, each in zip(questions, generated, strict=True)])
    return {
        "questions": len(questions),
        "laws": len({each["law_id"] for each in generated}),
        "clusters": len({question.cluster for question in questions}),
        "kinds": _counted(each["kind"] for each in generated),
        "polarity": _counted(each["polarity"] for each in generated),
        "choices": _counted(str(len(question.choices)) for question in questions),
        "edits": {
            name: _counted(one["edit"] for one in candidates if one["true"] is truth)
            for name, truth in (("true", True), ("false", False))
        },
        "reworded": sum(each["reworded"] for each in generated),
        "context_chars": {"median": median(lengths), "max": max(lengths)},
        "two_or_more_articles": round(sum(several) / len(several), 4),
        "gates": {gate.name: {"value": round(gate.value, 4), "least": gate.least, "most": gate.most} for gate in measured},
        "blind_accuracy": None if blind is None else round(blind, 4),
        "nearest_to_excluded": {
            "similarity": round(similar[nearest].value, 4),
            "id": questions[nearest].id,
            "excluded_id": similar[nearest].excluded,
        },
        "laws_read": made.laws,
        "rounds": made.rounds,
        "laws_without_usable_articles": len(made.unusable),
        "passed_over_paragraphs": dict(made.passed_over.most_common()),
        "dropped_drafts": dict(made.dropped.most_common()),
    }  # fmt: skip


def _judged(question: Question, generated: dict[str, Any]) -> Judged:
    true = {letter: bool(one["true"]) for letter, one in generated["candidates"].items()}
    return Judged(generated["law_id"], question.choices, true, question.correct)


def _counted(values: Any) -> dict[str, int]:
    return dict(Counter(values).most_common())


def describe(name: str, facts: dict[str, Any]) -> list[str]:
    """What a set is, in lines for the terminal."""
    kinds = "、".join(f"{kind} {count}" for kind, count in facts["kinds"].items())
    measured = "、".join(f"{gate} {value['value']:.1%}" for gate, value in facts["gates"].items())
    nearest = facts["nearest_to_excluded"]
    blind = "計算できません" if facts["blind_accuracy"] is None else f"{facts['blind_accuracy']:.1%}"
    lines = [
        f"{name}: {facts['questions']} 問、{facts['laws']} 法令、{facts['clusters']} クラスタ（{kinds}）。"
        f"条文は中央値 {facts['context_chars']['median']:.0f} 字、最大 {facts['context_chars']['max']} 字",
        f"{name}: {measured}。条文を見ずに選択肢の語だけで選んだ正答率 {blind}",
    ]
    if nearest["excluded_id"]:
        lines.append(
            f"{name}: 除いた問題との類似度は最大 {nearest['similarity']:.2f}（{nearest['id']} と {nearest['excluded_id']}）"
        )
    return lines
