"""What a question asks for, and the same request made positive: what each choice on its own is measured against.

A small model does not read 「誤っているものを教えてください」 as the opposite of 「正しいものを教えてください」. So every
choice is asked about with the request made positive (誤っている → 正しい, 該当しない → 該当する), and the sign turns the
answer: of the choices of a negative request the least fitting one is right. A property that is itself negative
(「届出を要しないもの」) stays as it is and keeps its sign.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Literal

from .questions import Polarity, Question

Sign = Literal[1, -1]


@dataclass(frozen=True, slots=True)
class Request:
    """What a question asks for.

    polarity  what kind of choice is wanted (``app.core.questions.Polarity``)
    positive  the question with its request made positive
    sign      −1 where the wanted choice is the one that does not fit ``positive``, else 1
    told      False where neither a wording of the table nor the form of a question says what is wanted: it is then
              asked as written, and counted
    """

    polarity: Polarity
    positive: str
    sign: Sign
    told: bool


@dataclass(frozen=True, slots=True)
class _Wording:
    """One way of asking: the pattern of the deciding words, and the positive words in their place (None: they stay)."""

    polarity: Polarity
    pattern: re.Pattern[str]
    positive: str | None


def _negative(polarity: Polarity, *pairs: tuple[str, str]) -> list[_Wording]:
    return [_Wording(polarity, re.compile(pattern), positive) for pattern, positive in pairs]


# Looked for from the end of the question, where it says what it wants. 「行ってはならない」 tells what a rule forbids
# and 「該当しないものとして正しいもの」 asks for the right one, so a bare 「ない」 decides nothing.
_WORDINGS: tuple[_Wording, ...] = (
    *_negative(
        "incorrect",
        (r"誤[っつ]て(?:い|お)る|誤りである|誤りがある|誤りを含む|誤[っつ]た|誤りの(?=もの|記述|説明)", "正しい"),
        (r"誤り(?=は|を(?!含む)|と)", "正しいもの"),
        (r"間違[っつ]て(?:い|お)る|間違いである|間違いがある|間違[っつ]た|間違いの(?=もの|記述|説明)", "正しい"),
        (r"間違い(?=は|を|と)", "正しいもの"),
        (r"正しくない|正しく無い", "正しい"),
        (r"適切で(?:は)?ない|不適切である|不適切な", "適切な"),
        (r"妥当で(?:は)?ない|不当である(?=もの)", "妥当な"),
        (r"適当で(?:は)?ない|不適当である|不適当な", "適当な"),
        (r"不正確である|不正確な|正確で(?:は)?ない", "正確な"),
    ),
    *_negative(
        "not_applicable",
        (r"該当し(?:てい)?ない", "該当する"),
        (r"当てはまらない|当たらない(?=もの|場合|行為)", "当てはまる"),
        (r"あてはまらない", "あてはまる"),
        (r"含まれ(?:てい)?ない", "含まれる"),
        (r"含まない(?=もの)", "含む"),
        (r"(記載|規定|列挙|明記)されていない", r"\1されている"),
        (r"(挙げ|掲げ|定め)られていない(?=もの|者|事項|場合|行為)", r"\1られている"),
        (r"(?<=権利と|対象と|根拠と)(?:は)?ならない", "なる"),
        (r"無関係(?:の|な|である)", "関係のある"),
        (r"関係([のが])ない", r"関係\1ある"),
        (r"必要([のが])ない(?=もの|者|場合|事項|行為)", r"必要\1ある"),
    ),
    _Wording("correct", re.compile(r"正しい|適切な|適当な|妥当な|正確な"), None),
    _Wording("correct", re.compile(r"(?:該当|違反|抵触)する(?!こと|場合に|として)|当てはまる|あてはまる|含まれる(?=もの|の)"), None),
)  # fmt: skip
# How a question that names a thing asks for it: 「…を教えてください」「…はどれか」「…はいくらですか」「一つ選べ」.
_ASKS = re.compile(
    r"教えて(?:ください|下さい)|(?:どれ|どの|何|なに|いつ|いくつ|いくら|だれ|誰|どこ)[^。]{0,40}(?:か|ですか|でしょうか)(?=[。？?、,）)]|\s|$)"
    r"|選(?:べ|び(?:なさい|ください)|んでください|択せよ)|答え(?:よ|なさい|てください)|示(?:せ|しなさい)|挙げ(?:よ|なさい|てください)"
)


def read_request(question: str) -> Request:
    """What ``question`` asks for, by the last such wording in it."""
    text = unicodedata.normalize("NFC", question)
    found: list[tuple[int, int, int, _Wording, re.Match[str]]] = []
    for number, wording in enumerate(_WORDINGS):
        found += [(m.end(), -m.start(), -number, wording, m) for m in wording.pattern.finditer(text)]
    if not found:
        return Request("other", question, 1, _ASKS.search(text) is not None)
    *_, wording, match = max(found, key=lambda one: one[:3])
    if wording.positive is None:
        return Request(wording.polarity, question, 1, True)
    positive = text[: match.start()] + match.expand(wording.positive) + text[match.end() :]
    return Request(wording.polarity, positive, -1, True)


def question_polarity(question: str) -> Polarity:
    """What the question asks for: the statement that is right (``correct``), that is wrong (``incorrect``), the thing
    that does not fall under a rule (``not_applicable``), or anything else (``other``)."""
    return read_request(question).polarity


def statement_truths(question: Question) -> dict[str, bool]:
    """For each letter, whether the choice fits the request made positive: what a judgement of it should say."""
    fits = read_request(question.question).sign == 1
    return {letter: (letter in question.correct) == fits for letter in question.choices}
