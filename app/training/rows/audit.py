"""The label audit: what the collated batches really teach, checked row by row before the first step.

The audit does not trust the code that made the batches. From each record it makes anew what the row must be (the
prompt ids with which the model will be asked, then the answer, then the stop token) and compares the collated tensors
with that. It is the guard against the mistake that made fine-tuning lower accuracy for people who tried this before:
a collator that rebuilt the labels, so that the answer was 0.2 % of the loss.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ...core.chat import IGNORE, ChatFormat, encode_prompt, stop_token_id
from ...core.errors import DataError
from ...data.records import Record
from .prefix import rows_of_batch

MAX_NAMED_FAULTS = 5


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with one row."""

    record_id: str
    problem: str


@dataclass(frozen=True, slots=True)
class AuditSummary:
    """Counts over the whole file."""

    rows: int
    tokens: int  # of all rows, each by itself
    computed_tokens: int  # of all batches: more with padding, fewer with shared prefixes
    supervised: int  # tokens in the loss
    longest: int  # tokens of the longest row
    most_supervised: int  # tokens in the loss of the row that has most
    shown_row: str  # the first row decoded, what is learned marked


def expected_row(
    record: Record, tokenizer: Any, *, chat_format: ChatFormat, stop_id: int | None
) -> tuple[list[int], list[int]]:
    """(prompt ids as inference makes them, answer ids with the stop token if there is one) of one record."""
    prompt = encode_prompt(tokenizer, record.input, chat_format=chat_format)
    answer = list(tokenizer(record.output, add_special_tokens=False)["input_ids"])
    return prompt, answer if stop_id is None else [*answer, stop_id]


def row_faults(
    ids: Sequence[int],
    labels: Sequence[int],
    prompt: Sequence[int],
    answer: Sequence[int],
    *,
    output_only: bool,
    stops: bool = True,
) -> list[str]:
    """Everything wrong with one collated row (padding included), worst first; empty when the row is right.

    ``prompt`` and ``answer`` are what the row must hold, the answer ending with the stop token if it ``stops``.
    """
    problems = []
    supervised = [place for place, label in enumerate(labels) if label != IGNORE]
    if not supervised:
        return ["損失に入るトークンが一つもありません（ラベルがすべて -100）"]
    start, end = len(prompt), len(prompt) + len(answer)
    if list(ids[:start]) != list(prompt):
        place = next((at for at, (one, two) in enumerate(zip(ids, prompt, strict=False)) if one != two), len(ids))
        problems.append(
            f"学習のプロンプトと推論のプロンプトが {place} 番目のトークンから違います（チャットテンプレートの不一致）"
        )
        return problems
    if list(ids[start:end]) != list(answer):
        same = 0
        while same < len(ids) - start and same < len(answer) and ids[start + same] == answer[same]:
            same += 1
        if stops and same == len(answer) - 1:
            problems.append("回答の後に終了トークンがありません")
        elif all(label == IGNORE for label in labels[start + same :]):
            # What follows is padding, or nothing.
            problems.append("回答が途中で切れています")
        else:
            problems.append("回答のトークンがレコードの output と違います")
        return problems
    wrong = [place for place in supervised if labels[place] != ids[place]]
    if wrong:
        problems.append(f"{wrong[0]} 番目のラベルが同じ位置のトークンと違います")
    if output_only and supervised[0] < start:
        inside = sum(place < start for place in supervised)
        problems.append(f"プロンプトの {inside} トークンが損失に入っています（コレータがラベルを作り直していませんか）")
    if supervised[-1] >= end:
        problems.append("詰め物（パディング）が損失に入っています")
    last = end - 1 if stops else end
    if stops and labels[last] == IGNORE:
        problems.append("終了トークンが損失に入っていません")
    missing = sum(label == IGNORE for label in labels[start:last])
    if missing:
        problems.append(f"回答の {missing} トークンが損失に入っていません")
    if not output_only and any(label == IGNORE for label in labels[:start]):
        problems.append("プロンプトが損失に入っていません（--no-loss-on-output-only なのに）")
    return problems


