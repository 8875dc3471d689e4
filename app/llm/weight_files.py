"""Only safetensors in the model's own folder are ever read as weights, for every model that the program loads.

A pickle is code. Libraries fall back to one where safetensors are missing, where an index file names one, or where a
part of a sentence-transformers model is stored in one; here that is refused before and, for what comes from the Hub,
while loading.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from ..core.errors import ModelError, UserError
from ..core.files import read_json


def check_weight_files(name: str, folder: Path) -> None:
    """Raise ModelError unless the weights of ``folder`` are safetensors inside it, its index files included."""
    if not any(folder.glob("*.safetensors")):
        raise ModelError(f"{name}: 重み（*.safetensors）がありません。pickle 形式の重みは安全のため読み込みません。")
    for index in sorted(folder.glob("*.safetensors.index.json")):
        try:
            value = read_json(index)
        except UserError as error:
            raise ModelError(f"{name}: {error} モデルのファイルをもう一度入手してください。") from None
        weight_map = value.get("weight_map") if isinstance(value, dict) else None
        if not isinstance(weight_map, dict) or not weight_map:
            raise ModelError(f"{index}: weight_map がありません。モデルのファイルをもう一度入手してください。")
        for file in sorted({str(file) for file in weight_map.values()}):
            plain = PurePosixPath(file).name == file and PureWindowsPath(file).name == file
            if not plain or not file.endswith(".safetensors"):
                raise ModelError(
                    f"{index}: 重みとして {file!r} を指しています。フォルダの中の *.safetensors だけを読み込みます"
                    "（pickle 形式の重みは安全のため読み込みません）。"
                )
            if not (folder / file).is_file():
                raise ModelError(f"{index}: {file} がありません。モデルのファイルをもう一度入手してください。")


@contextmanager
def no_pickles() -> Iterator[None]:
    """Inside, no library reads a pickle: ``torch.load`` raises ModelError naming the file."""
    import torch

    load = torch.load

    def refuse(file: Any, *_: Any, **__: Any) -> Any:
        raise ModelError(
            f"{file}: pickle 形式の重みです。安全のため読み込みません。safetensors 形式のモデルを指定してください。"
        )

    torch.load = refuse
    try:
        yield
    finally:
        torch.load = load
