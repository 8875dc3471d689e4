"""The kernel that attention takes is seen where it is called, with the types that autocast makes."""

from __future__ import annotations

import pytest
import torch

from app.training.gpu_check.attention import chosen_kernels

functional = torch.nn.functional


def test_what_is_seen_is_what_torch_chooses_and_nothing_changes() -> None:
    query = torch.randn(1, 2, 8, 16, requires_grad=True)
    real, seen = functional.scaled_dot_product_attention, set[str]()
    plain = real(query, query, query, is_causal=True)
    with chosen_kernels(seen, lambda: True):
        watched = functional.scaled_dot_product_attention(query, query, query, is_causal=True)
    assert torch.equal(plain, watched)
    assert seen == {"FLASH_ATTENTION"}
    assert functional.scaled_dot_product_attention is real
    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH), chosen_kernels(seen, lambda: True):
        functional.scaled_dot_product_attention(query, query, query)
    assert seen == {"FLASH_ATTENTION", "MATH"}


def test_nothing_is_asked_after_the_first_step_and_the_call_is_put_back_after_a_failure() -> None:
    query, seen, real = torch.randn(1, 2, 8, 16), set[str](), functional.scaled_dot_product_attention
    with pytest.raises(RuntimeError), chosen_kernels(seen, lambda: False):
        functional.scaled_dot_product_attention(query, query, torch.randn(1, 3, 9, 4))
    assert seen == set()
    assert functional.scaled_dot_product_attention is real


def test_autocast_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[torch.Tensor] = []

    def choose(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, **_: object) -> int:
        given.extend((query, key, value))
        return int(torch.nn.attention.SDPBackend.FLASH_ATTENTION.value)

    monkeypatch.setattr(torch, "_fused_sdp_choice", choose)
    query, key = torch.randn(1, 2, 8, 16, requires_grad=True), torch.randn(1, 2, 8, 16, dtype=torch.bfloat16)
    with chosen_kernels(set(), lambda: True), torch.autocast("cpu", dtype=torch.bfloat16):
        functional.scaled_dot_product_attention(query, key, key, is_causal=True)
    assert [(one.dtype, one.shape, one.stride(-1), one.requires_grad) for one in given] == [
        (torch.bfloat16, query.shape, 1, True), (torch.bfloat16, query.shape, 1, False), (torch.bfloat16, query.shape, 1, False),
    ]  # fmt: skip
    assert given[0].untyped_storage().nbytes() == 16 * 2  # no copy of the query
