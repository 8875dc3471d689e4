"""Prefix-shared rows give the loss and gradients of separate rows, and the audit reads them off the mask."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import DataError
from app.core.prompts import build_mc_prompt_direct
from app.core.questions import ORDERS
from app.data.records import Record
from app.llm.loading import load_base_model
from app.training.model.lora import trainable_parameters
from app.training.model.loss import label_loss_sum
from app.training.rows.audit import audit_batches
from app.training.rows.collation import LabelCollator
from app.training.rows.examples import TrainingExample, build_examples
from app.training.rows.prefix import PrefixCollator, group_examples, make_group, rows_of_batch, shared_length, visible


def in_orders(records: list[Record]) -> list[Record]:
    """Each record in the four orders of its choices."""
    turned = []
    for record in records:
        for order in ORDERS:
            choices = {shown: record.meta["choices"][original] for shown, original in zip("abcd", order, strict=True)}
            correct = "abcd"[order.index(record.meta["correct"])]
            prompt = build_mc_prompt_direct(
                record.meta["question"], choices, "第1条 届出は期限内にする。" * 3, few_shot=False
            )
            meta = {**record.meta, "choices": choices, "correct": correct, "order": order}
            turned.append(Record(prompt, correct, meta))
    return turned


def test_loss_and_gradients_equal_separate_rows(
    tiny_model_dir: Path, tiny_tokenizer: Any, record_maker: Any, with_adapter: Any
) -> None:
    records = in_orders(record_maker(2)) + record_maker(1, mode="cot", first=2)
    examples = build_examples(records, tiny_tokenizer, max_seq_length=9999).examples
    names = [record.meta["id"] for record in records]
    groups = group_examples(examples, names, max_tokens=9999)
    assert [group.rows for group in groups] == [[0, 1, 2, 3], [4, 5, 6, 7], [8]]
    shared = PrefixCollator()(groups)
    separate = LabelCollator(0)(examples)
    # four prompts of the same question cost little more than one
    assert shared["input_ids"].numel() < 0.6 * sum(len(example.input_ids) for example in examples)
    results = []
    for batch in (separate, shared):
        base = load_base_model(str(tiny_model_dir), quantization=None, device="cpu")
        model = with_adapter(base).double().train()
        loss = label_loss_sum(model, **batch)
        assert loss.positions == sum(label != -100 for example in examples for label in example.labels)
        loss.total.backward()
        results.append((loss.total.item(), {n: p.grad for n, p in trainable_parameters(model).items()}))
    assert results[1][0] == pytest.approx(results[0][0], rel=1e-6)
    for name, gradient in results[0][1].items():
        torch.testing.assert_close(results[1][1][name], gradient, rtol=1e-5, atol=1e-6)


def test_the_rows_come_back_from_the_mask(tiny_tokenizer: Any, record_maker: Any) -> None:
    records = in_orders(record_maker(3))
    examples = build_examples(records, tiny_tokenizer, max_seq_length=9999).examples
    groups = group_examples(examples, [record.meta["id"] for record in records], max_tokens=9999)
    rows = rows_of_batch(PrefixCollator()(groups))
    assert rows == [(example.input_ids, example.labels) for example in examples]
    summary = audit_batches(
        [[records[row] for row in group.rows] for group in groups],
        groups,
        tiny_tokenizer,
        PrefixCollator(),
        batch_size=2,
    )
    assert summary.rows == 12
    assert summary.computed_tokens < 0.6 * summary.tokens


def seeing_the_neighbour(batch: dict[str, torch.Tensor]) -> None:
    batch["attention_mask"][0, 0] = torch.ones_like(batch["attention_mask"][0, 0]).tril()


def wrong_positions(batch: dict[str, torch.Tensor]) -> None:
    batch["position_ids"][0] = torch.arange(batch["position_ids"].shape[1])


def seeing_ahead(batch: dict[str, torch.Tensor]) -> None:
    batch["attention_mask"][0, 0, 3, 4] = True


@pytest.mark.parametrize("spoil", [seeing_the_neighbour, wrong_positions, seeing_ahead])
def test_the_audit_refuses_a_wrong_mask_or_position(tiny_tokenizer: Any, record_maker: Any, spoil: Any) -> None:
    records = in_orders(record_maker(1))
    examples = build_examples(records, tiny_tokenizer, max_seq_length=9999).examples
    groups = group_examples(examples, ["q"] * 4, max_tokens=9999)

    def faulty(units: Any) -> dict[str, torch.Tensor]:
        batch = PrefixCollator()(units)
        spoil(batch)
        return batch

    with pytest.raises(DataError, match="q0"):
        audit_batches([records], groups, tiny_tokenizer, faulty, batch_size=1)


def test_a_group_beyond_the_limit_is_spread(tiny_tokenizer: Any, record_maker: Any) -> None:
    records = in_orders(record_maker(1))
    examples = build_examples(records, tiny_tokenizer, max_seq_length=9999).examples
    two = make_group(examples[:2], [0, 1]).tokens
    groups = group_examples(examples, ["q"] * 4, max_tokens=two)
    assert [group.rows for group in groups] == [[0, 1], [2, 3]]
    assert all(group.tokens <= two for group in groups)
    alone = group_examples(examples, ["q"] * 4, max_tokens=1)
    assert [group.rows for group in alone] == [[0], [1], [2], [3]]


def test_the_prefix_ends_before_the_shortest_prompt_does() -> None:
    equal = [TrainingExample("x", [1, 2, 3, 9], [-100, -100, -100, 9]) for _ in range(2)]
    assert shared_length(equal) == 2
    differing = [equal[0], TrainingExample("y", [1, 5, 3, 9], [-100, -100, -100, 9])]
    assert shared_length(differing) == 1


@given(
    st.lists(st.tuples(st.integers(0, 3), st.lists(st.integers(1, 3), min_size=1, max_size=3)), min_size=1, max_size=3)
)
def test_who_sees_whom(shape: list[tuple[int, list[int]]]) -> None:
    tokens = []  # (group, branch, place)
    for number, (prefix, branches) in enumerate(shape):
        tokens += [(number, 0, place) for place in range(prefix)]
        for branch, length in enumerate(branches, start=1):
            tokens += [(number, branch, prefix + place) for place in range(length)]
    mask = visible(torch.tensor([token[0] for token in tokens]), torch.tensor([token[1] for token in tokens]))
    for row, (group, branch, place) in enumerate(tokens):
        for column, (other_group, other_branch, other_place) in enumerate(tokens):
            expected = group == other_group and other_branch in (0, branch) and other_place <= place
            assert bool(mask[row, column]) == expected
