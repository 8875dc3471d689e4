"""The check on random weights: the same code as on a card runs here with a small shape; a cut run keeps its figures."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from app.core.errors import ModelError
from app.training.gpu_check import random_check
from app.training.gpu_check.case import measure
from app.training.gpu_check.cases import Case, Shape, cases_of
from app.training.gpu_check.processes import OUT_OF_TIME, run_case
from app.training.gpu_check.random_check import NO_TIME, check_random
from app.training.gpu_check.random_model import random_model
from app.training.gpu_check.random_report import render_random_report
from app.training.memory.model_sizes import read_model_sizes
from app.training.memory.plan import weight_bytes

SMALL = Shape(tokens=16, shared=12, orders=2, accumulation=1, steps=2)
CONFIG = {
    "model_type": "qwen3", "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "head_dim": 16, "vocab_size": 300, "tie_word_embeddings": False,
    "max_position_embeddings": 512,
}  # fmt: skip


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A ``config.json`` of a small shape; one for all, since what is planned for it is kept."""
    path = tmp_path_factory.mktemp("small") / "config.json"
    path.write_text(json.dumps(CONFIG), encoding="utf-8")
    return str(path)


def told_of(case: Case, folder: Path) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = []
    measure(case, folder, told.append)
    return told


def parts_of(case: Case, folder: Path) -> dict[str, dict[str, Any]]:
    return {part["part"]: part for part in told_of(case, folder)}


@pytest.mark.parametrize("tied", [False, True])
def test_random_weights_are_packed_and_as_many_as_the_sizes_say(tmp_path: Path, tied: bool) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps({**CONFIG, "tie_word_embeddings": tied}), encoding="utf-8")
    sizes = read_model_sizes(str(path))
    model = random_model(sizes, "cpu", dtype=torch.float32, compute_dtype=torch.float32)
    linear = [module for module in model.modules() if type(module).__name__ == "Linear4bit"]
    assert len(linear) == 7 * 2
    packed = sum(layer.weight.numel() for layer in linear)
    assert packed * 2 == sizes.linear_parameters
    assert all(layer.weight.quant_state.nested and layer.weight.quant_state.quant_type == "nf4" for layer in linear)
    scales = sum(
        state.absmax.nbytes + state.state2.absmax.nbytes for state in (layer.weight.quant_state for layer in linear)
    )
    tables = (1 if tied else 2) * sizes.table_parameters * 2
    # The last second-level block of a small layer is not full.
    assert packed + scales + tables == pytest.approx(weight_bytes(sizes, "nf4"), rel=0.002)
    assert (model.lm_head.weight is model.model.embed_tokens.weight) is tied
    assert not any(parameter.device.type == "meta" for parameter in model.parameters())
    assert not any(parameter.requires_grad for parameter in model.parameters())
    with torch.no_grad():
        logits = model(input_ids=torch.arange(8)[None]).logits
    assert torch.isfinite(logits).all()
    # Made again they are the same, and no two layers are alike.
    again = random_model(sizes, "cpu", dtype=torch.float32, compute_dtype=torch.float32)
    assert torch.equal(again.lm_head.weight, model.lm_head.weight)
    assert torch.equal(again.model.layers[0].mlp.up_proj.weight, model.model.layers[0].mlp.up_proj.weight)
    assert not torch.equal(model.model.layers[0].mlp.up_proj.weight, model.model.layers[1].mlp.up_proj.weight)


