"""The answers of an evaluation that has not ended: one JSON line a question, appended at once, so that a kill loses none.

The first line says what was asked and of which model; only the same evaluation goes on from it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ...core.cli import log
from ...core.errors import DataError
from ...core.files import append_jsonl, read_jsonl_tail, to_json, write_text
from ...core.outputs import set_aside
from ...core.questions import Question
from ...core.runs import ProgressHead, ResumeKey, differing_facts
from ..results.outcomes import Outcome
from ..results.rows import outcome_from

_AGAIN = "同じ設定で --resume するか、このファイルを移して（または --resume を外して）はじめからやり直してください。"


def progress_path(output: Path) -> Path:
    """The JSON-lines file beside a result."""
    return output.with_name(output.name + ".progress.jsonl")


class ProgressFile:
    """The progress of the evaluation that writes ``output``.

    done   outcomes of an interrupted run by question id; none without ``resume``. Failed questions are left out, so
           that a resumed run asks them again.
    model  what that run's model said about itself; empty without answers
    """

    def __init__(self, output: Path, key: ResumeKey, questions: Sequence[Question], *, resume: bool) -> None:
        """Read what is there; nothing is written. Raises DataError for a run with other settings, or a broken file."""
        self.path = progress_path(output)
        self.done: dict[str, Outcome] = {}
        self.model: dict[str, Any] = {}
        self._key, self._resume = key, resume
        rows = read_jsonl_tail(self.path) if resume else []
        if not rows:
            return
        head = self._head(rows[0])
        known = {question.id for question in questions}
        for number, row in enumerate(rows[1:], start=2):
            outcome = outcome_from(row, f"{self.path}: {number} 行目")
            if outcome.id not in known:
                raise DataError(f"{self.path}: {number} 行目の問題 {outcome.id} は評価の対象にありません。")
            if outcome.status != "failed":
                self.done[outcome.id] = outcome
        if self.done:
            self.model = head.model
            log(f"{self.path}: {len(self.done)} 問は前回の結果を使います。")

    def _head(self, row: Any) -> ProgressHead:
        try:
            head = ProgressHead.model_validate(row)
        except ValidationError:
            raise DataError(
                f"{self.path}: 評価の途中経過ではありません。ファイルを消してから、はじめからやり直してください。"
            ) from None
        if head.key != self._key.sha256:
            named = "、".join(self._key.differences(head.settings)) if head.settings else "モデル・データ・オプション"
            raise DataError(f"{self.path}: 別の設定で始めた評価の記録です（違い: {named}）。{_AGAIN}")
        return head

    def check_model(self, facts: Mapping[str, Any], *, written: bool) -> None:
        """Raise DataError unless the model that was loaded is the one that gave the answers that are there already, and,
        where they were ``written``, draws its words as that one did."""
        different = differing_facts(facts, self.model)
        if written and self.done and facts.get("samplers") != self.model.get("samplers"):
            different.append("samplers")
        if different:
            raise DataError(
                f"{self.path}: 前回の {len(self.done)} 問に答えたモデルと、いま読み込んだモデルが違います"
                f"（違い: {'、'.join(different)}）。{_AGAIN}"
            )

    def append_to(self, facts: Mapping[str, Any]) -> Callable[[Sequence[Outcome]], None]:
        """A function that appends outcomes of the model that says ``facts``; the file is started anew unless gone on with.

        Called only when the model is loaded: a run that could not begin leaves no file. Answers of a run that did not
        end are renamed, never lost.
        """
        if not self._resume and _holds_answers(self.path):
            log(
                f"注意: 終わっていない評価の答えがありました。{set_aside(self.path)} に残します（--resume を付けると続きから行えます）。"
            )
        if not self.done:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            head = ProgressHead(key=self._key.sha256, settings=self._key.settings, model=dict(facts))
            write_text(self.path, to_json(head.model_dump()) + "\n")

        def append(outcomes: Sequence[Outcome]) -> None:
            for outcome in outcomes:
                append_jsonl(self.path, outcome.as_row())

        return append


def _holds_answers(path: Path) -> bool:
    """Whether a progress file has answers that no written result holds."""
    if not path.is_file() or path.read_bytes().count(b"\n") < 2:
        return False
    output = path.with_name(path.name.removesuffix(".progress.jsonl"))
    return not output.is_file() or output.stat().st_mtime_ns < path.stat().st_mtime_ns
