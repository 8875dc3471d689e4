"""(question, article) pairs: those of files, and those that a model writes in everyday words about articles with a caption.

A caption names in a few words what an article is about; by rule only its own words would come out, and what a question in
other words needs is what people, or a model, add.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...core.errors import DataError
from ...core.files import read_jsonl
from ...data.generation.leaks import Excluded
from ...data.lawqa import load_questions
from ...data.provisions import law_key
from ..index.embedding_passages import article_texts, passages_of_scope
from ..store.store import Store
from .today import Key, TodaysArticle

SAME_CAPTION = 3  # articles of one caption that are taken: hundreds are headed （罰則） or （権限の委任）
ASKED_CHARS = 300  # of an article that a model is shown
MAX_QUESTION = 300  # characters of a question: no more than the network reads at once
# Captions that say nothing of what their article is about.
_EMPTY = re.compile(
    r"(?:趣旨|目的|定義|用語|罰則|雑則|施行期日|経過措置|省令への委任|政令への委任|その他|適用除外|権限の委任)"
)
# A question, without its number, its heading, what marks it and quotes around all of it; 「以下に質問を2つ挙げます。」 is
# none, the 1. of 1.5倍 no number of it, and 「車検」はいつ？ keeps its quotes.
_MARKS = r"[\s*＊#]*+"
_END = "(?:[?？]|か。?)"
_LINE = re.compile(
    rf"^{_MARKS}(?:[-・—•]|[①-⑳]|[(（]\d+[)）]|\d+[.．)）:：、](?!\d))?{_MARKS}"
    rf"(?:(?:質問|[QＱ])\s*\d*{_MARKS}[.．:：])?{_MARKS}"
    rf"(?:[「『](?P<quoted>[^「」『』\n]{{5,79}}?{_END})[」』]。?|(?P<plain>\S.{{4,78}}?{_END}))[ \t　*＊]*$",
    re.MULTILINE,
)
PROMPT = """次の条文が答えになるような質問を、法律を知らない人が相談するときの日常の言葉で 2 つ書いてください。
条文の言葉や法令名は使わず、1 行に 1 つ、質問だけを書いてください。

{law}{caption}
{text}
"""


@dataclass(frozen=True, slots=True)
class Captioned:
    """An article with its caption."""

    law: str
    article: str
    caption: str  # without parentheses
    text: str  # what its vector is made of


@dataclass(frozen=True, slots=True)
class Pair:
    """A question and the article that answers it."""

    question: str
    law: str
    article: str


def read_pairs(path: Path) -> list[Pair]:
    """The pairs of a file (``{"law", "article", "query"}`` a line). Raises DataError for one of another form."""
    found = []
    for number, row in enumerate(read_jsonl(path), start=1):
        values = [row.get(name) if isinstance(row, dict) else None for name in ("query", "law", "article")]
        if not all(isinstance(value, str) and value.strip() for value in values):
            raise DataError(
                f'{path}: {number} 行目を {{"law": "民法", "article": "709", "query": "質問"}} の形にしてください。'
            )
        pair = Pair(*map(str, values))
        if len(pair.question) > MAX_QUESTION:
            raise DataError(
                f"{path}: {number} 行目の質問は {len(pair.question):,} 字あります。{MAX_QUESTION} 字までにしてください。"
            )
        found.append(pair)
    return found


def excluded_articles(paths: Iterable[Path]) -> tuple[Collection[Key], list[Excluded]]:
    """The articles of files of questions: those of lay questions (``{"query", "gold": [[law, article]]}``) and of exams.

    Raises DataError for a file that names no article: what to keep away from cannot be told.
    """
    lay: set[Key] = set()
    exams: list[Excluded] = []
    named: Collection[Key] | int
    for path in paths:
        rows = read_jsonl(path) if path.suffix == ".jsonl" else []
        if rows and all(isinstance(row, dict) and "gold" in row for row in rows):
            named = _gold(path, rows)
            lay |= named
        else:
            exams.append(Excluded(load_questions(path, exams=True)))
            named = exams[-1].articles
        if not named:
            raise DataError(f"{path}: 条文を示す問題がないので、避ける条文が分かりません。--exclude-questions から外してください。")  # fmt: skip
    return lay, exams


def _gold(path: Path, rows: Sequence[dict[str, Any]]) -> set[Key]:
    found: set[Key] = set()
    for number, row in enumerate(rows, start=1):
        gold = row["gold"]
        if not isinstance(gold, list) or not all(
            isinstance(one, list) and len(one) == 2 and all(isinstance(part, str) for part in one) for one in gold
        ):
            raise DataError(f'{path}: {number} 行目の gold を [["法令名", "条"]] の形にしてください（{gold!r}）。')
        found |= {(law_key(law), article) for law, article in gold}
    return found


def captioned_articles(
    store: Store, articles: Mapping[int, TodaysArticle], count: int, seed: int, without: Collection[int]
) -> list[Captioned]:
    """``count`` articles of Acts with a caption that says something, drawn by ``seed``; none of ``without``."""
    drawn = [number for number, _ in passages_of_scope(store, "acts") if number in articles]
    random.Random(seed).shuffle(drawn)  # noqa: S311  # reproducible by seed, no secret
    taken: list[int] = []
    captions: Counter[str] = Counter()
    for number in drawn:
        caption = articles[number].caption
        says = caption and not _EMPTY.search(caption)
        if len(taken) < count and number not in without and says and captions[caption] < SAME_CAPTION:
            captions[caption] += 1
            taken.append(number)
    texts = [text for start in range(0, len(taken), 500) for text in article_texts(store, taken[start : start + 500])]
    return [
        Captioned(articles[number].names[0], articles[number].article, articles[number].caption, text)
        for number, text in zip(taken, texts, strict=True)
    ]


def by_model(
    articles: Sequence[Captioned], ask: Callable[[Sequence[str]], Sequence[str]], batch: int = 8
) -> Iterator[list[Pair]]:
    """What a model asks of each article in everyday words, article after article; an empty list where it asked nothing."""
    for start in range(0, len(articles), batch):
        some = articles[start : start + batch]
        prompts = [
            PROMPT.format(law=one.law, caption=f"（{one.caption}）", text=one.text.split("\n", 1)[-1][:ASKED_CHARS])
            for one in some
        ]
        for one, answer in zip(some, ask(prompts), strict=True):
            yield [Pair(text, one.law, one.article) for text in questions_of(answer, one)]


def questions_of(answer: str, article: Captioned) -> list[str]:
    """The first two lines of an answer that are questions in words of their own: neither the law's name nor the caption."""
    lines = [match["quoted"] or match["plain"] for match in _LINE.finditer(answer)]
    own = [line for line in lines if article.law not in line and article.caption not in line]
    return list(dict.fromkeys(own))[:2]
