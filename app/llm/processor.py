"""What the processor computes well: bfloat16 where it has the instructions, float32 where it does not.

Without them every bfloat16 product is made of conversions: on a processor with AVX2 alone a training step of the sample's
model takes nine times the CPU time that it takes in float32.
"""

from __future__ import annotations

import os
from typing import Any

from ..core.cli import log

# Names in torch.cpu.get_capabilities(): x86 (AVX-512, AMX, AVX10.2) and ARM.
_BFLOAT16 = ("avx512_bf16", "amx_bf16", "avx10_2", "bf16", "sve_bf16")
# Float32 weights may fill this share of the memory that is free before: the rest is for what is computed with them.
_SHARE = 0.5


def computes_bfloat16() -> bool:
    """Whether the processor has bfloat16 instructions, as torch says."""
    import torch

    ask = getattr(torch.cpu, "get_capabilities", None)
    if ask is None:  # before torch 2.10
        return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
    found = ask()
    return any(bool(found.get(name)) for name in _BFLOAT16)


def free_memory() -> int | None:
    """Bytes of main memory that can be had without swapping; None where the system does not say."""
    try:
        with open("/proc/meminfo", encoding="ascii") as lines:
            for line in lines:
                if line.startswith("MemAvailable:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None


def widen_for_processor(model: Any) -> bool:
    """Make the 16-bit weights of a plain model on the CPU float32, in place, where the processor computes so faster.

    Not where the float32 weights would fill more than half of the free memory. Both are said. True where the weights
    are float32 now and were not.
    """
    import torch

    narrow = [each for each in model.parameters() if each.dtype in (torch.bfloat16, torch.float16)]
    if not narrow or computes_bfloat16():
        return False
    free = free_memory()
    if free is not None and 4 * sum(each.numel() for each in narrow) > _SHARE * free:
        log(
            "注意: この CPU には bfloat16 の命令がありませんが、float32 に広げるとメモリの空きの半分を超えるので、"
            "16bit のまま計算します（遅くなります）。"
        )
        return False
    model.float()
    log("この CPU には bfloat16 の命令がないので、重みを float32 に広げて計算します。")
    return True
