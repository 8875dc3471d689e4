"""Files of many queries: ``{"id", "query"}`` a line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ...core.errors import DataError
from ...core.files import read_jsonl
from .query import query_tokens


@dataclass(frozen=True, slots=True)
class Query:
    """One line."""

    id: str
    query: str


def read_queries(path: Path) -> list[Query]:
    """The queries of a JSON-lines file. Raises DataError naming every unusable line, before any search runs."""
    queries: list[Query] = []
    faults: list[str] = []
    for number, row in enumerate(read_jsonl(path), start=1):
        if not isinstance(row, dict) or not isinstance(row.get("query"), str) or row.get("id") in (None, ""):
            faults.append(f'{number} 件目: {{"id", "query"}} の形にしてください')
            continue
        try:
            query_tokens(row["query"])
        except DataError as error:
            faults.append(f"{number} 件目（{row['id']}）: {error}")
            continue
        queries.append(Query(str(row["id"]), row["query"]))
    if faults:
        raise DataError(f"{path}: " + "; ".join(faults))
    return queries
