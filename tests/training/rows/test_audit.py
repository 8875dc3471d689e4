"""The audit refuses every way of teaching something else than the answer, naming the record."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch

from app.core.errors import DataError
from app.training.rows.audit import audit_batches, marked_row, row_faults
from app.training.rows.collation import LabelCollator
from app.training.rows.examples import TrainingExample, build_examples

Collate = Callable[[Sequence[TrainingExample]], dict[str, torch.Tensor]]
PAD = 0


def audit(records: Any, tokenizer: Any, collate: Collate | None = None, **more: Any) -> Any:
    chat_format = more.pop("trained_with", "auto")
    built = build_examples(
        records, tokenizer, max_seq_length=9999, chat_format=chat_format,
        loss_on_output_only=more.get("loss_on_output_only", True),
    )  # fmt: skip
    return audit_batches(
        [[record] for record in records], built.examples, tokenizer, collate or LabelCollator(PAD), batch_size=3, **more
    )


def test_right_batches_pass_and_are_counted(tiny_tokenizer: Any, record_maker: Any) -> None:
    records = record_maker(7) + record_maker(2, mode="cot", first=7)
    summary = audit(records, tiny_tokenizer)
    examples = build_examples(records, tiny_tokenizer, max_seq_length=9999).examples
    assert summary.rows == 9
    assert summary.tokens == sum(len(example.input_ids) for example in examples)
    assert summary.supervised == sum(label != -100 for example in examples for label in example.labels)
    assert summary.longest == max(len(example.input_ids) for example in examples)
    assert summary.shown_row.endswith("⟦a<|im_end|>⟧")
    assert summary.shown_row.count("⟦") == 1


def test_learning_the_prompt_passes_only_when_it_is_meant(tiny_tokenizer: Any, record_maker: Any) -> None:
    summary = audit(record_maker(3), tiny_tokenizer, loss_on_output_only=False)
    assert summary.supervised == summary.tokens - 3

    def output_only(examples: Sequence[TrainingExample]) -> dict[str, torch.Tensor]:
        batch = LabelCollator(PAD)(examples)
        batch["labels"][:, :-2] = -100
        return batch

    with pytest.raises(DataError, match="プロンプトが損失に入っていません"):
        audit(record_maker(1), tiny_tokenizer, output_only, loss_on_output_only=False)


def rebuilding(examples: Sequence[TrainingExample]) -> dict[str, torch.Tensor]:
    """As transformers' DataCollatorForLanguageModeling: labels anew from the ids, padding masked."""
    batch = LabelCollator(PAD)(examples)
    labels = batch["input_ids"].clone()
    labels[labels == PAD] = -100
    return {**batch, "labels": labels}


def without_labels(examples: Sequence[TrainingExample]) -> dict[str, torch.Tensor]:
    batch = LabelCollator(PAD)(examples)
    return {**batch, "labels": torch.full_like(batch["labels"], -100)}


def without_stop_label(examples: Sequence[TrainingExample]) -> dict[str, torch.Tensor]:
    batch = LabelCollator(PAD)(examples)
    for row, example in enumerate(examples):
        batch["labels"][row, len(example.labels) - 1] = -100
    return batch


def without_stop_token(examples: Sequence[TrainingExample]) -> dict[str, torch.Tensor]:
    return LabelCollator(PAD)([TrainingExample(e.record_id, e.input_ids[:-1], e.labels[:-1]) for e in examples])


def cutting_answers(examples: Sequence[TrainingExample]) -> dict[str, torch.Tensor]:
    return LabelCollator(PAD)([TrainingExample(e.record_id, e.input_ids[:-6], e.labels[:-6]) for e in examples])


def learning_padding(examples: Sequence[TrainingExample]) -> dict[str, torch.Tensor]:
    batch = LabelCollator(PAD)(examples)
    labels = torch.nn.functional.pad(batch["labels"], (0, 1), value=PAD)
    return {"input_ids": torch.nn.functional.pad(batch["input_ids"], (0, 1), value=PAD), "labels": labels}


def shifting_labels(examples: Sequence[TrainingExample]) -> dict[str, torch.Tensor]:
    batch = LabelCollator(PAD)(examples)
    for row, example in enumerate(examples):
        end = len(example.labels)
        batch["labels"][row, end - 2 : end] = batch["labels"][row, end - 2 : end].flip(0)
    return batch


def losing_a_row(examples: Sequence[TrainingExample]) -> dict[str, torch.Tensor]:
    return {name: tensor[:-1] for name, tensor in LabelCollator(PAD)(examples).items()}


