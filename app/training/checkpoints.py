"""Checkpoints of a run: safetensors and JSON only, each written whole or not at all.

``checkpoints/checkpoint-40/``
    weights.safetensors     the trained parameters, exactly as they are in memory
    optimizer.safetensors   tensors of the optimiser's state, and the states of the random generators
    state.json              everything of the optimiser, scheduler and loss scaler that is not a tensor
    trainer_state.json      transformers' TrainerState: step, epoch, log history
    sums.json               the run that wrote it, and SHA-256 of the four files

transformers' own checkpoints are pickles (``torch.save``) and are written in place, so a kill can leave half of one.
"""

from __future__ import annotations

import os
import random
import re
import shutil
from pathlib import Path
from typing import Any

from ..core.cli import log
from ..core.errors import DataError
from ..core.failures import naming
from ..core.files import follow_umask, read_json, sha256_file, write_json

_WAY = "このチェックポイントのフォルダを消すと、その前のものから（なければはじめから）再開します。"
_WAY_OF_BEST = (
    "残すステップのものなので、これと、これより後のチェックポイントのフォルダをすべて消すと、その前のものから"
    "（なければはじめから）再開します。"
)
_NAME = re.compile(r"checkpoint-(\d+)")
_SUMS = "sums.json"


def checkpoint_steps(folder: Path) -> list[int]:
    """Steps of the whole checkpoints in ``folder``, ascending; remains of a killed write are not among them."""
    if not folder.is_dir():
        return []
    return sorted(int(match[1]) for entry in folder.iterdir() if (match := _NAME.fullmatch(entry.name)))


def checkpoint_path(folder: Path, step: int) -> Path:
    """Folder of the checkpoint of ``step``."""
    return folder / f"checkpoint-{step}"


def save_tensors(path: Path, tensors: dict[str, Any]) -> None:
    """Write tensors as safetensors; they are copied to contiguous CPU memory, bit for bit."""
    from safetensors.torch import save_file

    # clone: safetensors refuses tensors that share memory, as the code tables of 8-bit optimisers do.
    with naming(path):
        save_file({name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}, path)
    follow_umask(path)


def load_tensors(path: Path, *, what: str = "チェックポイント", way_out: str = _WAY) -> dict[str, Any]:
    """Tensors of a safetensors file on the CPU. Raises DataError, which says ``what`` it is of and the way out, when it is
    missing or broken."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return dict(load_file(path))
    except (OSError, SafetensorError) as error:
        raise DataError(f"{path}: {what}を読めません（{error}）。{way_out}") from error


def split_state(value: Any, prefix: str, tensors: dict[str, Any]) -> Any:
    """A nested state as JSON, its tensors moved into ``tensors`` under dotted names and replaced by references."""
    import torch

    if isinstance(value, torch.Tensor):
        tensors[prefix] = value
        return {"tensor": prefix}
    if isinstance(value, dict):
        return {"dict": [[key, split_state(item, f"{prefix}.{key}", tensors)] for key, item in value.items()]}
    if isinstance(value, (list, tuple)):
        kind = "tuple" if isinstance(value, tuple) else "list"
        return {kind: [split_state(item, f"{prefix}.{index}", tensors) for index, item in enumerate(value)]}
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise TypeError(f"{prefix}: {type(value).__name__} cannot be stored in a checkpoint")


def join_state(value: Any, tensors: dict[str, Any]) -> Any:
    """What ``split_state`` took apart."""
    if not isinstance(value, dict):
        return value
    kind, content = next(iter(value.items()))
    if kind == "tensor":
        return tensors[content]
    if kind == "dict":
        return {key: join_state(item, tensors) for key, item in content}
    items = [join_state(item, tensors) for item in content]
    return tuple(items) if kind == "tuple" else items


def random_states() -> dict[str, Any]:
    """States of Python's, NumPy's and torch's generators (CPU and, where there is one, the GPU)."""
    import numpy as np
    import torch

    name, keys, position, has_gauss, cached = np.random.get_state(legacy=True)
    states: dict[str, Any] = {
        "python": random.getstate(),
        "numpy": [name, torch.from_numpy(np.asarray(keys, dtype=np.int64)), position, has_gauss, cached],
        "torch": torch.random.get_rng_state(),
    }
    if torch.cuda.is_available():
        states["cuda"] = torch.cuda.random.get_rng_state()
    return states


def restore_random_states(states: dict[str, Any]) -> None:
    """Put the generators back to what ``random_states`` returned."""
    import numpy as np
    import torch

    random.setstate(states["python"])
    name, keys, position, has_gauss, cached = states["numpy"]
    np.random.set_state((name, keys.numpy().astype(np.uint32), position, has_gauss, cached))
    torch.random.set_rng_state(states["torch"])
    if "cuda" in states and torch.cuda.is_available():
        torch.cuda.random.set_rng_state(states["cuda"])


