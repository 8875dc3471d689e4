"""The memory of a deep model from simulations of shallow ones of the same width.

Every layer of these models is alike, so at a given moment of the step the bytes are a straight line in the number of
layers: two shallow simulations give it. The result equals the full simulation to the byte (tested), in a tenth of the
time.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .model_sizes import ModelSizes
from .setting import MemorySetting

if TYPE_CHECKING:
    from .tracker import PhasePeak

PHASES = ("load", "forward", "loss", "backward", "optimizer")
SHALLOW, DEEPER = 3, 4
# The allocator's gaps are no straight line. Full simulations of four settings show them growing by -11 to 16 MiB a layer
# from the shallow one's (docs/memory.md); this is the middle.
GAP_BYTES_PER_LAYER = 3 * 2**20


@dataclass(frozen=True, slots=True)
class Projection:
    """``peaks`` in bytes by phase, and ``reserved``: what the caching allocator takes from the card for them."""

    peaks: dict[str, PhasePeak]
    reserved: int

    @property
    def peak_phase(self) -> str:
        """The phase with the highest peak; the first of equals."""
        return max(self.peaks, key=lambda phase: self.peaks[phase].total)


def project_step(sizes: ModelSizes, setting: MemorySetting, *, exact: bool = False) -> Projection:
    """The peaks of one training step; ``exact`` simulates every layer instead of projecting from a few."""
    # That bitsandbytes lacks an optional CPU kernel is no news to somebody who plans for a GPU.
    logging.getLogger("bitsandbytes.backends.cpu.ops").setLevel(logging.ERROR)
    from .allocator import ReservedMemory
    from .step import simulate_step

    layers = sizes.num_hidden_layers
    if exact or layers <= DEEPER:
        step = simulate_step(sizes, setting)
        peaks = _by_phase(step.peaks)
        return Projection(peaks, max(ReservedMemory().replay(step.trace), _highest(peaks)))
    low = simulate_step(sizes, setting, layers=SHALLOW)
    high = simulate_step(sizes, setting, layers=DEEPER)
    gaps = max(ReservedMemory().replay(high.trace) - _highest(_by_phase(high.peaks)), 0)
    peaks = _by_phase({moment: _line(low.peaks[moment], high.peaks[moment], layers) for moment in high.peaks})
    return Projection(peaks, _highest(peaks) + gaps + (layers - DEEPER) * GAP_BYTES_PER_LAYER)


def _line(low: PhasePeak, high: PhasePeak, layers: int) -> PhasePeak:
    steps = (layers - DEEPER) // (DEEPER - SHALLOW)
    categories = {
        name: high.categories.get(name, 0) + steps * (high.categories.get(name, 0) - low.categories.get(name, 0))
        for name in high.categories
    }
    return type(high)(high.total + steps * (high.total - low.total), categories)


def _by_phase(peaks: dict[tuple[str, str], PhasePeak]) -> dict[str, PhasePeak]:
    return {
        phase: max((peak for (name, _), peak in peaks.items() if name == phase), key=lambda peak: peak.total)
        for phase in PHASES
    }


def _highest(peaks: dict[str, PhasePeak]) -> int:
    return max(peak.total for peak in peaks.values())
