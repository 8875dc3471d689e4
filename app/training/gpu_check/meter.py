"""Peak memory and time of each phase of a training run, measured on the device it runs on."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from transformers import TrainerCallback

from ...core.manifests import peak_rss_bytes


@dataclass(frozen=True, slots=True)
class Probe:
    """How memory is read: ``peak`` bytes (allocated, reserved) since the last ``reset``."""

    peak: Callable[[], tuple[int, int]]
    reset: Callable[[], None]
    what: str  # what is read, for the report
    retries: Callable[[], int] = lambda: 0  # times that the card was full and cached blocks had to be given back


def probe_of(device: str) -> Probe:
    """The CUDA allocator's own counters; for the CPU the process's peak resident memory, which cannot be reset."""
    if device == "cpu":
        return Probe(lambda: (peak_rss_bytes() or 0, peak_rss_bytes() or 0), lambda: None, "プロセスの最大 RSS")
    import torch

    def peak() -> tuple[int, int]:
        torch.cuda.synchronize(device)
        return torch.cuda.max_memory_allocated(device), torch.cuda.max_memory_reserved(device)

    return Probe(
        peak,
        lambda: torch.cuda.reset_peak_memory_stats(device),
        "torch.cuda.max_memory_allocated",
        lambda: int(torch.cuda.memory_stats(device).get("num_alloc_retries", 0)),
    )


def empty_card(device: str) -> None:
    """Give back what nobody holds any more."""
    gc.collect()
    if device != "cpu":
        import torch

        torch.cuda.empty_cache()


@dataclass(slots=True)
class PhaseMeter:
    """Keeps each phase's peaks (allocated, reserved) in bytes, the highest reservation, and each optimiser step's seconds and tokens.

    Tokens are those computed in forward passes, padding included.
    """

    probe: Probe
    peaks: dict[str, int] = field(default_factory=dict)
    reserved_peaks: dict[str, int] = field(default_factory=dict)
    reserved: int = 0
    step_seconds: list[float] = field(default_factory=list)
    step_tokens: list[int] = field(default_factory=list)
    _phase: str | None = None
    _hooks: list[Any] = field(default_factory=list)

    def enter(self, phase: str | None) -> None:
        """Close the phase that runs, and let ``phase`` begin; None is time that belongs to no phase."""
        allocated, reserved = self.probe.peak()
        if self._phase is not None:
            self.peaks[self._phase] = max(self.peaks.get(self._phase, 0), allocated)
            self.reserved_peaks[self._phase] = max(self.reserved_peaks.get(self._phase, 0), reserved)
        self.reserved = max(self.reserved, reserved)
        self.probe.reset()
        self._phase = phase

    def watch(self, trainer: Any, *, after_step: Callable[[], None] = lambda: None) -> None:
        """Follow the phases of ``trainer``: forward, loss, backward, optimizer; ``after_step`` is called after each step."""
        decoder = trainer.model.get_base_model().model
        self._hooks = [
            decoder.register_forward_pre_hook(self._before_forward, with_kwargs=True),
            decoder.register_forward_hook(lambda *_: self.enter("loss")),
        ]
        backward = trainer.accelerator.backward

        def measured_backward(loss: Any, **options: Any) -> None:
            self.enter("backward")
            backward(loss, **options)
            self.enter(None)

        trainer.accelerator.backward = measured_backward
        trainer.add_callback(_StepMarks(self, after_step))

    def unwatch(self) -> None:
        """Leave the model alone again."""
        for hook in self._hooks:
            hook.remove()
        self._hooks = []

    def retries(self) -> int:
        """Times, since the process began, that the card was full and the allocator gave cached blocks back."""
        return self.probe.retries()

    def _before_forward(self, _: Any, positional: tuple[Any, ...], named: dict[str, Any]) -> None:
        self.enter("forward")
        if self.step_tokens:
            ids = named["input_ids"] if "input_ids" in named else positional[0]
            self.step_tokens[-1] += ids.numel()


class _StepMarks(TrainerCallback):  # type: ignore[misc]  # transformers ships no types that mypy can follow here
    def __init__(self, meter: PhaseMeter, after_step: Callable[[], None]) -> None:
        self.meter, self.after_step = meter, after_step
        self.started = 0.0

    def on_step_begin(self, *_: Any, **__: Any) -> None:
        self.started = time.monotonic()
        self.meter.step_tokens.append(0)

    def on_pre_optimizer_step(self, *_: Any, **__: Any) -> None:
        self.meter.enter("optimizer")

    def on_optimizer_step(self, *_: Any, **__: Any) -> None:
        self.meter.enter(None)

    def on_step_end(self, *_: Any, **__: Any) -> None:
        self.meter.step_seconds.append(time.monotonic() - self.started)
        self.after_step()
