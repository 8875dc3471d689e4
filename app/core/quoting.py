"""Letters in other people's text that our own answer parser would take for an answer, put into brackets.

A context with the heading ``##### A`` or a choice that says ``Answer: a`` puts a line into the prompt that reads like the
answer: a model learns to copy it, and what it repeats is counted. Such questions are real (four of lawqa_jp's open
hundred), so they are neither refused nor changed in meaning: the letter becomes ``〔A〕``, which the parser never reads.
Text without such a line stays as it is, character by character.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from itertools import pairwise

from .answers import reads_as_answer

_ALNUM = r"A-Za-z0-9Ａ-Ｚａ-ｚ０-９"
_DIGITS = "1-4１-４①②③④"


def _stands_for(char: str) -> str:
    """The letter a to f that a character is a form of (Ａ, ⓐ, ⒜, 𝐀), empty for anything else."""
    plain = unicodedata.normalize("NFKC", char).strip("()").lower()
    return plain if plain in {*"abcdef"} else ""


@lru_cache(maxsize=4096)
def quoted(text: str) -> str:
    """``text`` with every letter that would be read as an answer in 〔〕; the same text where there is none."""
    if not _suspicious(text):
        return text
    lines = [_bracketed(line) if _suspicious(line) and reads_as_answer(line) else line for line in text.split("\n")]
    # A marker at the end of one line speaks of the next line that says something.
    spoken = [number for number, line in enumerate(lines) if line.strip()]
    for first, second in pairwise(spoken):
        if reads_as_answer(f"{lines[first]}\n{lines[second]}"):
            lines[second] = _bracketed(lines[second])
    result = "\n".join(lines)
    while reads_as_answer(result) and (more := _bracketed(result)) != result:
        result = more
    return result


def shown_choice(letter: str, text: str) -> str:
    """A choice as a line, ``a 本文``; a text that would make an answer of the letter before it stands in 「」."""
    text = ended(quoted(text))
    return f"{letter} 「{text}」" if _makes_an_answer(text) else f"{letter} {text}"


def ended(text: str) -> str:
    """``text`` so that it does not speak of the line ``b …`` that comes after it: a full stop is added where it would."""
    return f"{text}。" if _leads_on(text) else text


@lru_cache(maxsize=4096)
def _makes_an_answer(text: str) -> bool:
    return reads_as_answer(f"b {text}")


@lru_cache(maxsize=4096)
def _leads_on(text: str) -> bool:
    return not reads_as_answer(text) and reads_as_answer(f"{text}\nb x")


def _suspicious(text: str) -> bool:
    return (
        re.search(rf"(?i)(?<![a-z0-9])[a-d](?![a-z0-9])|[1-4{_DIGITS}]", unicodedata.normalize("NFKC", text))
        is not None
    )


def _bracketed(text: str) -> str:
    """``text`` with each letter and digit that stands for itself in 〔〕."""
    out: list[str] = []
    for at, char in enumerate(text):
        before, after = text[at - 1 : at] if at else "", text[at + 1 : at + 2]
        letter = _stands_for(char)
        glued = re.match(f"[{_ALNUM}]", before) or re.match(f"[{_ALNUM}]", after)
        alone = not glued or len(unicodedata.normalize("NFKC", char)) > 1  # ⒜ brings brackets of its own
        if alone and not (before == "〔" and after == "〕") and (letter or re.match(f"[{_DIGITS}]", char)):
            plain = char if len(unicodedata.normalize("NFKC", char)) == 1 else letter
            out.append(f"〔{plain}〕")
        else:
            out.append(char)
    return "".join(out)
