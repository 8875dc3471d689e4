"""The prompts: one renderer for training records, evaluation and serving.

The order of the parts is chosen for speed: instruction, context and question come first and are the same in all four
orders of a question; the choices come last, so that the orders share one long prefix.

No prompt holds a line that ``app.core.answers`` would read as an answer: a few-shot example names its letter as
``（この例で選ぶ文字は「b」）`` inside a sentence, never as ``Answer: b`` on a line of its own; and a letter in a question, a
choice or a statute that would be read as one (the heading ``##### A`` of a real context, a choice ``Answer: a``) stands
in 〔〕 (``app.core.quoting``), the same in training, evaluation and serving. The wording of the prompts is what
``PROMPT_VERSION`` names; it is unchanged, and so is the text of every question without such a line.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from .instructions import COT_INSTRUCTIONS as COT_INSTRUCTIONS
from .instructions import DIRECT_CONTEXT_NOTE as DIRECT_CONTEXT_NOTE
from .instructions import DIRECT_INSTRUCTION as DIRECT_INSTRUCTION
from .instructions import CotStyle as CotStyle
from .quoting import ended, quoted, shown_choice
from .requests import read_request

# How a question is put to a model: all choices in one prompt, the answer a letter (``letter``), or every choice in a
# prompt of its own, the answer whether it fits (``choice``).
Form = Literal["letter", "choice"]
FORMS: tuple[Form, ...] = ("letter", "choice")
# Changes with every change of wording below; stored with records, adapters and results, and compared between them.
PROMPT_VERSION = "1"
CHOICE_PROMPT_VERSION = "choice-1"

_NUMERALS = {2: "二", 3: "三", 4: "四", 5: "五", 6: "六"}
# The answers of the choice form: fits, does not fit. Both are single tokens for Qwen and for the sample's tiny model.
FITS, FITS_NOT = "○", "×"
CHOICE_INSTRUCTION = (
    "日本の法令に関する問題と、その答えの候補を一つ示します。"
    f"候補が問題の求めるものに当たれば「{FITS}」、当たらなければ「{FITS_NOT}」とだけ答えてください。"
)


@dataclass(frozen=True, slots=True)
class FewShotExample:
    """A solved question shown before the one asked."""

    question: str
    choices: Mapping[str, str]
    correct: str


# Invented examples about rules of a game, so that no statute of any data set is given away.
BUILTIN_EXAMPLES: tuple[FewShotExample, ...] = (
    FewShotExample(
        "図書室の利用規則に「本は二週間借りることができる」とある場合、本を借りることができる期間として正しいものはどれですか。",
        {"a": "一週間", "b": "二週間", "c": "三週間", "d": "四週間"},
        "b",
    ),
    FewShotExample(
        "競技の規則に「一組は五人とする」とある場合、一組の人数として誤っているものを除いたとき、残るものはどれですか。",
        {"a": "三人", "b": "四人", "c": "六人", "d": "五人"},
        "d",
    ),
)


def prompt_version(form: Form) -> str:
    """The version of the wording of one form."""
    return CHOICE_PROMPT_VERSION if form == "choice" else PROMPT_VERSION


def render_choices(choices: Mapping[str, str]) -> str:
    """The choices, one a line, ``a 本文``."""
    return "\n".join(shown_choice(letter, text) for letter, text in sorted(choices.items()))


def _examples(few_shot: bool | Sequence[FewShotExample]) -> str:
    if few_shot is False:
        return ""
    examples = BUILTIN_EXAMPLES if few_shot is True else tuple(few_shot)
    parts = [
        f"【例{number}】\n{ended(quoted(example.question))}\n{render_choices(example.choices)}\n（この例で選ぶ文字は「{example.correct}」）\n"
        for number, example in enumerate(examples, start=1)
    ]
    return "".join(part + "\n" for part in parts)


def _reference(context: str | None) -> str:
    return f"【参照条文】\n{quoted(context.strip())}\n\n" if context and context.strip() else ""


def _body(question: str, choices: Mapping[str, str], context: str | None) -> str:
    return f"{_reference(context)}【問題】\n{quoted(question.strip())}\n\n【選択肢】\n{render_choices(choices)}"


def build_mc_prompt_direct(
    question: str,
    choices: Mapping[str, str],
    context: str | None = None,
    *,
    few_shot: bool | Sequence[FewShotExample] = True,
) -> str:
    """The user prompt that asks for one letter and nothing else.

    ``few_shot`` is True for the two built-in examples, False for none, or the examples to show.
    """
    note = DIRECT_CONTEXT_NOTE if context and context.strip() else ""
    instruction = DIRECT_INSTRUCTION.replace("四択", f"{_NUMERALS[len(choices)]}択").replace(
        "a、b、c、d", "、".join(sorted(choices))
    )
    return f"{instruction}{note}\n\n{_examples(few_shot)}{_body(question, choices, context)}"


def build_choice_prompt(question: str, choice: str, context: str | None = None, words: str | None = None) -> str:
    """The user prompt that asks whether one choice fits the question's request made positive (``read_request``).

    The choices of a question share everything before 【候補】, so that part of the prompt is computed once. ``words`` are
    those of the provision that the choice only cites (app/data/cited_words.py), shown under it.
    """
    note = DIRECT_CONTEXT_NOTE if context and context.strip() else ""
    request = read_request(question.strip()).positive
    candidate = choice.strip() if words is None else f"{choice.strip()}\n（条文の文言：「{words}」）"
    return f"{CHOICE_INSTRUCTION}{note}\n\n{_reference(context)}【問題】\n{quoted(request)}\n\n【候補】\n{quoted(candidate)}"


def build_mc_prompt_cot(
    question: str,
    choices: Mapping[str, str],
    context: str | None = None,
    *,
    style: CotStyle = "compact",
) -> str:
    """The user prompt that asks for ``Reasoning: …`` and then ``Answer: x``."""
    instruction = COT_INSTRUCTIONS[style].replace("四択", f"{_NUMERALS[len(choices)]}択")
    return f"{instruction}\n\n{_body(question, choices, context)}"


def render_direct_answer(letter: str) -> str:
    """The answer a direct record teaches: the letter alone."""
    return letter


def render_choice_answer(fits: bool) -> str:
    """The answer a choice record teaches: whether the choice fits."""
    return FITS if fits else FITS_NOT


def render_cot_answer(reasoning: str, letter: str) -> str:
    """The answer a cot record teaches."""
    return f"Reasoning: {reasoning.strip()}\nAnswer: {letter}"
