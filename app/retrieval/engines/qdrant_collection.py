"""One Qdrant collection over HTTP: what the rest of the program needs of it, and every failure as one line.

A point is a document of the word index: its tokens as sparse vectors ``words`` (BM25) and ``words_plus`` (BM25+, for short
queries; the server multiplies the IDF into both), the passage's embedding as ``meaning`` where there is one, and the law
and its dates as payload. Point 0 is no document: it
says of which index, and of which generation of it, the collection holds the documents.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from ...core.errors import BackendError, ConfigError
from ...core.rag_config import RetrieverConfig
from ...core.redaction import hide, usable_key
from .fusion import RRF_K

WORDS, WORDS_PLUS, MEANING = "words", "words_plus", "meaning"
STATE_POINT = 0
POINTS_PER_PASSAGE = 1 << 16  # point = passage · this + number of the document within the passage
MAX_REVISIONS = 1_000_000  # versions asked for at once; the statute book has some ten thousand
TIMEOUT_SECONDS = 60
_LOCAL = {"localhost", "127.0.0.1", "::1"}

# What is filtered and counted by: fields of the payload and their kinds.
_PAYLOAD_INDEXES = {
    "version": "keyword",
    "law_id": "keyword",
    "rev": "integer",
    "valid_from": "integer",
    "valid_to": "integer",
}


@dataclass(frozen=True, slots=True)
class QdrantAddress:
    """Where a collection is."""

    url: str
    prefix: str  # collections of this program are called ``prefix-build_id``
    api_key: str | None = None  # never printed

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if self.api_key and parts.scheme != "https" and parts.hostname not in _LOCAL:
            raise ConfigError(
                f"QDRANT_URL={hide(self.url)}: API キーを暗号化せずに送ることになります。https:// のアドレスにしてください。"
            )

    def __repr__(self) -> str:
        return f"QdrantAddress({hide(self.url)!r}, {self.prefix!r})"


def qdrant_address(config: RetrieverConfig) -> QdrantAddress | None:
    """Where the configuration searches; None for the index folder."""
    if config.store == "local":
        return None
    key = config.qdrant_api_key
    return QdrantAddress(
        config.qdrant_url,
        config.qdrant_collection,
        usable_key("QDRANT_API_KEY", None if key is None else key.get_secret_value()),
    )


@dataclass(frozen=True, slots=True)
class Document:
    """A point."""

    point_id: int
    words: tuple[list[int], list[float]]  # dimensions and weights of BM25
    words_plus: tuple[list[int], list[float]]  # of BM25+
    meaning: list[float] | None
    payload: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """A search."""

    words: list[int] | None  # dimensions, each with weight 1; None for a search by meaning alone
    plus: bool  # by BM25+ rather than BM25
    meaning: list[float] | None
    day: int  # 20240401: revisions in force on that day
    law_ids: tuple[str, ...]  # only these laws; empty for all
    limit: int


class QdrantCollection:
    """The collection of one build of an index. Raises ConfigError without the package, BackendError when a request fails."""

    def __init__(self, address: QdrantAddress, build_id: str) -> None:
        try:
            from qdrant_client import QdrantClient, models
        except ImportError:
            raise ConfigError(
                "RETRIEVER_STORE=qdrant には追加パッケージが要ります。pip install 'horei-ft[qdrant]' で入れてください。"
            ) from None
        self._models: Any = models
        self.address = address
        self.name = f"{address.prefix}-{build_id}"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a key without TLS: allowed on this machine only, see QdrantAddress
            self._client: Any = QdrantClient(
                url=address.url,
                port=None,
                api_key=address.api_key,
                timeout=TIMEOUT_SECONDS,
                check_compatibility=False,
            )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    # -- writing -------------------------------------------------------------------------------------------------

    def create(self, width: int | None) -> None:
        """An empty collection, in place of one that may be there; ``width`` of the embeddings, None without."""
        models = self._models
        self._run(lambda: self._client.delete_collection(self.name))
        dense = {} if width is None else {MEANING: models.VectorParams(size=width, distance=models.Distance.COSINE, on_disk=True)}  # fmt: skip
        words = models.SparseVectorParams(modifier=models.Modifier.IDF)
        run, client = self._run, self._client
        run(
            client.create_collection,
            self.name,
            vectors_config=dense,
            sparse_vectors_config={WORDS: words, WORDS_PLUS: words},
        )
        for field, kind in _PAYLOAD_INDEXES.items():
            run(client.create_payload_index, self.name, field, kind)

    def drop_others(self) -> list[str]:
        """Delete the collections of other builds under the same prefix; returns their names."""
        found = [item.name for item in self._run(self._client.get_collections).collections]
        builds = re.compile(re.escape(self.address.prefix) + r"-[0-9a-f]{16}")
        others = [name for name in found if builds.fullmatch(name) and name != self.name]
        for name in others:
            self._run(self._client.delete_collection, name)
        return others

    def add(self, documents: Sequence[Document]) -> None:
        """Write documents and wait until they can be found."""
        models = self._models
        points = [
            models.PointStruct(
                id=one.point_id,
                vector={
                    name: models.SparseVector(indices=indices, values=values)
                    for name, (indices, values) in ((WORDS, one.words), (WORDS_PLUS, one.words_plus))
                }
                | ({} if one.meaning is None else {MEANING: one.meaning}),
                payload=one.payload,
            )
            for one in documents
        ]
        self._run(self._client.upsert, self.name, points, wait=True)

    def remove(self, rev: int) -> None:
        """Delete the documents of a revision."""
        self._run(self._client.delete, self.name, self._of_revision(rev), wait=True)

    def redate(self, rev: int, payload: dict[str, Any]) -> None:
        """Set other dates on the documents of a revision."""
        self._run(self._client.set_payload, self.name, payload, points=self._of_revision(rev), wait=True)

    def set_state(self, state: dict[str, Any]) -> None:
        """Say what the collection holds."""
        point = self._models.PointStruct(id=STATE_POINT, vector={}, payload={"state": state})
        self._run(self._client.upsert, self.name, [point], wait=True)

    # -- reading -------------------------------------------------------------------------------------------------

    def state(self) -> dict[str, Any] | None:
        """What ``set_state`` said last; None when the collection is not there or was never finished."""
        if not self._run(self._client.collection_exists, self.name):
            return None
        found = self._run(self._client.retrieve, self.name, [STATE_POINT], with_payload=True)
        return dict(found[0].payload["state"]) if found else None

    def versions(self) -> dict[str, int]:
        """Revision with its dates (payload ``version``) → its documents, counted from the documents themselves."""
        found = self._run(self._client.facet, self.name, "version", limit=MAX_REVISIONS, exact=True)
        # Values whose documents were all deleted may still be listed, with none.
        return {str(hit.value): int(hit.count) for hit in found.hits if hit.count}

    def search(self, asked: Asked) -> list[tuple[int, float]]:
        """(point, score) best first: BM25, cosine, or both fused by the server when words and meaning are given."""
        models, shown = self._models, self._filter(asked)
        by = {
            WORDS_PLUS if asked.plus else WORDS: None if asked.words is None else models.SparseVector(indices=asked.words, values=[1.0] * len(asked.words)),
            MEANING: asked.meaning,
        }  # fmt: skip
        given = [(name, vector) for name, vector in by.items() if vector is not None]
        if len(given) == 1:
            ((name, vector),) = given
            request = {"query": vector, "using": name, "query_filter": shown}
        else:
            prefetch = [models.Prefetch(query=vector, using=name, filter=shown, limit=asked.limit) for name, vector in given]  # fmt: skip
            # Qdrant counts ranks from 0, the formula of fusion.py from 1.
            request = {"query": models.RrfQuery(rrf=models.Rrf(k=RRF_K + 1)), "prefetch": prefetch}
        found = self._run(self._client.query_points, self.name, limit=asked.limit, with_payload=False, **request)
        # Equal scores in the order of the statute book.
        return sorted(
            ((int(point.id), float(point.score)) for point in found.points), key=lambda hit: (-hit[1], hit[0])
        )

    def _filter(self, asked: Asked) -> Any:
        models = self._models
        must = [
            models.FieldCondition(key="valid_from", range=models.Range(lte=asked.day)),
            models.FieldCondition(key="valid_to", range=models.Range(gt=asked.day)),
        ]
        if asked.law_ids:
            must.append(models.FieldCondition(key="law_id", match=models.MatchAny(any=list(asked.law_ids))))
        return models.Filter(must=must)

    def _of_revision(self, rev: int) -> Any:
        models = self._models
        return models.Filter(must=[models.FieldCondition(key="rev", match=models.MatchValue(value=rev))])

    def _run(self, request: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse

        where = f"Qdrant {self.address.url} の {self.name}"
        try:
            return request(*args, **kwargs)
        except UnexpectedResponse as error:
            if error.status_code in (401, 403):
                raise BackendError(f"{where}: 許可されませんでした。QDRANT_API_KEY を確かめてください。") from None
            reason = " ".join(error.content.decode("utf-8", "replace").split())[:200]
            raise BackendError(f"{where}: 要求が断られました（HTTP {error.status_code}: {reason}）。サーバーの記録を確かめてください。") from None  # fmt: skip
        except (ResponseHandlingException, OSError) as error:
            reason = " ".join(str(error).split())[:200]
            raise BackendError(f"{where}: 応答がありません（{reason}）。サーバーが動いているか、QDRANT_URL が正しいかを確かめてください。") from None  # fmt: skip
