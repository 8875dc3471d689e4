"""The label-position loss against transformers' own loss, value and gradient."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    Gemma2Config,
    Gemma2ForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from app.core.errors import ModelError
from app.training.model.lora import attach_lora, trainable_parameters
from app.training.model.loss import check_supported, head_loss_sum, label_loss_sum

SIZES: dict[str, Any] = {
    "vocab_size": 97, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "max_position_embeddings": 64, "pad_token_id": 0, "bos_token_id": None, "eos_token_id": 2,
}  # fmt: skip


def build(kind: str, *, tie: bool) -> Any:
    torch.manual_seed(1)
    if kind == "qwen3":
        return Qwen3ForCausalLM(Qwen3Config(**SIZES, head_dim=8, tie_word_embeddings=tie)).double()
    if kind == "qwen2":
        return Qwen2ForCausalLM(Qwen2Config(**SIZES, tie_word_embeddings=tie)).double()
    return LlamaForCausalLM(LlamaConfig(**SIZES, tie_word_embeddings=tie)).double()


def batch() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """(ids, labels, attention mask) of three rows of different lengths, the labels in different places."""
    generator = torch.Generator().manual_seed(3)
    ids = torch.randint(3, 97, (3, 12), generator=generator)
    labels = torch.full_like(ids, -100)
    mask = torch.zeros_like(ids)
    for row, (start, end) in enumerate([(10, 12), (4, 9), (5, 7)]):
        labels[row, start:end] = ids[row, start:end]
        mask[row, :end] = 1
        ids[row, end:] = 0
    return ids, labels, mask


@pytest.mark.parametrize("kind", ["qwen3", "qwen2", "llama"])
@pytest.mark.parametrize("tie", [True, False])
@pytest.mark.parametrize("chunk", [1, 3, 256])
def test_equals_the_loss_of_transformers(kind: str, tie: bool, chunk: int) -> None:
    model = build(kind, tie=tie)
    ids, labels, mask = batch()
    reference = model(input_ids=ids, attention_mask=mask, labels=labels).loss
    reference.backward()
    expected = {name: parameter.grad.clone() for name, parameter in model.named_parameters()}
    model.zero_grad()
    ours = label_loss_sum(model, ids, labels, chunk_positions=chunk)
    assert ours.positions == 9
    (ours.total / ours.positions).backward()
    # the softmax of both runs in float32, so double weights agree to single precision
    assert ours.total.item() / 9 == pytest.approx(reference.item(), rel=1e-6)
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(parameter.grad, expected[name], rtol=1e-4, atol=1e-7)


def test_works_through_lora(tiny_model_dir: Any) -> None:
    model = attach_lora(
        AutoModelForCausalLM.from_pretrained(tiny_model_dir),
        r=4, alpha=8, dropout=0.0, target_modules=["q_proj", "down_proj"], bias="none", seed=1,
    )  # fmt: skip
    with torch.no_grad():
        for parameter in trainable_parameters(model).values():
            parameter.add_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(5)) * 0.05)
    ids, labels, mask = batch()
    expected = model(input_ids=ids, attention_mask=mask, labels=labels).loss.item()
    ours = label_loss_sum(model, ids, labels)
    assert ours.total.item() / ours.positions == pytest.approx(expected, rel=1e-5)


def test_the_head_sees_label_positions_only_and_in_chunks() -> None:
    seen: list[int] = []

    class Head(torch.nn.Linear):
        def forward(self, hidden: torch.Tensor) -> torch.Tensor:
            seen.append(hidden.shape[0])
            return super().forward(hidden)

    head = Head(8, 20)
    hidden = torch.randn(10, 8, requires_grad=True)
    targets = torch.arange(10)
    total = head_loss_sum(head, hidden, targets, 4).total
    assert seen == [4, 4, 2]
    total.backward()
    assert seen == [4, 4, 2, 2, 4, 4]  # computed again in the backward pass, not kept
    assert hidden.grad is not None
    expected = torch.nn.functional.cross_entropy(head(hidden), targets, reduction="sum")
    assert total.item() == pytest.approx(expected.item(), rel=1e-6)


def test_another_architecture_is_refused_by_name() -> None:
    model = Gemma2ForCausalLM(Gemma2Config(**SIZES, head_dim=8))
    with pytest.raises(ModelError, match="モデルの種類 gemma2 の学習には対応していません"):
        check_supported(model)
