"""What an export will take, from ``config.json`` alone: weights, bytes of every file, disk and the memory of this process."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...core.errors import ConfigError
from .shapes import check_exportable, count, is_linear, tensor_shapes

BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}
# Bytes of 32 weights in a row: q8_0 has one float16 scale for 32 signed bytes.
GGUF_BLOCK_BYTES = {"f32": 128, "f16": 64, "q8_0": 34}
GGUF_TYPES = (*GGUF_BLOCK_BYTES, "q4_k_m")
# q4_k_m mixes 4.5 and 6.56 bits a weight; llama.cpp's table gives 4.9 bits for an 8B model.
_Q4_K_M_BITS = 4.9
# Python with torch, transformers and a tokenizer of 150,000 tokens, before any weight.
PROCESS_BYTES = 1200 * 2**20
GIB = 2**30


@dataclass(frozen=True, slots=True)
class ExportPlan:
    """Sizes before anything is read.

    name           of the base model
    parameters     weights
    dtype          of the merged weights
    merged_bytes   the merged folder
    gguf_bytes     bytes of each GGUF file, by type, in the order in which they are written
    f16_bytes      bytes of a GGUF file of f16, which q4_k_m is made from
    largest_bytes  the largest tensor as stored: what is read and written at a time
    peak_bytes     memory of this process while it merges and writes
    """

    name: str
    parameters: int
    dtype: str
    merged_bytes: int
    gguf_bytes: Mapping[str, int]
    f16_bytes: int
    largest_bytes: int
    peak_bytes: int

    def disk_bytes(self, merged_done: int = 0, gguf_done: Collection[str] = ()) -> int:
        """The most that the export will have on the disk at once beside ``merged_done`` bytes of the merged folder and the
        GGUF files of ``gguf_done``, which are there already."""
        size = peak = max(0, self.merged_bytes - merged_done)
        there = set(gguf_done)
        for kind, own in self.gguf_bytes.items():
            if kind in there:
                continue
            size += own
            # Its f16 is written for it and goes again where no f16 was asked for before it.
            peak = max(peak, size + (self.f16_bytes if kind == "q4_k_m" and "f16" not in there else 0))
            there.add(kind)
        return peak


def stored_dtype(values: Mapping[str, Any]) -> str:
    """The type that ``config.json`` says the weights have; bfloat16 where it does not say."""
    value = str(values.get("dtype") or values.get("torch_dtype") or "bfloat16")
    return value if value in BYTES else "bfloat16"


def plan_export(values: Mapping[str, Any], *, name: str, dtype: str = "auto", gguf: Sequence[str] = ()) -> ExportPlan:
    """The plan for a base model with this ``config.json``. Raises ModelError for what cannot be exported."""
    check_exportable(values, name)
    unknown = [one for one in gguf if one not in GGUF_TYPES]
    if unknown:
        raise ConfigError(f"--gguf {unknown[0]} は書けません。{'・'.join(GGUF_TYPES)} から選んでください。")
    stored = stored_dtype(values)
    kept = stored if dtype == "auto" else dtype
    shapes = tensor_shapes(values)
    parameters = sum(map(count, shapes.values()))
    largest = max(count(shape) for shape in shapes.values())
    widest = max(count(shape) for shape_name, shape in shapes.items() if is_linear(shape_name))
    # A linear layer as stored, dequantised, as the float32 sum and as the result; another tensor as stored and as the
    # result. A GGUF tensor is converted in slices into its result.
    linear = widest * (2 * BYTES[stored] + 4 + BYTES[kept])
    table = largest * (BYTES[stored] + max(BYTES[kept], 4 if "f32" in gguf else 2))
    return ExportPlan(
        name=name,
        parameters=parameters,
        dtype=kept,
        merged_bytes=parameters * BYTES[kept],
        gguf_bytes={kind: _gguf_bytes(shapes, kind) for kind in gguf},
        f16_bytes=_gguf_bytes(shapes, "f16"),
        largest_bytes=largest * BYTES[stored],
        peak_bytes=PROCESS_BYTES + max(linear, table),
    )


def _gguf_bytes(shapes: Mapping[str, tuple[int, ...]], kind: str) -> int:
    total = 0
    for shape in shapes.values():
        weights = count(shape)
        if len(shape) == 1:
            total += weights * 4
        elif kind == "q4_k_m":
            total += round(weights * _Q4_K_M_BITS / 8)
        else:
            total += weights * GGUF_BLOCK_BYTES[gguf_type_of(shape, kind)] // 32
    return total


def gguf_type_of(shape: tuple[int, ...], kind: str) -> str:
    """The type that a tensor has in a file of ``kind``: vectors stay float32, rows that are no multiple of 32 float16."""
    if len(shape) == 1:
        return "f32"
    return "f16" if kind == "q8_0" and shape[-1] % 32 else kind


def plan_lines(plan: ExportPlan, *, check: bool, free_bytes: int | None = None) -> list[str]:
    """The plan in Japanese, one line a fact."""
    disk = plan.disk_bytes()
    lent = disk > plan.merged_bytes + sum(plan.gguf_bytes.values())
    lines = [
        f"計画: {plan.name}（重み {plan.parameters:,} 個、{plan.dtype}）",
        f"  統合した重み: {_gib(plan.merged_bytes)}",
        *(
            f"  GGUF {kind}: {_gib(size)}{'（目安）' if kind == 'q4_k_m' else ''}"
            for kind, size in plan.gguf_bytes.items()
        ),
        f"  ディスク: 書き出しに{'最大' if lent else '合計'} {_gib(disk)}"
        + ("（q4_k_m を作る間の f16 を含む）" if lent else "")
        + ("" if free_bytes is None else f"（空き {_gib(free_bytes)}）"),
        f"  主メモリ: 書き出しの最大 {_gib(plan.peak_bytes)}（一度に読むのはテンソル 1 個、最大 {_gib(plan.largest_bytes)}）",
    ]
    if check:
        heaviest = max(plan.merged_bytes, *plan.gguf_bytes.values()) if plan.gguf_bytes else plan.merged_bytes
        lines.append(
            f"  確かめ: 書き出した形を一つずつ読み込んで尋ねます（最大 {_gib(heaviest)} と作業用。"
            "メモリが足りなければ --recheck 0 で後回しにできます）"
        )
    return lines


def check_disk(needed_bytes: int, free_bytes: int, where: str) -> None:
    """Raise ConfigError when the disk does not hold what is still to be written."""
    if free_bytes < needed_bytes:
        raise ConfigError(
            f"{where}: 空きは {_gib(free_bytes)} で、書き出しには {_gib(needed_bytes)} 要ります。"
            "空きのある場所を --output-dir に指定するか、--gguf の種類を減らしてください。"
        )


def _gib(size: int) -> str:
    return f"{size / GIB:.2f} GiB" if size >= GIB // 100 else f"{size / 2**20:.2f} MiB"