def test_every_part_of_ours_is_measured_and_sharing_computes_fewer_tokens(config: str, tmp_path: Path) -> None:
    told = told_of(Case(config, "ours", False, "cpu", SMALL), tmp_path)
    parts = {part["part"]: part for part in told}
    assert list(parts) == ["machine", "load", "train", "train_shared", "scoring", "scoring_shared"]
    # A training is told step by step, so that what is killed in its middle has said what it measured.
    steps = [part for part in told if part["part"] == "train"]
    assert [len(part["step_seconds"]) for part in steps] == [1, 2, 2]
    assert ["unfinished" in part for part in steps] == [True, True, False]
    assert set(steps[0]["peak_bytes"]) == {"forward", "loss", "backward", "optimizer"}
    assert set(parts["load"]["peak_bytes"]) == {"load"}
    for name in ("train", "train_shared"):
        assert set(parts[name]["peak_bytes"]) == {"forward", "loss", "backward", "optimizer"}
        assert set(parts[name]["reserved_bytes"]) == set(parts[name]["peak_bytes"])
        assert len(parts[name]["losses"]) == len(parts[name]["step_seconds"]) == 2
    assert parts["train"]["step_tokens"] == [2 * 16, 2 * 16]
    assert parts["train_shared"]["step_tokens"] == [12 + 2 * 4] * 2
    second = parts["train_shared"]["step_seconds"][1]
    assert parts["train_shared"]["row_tokens_per_second"] == pytest.approx(32 / second, rel=0.01)
    assert parts["train_shared"]["computed_tokens_per_second"] == pytest.approx(20 / second, rel=0.01)
    # The CPU has one fused kernel; which one a card takes is what the check is to find out.
    assert [parts[name]["attention"] for name in ("train", "train_shared")] == [["FLASH_ATTENTION"]] * 2
    assert (parts["scoring"]["questions"], parts["scoring"]["prompt_tokens"]) == (2, 2 * 2 * 14)


def test_the_usual_script_trains_the_same_rows(config: str, tmp_path: Path) -> None:
    parts = parts_of(Case(config, "usual", False, "cpu", SMALL), tmp_path)
    assert list(parts) == ["machine", "load", "train"]
    assert parts["train"]["step_tokens"] == [32, 32]


def test_trl_learns_as_ours_does(config: str, tmp_path: Path) -> None:
    pytest.importorskip("trl", reason="trl is not installed: it is measured beside ours only where it is")
    trl = parts_of(Case(config, "trl", False, "cpu", SMALL), tmp_path)
    ours = parts_of(Case(config, "ours", False, "cpu", SMALL), tmp_path)
    assert trl["train"]["step_tokens"] == [32, 32]
    assert trl["train"]["losses"][0] == pytest.approx(ours["train"]["losses"][0], abs=0.01)


def test_what_is_planned_is_what_runs(config: str) -> None:
    ours = Case(config, "ours").settings()
    assert {name: (one.max_seq_length, one.batch_size, one.label_positions) for name, one in ours.items()} == {
        "train": (1024, 4, 2),
        "train_shared": (768 + 4 * 256, 1, 8),
    }
    assert ours["train_shared"].share_prefix
    usual = Case(config, "usual").settings()["train"]
    assert (usual.upcast, usual.label_positions, usual.quantization) == (True, None, "nf4")


def test_cases_come_in_the_order_of_their_worth() -> None:
    made = cases_of(["a", "b"], device="cuda", shape=SMALL, peers=["usual"], growing=True)
    assert [case.name for case in made] == [
        "a ours growing", "b ours growing", "a usual growing", "b usual growing", "a ours plain", "b ours plain",
    ]  # fmt: skip
    assert [case.name for case in cases_of(["a"], device="cpu", shape=SMALL, peers=[], growing=False)] == [
        "a ours plain"
    ]


MACHINE = {
    "part": "machine", "measured_with": "x", "gpu_free_gib": 100.0, "gpu_total_gib": 100.0,
    "run": {"hardware": {"system": "Linux", "gpu": "card"}, "packages": {}, "python": "3", "git_revision": "r",
            "started_at": "now"},
}  # fmt: skip


