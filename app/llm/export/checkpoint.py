"""The weights of a model folder, read one tensor at a time and written shard by shard, never more in memory."""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from ...core.errors import ModelError
from ...core.files import read_json, replace_file
from ..loading import is_local_folder
from ..model_files import INDEX, SINGLE, weight_names

TOKENIZER_FILES = (
    "tokenizer.json", "tokenizer_config.json", "vocab.json", "merges.txt", "special_tokens_map.json", "added_tokens.json",
    "tokenizer.model", "chat_template.jinja",
)  # fmt: skip
_DTYPES = {"bfloat16": "BF16", "float16": "F16", "float32": "F32"}
_FROM_FILE = {"BF16": "bfloat16", "F16": "float16", "F32": "float32"}


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor of a checkpoint: its name, shape, type as stored, and the file that holds it."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    file: str


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A model folder and its tensors, file by file in the order of the files' names."""

    folder: Path
    config: Mapping[str, Any]
    tensors: tuple[Tensor, ...]

    @property
    def files(self) -> tuple[str, ...]:
        """Names of the weight files."""
        return tuple(dict.fromkeys(tensor.file for tensor in self.tensors))

    def read(self, tensor: Tensor) -> Any:
        """The tensor on the CPU, mapped from its file. The file is opened anew, so that its pages go with the tensor."""
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(str(self.folder / tensor.file), "pt") as file:
                return file.get_tensor(tensor.name)
        except (OSError, SafetensorError) as error:
            raise ModelError(f"{self.folder / tensor.file}: {tensor.name} を読めません（{error}）。") from None


def local_folder(model_name: str, revision: str | None = None) -> Path:
    """The folder of a model: the one named, or the Hub's files in the local cache (fetched when they are not there).

    Raises ModelError when the Hub does not have it or cannot be reached.
    """
    if is_local_folder(model_name):
        return Path(model_name).expanduser()
    from huggingface_hub import snapshot_download

    patterns = ["*.safetensors", INDEX, "config.json", "generation_config.json", "run.json", *TOKENIZER_FILES]
    try:
        return Path(snapshot_download(model_name, revision=revision, allow_patterns=patterns))
    except Exception as error:  # the hub's own errors, and those of the network beneath
        reason = str(error).strip().splitlines()
        raise ModelError(
            f"{model_name}: Hugging Face Hub から読めません（{reason[0][:200] if reason else type(error).__name__}）。"
            "手元のフォルダを --hf-model-name に指定することもできます。"
        ) from None


def open_checkpoint(folder: Path) -> Checkpoint:
    """The tensors of a folder, from the headers of its files alone.

    Raises ModelError when a file is missing or broken, or when a tensor is no 16- or 32-bit float.
    """
    from safetensors import SafetensorError, safe_open

    if not (folder / "config.json").is_file():
        raise ModelError(f"{folder}: config.json がありません。モデルのフォルダを指定してください。")
    tensors: list[Tensor] = []
    for file in _weight_files(folder):
        try:
            with safe_open(str(folder / file), "pt") as opened:
                for name in opened.keys():  # noqa: SIM118  # safe_open is no mapping
                    part = opened.get_slice(name)
                    dtype = str(part.get_dtype())
                    if dtype not in _FROM_FILE:
                        raise ModelError(f"{folder / file}: {name} の型 {dtype} は書き出せません。量子化していないモデルを指定してください。")  # fmt: skip
                    tensors.append(Tensor(name, tuple(part.get_shape()), _FROM_FILE[dtype], file))
        except (OSError, SafetensorError) as error:
            raise ModelError(f"{folder / file}: 重みを読めません（{error}）。入手し直してください。") from None
    return Checkpoint(folder, read_json(folder / "config.json"), tuple(tensors))


def _weight_files(folder: Path) -> list[str]:
    names = weight_names(folder) or [SINGLE]
    # A name of the index is a file beside it, never a path to somewhere else.
    for name in names:
        if Path(name).name != name or not name.endswith(".safetensors"):
            raise ModelError(f"{folder / INDEX}: {name!r} は重みのファイル名ではありません。")
        if not (folder / name).is_file():
            raise ModelError(f"{folder}: {name} がありません。モデルをもう一度入手してください。")
    return names


class _Hashing:
    """Writes to a file and hashes what it writes."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._digest = hashlib.sha256()

    def write(self, data: bytes | memoryview) -> None:
        self._file.write(data)
        self._digest.update(data)

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()


def write_weights(path: Path, header: Sequence[Tensor], values: Iterable[Any]) -> str:
    """Write a safetensors file from its tensors one after the other; returns its SHA-256.

    ``header`` gives name, shape and type of each tensor; ``values`` yields them in that order, on the CPU. The format:
    length of the header (8 bytes, little-endian), the header as JSON, the bytes of the tensors.
    """
    import torch

    described: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    end = 0
    for tensor in header:
        start, width = end, torch.empty((), dtype=getattr(torch, tensor.dtype)).element_size()
        end = start + width * torch.Size(tensor.shape).numel()
        described[tensor.name] = {
            "dtype": _DTYPES[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [start, end],
        }
    text = json.dumps(described, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # the data begins on a multiple of 8
    with replace_file(path) as file:
        out = _Hashing(file)
        out.write(struct.pack("<Q", len(text)) + text)
        for tensor, value in zip(header, values, strict=True):
            if tuple(value.shape) != tensor.shape or str(value.dtype) != f"torch.{tensor.dtype}":
                raise ValueError(f"{tensor.name} is {tuple(value.shape)} {value.dtype}, announced as {tensor}")
            out.write(memoryview(value.contiguous().view(torch.uint8).reshape(-1).numpy()))
        return out.sha256
