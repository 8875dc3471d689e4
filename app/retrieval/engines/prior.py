"""What makes an article likelier to be meant before anything is asked: it stands in an Act, in a law that others cite.

Used only where words do not reach (``coverage.py``): what few words of a lay question meet stands as often in an
ordinance about samples of dairy milk as in 民法, and people mean 民法.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from ..store.store import Store

# Of the best score; chosen on the odd lay questions, where any share of Acts from 0.2 to 0.5 is as good.
ACT_SHARE = 0.2
LINK_SHARE = 0.02  # … times the logarithm of how many laws cite the article's law
PRIOR_CANDIDATES = 150  # articles that may be raised
_STANDING = {"Constitution": 1.0, "Act": 1.0, "CabinetOrder": 0.5}


def prior_shares(laws_of: Mapping[int, str], types: Mapping[str, str], cited_by: Mapping[str, int]) -> dict[int, float]:
    """Article → what it gains, as a share of the best score.

    ``laws_of``: article → law id; ``types``: law id → e-Gov's kind of law; ``cited_by``: law id → laws that cite it.
    """
    return {
        article_id: ACT_SHARE * _STANDING.get(types.get(law_id, ""), 0.0)
        + LINK_SHARE * math.log1p(cited_by.get(law_id, 0))
        for article_id, law_id in laws_of.items()
    }


def law_types(store: Store) -> dict[str, str]:
    """Law id → e-Gov's kind of law."""
    return dict(store.connection.execute("SELECT law_id, law_type FROM laws").fetchall())


def citing_laws(store: Store, law_ids: Iterable[str]) -> dict[str, int]:
    """Law id → how many other laws cite it."""
    return {
        law_id: store.connection.execute(
            "SELECT count(DISTINCT from_law) FROM citations WHERE to_law=?1 AND from_law<>?1", (law_id,)
        ).fetchone()[0]
        for law_id in set(law_ids)
    }