@pytest.mark.parametrize(
    ("collate", "mode", "problem"),
    [
        (
            rebuilding,
            "direct",
            r"q0: プロンプトの \d+ トークンが損失に入っています（コレータがラベルを作り直していませんか）",
        ),
        (without_labels, "direct", r"q0: 損失に入るトークンが一つもありません"),
        (without_stop_label, "direct", r"q0: 終了トークンが損失に入っていません"),
        (without_stop_token, "cot", r"q0: 回答の後に終了トークンがありません"),
        (cutting_answers, "cot", r"q0: 回答が途中で切れています"),
        (learning_padding, "direct", r"q0: 詰め物（パディング）が損失に入っています"),
        (shifting_labels, "direct", r"q0: \d+ 番目のラベルが同じ位置のトークンと違います"),
        (losing_a_row, "direct", r"コレータが 3 件のレコードから 2 行を作りました"),
    ],
)
def test_a_faulty_collator_is_refused(
    tiny_tokenizer: Any, record_maker: Any, collate: Collate, mode: str, problem: str
) -> None:
    with pytest.raises(DataError, match=problem) as caught:
        audit(record_maker(3, mode=mode), tiny_tokenizer, collate)
    assert "\n" not in str(caught.value)


def test_training_with_another_template_than_inference_is_refused(tiny_tokenizer: Any, record_maker: Any) -> None:
    # chatml leaves out the empty thought that the model's own template writes with thinking off
    with pytest.raises(DataError, match=r"q0: 学習のプロンプトと推論のプロンプトが \d+ 番目のトークンから違います"):
        audit(record_maker(1), tiny_tokenizer, trained_with="chatml")
    with pytest.raises(DataError, match="チャットテンプレートの不一致"):
        audit(record_maker(1), tiny_tokenizer, trained_with="plain", chat_format="chatml")


def test_a_template_changed_after_encoding_is_refused(tiny_tokenizer: Any, record_maker: Any) -> None:
    records = record_maker(2)
    examples = build_examples(records, tiny_tokenizer, max_seq_length=9999).examples
    served = copy.deepcopy(tiny_tokenizer)
    served.chat_template = served.chat_template.replace("assistant\n' }}{%", "assistant\n\n' }}{%")
    assert served.chat_template != tiny_tokenizer.chat_template
    with pytest.raises(DataError, match=r"誤りが 2 件.*q0: .*; q1: "):
        audit_batches([[record] for record in records], examples, served, LabelCollator(PAD), batch_size=1)


def test_only_the_faulty_record_is_named(tiny_tokenizer: Any, record_maker: Any) -> None:
    def one_bad(examples: Sequence[TrainingExample]) -> dict[str, torch.Tensor]:
        batch = LabelCollator(PAD)(examples)
        for row, example in enumerate(examples):
            if example.record_id == "q4":
                batch["labels"][row] = -100
        return batch

    with pytest.raises(DataError) as caught:
        audit(record_maker(7), tiny_tokenizer, one_bad)
    assert "誤りが 1 件" in str(caught.value)
    assert "q4: " in str(caught.value)
    assert "q3" not in str(caught.value)


def test_many_faults_are_counted_and_five_are_named(tiny_tokenizer: Any, record_maker: Any) -> None:
    with pytest.raises(DataError, match=r"誤りが 8 件.*; ほか 3 件$"):
        audit(record_maker(8), tiny_tokenizer, without_labels)


@pytest.mark.parametrize(
    ("ids", "labels", "expected"),
    [
        # prompt 1 2, answer 7 8, stop 9
        ([1, 2, 7, 8, 9], [-100, -100, 7, 8, 9], []),
        ([1, 2, 7, 8, 9, 0], [-100, -100, 7, 8, 9, -100], []),
        ([1, 2, 7, 8, 9], [-100, -100, -100, 8, 9], ["回答の 1 トークンが損失に入っていません"]),
        ([1, 2, 7], [-100, -100, 7], ["回答が途中で切れています"]),
        ([1, 2, 7, 8], [-100, -100, 7, 8], ["回答の後に終了トークンがありません"]),
        ([1, 2, 7, 5, 9], [-100, -100, 7, 5, 9], ["回答のトークンがレコードの output と違います"]),
        ([1, 2], [-100, 2], ["回答が途中で切れています"]),
    ],
)
def test_row_faults(ids: list[int], labels: list[int], expected: list[str]) -> None:
    assert row_faults(ids, labels, [1, 2], [7, 8, 9], output_only=True) == expected


def test_the_marked_row_shows_what_is_learned(tiny_tokenizer: Any) -> None:
    ids = tiny_tokenizer("ab", add_special_tokens=False)["input_ids"]
    first, second = tiny_tokenizer.decode(ids[:1]), tiny_tokenizer.decode(ids[1:])
    assert marked_row(tiny_tokenizer, ids, [-100] * 1 + ids[1:]) == first + (f"⟦{second}⟧" if ids[1:] else "")