def marked_row(tokenizer: Any, ids: Sequence[int], labels: Sequence[int]) -> str:
    """The decoded row with the part that is learned between ``⟦`` and ``⟧``."""
    parts: list[str] = []
    start = 0
    while start < len(ids):
        learned = labels[start] != IGNORE
        end = start
        while end < len(ids) and (labels[end] != IGNORE) == learned:
            end += 1
        text = tokenizer.decode(list(ids[start:end]))
        parts.append(f"⟦{text}⟧" if learned else text)
        start = end
    return "".join(parts)


def audit_batches(
    records: Sequence[Sequence[Record]],
    units: Sequence[Any],
    tokenizer: Any,
    collate: Callable[[Sequence[Any]], dict[str, Any]],
    *,
    batch_size: int,
    chat_format: ChatFormat = "auto",
    loss_on_output_only: bool = True,
    stops: bool = True,
) -> AuditSummary:
    """Collate the whole file with the collator of the run and check every row against its record.

    ``units`` are what the trainer draws (one row each, or the prefix-shared rows of a question), ``records`` those of
    each unit in the order of its rows. ``stops`` is false where the answer is learned without a stop token.
    Raises DataError naming the faulty records (the first five, and how many there are) on any fault.
    """
    stop_id = stop_token_id(tokenizer, chat_format=chat_format) if stops else None
    faults: list[Fault] = []
    tokens = supervised = longest = most = computed = 0
    shown = ""
    for start in range(0, len(units), batch_size):
        batch = collate(units[start : start + batch_size])
        rows = rows_of_batch(batch)
        here = [record for several in records[start : start + batch_size] for record in several]
        computed += batch["input_ids"].numel()
        if len(rows) != len(here):
            raise DataError(f"コレータが {len(here)} 件のレコードから {len(rows)} 行を作りました。同じ数が必要です。")
        _check_questions(batch, list(map(len, records[start : start + batch_size])))
        for record, (ids, labels) in zip(here, rows, strict=True):
            prompt, answer = expected_row(record, tokenizer, chat_format=chat_format, stop_id=stop_id)
            name = record.row_id
            faults += [
                Fault(name, problem)
                for problem in row_faults(ids, labels, prompt, answer, output_only=loss_on_output_only, stops=stops)
            ]
            real = len(prompt) + len(answer)
            tokens += real
            longest = max(longest, real)
            learned = sum(label != IGNORE for label in labels[1:])
            supervised += learned
            most = max(most, learned)
            shown = shown or marked_row(tokenizer, ids[:real], labels[:real])
    if faults:
        raise DataError(_describe(faults))
    rows_in_all = sum(map(len, records))
    return AuditSummary(rows_in_all, tokens, computed, supervised, longest, most, shown)


def _check_questions(batch: dict[str, Any], rows_of_unit: Sequence[int]) -> None:
    """Raises DataError when the choices that a batch lets a loss compare are not those of one question."""
    if "questions" not in batch:
        return
    learned = batch["labels"] != IGNORE
    expected = [number for number, rows in enumerate(rows_of_unit) for _ in range(rows)]
    if batch["questions"][learned].tolist() != expected:
        raise DataError("学習データの検査で、別の問題の選択肢を比べる列が見つかったので、学習を始めません。")


def _describe(faults: Iterable[Fault]) -> str:
    every = list(faults)
    named = "; ".join(f"{fault.record_id}: {fault.problem}" for fault in every[:MAX_NAMED_FAULTS])
    more = f"; ほか {len(every) - MAX_NAMED_FAULTS} 件" if len(every) > MAX_NAMED_FAULTS else ""
    return f"学習データの検査で誤りが {len(every)} 件見つかったので、学習を始めません。{named}{more}"
