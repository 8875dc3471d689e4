"""Training records that somebody made beforehand, shared out to the questions of a split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..core.errors import DataError
from ..core.prompts import prompt_version
from ..core.questions import Question, content_hash
from .records import Record, read_records


@dataclass(frozen=True, slots=True)
class RecordPool:
    """The records of one file by question id, and where they came from."""

    path: Path
    by_id: dict[str, list[Record]]

    def of(self, questions: Sequence[Question]) -> list[Record]:
        """The records of these questions, in their order. Raises DataError when there are none."""
        records = [record for question in questions for record in self.by_id.get(question.id, [])]
        if not records:
            raise DataError(f"{self.path}: {len(questions)} 問の学習側の問題のレコードが一つもありません。ほかの組に分かれるように --folds を減らすか、レコードを増やしてください。")  # fmt: skip
        return records


def read_record_pool(path: Path, questions: Sequence[Question], mode: str) -> RecordPool:
    """The records of ``path``. Raises DataError unless every one is of one of ``questions``, of ``mode`` and such as the
    answers are asked for afterwards: by letters, in today's prompts, without examples."""
    known = {one.id: content_hash(one.question, one.choices) for one in questions}
    by_id: dict[str, list[Record]] = {}
    for record in read_records(path):
        meta = record.meta
        if known.get(meta["id"]) != content_hash(meta["question"], meta["choices"]):
            raise DataError(f"{path}: {record.row_id} は指定の問題ファイルの問題ではありません。同じ問題ファイルから作ったレコードを指定してください。")  # fmt: skip
        if fault := _unlike_the_questions(record):
            raise DataError(f"{path}: {record.row_id} は{fault}")
        if meta["mode"] != mode:
            raise DataError(f"{path}: {record.row_id} は {meta['mode']} のレコードです。--mode {meta['mode']} を指定してください。")  # fmt: skip
        by_id.setdefault(meta["id"], []).append(record)
    return RecordPool(path, by_id)


def _unlike_the_questions(record: Record) -> str | None:
    """What sets the record apart from what its model will be asked, and the way out; None for one to be learned from.

    The evaluation refuses an adapter of other prompts, and here it would do so after the first training.
    """
    meta = record.meta
    if record.form == "choice":
        return (
            "選択肢を一つずつ示すレコードで、--train-records は文字で答えるレコードだけです。--train-records を外すか"
            "（choice のレコードは cross_fit が作ります）、build_finetune_dataset.py --form letter で作り直してください。"
        )
    if meta["few_shot"] and meta["mode"] == "direct":  # a cot prompt never holds examples
        return "例題の付いたレコードですが、評価は例題なしで尋ねます。build_finetune_dataset.py で --few-shot を付けずに作り直してください。"  # fmt: skip
    if meta["prompt_version"] != (now := prompt_version("letter")):
        return f"プロンプトの版（prompt_version）{meta['prompt_version']!r} のレコードですが、今の版は {now!r} です。今の版で作り直してください。"  # fmt: skip
    return None
