"""Several rankings → one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

RRF_K = 10  # 60, the usual value, was weaker at the top three


def reciprocal_rank_fusion(
    rankings: Mapping[str, Sequence[int]], weights: Mapping[str, float] | None = None, k: int = RRF_K
) -> dict[int, dict[str, float]]:
    """Article → what each ranking adds, w / (k + rank) with ranks from 1 (Cormack, Clarke & Buettcher, SIGIR 2009).

    Best first; equal sums keep the order of the rankings.
    """
    parts: dict[int, dict[str, float]] = {}
    for name, ranking in rankings.items():
        weight = 1.0 if weights is None else weights.get(name, 1.0)
        for rank, article_id in enumerate(dict.fromkeys(ranking), start=1):
            parts.setdefault(article_id, {})[name] = weight / (k + rank)
    return dict(sorted(parts.items(), key=lambda item: -sum(item[1].values())))
