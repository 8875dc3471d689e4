"""The memory of a deep model from a simulation of a shallow one of the same width (``trace.deepen``)."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from .allocator import reserved_bytes
from .model_sizes import ModelSizes
from .setting import MemorySetting
from .trace import SIMULATED_LAYERS, PhasePeak, births_and_deaths, deepen, peaks_by_phase

PHASES = ("load", "forward", "loss", "backward", "optimizer")


@dataclass(frozen=True, slots=True)
class Projection:
    """``peaks`` in bytes by phase; ``reserved``: what the caching allocator takes from the card for them.

    ``growing`` is the same with segments that grow (``expandable_segments``).
    """

    peaks: dict[str, PhasePeak]
    reserved: int
    growing: int

    @property
    def peak_phase(self) -> str:
        """The phase with the highest peak; the first of equals."""
        return max(self.peaks, key=lambda phase: self.peaks[phase].total)


def project_step(sizes: ModelSizes, setting: MemorySetting, *, exact: bool = False) -> Projection:
    """The memory of one training step; ``exact`` simulates every layer instead of copying one of a few."""
    # That bitsandbytes lacks an optional CPU kernel is no news to somebody who plans for a GPU.
    logging.getLogger("bitsandbytes.backends.cpu.ops").setLevel(logging.ERROR)
    from .step import simulate_step

    layers = sizes.num_hidden_layers
    if exact or layers <= SIMULATED_LAYERS:
        history = simulate_step(sizes, setting)
    else:
        history = deepen(simulate_step(sizes, setting, layers=SIMULATED_LAYERS), layers)
    events = list(births_and_deaths(history))
    return Projection(peaks_by_phase(history), reserved_bytes(events), reserved_bytes(events, growing=True))