def phase_part(name: str, gib: float, *, phases: tuple[str, ...]) -> dict[str, Any]:
    peaks = {phase: int(gib * 2**30) for phase in phases}
    return {
        "part": name, "seconds": 1.0, "peak_bytes": peaks, "reserved_bytes": {key: value + 2**29 for key, value in peaks.items()},
        "retries": 0, "shape": {"steps": 2}, "attention": ["FLASH_ATTENTION"], "step_seconds": [2.0, 1.0], "step_tokens": [8, 8], "losses": [1.0, 0.9],
        "computed_tokens_per_second": 8.0, "row_tokens_per_second": 16.0,
    }  # fmt: skip


TRAINED = ("forward", "loss", "backward", "optimizer")


class FakeRuns:
    """Runs of cases that only say what they would have measured."""

    def __init__(self, *parts: dict[str, Any]) -> None:
        self.parts, self.seen = parts, list[str]()

    def __call__(self, case: Case, folder: Path, *, seconds: float) -> Iterator[dict[str, Any]]:
        assert folder.is_dir()
        self.seen.append(case.name)
        yield from (dict(part) for part in self.parts)


def checked(
    config: str, folder: Path, run: Any, *, minutes: float = 10, device: str = "cuda"
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    stored: list[dict[str, Any]] = []
    result = check_random(
        [config], folder, minutes=minutes, device=device, run=run,
        store=lambda now: stored.append(json.loads(json.dumps(now))), shape=SMALL,
    )  # fmt: skip
    return result, stored


def test_every_part_is_stored_as_soon_as_it_is_there(
    config: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(random_check, "segments_can_grow", lambda: False)
    monkeypatch.setattr(random_check, "missing_peers", lambda: {"trl": "TRL なし", "usual": "なし"})
    run = FakeRuns(MACHINE, phase_part("load", 0.5, phases=("load",)), phase_part("train", 1.0, phases=TRAINED))
    result, stored = checked(config, tmp_path, run)
    assert run.seen == [f"{config} ours plain"]
    assert result["finished"]
    seen = [sorted(one["cases"][0]["parts"]) for one in stored]
    assert seen[0] == []
    assert ["load"] in seen
    assert seen[-1] == ["load", "train"]
    text = render_random_report(result)
    assert text.startswith("# GPU 検査（乱数の重み）")
    assert "**外れています**" in text  # half a GiB more than the small model needs
    assert "| 順伝播 | 0.02 | 1.00 | +0.98 | **外れ** | 1.50 | 0.50 |" in text
    assert "TRL なし" in text


def test_what_fails_or_does_not_fit_is_a_line_and_the_rest_goes_on(
    config: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(random_check, "segments_can_grow", lambda: True)
    run = FakeRuns(MACHINE, {"part": "error", "error": "CUDA out of memory"})
    result, _ = checked(config, tmp_path, run)
    assert len(run.seen) == len(result["cases"]) >= 3
    assert {case["error"] for case in result["cases"]} == {"CUDA out of memory"}
    assert not result["finished"]
    assert "**測れませんでした**" in render_random_report(result)
    full = FakeRuns({**MACHINE, "gpu_free_gib": 0.01}, phase_part("load", 0.5, phases=("load",)))
    (tmp_path / "full").mkdir()
    result, _ = checked(config, tmp_path / "full", full)
    assert all(case["parts"] == {} for case in result["cases"])
    assert "入らない見込みなので行いませんでした" in render_random_report(result)


def test_a_training_that_was_cut_is_no_verdict_and_says_how_far_it_came(config: str, tmp_path: Path) -> None:
    cut = phase_part("train", 1.0, phases=TRAINED) | {"step_seconds": [2.0], "unfinished": True}
    run = FakeRuns(MACHINE, phase_part("load", 0.5, phases=("load",)), cut, {"part": "error", "error": OUT_OF_TIME})
    text = render_random_report(checked(config, tmp_path, run)[0])
    assert "**測れませんでした**" in text
    assert (
        "共有なし（注意機構 FLASH_ATTENTION、予測の前提 FLASH_ATTENTION。**2 ステップ中 1 で止まりました**）:" in text
    )
    assert "| 逆伝播 | 0.02 | 1.00 | +0.98 | **外れ** | 1.50 | 0.50 |" in text


def test_a_step_that_cannot_be_planned_is_measured_all_the_same(
    config: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(model: str, setting: Any) -> Any:
        raise AttributeError("no such operator\nand more")

    monkeypatch.setattr(random_check, "_planned", broken)
    run = FakeRuns(MACHINE, phase_part("load", 0.5, phases=("load",)), phase_part("train", 1.0, phases=TRAINED))
    result, _ = checked(config, tmp_path, run)
    assert {tuple(case["parts"]) for case in result["cases"]} == {("load", "train")}
    assert result["notes"].count(f"{config}: 予測できませんでした（no such operator）") == 1
    text = render_random_report(result)
    assert f"- {config}: 予測できませんでした（no such operator）" in text
    assert "| このプログラム、共有なし" in text  # its speed and peak


def test_on_a_card_flash_attention_is_asked_for_as_planned(
    config: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[dict[str, str]] = []

    class Started(Exception):
        pass

    class Context:
        def Pipe(self, *, duplex: bool) -> tuple[Any, Any]:
            return object(), object()

        def Process(self, *, target: Any, args: tuple[Any, ...], daemon: bool) -> Any:
            seen.append(args[-1])
            raise Started

    monkeypatch.setattr("app.training.gpu_check.processes.multiprocessing.get_context", lambda kind: Context())
    for device, growing in (("cuda", True), ("cuda", False), ("cpu", True)):
        with pytest.raises(Started):
            list(run_case(Case(config, "ours", growing, device, SMALL), tmp_path, seconds=1))
    names = ("PYTORCH_CUDA_ALLOC_CONF", "PYTORCH_ALLOC_CONF")
    flash = {"TORCH_CUDNN_SDPA_DEPRIORITIZED": "1"}
    assert seen == [
        {**flash, **dict.fromkeys(names, "expandable_segments:True")},
        {**flash, **dict.fromkeys(names, "expandable_segments:False")},
        {},
    ]


def test_nothing_begins_when_no_time_is_left(config: str, tmp_path: Path) -> None:
    run = FakeRuns(MACHINE)
    result, _ = checked(config, tmp_path, run, minutes=0.1)
    assert run.seen == []
    assert {case["error"] for case in result["cases"]} == {NO_TIME}


def test_an_unknown_model_is_refused_before_anything_runs(tmp_path: Path) -> None:
    run = FakeRuns(MACHINE)
    with pytest.raises(ModelError, match="寸法のわからないモデル"):
        checked("Qwen9-1B", tmp_path, run)
    assert run.seen == []


def test_on_the_cpu_the_report_claims_nothing(config: str, tmp_path: Path) -> None:
    text = render_random_report(checked(config, tmp_path, FakeRuns(MACHINE), device="cpu")[0])
    assert "GPU では動かしていません" in text
    assert "○" not in text.replace("以内なら ○", "")


def test_a_process_that_takes_too_long_is_ended_and_says_so(config: str, tmp_path: Path) -> None:
    parts = list(run_case(Case(config, "ours", False, "cpu", SMALL), tmp_path, seconds=0.5))
    assert parts == [{"part": "error", "error": OUT_OF_TIME}]


@pytest.mark.slow
def test_a_case_in_a_process_of_its_own(config: str, tmp_path: Path) -> None:
    parts = [part["part"] for part in run_case(Case(config, "usual", False, "cpu", SMALL), tmp_path, seconds=300)]
    assert parts == ["machine", "load", *["train"] * (SMALL.steps + 1)]  # after each step, and at the end
    failed = list(run_case(Case("Qwen9-1B", "usual", False, "cpu", SMALL), tmp_path, seconds=300))
    assert "寸法のわからないモデル" in failed[-1]["error"]