def write_checkpoint(
    folder: Path, step: int, *, weights: dict[str, Any], states: dict[str, Any], trainer_state: Any, run_id: str
) -> Path:
    """Write the checkpoint of ``step`` of the run ``run_id`` beside its place and rename it there; returns its path."""
    final = checkpoint_path(folder, step)
    partial = folder / f".partial-{step}"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    tensors: dict[str, Any] = {}
    plain = split_state(states, "state", tensors)
    save_tensors(partial / "weights.safetensors", weights)
    save_tensors(partial / "optimizer.safetensors", tensors)
    write_json(partial / "state.json", plain)
    trainer_state.save_to_json(str(partial / "trainer_state.json"))
    sums = {path.name: sha256_file(path) for path in sorted(partial.iterdir())}
    write_json(partial / _SUMS, {"run_id": run_id, "files": sums})
    if final.exists():
        shutil.rmtree(final)
    os.replace(partial, final)
    return final


def check_trainer_state(checkpoint: Path, way: str = _WAY) -> None:
    """Raise DataError, with the way out, unless transformers' part of the checkpoint can be read: a full disk or a power
    failure may have cut it."""
    path = checkpoint / "trainer_state.json"
    try:
        value = read_json(path)
    except DataError as error:
        raise DataError(f"{error} {way}") from None
    if not isinstance(value, dict) or not {"global_step", "log_history"} <= value.keys():
        raise DataError(f"{path}: 内容が壊れています。{way}")


def check_checkpoint(checkpoint: Path, run_id: str, *, kept: bool = False) -> None:
    """Raise DataError unless every file of the checkpoint is as the run ``run_id`` wrote it.

    ``kept``: it is the best one so far, without which what came later cannot end. One of before 0.3.0 says nothing about
    itself: that it was not checked is said in a line.
    """
    way = _WAY_OF_BEST if kept else _WAY
    check_trainer_state(checkpoint, way)
    if not (checkpoint / _SUMS).is_file():
        log(f"注意: {checkpoint} に検査値（{_SUMS}）がないので、書いたときのままか確かめられません。")
        return
    try:
        value = read_json(checkpoint / _SUMS)
        writer, sums = value["run_id"], dict(value["files"])
    except (DataError, KeyError, TypeError, ValueError):
        raise DataError(f"{checkpoint / _SUMS}: 内容が壊れています。{way}") from None
    if writer != run_id:
        raise DataError(f"{checkpoint}: 別の学習のチェックポイントです。{way}")
    for name, digest in sums.items():
        path = checkpoint / name
        if not path.is_file() or sha256_file(path) != digest:
            raise DataError(f"{path}: 書いたときと内容が違うか、なくなっています（SHA-256）。{way}")


def logged(checkpoint: Path) -> list[dict[str, Any]]:
    """The trainer's log up to a checkpoint that was checked."""
    history: list[dict[str, Any]] = read_json(checkpoint / "trainer_state.json")["log_history"]
    return history


def read_states(checkpoint: Path) -> dict[str, Any]:
    """The ``states`` that were given to ``write_checkpoint``."""
    try:
        plain = read_json(checkpoint / "state.json")
    except DataError as error:
        raise DataError(f"{error} {_WAY}") from None
    states = join_state(plain, load_tensors(checkpoint / "optimizer.safetensors"))
    if not isinstance(states, dict):
        raise DataError(f"{checkpoint / 'state.json'}: 内容が壊れています。{_WAY}")
    return states


def restore_weights(checkpoint: Path, parameters: dict[str, Any]) -> None:
    """Copy the stored weights into ``parameters``. Raises DataError when names or shapes differ."""
    import torch

    stored = load_tensors(checkpoint / "weights.safetensors")
    if {name: tuple(tensor.shape) for name, tensor in stored.items()} != {
        name: tuple(parameter.shape) for name, parameter in parameters.items()
    }:
        raise DataError(f"{checkpoint}: 別の LoRA の設定で作られたチェックポイントです。")
    with torch.no_grad():
        for name, parameter in parameters.items():
            parameter.copy_(stored[name])


def remove_old_checkpoints(folder: Path, keep: set[int]) -> None:
    """Delete the checkpoints whose step is not in ``keep``, and remains of killed writes."""
    for step in checkpoint_steps(folder):
        if step not in keep:
            shutil.rmtree(checkpoint_path(folder, step))
    for remains in folder.glob(".partial-*"):
        shutil.rmtree(remains)
