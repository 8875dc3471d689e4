"""What pages show: templates that escape everything, and articles as their rows. Data is text here, never markup."""

from __future__ import annotations

import urllib.parse
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from ..core.redaction import hide
from ..core.terminal import safe_text
from ..retrieval.showing.context_text import RetrievedPassage
from ..retrieval.showing.hits_text import mark

PAGES = (
    ("/", "質問する"),
    ("/check", "文を確かめる"),
    ("/search", "検索"),
    ("/article", "条文"),
    ("/runs", "実験"),
    ("/status", "モデルと索引"),
)
EGOV = "https://laws.e-gov.go.jp/"
# Stand for the tags of a marked stretch until the text is escaped; taken out of the text before.
_OPEN, _CLOSE = "\ue0f0", "\ue0f1"


def _shown(value: Any) -> Any:
    """Text without characters that steer (control, bidirectional), on top of the escaping."""
    return safe_text(value) if isinstance(value, str) and not isinstance(value, Markup) else value


_ENVIRONMENT = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    finalize=_shown,
    trim_blocks=True,
    lstrip_blocks=True,
)


def render(template: str, title: str, here: str, **values: Any) -> str:
    """The HTML of a template, or of a part of a page. ``here`` is the path of the page in the navigation."""
    return _ENVIRONMENT.get_template(template).render(title=title, here=here, pages=PAGES, **values)


def written(piece: str) -> str:
    """A piece of an answer as HTML."""
    return str(escape(safe_text(piece)))


def marked(text: str, query: str) -> Markup:
    """The text, escaped, with what the query has too in ``<mark>``."""
    plain = safe_text(text.replace(_OPEN, "").replace(_CLOSE, ""))
    html = str(escape(mark(plain, query, lambda part: f"{_OPEN}{part}{_CLOSE}")))
    return Markup(html.replace(_OPEN, "<mark>").replace(_CLOSE, "</mark>"))  # noqa: S704  # escaped in the line above


@dataclass(frozen=True, slots=True)
class ArticleView:
    """One article as a page shows it."""

    name: str  # law and 条
    href: str  # of the page of the article, on the day that was asked about
    caption: str
    sentence: Markup | str
    text: str
    link: str  # on e-Gov; empty where it has none
    parts: str  # what the score is made of; empty where nobody asks


def article_views(
    passages: Sequence[RetrievedPassage], query: str, *, day: date | None = None, parts: bool = False
) -> list[ArticleView]:
    """The articles with the sentence nearest to the query, marked; ``day`` is the one whose law was searched, ``parts``
    adds what each score is made of."""
    return [
        ArticleView(
            name=one.name,
            href=article_href(one.id, one.paragraph, day),
            caption=one.caption,
            sentence="" if one.deciding is None else marked(one.deciding.text, query),
            text=one.text,
            link=safe_link(one.link),
            parts="、".join(f"{name} {value:.3f}" for name, value in one.components.items()) if parts else "",
        )
        for one in passages
    ]


def article_href(place: str, paragraph: str | None, day: date | None) -> str:
    """The address of our page of the article at ``place`` (``law#anchor``), at its paragraph, as of a day."""
    fields = {"at": place} | ({} if day is None else {"as_of": day.isoformat()})
    target = f"#{urllib.parse.quote(f'p{paragraph}')}" if paragraph else ""
    return f"/article?{urllib.parse.urlencode(fields)}{target}"


def told(error: Exception) -> str:
    """What an error says, in one line and without secrets."""
    return hide(" ".join(str(error).split()))


def safe_link(link: str) -> str:
    """The link where it leads to e-Gov, else nothing."""
    return link if link.startswith(EGOV) else ""
