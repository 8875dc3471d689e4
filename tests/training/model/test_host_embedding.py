"""The embedding on the CPU: same numbers, tied or not, and no device move takes it along."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from transformers import Qwen3Config, Qwen3ForCausalLM

from app.training.model.host_embedding import keep_embedding_on_cpu
from app.training.model.lora import attach_lora, trainable_parameters
from app.training.model.loss import label_loss_sum


def build(*, tie: bool) -> Any:
    torch.manual_seed(4)
    return Qwen3ForCausalLM(
        Qwen3Config(
            vocab_size=50, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2,
            num_key_value_heads=1, head_dim=8, max_position_embeddings=64, tie_word_embeddings=tie, pad_token_id=0,
        )
    )  # fmt: skip


def loss_and_gradients(model: Any) -> tuple[float, dict[str, torch.Tensor]]:
    model.activation_checkpointing_enable({"use_reentrant": False})
    model = attach_lora(
        model, r=2, alpha=4, dropout=0.0, target_modules=["q_proj", "up_proj"], bias="none", seed=1
    ).train()
    with torch.no_grad():
        for name, parameter in trainable_parameters(model).items():
            if "lora_B" in name:
                parameter.fill_(0.02)
    ids = torch.arange(3, 23).reshape(2, 10)
    labels = torch.where(torch.arange(10) > 6, ids, -100)
    loss = label_loss_sum(model, ids, labels)
    loss.total.backward()
    return loss.total.item(), {name: value.grad for name, value in trainable_parameters(model).items()}


@pytest.mark.parametrize("tie", [False, True])
def test_numbers_are_the_same(tie: bool) -> None:
    expected = loss_and_gradients(build(tie=tie))
    moved = build(tie=tie)
    assert keep_embedding_on_cpu(moved) == 50 * 16 * 4
    found = loss_and_gradients(moved)
    assert found[0] == expected[0]
    assert found[1].keys() == expected[1].keys()
    assert all(torch.equal(found[1][name], expected[1][name]) for name in expected[1])


@pytest.mark.parametrize("tie", [False, True])
def test_the_table_stays_behind_when_the_model_moves(tie: bool) -> None:
    model = build(tie=tie)
    table = model.get_input_embeddings().weight.detach().clone()
    keep_embedding_on_cpu(model)
    model.to("meta")  # stands for the card
    assert torch.equal(model.get_input_embeddings().weight, table)
    assert {parameter.device.type for parameter in model.parameters()} == {"meta"}
    assert model.device.type == "meta"
    assert not any("embed_tokens" in name for name, _ in model.named_parameters())
    assert ("lm_head.weight" in dict(model.named_parameters())) is not tie
    if tie:
        assert model.get_output_embeddings().weight is model.get_input_embeddings().weight
