"""A query read as a question: its first line asks, the lines after it are statements to be judged (the choices).

What only asks for an answer (次のうち、正しいものを教えてください。) says nothing about the law and is not searched for: some
ordinance has every such word.
"""

from __future__ import annotations

import re
import unicodedata

from ...core.errors import DataError
from .tokens import tokenize

MAX_QUERY_CHARS = 20_000  # a question with four choices has some hundred

_OPENING = re.compile(r"^\s*(?:次|以下)の(?:うち|中|記述|説明|文章|選択肢)(?:のうち)?(?:から|で)?[、,]?")
_ANSWER = r"(?:教えて|選んで|選び|答えて|お答え|示して|挙げて)(?:なさい|ください|下さい)?|(?:どれ|何)です?か?|説明して(?:なさい|ください|下さい)?"
_JUDGED = r"(?:最も)?(?:正しい|誤っている|誤った|間違っている|適切な|適当な|不適切な|妥当な|該当する|該当しない)"
_CLOSING = re.compile(
    rf"(?:(?:の|する|となる)?(?:根拠となる|根拠)?条文)?"
    rf"(?:(?:について|に関して|に関し|のうち|として)?[、,]?{_JUDGED}(?:もの|記述|説明|選択肢))?"
    rf"(?:(?:の|する|となる)?(?:根拠となる|根拠)?条文)?"
    rf"(?:を|は|として)?[、,]?(?:すべて|全て|一つ|1つ)?(?:を|は)?[、,]?(?:{_ANSWER})[。?!]?\s*$"
)


def question_and_statements(query: str) -> tuple[str, str]:
    """The line that asks, and the rest."""
    lines = query.strip().split("\n", 1)
    return lines[0], lines[1] if len(lines) > 1 else ""


def without_request(query: str) -> str:
    """The query (NFKC) without the words of its first line that only ask for an answer."""
    asked, statements = question_and_statements(unicodedata.normalize("NFKC", query))
    subject = _CLOSING.sub("", _OPENING.sub("", asked))
    return "\n".join(part for part in (subject, statements) if part)


def query_tokens(query: str, *, request: bool = False) -> list[str]:
    """Search tokens of a query. Raises DataError when it is too long or holds nothing to search for.

    The words that only ask for an answer are left out, unless ``request`` or nothing else is there.
    """
    if len(query) > MAX_QUERY_CHARS:
        raise DataError(
            f"検索する文が {len(query):,} 文字あります（上限 {MAX_QUERY_CHARS:,} 文字）。短くしてください。"
        )
    tokens = [] if request else tokenize(without_request(query))
    tokens = tokens or tokenize(query)
    if not tokens:
        raise DataError("検索する文に語がありません（空か、記号だけです）。語を含む文を指定してください。")
    return tokens
