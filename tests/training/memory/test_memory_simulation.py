"""The counted step: its bookkeeping, the same step on real tensors, and shallow projections against deep simulations."""

import weakref
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter

from app.core.errors import ConfigError, ModelError
from app.training.memory.model_sizes import ModelSizes, read_model_sizes
from app.training.memory.plan import GIB, MemoryPlan, plan, plan_as_json, weight_bytes
from app.training.memory.projection import PHASES, project_step
from app.training.memory.search import BATCHES, LENGTHS, Card, advise, largest_setting
from app.training.memory.setting import MemorySetting
from app.training.memory.step import WORKSPACE_BYTES, simulate_step
from app.training.memory.trace import (
    SIMULATED_LAYERS,
    Event,
    PhasePeak,
    Section,
    births_and_deaths,
    deepen,
    peaks_by_phase,
)
from app.training.memory.tracker import CountingMode, hidden_scratch
from app.training.model.lora import attach_lora, resolve_target_modules
from app.training.model.loss import label_loss_sum

SMALL = read_model_sizes("Qwen3-0.6B")
# Reference points of issue 4: peak GiB of one step, T = 1024, r 16 on all linear layers, NF4 with double quantisation.
QLORA = MemorySetting(max_seq_length=1024, quantization="nf4")
BF16 = replace(QLORA, lora_dtype="bf16", lora_dropout=0.0, optimizer="adamw_8bit", label_positions=2)
FP32 = replace(BF16, lora_dtype="fp32", lora_dropout=0.05)
FULL = replace(BF16, label_positions=None)
USUAL = replace(FP32, label_positions=None, upcast=True)
LLAMA = replace(
    BF16, lora_r=8, batch_size=2, max_seq_length=2048, label_positions=2047,
    target_modules=("q_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"),
)  # fmt: skip
TWO: dict[str, Any] = {"batch_size": 2}
slow = pytest.mark.slow
REFERENCES = [
    pytest.param("Qwen3-8B", BF16, 6.3, id="label positions, bf16 LoRA"),
    pytest.param("Qwen3-8B", replace(BF16, **TWO), 6.9, id="the same, two rows", marks=slow),
    pytest.param("Qwen3-8B", FP32, 6.6, id="fp32 LoRA under autocast", marks=slow),
    pytest.param("Qwen3-8B", replace(FP32, **TWO), 7.4, id="the same, two rows (fp32)", marks=slow),
    pytest.param("Qwen3-8B", FULL, 7.9, id="all logits", marks=slow),
    pytest.param("Qwen3-8B", replace(FULL, **TWO), 9.9, id="all logits, two rows", marks=slow),
    pytest.param("Qwen3-8B", USUAL, 11.6, id="the usual path", marks=slow),
    pytest.param("Qwen3-8B", replace(USUAL, **TWO), 13.9, id="the usual path, two rows", marks=slow),
    pytest.param("Qwen3-8B", replace(BF16, checkpointing=False), 12.8, id="no checkpointing", marks=slow),
    pytest.param("Llama-3.1-8B", LLAMA, 7.4, id="torchtune-like Llama, measured on a 4090"),
]


def layered(layers: int, sizes: ModelSizes = SMALL) -> ModelSizes:
    return replace(sizes, num_hidden_layers=layers)


def numbered(history: list[Section]) -> list[tuple[str, int, int, str]]:
    """The events with their phase, storages numbered in the order of their births."""
    numbers: dict[int, int] = {}
    return [
        (section.phase, numbers.setdefault(number, len(numbers)), size, category)
        for section in history
        for number, size, category in section.events
    ]


@pytest.mark.parametrize(("name", "setting", "reference"), REFERENCES)
def test_reference_points_within_a_third_of_a_gibibyte(name: str, setting: MemorySetting, reference: float) -> None:
    made = plan(name, setting)
    assert made.peak_gib == pytest.approx(reference, abs=0.35)
    if setting.upcast and setting.batch_size == 1:
        # the float32 copy of the head is made while its 16-bit original still lives
        assert made.phases["load"] == pytest.approx(9.1, abs=0.35)


@slow
@pytest.mark.parametrize("setting", [BF16, QLORA, USUAL], ids=["bf16", "trainer", "usual"])
def test_the_projection_of_36_layers_is_the_simulation_of_36_layers(setting: MemorySetting) -> None:
    sizes = read_model_sizes("Qwen3-8B")
    projected, exact = project_step(sizes, setting), project_step(sizes, setting, exact=True)
    assert projected == exact


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"gradient_accumulation_steps": 1, "max_seq_length": 64, "label_positions": 2, "lora_r": 64},
        pytest.param({"checkpointing": False, "quantization": "none"}, marks=slow),
        {"offload": True, "embedding_device": "cpu", "lm_head_4bit": True, "label_positions": 600},
        pytest.param({"upcast": True, "label_positions": None, "batch_size": 2}, marks=slow),
        pytest.param({"share_prefix": True, "label_positions": 8}, marks=slow),
    ],
    ids=["default", "short rows, big adapter", "plain", "host memory", "usual", "shared prefix"],
)
def test_a_deepened_history_is_that_of_the_deep_model(change: dict[str, Any]) -> None:
    setting = replace(QLORA, **change)
    deep = deepen(simulate_step(SMALL, setting, layers=SIMULATED_LAYERS), 8)
    assert numbered(deep) == numbered(simulate_step(layered(8), setting))
    assert list(peaks_by_phase(deep)) == list(PHASES)


