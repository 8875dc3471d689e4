"""What a form or a query string holds, read and checked."""

from __future__ import annotations

import urllib.parse
from datetime import date

from starlette.requests import Request

from ..core.errors import DataError
from ..retrieval.grounds import EARLIER_TURNS, Turn

MAX_CHARS = 4000  # of a question or a text
MAX_FIELDS = 40


async def form_of(request: Request) -> dict[str, list[str]]:
    """The fields of a posted form. Raises DataError for what is no form in UTF-8."""
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/x-www-form-urlencoded":
        raise DataError("フォームの形式ではありません。ページのフォームから送ってください。")
    try:
        return urllib.parse.parse_qs(
            (await request.body()).decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS
        )
    except (UnicodeError, ValueError):
        raise DataError("フォームの内容を UTF-8 として読めないか、欄が多すぎます。") from None


def text_of(fields: dict[str, list[str]], name: str) -> str:
    """One field, without the white space around it. Raises DataError for one that is too long."""
    text = fields.get(name, [""])[0].replace("\r\n", "\n").strip()
    if len(text) > MAX_CHARS:
        raise DataError(f"{len(text):,} 文字あります（上限 {MAX_CHARS:,} 文字）。短くしてください。")
    return text


def day_of(text: str) -> date | None:
    """A day as a form sends it, None for an empty one. Raises DataError for any other text."""
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise DataError(f"日付 {text[:40]!r} を YYYY-MM-DD の形で指定してください。") from None


def turns_of(fields: dict[str, list[str]]) -> tuple[Turn, ...]:
    """The last turns of the conversation that the form carries along."""
    pairs = zip(fields.get("asked", []), fields.get("answered", []), strict=False)
    return tuple(Turn(question[:MAX_CHARS], answer[:MAX_CHARS]) for question, answer in pairs)[-EARLIER_TURNS:]
