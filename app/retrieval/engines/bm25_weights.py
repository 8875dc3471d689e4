"""BM25 split between document and query, for an engine that multiplies sparse vectors.

A document stores the part of the sum that term frequency and length make; the engine's own IDF (Qdrant's modifier
``idf``) multiplies the rest in. Both follow tantivy to the last rounding, so that the two engines rank alike.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence

# Robertson & Zaragoza, The Probabilistic Relevance Framework: BM25 and Beyond (2009); values of tantivy and Lucene.
K1, B = 1.2, 0.75
_EXACT = 40  # lengths below this are stored as they are
_FREE = 24  # where Lucene's four significant bits start to count


def stored_length(tokens: int) -> int:
    """The length that tantivy keeps in one byte: exact below 40, then 24 plus a number of four significant bits."""
    if tokens < _EXACT:
        return tokens
    rest = tokens - _FREE
    dropped = rest.bit_length() - 4
    return ((rest >> dropped) << dropped) + _FREE


def document_weights(tokens: Sequence[str], average_length: float, presence: float = 0.0) -> dict[str, float]:
    """Token → (k1 + 1)·tf / (tf + k1·(1 − b + b·length / average)) + δ; times the IDF it is the token's share of BM25+.

    ``presence`` is δ (Lv & Zhai, CIKM 2011); 0 makes it BM25.
    """
    norm = K1 * (1 - B + B * stored_length(len(tokens)) / average_length)
    return {token: (K1 + 1) * count / (count + norm) + presence for token, count in Counter(tokens).items()}


def dimension(token: str) -> int:
    """The dimension of a token: 32 bits of its hash, the same on every machine.

    Of a million tokens about a hundred pairs share one, which nobody will notice in a ranking.
    """
    return int.from_bytes(hashlib.blake2s(token.encode(), digest_size=4).digest())


def sparse(weights: Mapping[str, float]) -> tuple[list[int], list[float]]:
    """Dimensions in ascending order and their weights; tokens that share a dimension are added up."""
    found: dict[int, float] = {}
    for token, weight in weights.items():
        place = dimension(token)
        found[place] = found.get(place, 0.0) + weight
    order = sorted(found)
    return order, [found[place] for place in order]
