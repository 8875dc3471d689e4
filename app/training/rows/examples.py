"""From records to token rows: which records are trained on, and their ids and labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ...core.chat import IGNORE, ChatFormat, encode_example
from ...core.errors import DataError, ModelError
from ...core.prompts import FITS
from ...core.questions import LETTERS
from ...data.records import CHAT, Record
from ..config import Objective, TrainMode


@dataclass(frozen=True, slots=True)
class TrainingExample:
    """One row: ``labels`` has the length of ``input_ids`` and is −100 where nothing is learned."""

    record_id: str
    input_ids: list[int]
    labels: list[int]


@dataclass(frozen=True, slots=True)
class BuiltExamples:
    """The rows to train on, and the records left out because they are longer than the limit (id, tokens)."""

    examples: list[TrainingExample]
    records: list[Record]
    too_long: list[tuple[str, int]]


def check_mode(records: Sequence[Record], train_mode: TrainMode, path: object) -> str:
    """``direct``, ``cot`` or ``mixed``: what the records teach. Raises DataError when ``train_mode`` asks otherwise."""
    modes = Counter(str(record.meta["mode"]) for record in records)
    if train_mode != "auto":
        wrong = next((record for record in records if record.meta["mode"] != train_mode), None)
        if wrong is not None:
            raise DataError(
                f"{path}: --train-mode {train_mode} ですが、meta.mode が {wrong.meta['mode']} のレコードが"
                f" {len(records) - modes[train_mode]} 件あります（最初は {wrong.row_id}）。"
                "--train-mode auto にするか、ファイルを作り直してください。"
            )
    return next(iter(modes)) if len(modes) == 1 else "mixed"


def check_form(records: Sequence[Record], objective: Objective, path: object) -> None:
    """Raises DataError when the records are not of the form that ``objective`` learns from."""
    if any(record.form == CHAT for record in records):
        if objective != "text":
            raise DataError(
                f"{path}: 会話のレコードは --objective text でだけ学習できます（指定は {objective}）。"
                "問題を学習するには build_finetune_dataset.py のレコードを使ってください。"
            )
        return
    wanted = "choice" if objective == "choice" else "letter"
    wrong = [record for record in records if record.form != wanted]
    if not wrong:
        return
    several = "" if len(wrong) == len(records) else "ほかの形の"
    if wanted == "choice":
        raise DataError(
            f"{path}: --objective choice は選択肢を一つずつ示すレコードで学習しますが、{several}文字で答えるレコードが {len(wrong)} 件"
            f"あります（最初は {wrong[0].row_id}）。build_finetune_dataset.py --form choice で作り直してください。"
        )
    raise DataError(
        f"{path}: 選択肢を一つずつ示す{several}レコードが {len(wrong)} 件あります（最初は {wrong[0].row_id}）。"
        "--objective choice を指定するか、build_finetune_dataset.py --form letter で作り直してください。"
    )


def shows_cited_words(records: Sequence[Record], path: object) -> bool:
    """Whether the records show what a choice only cites. Raises DataError when some do and others do not."""
    shown = sum(bool(record.meta.get("cited_words")) for record in records)
    if 0 < shown < len(records):
        raise DataError(
            f"{path}: --cited-words で作ったレコード {shown} 件と、付けずに作ったレコード {len(records) - shown} 件が混じっています。"
            "どちらかにそろえて build_finetune_dataset.py で作り直してください。"
        )
    return shown > 0


def build_example(
    record: Record,
    tokenizer: Any,
    *,
    chat_format: ChatFormat = "auto",
    loss_on_output_only: bool = True,
    answer_ids: Sequence[Sequence[int]] | None = None,
) -> TrainingExample:
    """The row of one record; with ``loss_on_output_only`` off the prompt's tokens are labels too.

    With ``answer_ids`` (the spellings of each letter, or of ○ and × for a choice record) the row ends with the one
    token of its answer, its only label.
    """
    try:
        input_ids, labels = encode_example(tokenizer, record.input, record.output, chat_format=chat_format)
    except ModelError as error:
        raise DataError(f"レコード {record.row_id}: {error}") from error
    if answer_ids is not None:
        input_ids, labels = _one_token_row(record, input_ids, labels, answer_ids)
    return TrainingExample(record.row_id, input_ids, labels if loss_on_output_only else list(input_ids))


def _one_token_row(
    record: Record, input_ids: list[int], labels: list[int], answer_ids: Sequence[Sequence[int]]
) -> tuple[list[int], list[int]]:
    # The row without the stop token. The answer must be a token that evaluation counts as the right one.
    if record.meta["mode"] != "direct":
        raise DataError(
            f"レコード {record.row_id}: --objective letter は direct のレコードだけに使えます（これは {record.meta['mode']}）。"
            "--objective text にするか、build_finetune_dataset.py --mode direct で作り直してください。"
        )
    check_letters(record)
    answer = [label for label in labels[:-1] if label != IGNORE]
    if record.form == "choice":
        if len(answer) != 1 or answer[0] not in answer_ids[0 if record.output == FITS else 1]:
            raise DataError(
                f"レコード {record.row_id}: output {record.output!r} が 1 トークンの「○」「×」ではありません。"
            )
    elif len(record.meta["choices"]) != len(LETTERS):
        # The loss is over the four letters; an evaluation divides among the question's own.
        raise DataError(
            f"レコード {record.row_id}: 選択肢が {len(record.meta['choices'])} 個あります。--objective letter は "
            f"{len(LETTERS)} 個の問題だけです。--objective text にするか、build_finetune_dataset.py --form choice で作り、"
            "--objective choice を指定してください。"
        )
    elif len(answer) != 1 or answer[0] not in answer_ids[LETTERS.index(record.meta["correct"])]:
        raise DataError(
            f"レコード {record.row_id}: output {record.output!r} が正解の文字 {record.meta['correct']} の 1 トークンではありません。"
            "--objective letter には、文字だけの output が必要です。"
        )
    return input_ids[:-1], labels[:-1]


def check_letters(record: Record) -> None:
    """Raises DataError for a letter record whose question has more choices than the letters that are scored here; the
    letter objective takes exactly as many."""
    if record.form == "letter" and len(record.meta["choices"]) > len(LETTERS):
        raise DataError(
            f"レコード {record.row_id}: 選択肢が {len(record.meta['choices'])} 個あります。"
            f"文字で答える dev は {len(LETTERS)} 個まで、文字での学習（--objective letter）は {len(LETTERS)} 個だけです。"
            "build_finetune_dataset.py --form choice で作り、--objective choice を指定してください。"
        )


def build_examples(
    records: Iterable[Record],
    tokenizer: Any,
    *,
    max_seq_length: int,
    chat_format: ChatFormat = "auto",
    loss_on_output_only: bool = True,
    skip_long: bool = False,
    answer_ids: Sequence[Sequence[int]] | None = None,
) -> BuiltExamples:
    """Rows of all records within ``max_seq_length`` tokens.

    Raises DataError naming the longest record when some do not fit and ``skip_long`` is off, or when none fits: a row
    is never cut, since a cut prompt is not the prompt the model will be asked with.
    """
    examples, kept, too_long = [], [], []
    for record in records:
        example = build_example(
            record,
            tokenizer,
            chat_format=chat_format,
            loss_on_output_only=loss_on_output_only,
            answer_ids=answer_ids,
        )
        if len(example.input_ids) > max_seq_length:
            too_long.append((example.record_id, len(example.input_ids)))
        else:
            examples.append(example)
            kept.append(record)
    check_too_long(too_long, max_seq_length, "件のレコード", skip=skip_long and bool(examples))
    return BuiltExamples(examples, kept, too_long)


def check_too_long(too_long: Sequence[tuple[str, int]], limit: int, what: str, *, skip: bool) -> None:
    """Raises DataError naming the longest of ``too_long`` (id, tokens), unless they may be left out (``skip``)."""
    if too_long and not skip:
        name, longest = max(too_long, key=lambda row: row[1])
        raise DataError(
            f"{len(too_long)} {what}が --max-seq-length {limit} トークンを超えます"
            f"（最長は {name} の {longest} トークン）。--max-seq-length {longest} にするか、文脈を減らして作り直すか、"
            "--skip-long-records で除いてください。"
        )
