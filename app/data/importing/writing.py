"""The files of an import: questions.json, and manifest.json that says what it was made from and vouches for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ...core.files import sha256_file, sha256_text, write_json, write_text
from ...core.outputs import Output, check_folder_place, check_outputs, clear_remains, in_ledger, json_kind
from ...core.questions import CHOICE_LETTERS, Question
from ..lawqa import questions_from, samples_text

QUESTIONS, MANIFEST, WRITING = "questions.json", "manifest.json", ".imported.writing.json"
KIND = "imported_questions"
_NUMERALS = {2: "二択", 3: "三択", 4: "四択", 5: "五択", 6: "六択", 1: "○×"}


def check_folder(folder: Path, source: Path) -> None:
    """Raise ConfigError, one line, when the import must not or cannot be written into ``folder``."""
    check_folder_place("--output-dir", folder)
    ours = in_ledger(folder / MANIFEST, folder / WRITING)
    outputs = [
        Output("--output-dir", folder / QUESTIONS, ours),
        Output("--output-dir", folder / MANIFEST, json_kind(KIND)),
    ]
    check_outputs(outputs, {"FILE": source})


def write_import(folder: Path, facts: Mapping[str, Any], samples: Sequence[dict[str, Any]]) -> list[str]:
    """Write the entries and the manifest with ``facts``; returns lines that say what they are.

    The ledger stands there meanwhile: after a kill the file is known as ours.
    """
    text = samples_text(samples)
    questions = questions_from({"samples": list(samples)}, source=QUESTIONS)
    counted = statistics(questions)
    path = folder / QUESTIONS
    digests = [sha256_text(text), *([sha256_file(path)] if path.exists() else [])]
    write_json(folder / WRITING, {"kind": f"{KIND}-writing", "files": {QUESTIONS: digests}})
    (folder / MANIFEST).unlink(missing_ok=True)
    write_text(path, text)
    files = {QUESTIONS: {"sha256": digests[0], **counted}}
    write_json(folder / MANIFEST, {"kind": KIND, **facts, "files": files})
    (folder / WRITING).unlink()
    clear_remains(folder)
    return describe(counted)


def statistics(questions: Sequence[Question]) -> dict[str, Any]:
    """Counts of what was imported."""
    single = [one for one in questions if not one.is_statement]
    return {
        "questions": len(questions),
        "choices": _counted(len(one.choices) for one in questions),
        "correct": {
            letter: count
            for letter in CHOICE_LETTERS
            if (count := sum(letter in one.correct for one in single))
        },
        "several_correct": sum(len(one.correct) > 1 for one in single),
        "true_statements": sum(bool(one.correct) for one in questions if one.is_statement),
        "with_context": sum(one.context is not None for one in questions),
        "laws": len({one.law for one in questions}),
        "clusters": len({one.cluster for one in questions}),
    }  # fmt: skip


def _counted(values: Any) -> dict[str, int]:
    return {str(value): count for value, count in sorted(Counter(values).items())}


def describe(counted: Mapping[str, Any]) -> list[str]:
    """What was imported, in lines for the terminal."""
    kinds = "、".join(f"{_NUMERALS[int(number)]} {count}" for number, count in counted["choices"].items())
    lines = [
        f"{QUESTIONS}: {counted['questions']} 問（{kinds}）、条文つき {counted['with_context']} 問、まとまり {counted['clusters']} 個"
    ]
    statements = counted["choices"].get("1", 0)
    if counted["correct"]:
        letters = "、".join(f"{letter} {count}" for letter, count in counted["correct"].items())
        lines.append(f"正解の位置: {letters}。正解が複数の問題 {counted['several_correct']} 問")
        if len(counted["correct"]) == 1 and counted["questions"] - statements > 1:
            lines.append(f"注意: 正解がすべて {letters[0]} です。正解の列と書き方を確かめてください。")
    if statements:
        lines.append(f"○× の文: ○ {counted['true_statements']}、× {statements - counted['true_statements']}")
    return lines
