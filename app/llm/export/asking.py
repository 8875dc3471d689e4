"""Who is asked after an export: the adapter on its base, and the forms that were made of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...core.cli import log, progress
from ..adapters import attach_adapter
from ..loading import Quantization, load_base_model, resolve_device
from .job import ExportJob, Source
from .recheck import (
    Asked,
    Scores,
    TorchScorer,
    ask_scores,
    beyond,
    check_record,
    difference_lines,
    differences,
    tolerance_of,
)


class Reference:
    """What the adapter itself says: asked at most once, and only when something is compared with it."""

    def __init__(self, job: ExportJob, source: Source, asked: Sequence[Asked]) -> None:
        self.asked = asked
        self._job, self._source = job, source
        self._scores: list[Scores] | None = None
        self._float32 = True

    def ask(self) -> list[Scores]:
        """Its scores, one a question; the model is loaded the first time and gone afterwards."""
        if self._scores is None:
            self._scores = self._ask()
        return self._scores

    def _ask(self) -> list[Scores]:
        source, device = self._source, resolve_device(self._job.device)
        quantization, dtype = source.quantization, "auto"
        if device == "cpu":
            # In float32 the comparison shows the weights and not the rounding of the arithmetic.
            if quantization is not None:
                quantization = Quantization(True, "float32", quantization.quant_type, quantization.double_quant)
            dtype = dtype_on_cpu(source.plan.parameters if quantization is None else 0)
        base = load_base_model(str(source.base.folder), quantization=quantization, dtype=dtype, device=device)
        self._float32 = computes_in_float32(base)
        return _ask("アダプタ", TorchScorer(attach_adapter(base, source.folder)), self.asked)

    def compare(self, kind: str, scores: Sequence[Scores], *, float32: bool = True) -> tuple[dict[str, Any], list[str]]:
        """What run.json keeps of the comparison, and what of it is beyond the tolerance; the lines are printed.

        ``float32`` says whether the form was computed in it.
        """
        found = differences(self.asked, self.ask(), scores)
        tolerance = tolerance_of(kind, float32=float32 and self._float32)
        for line in difference_lines(kind, found, tolerance):
            print(line)
        return check_record(found, tolerance), [f"{kind}: {phrase}" for phrase in beyond(found, tolerance)]


def ask_merged(job: ExportJob, source: Source, folder: Path, asked: Sequence[Asked]) -> tuple[list[Scores], bool]:
    """What the merged model says, and whether it computed in float32; on the card where it fits there, else on the CPU."""
    device = _device_for(resolve_device(job.device), source.plan.merged_bytes)
    dtype = dtype_on_cpu(source.plan.parameters) if device == "cpu" else "auto"
    model = load_base_model(str(folder), quantization=None, dtype=dtype, device=device)
    return _ask("統合したモデル", TorchScorer(model), asked), computes_in_float32(model)


def computes_in_float32(model: Any) -> bool:
    """Whether what runs between a model's layers is float32."""
    return str(model.dtype) == "torch.float32"


def _ask(label: str, scorer: TorchScorer, asked: Sequence[Asked]) -> list[Scores]:
    return ask_scores(scorer, progress(asked, total=len(asked), label=f"確かめ（{label}）"))


def dtype_on_cpu(parameters: int) -> str:
    """float32 where the memory holds so many weights of it, else the type of the file."""
    import psutil

    if parameters * 4 < 0.6 * psutil.virtual_memory().available:
        return "float32"
    log("注意: float32 で読むにはメモリが足りないので、重みの型のまま計算して比べます（許容も広くなります）。")
    return "auto"


def _device_for(device: str, size: int) -> str:
    if device == "cpu":
        return device
    import torch

    free, _ = torch.cuda.mem_get_info(device)
    return device if size * 1.2 < free else "cpu"
