"""A question in everyday words → queries in the words of statutes, by a model or from a file.

Statutes say 竹木の枝 where people say 木の枝 and 占有者 where they say 飼い主, so words do not meet. A model that knows
statutes writes the queries; what it writes is used only where its words reach further than the question's own.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core.errors import DataError
from ..core.files import append_jsonl, read_jsonl, read_jsonl_tail

MAX_QUERIES = 3
CACHE_KEYS = ("query", "queries", "laws", "model")  # of a line that is kept
MAX_CHARS = 200  # of a query; a longer one is no query but an answer

# The examples are of an invented statute book: no question that anything is measured on is among them.
PROMPT = """あなたは日本の法令の検索を手伝います。日常の言葉の質問を、答えの条文に出てきそうな法令の言葉に直してください。
質問には答えないでください。「検索:」の行を 2 つか 3 つ、「法令:」の行を 1 つだけ書いてください。

質問: 渡し船に乗ろうとしたら断られました。そんなことできるんですか？
検索: 渡船事業者 運送の引受け 拒絶 正当な理由
検索: 渡船事業者は、運送の申込みを拒んではならない
法令: 渡船事業法、渡船事業法施行規則

質問: お祭りの屋台で買った焼きそばでお腹を壊しました。店に責任はありますか？
検索: 露店営業者 食品 健康被害 損害賠償の責任
検索: 露店営業者は、飲食に起因する健康被害が生じたときは、これを賠償する責めに任ずる
法令: 露店営業法、民法

質問: {question}
"""
_LINE = re.compile(r"^\s*(?:[-・*]\s*)?(検索|法令)\s*[0-9０-９]*\s*[:：]\s*(.+?)\s*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Rewriting:
    """What is searched beside a question."""

    queries: tuple[str, ...]
    laws: tuple[str, ...] = ()  # where the answer may stand

    @property
    def texts(self) -> tuple[str, ...]:
        """Each query with the names of the laws, whose titles are searched as words."""
        names = " ".join(self.laws)
        return tuple(f"{query} {names}".strip() for query in self.queries)


def question_key(question: str) -> str:
    """The question as rewritings of it are found again."""
    return "".join(unicodedata.normalize("NFKC", question).split())


def parse_rewriting(text: str) -> Rewriting | None:
    """The queries and laws that a model wrote, the first three and five; None where it wrote no query."""
    rows = _LINE.findall(text)
    queries = [row for kind, row in rows if kind == "検索" and len(row) <= MAX_CHARS][:MAX_QUERIES]
    laws = [name for kind, row in rows if kind == "法令" for name in re.split("[、,，]", row) if name.strip()][:5]
    return Rewriting(tuple(dict.fromkeys(queries)), tuple(name.strip() for name in laws)) if queries else None


def read_rewritings(path: Path, model: str | None = None) -> dict[str, Rewriting]:
    """Question → rewriting of a JSON-lines file (``{"query", "queries", "laws"}``), with ``model`` only that model's.

    Raises DataError naming the line that has another form.
    """
    found: dict[str, Rewriting] = {}
    # Only what a program of ours was killed over may end in half a line.
    for number, row in enumerate(read_jsonl(path) if model is None else read_jsonl_tail(path), start=1):
        fields = row if isinstance(row, dict) else {}
        question, queries, laws = fields.get("query"), fields.get("queries"), fields.get("laws", [])
        if not isinstance(question, str) or not (_texts(queries) and queries) or not _texts(laws):
            raise DataError(
                f'{path}: {number} 行目を {{"query", "queries": ["…"], "laws": ["…"]}} の形にしてください。'
            )
        if model is None or fields.get("model") == model:
            found[question_key(question)] = Rewriting(tuple(queries[:MAX_QUERIES]), tuple(laws))
    return found


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


class Rewriter:
    """Rewritings from a file, or by a model, each question asked once."""

    def __init__(
        self,
        known: dict[str, Rewriting] | None = None,
        ask: Callable[[str], str] | None = None,
        *,
        cache: Path | None = None,
        model: str = "",
    ) -> None:
        """``ask`` answers a prompt; without it only ``known`` questions are rewritten. ``cache`` keeps what it wrote."""
        self._ask = ask
        self._cache = cache
        self._model = model
        self._known: dict[str, Rewriting | None] = dict(known or {})
        if cache is not None and cache.exists():
            self._known |= read_rewritings(cache, model)

    def of(self, question: str) -> Rewriting | None:
        """The rewriting of a question; None where there is none, or the model wrote none that can be read."""
        key = question_key(question)
        if key in self._known or self._ask is None:
            return self._known.get(key)
        found = parse_rewriting(self._ask(PROMPT.format(question=" ".join(question.split()))))
        self._known[key] = found
        if found is not None and self._cache is not None:
            values = (question, list(found.queries), list(found.laws), self._model)
            append_jsonl(self._cache, dict(zip(CACHE_KEYS, values, strict=True)))
        return found


def fused_by_coverage(rankings: Sequence[Sequence[int]], coverages: Sequence[float]) -> dict[int, dict[str, float]]:
    """Article → parts of its score, best first: reciprocal ranks (k = 10), each ranking weighing its coverage.

    ``rankings`` are articles best first: of the question itself, then of each rewriting.
    """
    parts: dict[int, dict[str, float]] = {}
    for number, (articles, weight) in enumerate(zip(rankings, coverages, strict=True)):
        name = f"rewritten{number}" if number else "asked"
        for rank, article_id in enumerate(articles, start=1):
            parts.setdefault(article_id, {})[name] = weight / (10 + rank)
    return dict(sorted(parts.items(), key=lambda row: -sum(row[1].values())))
