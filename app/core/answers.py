"""The letter a written answer names, read strictly: a wrong reading is worse than none.

Readings are tried from the most explicit to the least; the first level that names a letter decides:

explicit     ``Answer: c``, ``答えはc``, ``cが正解``, ``\\boxed{c}``: the last one counts
conclusion   ``よってc``, ``誤っているものはd``
alone        a line that is nothing but the letter
line_start   a line that opens with the letter and goes on with the choice's text
only_letter  the only letter that occurs and is not rejected
digit        1–4 or ①–④ after an explicit marker or alone on a line, when no letter is there

Two different letters on one level are ``ambiguous``, except that the last explicit marker wins.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Literal, NamedTuple

from .instructions import COT_INSTRUCTIONS, DIRECT_CONTEXT_NOTE, DIRECT_INSTRUCTION
from .questions import LETTERS

MOST_CHARS = 4000  # read at each end of a long text

Status = Literal["ok", "ambiguous", "unparsed", "truncated", "empty"]


@dataclass(frozen=True, slots=True)
class ParsedAnswer:
    """What a text says: the letter (None unless status is ok), the status, and the rule that decided."""

    letter: str | None
    status: Status
    rule: str


# A letter that stands for itself: not inside a word, not the English article, not 「A社」.
_ARTICLE = r"a[ \t]+(?!and\b|or\b|is\b|because\b|since\b|as\b)[a-z]{2}"
_QUOTED = (
    r"(?<=〔)[a-f1-4\ue001-\ue004]〕"  # what a prompt holds in such brackets is never an answer (app.core.quoting)
)
_LETTER = rf"(?<![A-Za-z0-9])(?<![a-z]['’])(?!{_ARTICLE})(?!{_QUOTED})[a-d](?![A-Za-z0-9]|['’][a-z]|社|さん|氏|市|県|国|法人|会社|組合|銀行)"
_ANY_LETTER = r"(?<![A-Za-z0-9])[a-z](?![A-Za-z0-9'’])"
_CIRCLED = {"①": "\ue001", "②": "\ue002", "③": "\ue003", "④": "\ue004"}
_COUNTERS = "条項号章節編款目文字年月日時分秒週人名円回件個つ種割歳度%点"
_DIGIT = rf"(?<![0-9A-Za-z第.,])(?!{_QUOTED})(?:[1-4](?![0-9A-Za-z]|[.,][0-9]|\s*[{_COUNTERS}]|か月|ヶ月)|[\ue001-\ue004](?!\s*[{_COUNTERS}]))"
_JOINER = r"\s*(?:と|か|や|及び|または|又は|もしくは|あるいは|、|,|/|・|&|\bor\b|\band\b)+\s*"
_OPEN = r"[\s「『(\[{<\"'“【:：]*(?:(?:選択肢|肢|option|choice)[\s「『(\[{<\"'“【]*)?"
_MARKER = (
    r"(?:最終(?:的な)?)?(?:回答|解答|答え|答|(?<!不)正解|正答|\banswer\b|\boption\b|\bchoice\b)"
    r"(?:の?(?:選択肢|記号|番号|文字|肢)|欄)?[\"'」』)】\]]*\s*"
)
_EXPLICIT = re.compile(rf"{_MARKER}(?:(?:[:=→]|は|が|として|\bis\b|\bwould be\b)+\s*|(?={_OPEN}{_LETTER}))")
_IN_PASSING = re.compile(r"(?:option|choice)[\"'」』)】\]]*\s*")
_BOXED = re.compile(rf"\\boxed\s*\{{\s*(?:\\text\s*\{{)?\s*(?:\(\s*)?({_LETTER})")
_CHOSEN = re.compile(
    rf"({_LETTER})[\s」』)\]】]*(?:(?:が|を)\s*(?:(?:正解|正答|答え|回答|解答)(?!では|でな)|選(?:ぶ|び|択)(?!べきで|ことは|のは|では|し?な|し?やす|し?がち|する?人|する?者|人|者))|\s+is\s+(?:the\s+)?(?:correct|right)\b)"
)
_CONCLUSION = re.compile(
    r"(?:よって|したがって|従って|ゆえに|故に|以上(?:より|から|により|のことから)|結論として|結局|\btherefore\b|\bthus\b|\bhence\b)"
    r"|(?:正しい|誤っている|誤りである|間違っている|該当しない|該当する|当てはまらない|適切な|適切でない|不適切な|適当な)"
    r"(?:もの|選択肢|記述|の)?(?:は|が|:)"
)
_NEGATION = r"誤り|誤っ|誤った|間違|不正解|不適切|違う|違い|異なる|ではな|じゃな|でな[くい]|除外|除か|除き|\bwrong\b|\bincorrect\b"
# Something has to join the letter to what rejects it: what stands behind a comma or in brackets may be said of another
# letter (c, not b) or be what is asked for (c（誤り）).
_REJECTED = re.compile(
    rf"({_LETTER}(?:{_JOINER}{_LETTER}){{0,3}})[」』)\]】]*(?:の[^。\n()、,はがも]{{1,8}})?\s*"
    rf"(?:(?:は|が|も|[:=→]|\bis\b|\bare\b)(?:(?!{_LETTER})[^。\n]){{0,12}}?(?:{_NEGATION}|\bnot\b)|(?:{_NEGATION}))"
    rf"|\bnot\s+(?:option\s+|choice\s+)?({_LETTER})"
)
_REFUSAL = re.compile(
    r"^[\s「『(\[{<\"'“【]*(?:なし|無し|該当なし|不明|わか(?:ら|り)|分か(?:ら|り)|判断でき|none\b|unknown\b|n/a)"
)
_LETTER_LIST = re.compile(
    r"(?<![A-Za-z0-9])(?:a\s*(?:、|,|/|・|\||\s)\s*b\s*(?:、|,|/|・|\||\s)\s*c\s*(?:、|,|/|・|\||\s|、?\s*(?:or|and|または|又は|か)\s*)+\s*d"
    r"|a\s*(?:~|〜|～|-|–|から|to)\s*d|abcd)(?![A-Za-z0-9])"
)
_HINT = re.compile(r"\([^()]*(?:文字|記号|のみ|だけ|いずれか|から選)[^()]*\)")
_EXAMPLE_ECHO = re.compile(r"\(この例で選ぶ文字は「[a-d]」\)")


def _bare(what: str) -> re.Pattern[str]:
    return re.compile(
        rf"[\s「『(\[{{<\"'“【]*(?:(?:選択肢|肢|option|choice)[\s「『(\[{{<\"'“【]*)?({what})[\s」』)\]}}>\"'”】]*(?:です|だ|である|番|番目)?[。.!]*"
    )


_ALONE = _bare(_LETTER)
# A number is read only where the whole text names no letter; in a prompt that can only be ``答え: 3`` on a line.
_MARKED_DIGIT = re.compile(rf"{_MARKER}(?:[:=→]|は|が|として|\bis\b)+{_OPEN}{_DIGIT}[\s」』)\]}}>\"'”】。.!]*$")
_ALONE_DIGIT = _bare(_DIGIT)
_LINE_START = re.compile(rf"[「『(\[【]*({_LETTER})[」』)\]】]*(?:\s*[.:)\-]\s*|\s+)\S")


def parse_answer(text: str, *, cut_off: bool = False) -> ParsedAnswer:
    """The answer in ``text``. ``cut_off`` says that the token budget ended it: then nothing found is ``truncated``."""
    if not text or not text.strip():
        return ParsedAnswer(None, "truncated" if cut_off else "empty", "")
    visible, thought_open = without_thoughts(text)
    if len(visible) > 2 * MOST_CHARS:
        # An answer stands at the start or at the end; what lies between is a model that went round in circles.
        visible = f"{visible[:MOST_CHARS]}\n{visible[-MOST_CHARS:]}"
    if not visible.strip():
        return ParsedAnswer(None, "truncated" if thought_open or cut_off else "empty", "thought")
    plain = _plain(visible)
    for rule, read in (
        ("explicit", _explicit),
        ("conclusion", _conclusion),
        ("alone", _alone),
        ("line_start", _line_start),
        ("only_letter", _only_letter),
        ("digit", _digit),
    ):
        found = read(plain)
        if found is None:
            continue
        if found == _NOT_OFFERED:
            return ParsedAnswer(None, "unparsed", "not_offered")
        if cut_off and rule in _MAY_BE_HALFWAY:
            return ParsedAnswer(None, "truncated", rule)
        if len(found) > 1:
            return ParsedAnswer(None, "ambiguous", rule)
        return ParsedAnswer(min(found), "ok", rule)
    return ParsedAnswer(None, "truncated" if thought_open or cut_off else "unparsed", "")


def reads_as_answer(text: str) -> bool:
    """Whether some line of ``text`` would be read as an answer: by a marker, a conclusion or a letter that stands alone.

    Letters that merely occur, or open a line of an enumeration, are what every prompt is full of and are left out.
    """
    plain = _plain(text)
    # Every marker, not only the last: what comes after this text may take the last one's place.
    found = [_conclusion(plain), _alone(plain), *(hit.letters for hit in _explicit_hits(plain))]
    if any(letters and letters != _NOT_OFFERED for letters in found):
        return True
    return any(_MARKED_DIGIT.search(line) for line in plain.split("\n"))


# What a reasoning says on its way; where the budget ended it, that is no answer.
_MAY_BE_HALFWAY = frozenset({"conclusion", "only_letter", "digit"})
# A reading is the set of letters named, None for nothing, or this: an answer that is none of the four.
_NOT_OFFERED = frozenset({""})


_OTHER_MARKS = re.compile(r"[\[◁](/?)(think|thinking|thought)[\]▷]", re.IGNORECASE)


def without_thoughts(text: str) -> tuple[str, bool]:
    """The text outside ``<think>…</think>`` (or ``[THINK]``, ``◁think▷``, the analysis channel), and whether a thought was
    left open."""
    # Servers without a reasoning parser hand through what the model writes: Magistral, Kimi, gpt-oss.
    text = _OTHER_MARKS.sub(r"<\1\2>", text)
    if "<|channel|>" in text:
        final = text.rpartition("<|channel|>final<|message|>")
        text = final[2] if final[1] else text.replace("<|channel|>analysis<|message|>", "<think>")
    if "</" in text:
        text = re.sub(r"<(think|thinking|thought)>.*?</\1>", "", text, flags=re.DOTALL | re.IGNORECASE)
    # The template may have opened the thought inside the prompt: then only its end is in the answer.
    text = re.split(r"</(?:think|thinking|thought)>", text, flags=re.IGNORECASE)[-1]
    before, *unfinished = re.split(r"<(?:think|thinking|thought)>", text, maxsplit=1, flags=re.IGNORECASE)
    return before, bool(unfinished)


def _plain(text: str) -> str:
    """One width and case, without emphasis marks, instruction echoes and lists of all four letters."""
    for echo in (DIRECT_INSTRUCTION, DIRECT_CONTEXT_NOTE, *COT_INSTRUCTIONS.values()):
        text = text.replace(echo, "")
    for circled, stand_in in _CIRCLED.items():
        # NFKC would make a plain 1 of ① and glue ①② together to 12.
        text = text.replace(circled, stand_in)
    text = unicodedata.normalize("NFKC", text).lower()
    text = re.sub(r"[*`$]|(?<![a-z0-9])_+|_+(?![a-z0-9])|^#+|<\|[^|>]*\|>", "", text, flags=re.MULTILINE)
    text = _EXAMPLE_ECHO.sub("", text)
    text = _LETTER_LIST.sub("", text)
    return re.sub(r"\(\s*\)", "", _HINT.sub("", text))


def _letters(text: str) -> frozenset[str]:
    return frozenset(re.findall(_LETTER, text))


def _standing(text: str) -> tuple[frozenset[str], bool]:
    """Letters that the text names and does not reject; if it rejects the only one it names, that one and True."""
    rejected: set[str] = set()
    for match in _REJECTED.finditer(text):
        rejected |= _letters(match.group(1) or match.group(2))
    named = _letters(text)
    kept = named - rejected
    return (kept, False) if kept or len(named) != 1 else (named, True)


def _first_sentence(text: str) -> str:
    """Up to the first full stop or line break that is followed by more; blank lines are passed over."""
    return re.split(r"[。\n]", text.lstrip(), maxsplit=1)[0]


def _named_after(text: str) -> tuple[frozenset[str] | None, bool]:
    """Letters an answer marker names: the one right behind it (with what is joined to it), else its sentence's; and
    whether it is a single one that the sentence rejects."""
    direct = re.match(rf"{_OPEN}({_LETTER}(?:[」』)\]]*{_JOINER}[「『(\[]*{_LETTER}){{0,3}})", text)
    sentence = _first_sentence(text)
    if direct and not _REJECTED.match(text[direct.start(1) :]):
        return _letters(direct.group(1)), False
    named, rejected = _standing(sentence)
    if named:
        return named, rejected
    if _REFUSAL.match(sentence) or re.match(rf"{_OPEN}{_ANY_LETTER}(?!\s+[a-z])", text):
        return _NOT_OFFERED, False
    return None, False


def _explicit(text: str) -> frozenset[str] | None:
    hits = _explicit_hits(text)
    return max(hits, key=lambda hit: (hit.firm, hit.place)).letters if hits else None


class _Hit(NamedTuple):
    """Where a marker or a choosing word names something, and the letters that it names.

    firm  not ``option b`` in passing, nor a single letter that is named to be rejected: such a one is the answer only
          where nothing else is
    """

    place: int
    letters: frozenset[str]
    firm: bool = True


def _explicit_hits(text: str) -> list[_Hit]:
    hits: list[_Hit] = []
    for match in _EXPLICIT.finditer(text):
        named, rejected = _named_after(text[match.end() :])
        if named is not None:
            hits.append(_Hit(match.end(), named, not rejected and not _IN_PASSING.fullmatch(match.group())))
    hits += [_Hit(match.end(), frozenset(match.group(1))) for match in _BOXED.finditer(text)]
    hits += [_Hit(match.start(), frozenset(match.group(1))) for match in _CHOSEN.finditer(text)]
    return hits


def _conclusion(text: str) -> frozenset[str] | None:
    found: frozenset[str] = frozenset()
    for match in _CONCLUSION.finditer(text):
        sentence = _first_sentence(text[match.end() :])
        rejected = frozenset().union(*(_letters(hit.group()) for hit in _REJECTED.finditer(sentence)))
        found |= _letters(sentence) - rejected
    return found or None


def _alone(text: str) -> frozenset[str] | None:
    matches = (_ALONE.fullmatch(line.strip()) for line in text.split("\n"))
    return frozenset(match.group(1) for match in matches if match) or None


def _line_start(text: str) -> frozenset[str] | None:
    matches = [(match, line) for line in map(str.strip, text.split("\n")) if (match := _LINE_START.match(line))]
    # a:誤り says that it is not a, if it says more than that.
    found = frozenset(match.group(1) for match, line in matches if not _REJECTED.match(line, match.start(1)))
    # Three or four are the choices read aloud, not an answer.
    return found if 0 < len(found) < 3 else None


def _only_letter(text: str) -> frozenset[str] | None:
    return _standing(text)[0] or None


def _digit(text: str) -> frozenset[str] | None:
    if _letters(text):
        return None
    marked = [re.match(rf"{_OPEN}({_DIGIT})(?:{_JOINER}({_DIGIT}))?", text[match.end() :]) for match in re.finditer(
        rf"{_MARKER}(?:(?:[:=→]|は|が|として|\bis\b)+\s*)?", text
    )]  # fmt: skip
    hits = [match for match in marked if match]
    if hits:
        return frozenset(_digit_letter(digit) for digit in hits[-1].groups() if digit)
    alone = (_ALONE_DIGIT.fullmatch(line.strip()) for line in text.split("\n"))
    return frozenset(_digit_letter(match.group(1)) for match in alone if match) or None


def _digit_letter(digit: str) -> str:
    return LETTERS["\ue001\ue002\ue003\ue004".index(digit) if digit > "9" else int(digit) - 1]
