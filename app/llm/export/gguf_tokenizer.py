"""The tokenizer of a model folder as GGUF stores it: tokens, their kinds, merges, and how text is cut first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...core.errors import ModelError
from ...core.files import read_json

# llama.cpp's names of the expressions that cut text before merging. Whether they cut as this tokenizer does is not
# believed but asked of llama.cpp itself after the export (``recheck.text_path_differences``).
PRE_TOKENIZER = {"qwen2": "qwen2", "qwen3": "qwen2", "llama": "llama-bpe"}
NORMAL, CONTROL, USER_DEFINED, UNUSED = 1, 3, 4, 5


@dataclass(frozen=True, slots=True)
class GgufTokenizer:
    """Tokens by id, the kind of each (``gguf.TokenType``), and the merges, best first."""

    tokens: list[str]
    kinds: list[int]
    merges: list[str]


def read_gguf_tokenizer(folder: Path, vocabulary: int) -> GgufTokenizer:
    """The tokenizer of a folder, filled up to ``vocabulary`` rows of the embedding.

    Raises ModelError for a tokenizer that is no byte-level BPE (``tokenizer.json``), or has more tokens than rows.
    """
    path = folder / "tokenizer.json"
    if not path.is_file():
        raise ModelError(f"{folder}: tokenizer.json がありません。GGUF には書き出せません。")
    value = read_json(path)
    model: Mapping[str, Any] = value.get("model") or {}
    if model.get("type") != "BPE" or "ByteLevel" not in str(value.get("decoder")):
        raise ModelError(
            f"{path}: バイト単位の BPE ではないトークナイザです（{model.get('type')}）。GGUF には書き出せません。"
        )
    ids = {str(text): int(index) for text, index in model["vocab"].items()}
    added = {int(token["id"]): token for token in value.get("added_tokens") or []}
    most = max([*ids.values(), *added])
    if most >= vocabulary:
        raise ModelError(f"{path}: トークン {most} に当たる行が埋め込み表（{vocabulary} 行）にありません。")
    # Rows beyond the tokenizer, which Qwen has for padding, get names that no text can hold.
    tokens = [f"[PAD{index}]" for index in range(vocabulary)]
    kinds = [UNUSED] * vocabulary
    for text, index in ids.items():
        tokens[index], kinds[index] = text, NORMAL
    for index, token in added.items():
        tokens[index], kinds[index] = str(token["content"]), CONTROL if token.get("special") else USER_DEFINED
    merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in model["merges"]]
    return GgufTokenizer(tokens, kinds, merges)
