"""Generated texts of rules: bare lines, headings as in a statute, or a few articles one after the other."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from tools.tiny_model.corpus import ITEM_TEMPLATES, Rule, any_rule, random_rule, rule_text
from tools.tiny_model.names import random_name

Layout = Literal["lines", "headings", "articles"]
_LAWS = ("条例", "法", "規則", "施行規則", "施行令")
_LISTS = (
    "次のいずれかに当たるものは、当該各号の例による。",
    "次に掲げるものは、この限りでない。",
    "次の各号のいずれかに該当するものとする。",
    "次に掲げる事項",
)
# Signs before the articles of a text: {} is the article's number in the text.
_SIGNS = ("（{}）", "({}) ", "{}. ", "■ ", "◆{} ", "〔{}〕", "資料{}　")


@dataclass(frozen=True, slots=True)
class Context:
    """A text of rules."""

    text: str
    rules: tuple[Rule, ...]


def random_context(rng: random.Random, rules: int, layout: Layout) -> Context:
    """``rules`` random rules (a few more where lists follow one) as a text of the given layout."""
    if layout == "lines":
        known = tuple(any_rule(rng) for _ in range(rules))
        return Context("\n".join(rule_text(rule) for rule in known), known)
    return _with_headings(rng, rules) if layout == "headings" else _articles(rng, rules)


def _law_name(rng: random.Random) -> str:
    return f"{random_name(rng)}{random_name(rng)}{rng.choice(_LAWS)}"


def _items(rng: random.Random, count: int) -> Sequence[Rule]:
    # The items of one list read alike.
    template = rng.choice(ITEM_TEMPLATES)
    return [random_rule(rng, [template] if rng.random() < 0.6 else ITEM_TEMPLATES) for _ in range(count)]


def _with_headings(rng: random.Random, rules: int) -> Context:
    """Law, articles, paragraphs and items under headings."""
    found: list[Rule] = []
    lines = [f"## {_law_name(rng)}"]
    article, paragraph = rng.randint(1, 60), 0
    while len(found) < rules:
        if not paragraph or rng.random() < 0.4:
            branch = f"の{rng.randint(2, 4)}" if rng.random() < 0.15 else ""
            lines.append(f"### 第{article}条{branch}")
            article, paragraph = article + rng.randint(1, 4), 0
        paragraph += 1
        if paragraph > 1 or rng.random() < 0.8:
            lines.append(f"#### 第{paragraph}項")
        if rules - len(found) >= 2 and rng.random() < 0.3:
            lines.append(rng.choice(_LISTS) if rng.random() < 0.5 else rule_text(any_rule(rng)))
            for number, item in enumerate(_items(rng, rng.randint(2, max(2, rules - len(found)))), start=1):
                found.append(item)
                lines += [f"##### 第{number}号", rule_text(item)]
        else:
            found.append(any_rule(rng))
            lines.append(rule_text(found[-1]))
    return Context("\n".join(lines), tuple(found))


def _articles(rng: random.Random, rules: int) -> Context:
    """Two or three articles, each under a line that names it, as a search returns them."""
    found: list[Rule] = []
    blocks: list[str] = []
    sign = rng.choice(_SIGNS)
    articles = min(rules, rng.choice((2, 3, 3)))
    for number in range(1, articles + 1):
        caption = f"（{random_name(rng)}）" if rng.random() < 0.6 else ""
        lines = [sign.format(number) + f"{_law_name(rng)} 第{rng.randint(1, 60)}条{caption}"]
        share = rules // articles + (number <= rules % articles)
        for paragraph in range(1, share + 1):
            found.append(any_rule(rng))
            lines.append((f"第{paragraph}項　" if share > 1 or rng.random() < 0.3 else "") + rule_text(found[-1]))
        blocks.append("\n".join(lines))
    return Context("\n\n".join(blocks), tuple(found))
