"""Rows from records: labels, modes, and records that are too long."""

from __future__ import annotations

from typing import Any

import pytest

from app.core.chat import encode_example, encode_prompt, stop_token_id
from app.core.errors import DataError
from app.data.records import Record
from app.training.rows.collation import LabelCollator
from app.training.rows.examples import build_example, build_examples, check_mode


def test_answer_and_stop_token_are_learned_and_nothing_else(tiny_tokenizer: Any, record_maker: Any) -> None:
    record = record_maker(1)[0]
    example = build_example(record, tiny_tokenizer)
    prompt = encode_prompt(tiny_tokenizer, record.input)
    answer = tiny_tokenizer("a", add_special_tokens=False)["input_ids"] + [stop_token_id(tiny_tokenizer)]
    assert example.input_ids == prompt + answer
    assert example.labels == [-100] * len(prompt) + answer
    assert tiny_tokenizer.decode(answer) == "a<|im_end|>"


def test_the_prompt_is_learned_when_asked_for(tiny_tokenizer: Any, record_maker: Any) -> None:
    example = build_example(record_maker(1)[0], tiny_tokenizer, loss_on_output_only=False)
    assert example.labels == example.input_ids


def test_mode_of_the_file(record_maker: Any) -> None:
    direct, cot = record_maker(2), record_maker(2, mode="cot", first=2)
    assert check_mode(direct, "auto", "f") == "direct"
    assert check_mode(cot, "cot", "f") == "cot"
    assert check_mode(direct + cot, "auto", "f") == "mixed"
    with pytest.raises(
        DataError, match=r"f: --train-mode cot ですが、meta.mode が direct のレコードが 2 件あります（最初は q0）"
    ):
        check_mode(direct + cot, "cot", "f")


def test_a_record_that_does_not_fit_is_refused_never_cut(tiny_tokenizer: Any, record_maker: Any) -> None:
    records = record_maker(4)
    lengths = [len(encode_example(tiny_tokenizer, record.input, record.output).input_ids) for record in records]
    longest = max(lengths)
    assert min(lengths) < longest
    name = records[lengths.index(longest)].row_id
    with pytest.raises(DataError, match=rf"最長は {name} の {longest} トークン.*--max-seq-length {longest} にするか"):
        build_examples(records, tiny_tokenizer, max_seq_length=longest - 1)
    built = build_examples(records, tiny_tokenizer, max_seq_length=longest - 1, skip_long=True)
    assert (name, longest) in built.too_long
    assert len(built.examples) == len(built.records) == 4 - len(built.too_long)
    assert [len(example.input_ids) for example in built.examples] == [n for n in lengths if n < longest]
    with pytest.raises(DataError, match="4 件のレコードが"):
        build_examples(records, tiny_tokenizer, max_seq_length=8, skip_long=True)


def test_a_special_token_in_the_text_names_the_record(tiny_tokenizer: Any, record_maker: Any) -> None:
    record = record_maker(1)[0]
    with pytest.raises(DataError, match=r"レコード q0: .*<\|im_end\|>"):
        build_example(Record(record.input + "<|im_end|>", "a", record.meta), tiny_tokenizer)


def test_batches_are_padded_to_their_longest_row_only(tiny_tokenizer: Any, record_maker: Any) -> None:
    examples = build_examples(record_maker(3), tiny_tokenizer, max_seq_length=999).examples
    batch = LabelCollator(0)(examples)
    lengths = [len(example.input_ids) for example in examples]
    assert len(set(lengths)) > 1
    assert tuple(batch["input_ids"].shape) == (3, max(lengths))
    for row, example in enumerate(examples):
        assert batch["input_ids"][row].tolist() == example.input_ids + [0] * (max(lengths) - lengths[row])
        assert batch["labels"][row].tolist() == example.labels + [-100] * (max(lengths) - lengths[row])
