"""The 4-bit head benchmark: its sums by hand, and its two readings on a random model."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from app.llm.letters import score_letters
from app.llm.loading import load_base_model
from app.training.model.tiled_head import TiledHead
from benchmarks.head_4bit import read_both, summarize


def test_sums() -> None:
    shares = torch.tensor(
        [
            [[0.4, 0.2, 0.2, 0.2], [0.1, 0.5, 0.2, 0.2]],
            [[0.1, 0.1, 0.1, 0.7], [0.1, 0.1, 0.2, 0.6]],
        ]
    )
    assert summarize((shares / 2).log(), [0, 3]) == {
        "questions": 2,
        # −ln of half of what the right letters have: .4 and .7 before, .1 and .6 after
        "loss": {"bf16": pytest.approx(1.329630), "nf4": pytest.approx(2.099853)},
        "loss_change": pytest.approx(0.770223),
        "loss_change_sd": pytest.approx(0.871257),
        "same_letter": 1,
        "right": {"bf16": 2, "nf4": 1},
        "letter_probability_change": {"mean": pytest.approx(0.1), "largest": pytest.approx(0.3)},
    }


def test_the_stored_head_reads_what_evaluation_reads(tiny_model_dir: Path) -> None:
    model = load_base_model(str(tiny_model_dir), quantization=None, device="cpu")
    rows, letters = [[5, 6, 7], [8, 9, 10, 11]], [[20], [21, 22], [23], [24]]
    weight = model.get_output_embeddings().weight
    both = read_both(model, TiledHead(weight, compute_dtype=weight.dtype).eval(), rows, letters)
    assert both.shape == (2, 2, 4)
    stored = score_letters(model, rows, letters, max_batch_tokens=4).logprobs
    torch.testing.assert_close(both[:, 0], torch.from_numpy(stored), rtol=1e-5, atol=1e-5)
    # The rounding is there, and small beside the logits' own spread.
    assert 0 < float((both[:, 1] - both[:, 0]).abs().max()) < 0.2