class RealCounter(TorchDispatchMode):
    """Live bytes of real tensors, counted on its own terms: the peak since the start, 512-byte blocks."""

    def __init__(self) -> None:
        super().__init__()
        self.live: dict[int, int] = {}
        self.total = self.peak = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for value in tree_iter(result):
            if isinstance(value, torch.Tensor):
                self.add(value)
        return result

    def add(self, tensor: torch.Tensor) -> None:
        storage = tensor.untyped_storage()
        if storage._cdata in self.live:
            return
        self.live[storage._cdata] = -(-storage.nbytes() // 512) * 512
        self.total += self.live[storage._cdata]
        self.peak = max(self.peak, self.total)
        weakref.finalize(storage, self.drop, storage._cdata)

    def drop(self, key: int) -> None:
        self.total -= self.live.pop(key)


@pytest.mark.parametrize("checkpointing", [True, False])
def test_the_same_step_on_real_tensors_peaks_at_the_same_bytes(tiny_model_dir: Path, checkpointing: bool) -> None:
    from transformers import AutoModelForCausalLM

    sizes = read_model_sizes(str(tiny_model_dir))
    setting = replace(
        QLORA,
        max_seq_length=256, label_positions=3, lora_r=4, lora_dropout=0.0, lora_dtype="bf16", quantization="none",
        gradient_accumulation_steps=1, checkpointing=checkpointing,
    )  # fmt: skip
    base = AutoModelForCausalLM.from_pretrained(tiny_model_dir, dtype=torch.bfloat16)
    targets = resolve_target_modules(base, ["all-linear"])
    if checkpointing:
        base.activation_checkpointing_enable({"use_reentrant": False})
    model = attach_lora(base, r=4, alpha=8, dropout=0.0, target_modules=targets, bias="none", seed=0).train()
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.to(torch.bfloat16)
    labels = torch.full((1, 256), -100)
    labels[0, -3:] = 5
    ids = torch.zeros(1, 256, dtype=torch.long)
    counter = RealCounter()
    for tensor in [*base.parameters(), *base.buffers(), ids]:
        counter.add(tensor)
    with counter:
        # As on a GPU: autocast, under which peft leaves LoRA's inputs as they are.
        torch.set_autocast_enabled("cuda", True)
        try:
            with torch.autocast("cpu", torch.bfloat16):
                loss = label_loss_sum(model, ids, labels).total
            (loss / 3).backward()
        finally:
            torch.set_autocast_enabled("cuda", False)

    simulated = peaks_by_phase(simulate_step(sizes, setting))
    step = max(simulated[phase].total for phase in ("forward", "loss", "backward"))
    # What a GPU and its optimiser add. Within: flash attention's sums in the backward pass.
    extra = WORKSPACE_BYTES + simulated["forward"].categories["optimizer"]
    hidden = 256 * 4 * 16 * 4 + 2 * 256 * 4 * 16 * 2 + 4096
    assert counter.peak + extra == pytest.approx(step, abs=hidden)


@pytest.mark.parametrize("accumulated", [1, 8])
def test_loading_ends_with_the_weights_and_what_a_step_makes_is_counted_in_the_step(accumulated: int) -> None:
    history = simulate_step(layered(1), replace(QLORA, gradient_accumulation_steps=accumulated))
    peaks = peaks_by_phase(history)
    for phase, peak in peaks.items():
        held = {name for name in ("optimizer", "gradients") if peak.categories.get(name)}
        wanted = set() if phase == "load" else {"optimizer"} if accumulated == 1 else {"optimizer", "gradients"}
        assert held >= wanted if phase in ("backward", "optimizer") else held == wanted
    begun = peaks_by_phase([*(one for one in history if one.phase == "load"), Section("begun")])["begun"]
    held = {name for name, size in begun.categories.items() if size}
    assert held == {"weights_4bit", "scales", "embeddings", "norms", "lora"}  # the passing copies are gone
    assert peaks["forward"].categories["scratch"] >= WORKSPACE_BYTES


def flash_backward(query: torch.Tensor, key: torch.Tensor, mask: torch.Tensor | None) -> int:
    backward = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward.default
    return sum(hidden_scratch(backward, [query, query, key], {"attn_mask": mask}))


def test_attention_with_a_mask_takes_the_memory_efficient_kernel_s_scratch() -> None:
    query, key = torch.empty(2, 4, 100, 64, device="meta"), torch.empty(2, 2, 100, 64, device="meta")
    mask = torch.empty(2, 1, 100, 100, dtype=torch.bfloat16, device="meta")
    rows = 2 * 4 * 100 * 4
    # flash: dQ of 128 padded rows in float32, a number a padded row, dK and dV of every query head
    assert flash_backward(query, key, None) == 2 * 4 * 128 * 64 * 4 + 2 * 4 * 128 * 4 + 2 * (2 * 4 * 100 * 64 * 4)
    # memory-efficient: dQ of two blocks of 64 × 64 and their 16 bytes, dK and dV of two blocks, a number a row
    blocks = 2 * 4 * 2 * (64 * 64 * 4 + 16) + 2 * (2 * 4 * 2 * 64 * 64 * 4)
    assert flash_backward(query, query, mask) == -(-blocks // 512) * 512 + -(-rows // 512) * 512
    forward = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu.default
    assert hidden_scratch(forward, [query, query, query], {"attn_mask": mask}) == (-(-2 * 100 * 104 * 2 // 512) * 512,)
    assert hidden_scratch(forward, [query, query, query], {"attn_mask": mask[..., :96]}) == ()
    assert hidden_scratch(forward, [query, key, key], {}) == ()


def test_few_key_blocks_are_summed_at_a_time_where_there_are_many_heads() -> None:
    query = torch.empty(1, 32, 4096, 128, device="meta")
    queries = 32 * 64 * 2 * (64 * 64 * 4 + 16)
    keys = 2 * 32 * (200 // 32) * 64 * 128 * 4
    mask = torch.empty(1, 1, 4096, 4096, device="meta")
    assert flash_backward(query, query, mask) == queries + keys + 32 * 4096 * 4


def test_storages_are_counted_once_and_forgotten_when_they_die() -> None:
    mode = CountingMode(vocabulary=99)
    with mode:
        first = torch.empty(1000, dtype=torch.uint8, device="cpu")
        view = first[10:20]
        del first  # the view still looks at it
        mode.enter("forward")
        torch.empty(0, device="cpu")  # nothing is given out for nothing
        mode.at("layers", 3)
        del view
    history = mode.finish()
    with mode:
        torch.empty(5, device="cpu")
    born, empty, dead = history
    assert (born.phase, born.events) == ("load", [Event(1, 1024, "activations")])  # blocks of 512
    assert (empty.phase, empty.events) == ("forward", [])
    assert dead == Section("forward", "layers", 3, [Event(1)])
    assert list(births_and_deaths(history)) == [(1, 1024), (1, 0)]


def test_categories_follow_tags_and_logits_are_known_by_their_width() -> None:
    mode = CountingMode(vocabulary=99)
    with mode:
        with mode.creating("lora"):
            weight = torch.empty(128, dtype=torch.float32, device="cpu")
        logits = torch.empty(2, 99, dtype=torch.float32, device="cpu")
        ids = torch.empty(2, 99, dtype=torch.long, device="cpu")
        mode.tag(ids, "checkpoints")
        mode.tag_if_activation(weight, "checkpoints")
        mode.enter("backward")
        del logits
        mode.enter("optimizer")
        peaks = peaks_by_phase(mode.finish())
    held = {"lora": 512, "logits": 1024, "activations": 0, "checkpoints": 2048}
    # What a phase begins with counts.
    assert peaks["backward"] == PhasePeak(512 + 1024 + 2048, held)
    assert peaks["optimizer"].total == 512 + 2048


def test_the_random_state_and_the_libraries_are_left_as_they_were() -> None:
    from transformers import masking_utils, modeling_utils

    before = (torch.random.get_rng_state(), masking_utils.find_packed_sequence_indices, modeling_utils.save_on_cpu)
    project_step(layered(1), replace(QLORA, max_seq_length=16, label_positions=1))
    assert torch.equal(torch.random.get_rng_state(), before[0])
    assert masking_utils.find_packed_sequence_indices is before[1]
    assert modeling_utils.save_on_cpu is before[2]
    assert not torch.is_autocast_enabled("cuda")


@pytest.fixture(scope="module")
def made() -> MemoryPlan:
    return plan(layered(2), QLORA, vram_gib=10, desktop_gib=0.8)


def test_the_items_add_up_and_the_weights_are_what_the_formula_says(made: MemoryPlan) -> None:
    assert sum(made.items.values()) == pytest.approx(made.required_gib)
    assert made.peak_gib == max(made.phases.values()) == made.phases[made.peak_phase]
    frozen = sum(made.items[name] for name in ("weights_4bit", "scales", "embeddings"))
    assert frozen == pytest.approx(weight_bytes(layered(2), "nf4") / GIB, rel=0.002)
    assert "lm_head" not in made.items  # tied
    # r 16 on every layer in float32: weights, gradients, two moments
    weights = 2 * 16 * sum(sum(shape) for shape in SMALL.linear_shapes().values())
    assert made.items["lora"] == pytest.approx(4 * weights / GIB, rel=0.01)
    assert made.items["gradients"] == pytest.approx(4 * weights / GIB, rel=0.01)
    assert made.items["optimizer"] == pytest.approx(8 * weights / GIB, rel=0.01)


def test_it_fits_exactly_when_the_need_and_the_desktop_stay_within_the_card(made: MemoryPlan) -> None:
    need = made.required_gib
    setting = made.setting
    assert plan(layered(2), setting, vram_gib=need + 0.81, desktop_gib=0.8).fits is True
    assert plan(layered(2), setting, vram_gib=need + 0.79, desktop_gib=0.8).fits is False
    assert plan(layered(2), setting).fits is None


def test_the_json_has_the_contracted_names(made: MemoryPlan) -> None:
    values = plan_as_json(made)
    assert {"peak_gib", "peak_phase", "fits", "items", "phases", "setting"} <= set(values)
    assert set(values["phases"]) == set(PHASES)


def test_the_search_takes_the_largest_that_fits_and_gives_a_reason_a_choice() -> None:
    sizes = layered(2)
    choice = largest_setting(Card(sizes, 1.8, 0.2), QLORA, {"quantization": "nf4"})
    setting = choice.plan.setting
    assert choice.plan.fits
    longer = replace(setting, max_seq_length=min(length for length in LENGTHS if length > setting.max_seq_length))
    wider = replace(setting, batch_size=min(rows for rows in BATCHES if rows > setting.batch_size))
    assert not any(plan(sizes, one, vram_gib=1.8, desktop_gib=0.2).fits for one in (longer, wider))
    told = " ".join(choice.reasons)
    assert all(name in told for name in ("lora_r", "max_seq_length", "batch_size", "checkpointing"))


def test_a_large_card_gets_plain_weights_and_a_tiny_one_the_smallest_adapter() -> None:
    sizes = layered(2)
    large = largest_setting(Card(sizes, 40, 0), QLORA, {}).plan
    assert (large.setting.quantization, large.setting.max_seq_length, large.setting.checkpointing) == (
        "none",
        8192,
        False,
    )
    tiny = largest_setting(Card(sizes, 1.0, 0), QLORA, {"quantization": "nf4"}).plan
    assert (tiny.setting.max_seq_length, tiny.setting.target_modules, tiny.fits) == (512, ("q_proj", "v_proj"), False)


def test_advice_goes_on_until_it_fits() -> None:
    sizes = layered(2)
    wish = replace(QLORA, batch_size=4, max_seq_length=2048, checkpointing=False, quantization="none")
    short = plan(sizes, wish, vram_gib=1.2)
    lines = advise(sizes, short)
    assert "nf4" in lines[0]
    assert lines[-1].endswith("（入ります）")
    assert advise(sizes, plan(sizes, wish, vram_gib=30)) == []


def test_advice_names_a_smaller_model_when_nothing_else_helps() -> None:
    sizes = layered(20, read_model_sizes("Qwen3-8B"))
    spent = replace(
        QLORA,
        max_seq_length=512,
        label_positions=2,
        lora_r=8,
        embedding_device="cpu",
        lm_head_4bit=True,
        optimizer="adamw_8bit",
    )
    short = plan(sizes, spent, vram_gib=2.7)
    assert short.fits is False
    assert "Qwen3-0.6B" in advise(sizes, short)[-1]


def test_a_card_smaller_than_the_plain_weights_gets_advice_that_fits() -> None:
    # 2 layers of 14B: their plain 4-bit weights with both tables in 16 bits do not fit, those at their smallest do
    sizes = layered(2, read_model_sizes("Qwen3-14B"))
    wish = replace(QLORA, max_seq_length=512, label_positions=2)
    vram = weight_bytes(sizes, "nf4") / GIB - 0.05
    short = plan(sizes, wish, vram_gib=vram, desktop_gib=0.3)
    assert short.fits is False
    lines = advise(sizes, short)
    assert lines[0].startswith("--embedding-device cpu")
    assert lines[-1].endswith("（入ります）")


def test_what_cannot_be_planned_is_refused_before_anything_is_simulated() -> None:
    with pytest.raises(ConfigError, match="重みだけで入りません"):
        plan("Qwen3-8B", QLORA, vram_gib=3)
    with pytest.raises(ModelError, match="model_type"):
        plan({"model_type": "gpt2"}, QLORA)
