"""How many gold articles the first three results hold, per part of the ranking and per part of the index.

``benchmarks/retrieval.py quality`` and ``components`` print these. By default only the development half is looked at;
``--other-half`` adds the half on which nothing is chosen, for a configuration that is fixed.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any
from unittest import mock

from app.core.questions import Question
from app.core.rag_config import load_config
from app.data.provisions import law_key
from app.data.splits import split_by_cluster
from app.retrieval.index.building import build_index
from app.retrieval.index.searched_texts import passage_texts
from app.retrieval.index.statute_index import PARTS, ArticleHit, StatuteIndex
from app.retrieval.rag_pipeline import RAGPipeline, search_query
from app.retrieval.store.rows import NewPassage
from app.retrieval.text.law_names import title_names

Article = tuple[str, str]  # law id, key of the article
Ranking = Callable[[Question], Sequence[Article]]
Scores = dict[str, tuple[float, float]]  # question id → (share of its gold articles found, whether one is)
TOP = 3
MMR_SHARES = (0.5, 0.7, 0.9)


def gold_articles(index: StatuteIndex, questions: Sequence[Question]) -> dict[str, set[Article]]:
    """Gold articles of each question that are articles of a law in the index; guidelines have none."""
    laws: dict[str, str] = {}
    for law_id, title in index.store.connection.execute("SELECT law_id, title FROM revisions"):
        for name in title_names(title):
            laws[law_key(name)] = law_id
    day = date.today().isoformat()
    gold: dict[str, set[Article]] = {}
    for question in questions:
        found = {(laws[ref.law], ref.article) for ref in question.articles if ref.law in laws}
        gold[question.id] = {key for key in found if index.store.find_articles(*key, day)}
    return gold


def sides_of(
    questions: Sequence[Question], gold: dict[str, set[Article]], *, other_half: bool
) -> dict[str, list[Question]]:
    """The questions with gold articles: ``dev``, and with ``other_half`` also ``other`` and ``all``; no article on two sides."""
    counted = [question for question in questions if gold[question.id]]
    halves = split_by_cluster(counted, {"dev": 1.0, "test": 1.0}, 0)
    return {"dev": halves["dev"], "other": halves["test"], "all": counted} if other_half else {"dev": halves["dev"]}


def widest(sides: dict[str, list[Question]]) -> list[Question]:
    """All questions that are looked at."""
    return sides.get("all", sides["dev"])


def scores(
    ranking: Ranking, questions: Sequence[Question], gold: dict[str, set[Article]], top: int | None = TOP
) -> Scores:
    """What the first ``top`` articles of a ranking (None for all) are worth for each question."""
    out: Scores = {}
    for question in questions:
        found = len(gold[question.id] & set(list(ranking(question))[:top]))
        out[question.id] = (found / len(gold[question.id]), float(found > 0))
    return out


def summary(scored: Scores, sides: dict[str, list[Question]], base: Scores | None) -> dict[str, Any]:
    """R@3 and Hit@3 on each side, and the paired differences to ``base`` with their intervals over article clusters."""
    from app.evaluation.statistics import cluster_bootstrap

    out: dict[str, Any] = {}
    for side, members in sides.items():
        values = [scored[question.id] for question in members]
        out[side] = {
            "questions": len(values),
            "recall_at_3": round(sum(value[0] for value in values) / len(values), 4),
            "hit_at_3": round(sum(value[1] for value in values) / len(values), 4),
        }
    if base is not None:
        members = widest(sides)
        for place, name in enumerate(("recall_difference", "hit_difference")):
            differences = [scored[question.id][place] - base[question.id][place] for question in members]
            interval = cluster_bootstrap(differences, [question.cluster for question in members], seed=0)
            out[name] = {
                "mean": round(sum(differences) / len(differences), 4), "low": round(interval.low, 4), "high": round(interval.high, 4),
            }  # fmt: skip
    return out


def asked_alone(question: Question) -> str:
    """The question without its choices, in one line."""
    return search_query(question).split("\n")[0]


TEXTS: dict[str, Callable[[Question], str]] = {"question+choices": search_query, "question": asked_alone}

# What each row leaves out of the ranking or adds to it.
ROWS: dict[str, tuple[str, ...]] = {
    "default": PARTS,
    **{f"without {part}": tuple(other for other in PARTS if other != part) for part in PARTS},
    "bm25 alone": (),
    "bm25+citation": ("citation",),
    "with graph": (*PARTS, "graph"),
}


def article_of(hit: ArticleHit) -> Article:
    """A hit as gold articles are written."""
    return (hit.article.law_id, hit.article.num if hit.article.part == "main" else hit.article.anchor)


def searched(index: StatuteIndex, text: Callable[[Question], str], parts: Sequence[str]) -> Ranking:
    """The ranking of an index with these parts."""
    return lambda question: [article_of(hit) for hit in index.search(text(question), TOP, parts=parts)]


def quality(
    index_dir: Path, questions: Sequence[Question], *, other_half: bool, model: str | None = None
) -> dict[str, Any]:
    """R@3 and Hit@3 at article level, per part of the ranking; differences are to the default of the same queries.

    With ``model`` (EMBEDDING_MODEL of the vectors that the index has) also those of words and vectors.
    """
    index = StatuteIndex(index_dir)
    gold = gold_articles(index, questions)
    sides = sides_of(questions, gold, other_half=other_half)
    members = widest(sides)
    out: dict[str, Any] = {
        "questions": len(questions),
        "counted": sum(1 for articles in gold.values() if articles),
        "gold_articles": sum(len(gold[question.id]) for question in members),
        "rows": {},
    }
    for name, text in TEXTS.items():
        base = scores(searched(index, text, PARTS), members, gold)
        for row, parts in ROWS.items():
            scored = base if row == "default" else scores(searched(index, text, parts), members, gold)
            out["rows"][f"{name}: {row}"] = summary(scored, sides, None if row == "default" else base)
        for share in MMR_SHARES:
            diverse = _through_pipeline(_pipeline(index_dir, retriever_mmr=share), text)
            out["rows"][f"{name}: with MMR {share}"] = summary(scores(diverse, members, gold), sides, base)
        if model is not None:
            both = _through_pipeline(_pipeline(index_dir, retriever_type="hybrid", embedding_model=model), text)
            out["rows"][f"{name}: words and vectors"] = summary(scores(both, members, gold), sides, base)
        out["rows"][f"{name}: with definitions"] = _with_definitions(index_dir, text, sides, gold, base)
    return out


def _through_pipeline(pipeline: RAGPipeline, text: Callable[[Question], str]) -> Ranking:
    return lambda question: [
        (found.law_id, found.article) for found in pipeline.retrieve_documents(text(question), TOP)
    ]


def _with_definitions(
    index_dir: Path,
    text: Callable[[Question], str],
    sides: dict[str, list[Question]],
    gold: dict[str, set[Article]],
    base: Scores,
) -> dict[str, Any]:
    """The row of contexts with definitions: a gold article counts too when only a definition of it is there."""
    pipeline = _pipeline(index_dir, retriever_definitions=True)
    members = widest(sides)
    contexts = {
        question.id: pipeline.format_context(pipeline.retrieve_documents(text(question), TOP)) for question in members
    }
    held = {
        name: [(one.law_id, one.article) for one in (*context.used, *context.definitions)]
        for name, context in contexts.items()
    }
    terms = [term for context in contexts.values() for term in context.definitions]
    return summary(scores(lambda question: held[question.id], members, gold, None), sides, base) | {
        "context_chars": round(sum(len(context.text) for context in contexts.values()) / len(contexts)),
        "definitions": round(len(terms) / len(contexts), 2),
        "definition_chars": round(sum(len(term.line) + 1 for term in terms) / len(contexts)),
    }


def _pipeline(index_dir: Path, **overrides: Any) -> RAGPipeline:
    return RAGPipeline(load_config(env_file=None, retriever_index_dir=index_dir, **overrides))


def _texts_without_lead(law_title: str, item: NewPassage) -> Iterator[str]:
    """Without the 柱書 where items follow it: what a chunker that cuts at items leaves of a paragraph."""
    listed = len(item.passage.lines) > 1 and bool(item.passage.lines[1][0])
    for text in passage_texts(law_title, item):
        head, lead, *items = text.split("\n")
        yield "\n".join([head, *items] if listed else [head, lead, *items])


def _texts_without_header(_law_title: str, item: NewPassage) -> Iterator[str]:
    for text in passage_texts("", item):
        yield text.split("\n", 1)[1]


def _texts_without_groups(law_title: str, item: NewPassage) -> Iterator[str]:
    yield next(passage_texts(law_title, item))


INDEXED: dict[str, Callable[[str, NewPassage], Iterator[str]]] = {
    "whole": passage_texts,
    "without lead": _texts_without_lead,
    "without header": _texts_without_header,
    "without groups of items": _texts_without_groups,
}


def chosen_laws(index: StatuteIndex, gold: dict[str, set[Article]], laws: int) -> list[str]:
    """The laws with gold articles and about ``laws`` more, evenly over all."""
    wanted = {law_id for keys in gold.values() for law_id, _ in keys}
    order = [law_id for (law_id,) in index.store.connection.execute("SELECT law_id FROM laws ORDER BY law_id")]
    return sorted(wanted | set(order[:: max(1, len(order) // max(1, laws))]))


def components(index_dir: Path, questions: Sequence[Question], laws: int, *, other_half: bool) -> dict[str, Any]:
    """What the parts of the indexed text are worth, each left out of an index of the same laws; the rest is the default."""
    index = StatuteIndex(index_dir)
    gold = gold_articles(index, questions)
    sides = sides_of(questions, gold, other_half=other_half)
    members = widest(sides)
    chosen = chosen_laws(index, gold, laws)
    out: dict[str, Any] = {"laws": len(chosen), "rows": {}}
    bases: dict[str, Scores] = {}
    for row, texts in INDEXED.items():
        with (
            tempfile.TemporaryDirectory() as folder,
            mock.patch("app.retrieval.index.searched_texts.passage_texts", texts),
        ):
            build_index(Path(index.manifest.source), Path(folder), laws=chosen)
            built = StatuteIndex(Path(folder))
            for name, text in TEXTS.items():
                scored = scores(searched(built, text, PARTS), members, gold)
                base = bases.setdefault(name, scored)
                out["rows"][f"{name}: {row}"] = summary(scored, sides, None if base is scored else base)
    return out


SIDE_NAMES = {"all": "全", "dev": "dev", "other": "もう半分"}
ROW_NAMES = {
    "question+choices": "問い＋選択肢",
    "question": "問いだけ",
    "default": "既定",
    "without request": "依頼の文言を除かない",
    "without presence": "BM25+ の加点なし",
    "without citation": "引用を読まない",
    "without delegation": "委任先を引き上げない",
    "without prior": "語が届かない問いで法律を引き上げない",
    "without coverage": "hybrid をいつも同じ重みで合わせる",
    "bm25 alone": "BM25 だけ",
    "bm25+citation": "BM25＋引用だけ",
    "words and vectors": "hybrid",
    "with graph": "引用グラフを足す",
    "with definitions": "定義を足す（定義の条も数える）",
    "whole": "全部入り",
    "without lead": "号のある項の柱書なし",
    "without header": "見出し行なし",
    "without groups of items": "号の組なし",
}  # fmt: skip


def markdown(result: dict[str, Any]) -> str:
    """The rows of a result as the table of docs/retrieval.md: R@3 / Hit@3 on each side, and the differences in R@3 and Hit@3."""
    rows = result["rows"]
    sides = [side for side in ("all", "dev", "other") if side in next(iter(rows.values()))]
    head = ["", *(_side_name(side, next(iter(rows.values()))[side]) for side in sides), "R@3 の差", "Hit@3 の差"]
    out = [_line(head), "|---" * len(head) + "|"]
    for name, row in rows.items():
        queries, part = name.split(": ")
        label = f"{ROW_NAMES[queries]}、{ROW_NAMES.get(part, part.replace('with ', ''))}"
        cells = [f"{_share(row[side]['recall_at_3'])} / {_share(row[side]['hit_at_3'])}" for side in sides]
        out.append(_line([label, *cells, _difference(row, "recall_difference"), _difference(row, "hit_difference")]))
    return "\n".join(out)


def _side_name(side: str, values: dict[str, Any]) -> str:
    return f"{SIDE_NAMES[side]} {values['questions']} 問"


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _share(value: float) -> str:
    return f"{value:.3f}" if value >= 1 else f"{value:.3f}".removeprefix("0")


def _difference(row: dict[str, Any], name: str) -> str:
    if name not in row:
        return "—"
    mean, low, high = (_signed(row[name][key]) for key in ("mean", "low", "high"))
    return f"{mean} [{low}, {high}]"


def _signed(value: float) -> str:
    return f"{'−' if value < 0 else '+'}{_share(abs(value))}" if abs(value) >= 0.0005 else "0"
