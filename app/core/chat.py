"""From a prompt and an answer to token ids: the only place where a conversation becomes tokens.

Training, evaluation, serving and export all call ``encode_prompt`` / ``encode_example``; so what a model was trained on
is, token for token, what it is asked with. For every record, with n the number of −100 labels,
``encode_example(...)[0][:n] == encode_prompt(...)``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from typing import Any, Literal, NamedTuple

from .errors import ModelError
from .files import sha256_text
from .prompts import FITS, FITS_NOT
from .questions import LETTERS

ChatFormat = Literal["auto", "chatml", "plain"]
CHAT_FORMATS: tuple[ChatFormat, ...] = ("auto", "chatml", "plain")
IGNORE = -100

# ChatML as Qwen uses it, for tokenizers that have the markers but no template.
CHATML_TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
_PROBE = "〓"
# Every spelling of the two answers of the choice form, the one that the prompt names first.
PAIR_SPELLINGS = ((FITS, "〇", "◯"), (FITS_NOT, "✕", "✗", "✖"))
# Templates that write today's date (strftime_now) are given this day, always: what a model is asked with must not
# change overnight.
CHAT_DATE = date(2025, 1, 1)
_TODAY = re.compile(r"""strftime_now\s*\(\s*(["'])(.*?)\1\s*\)""")
# How templates mark a thought; each opening and its end.
_THOUGHTS = (
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),
    ("[THINK]", "[/THINK]"),
)


class Example(NamedTuple):
    """Token ids of prompt + answer + stop token, and labels of the same length (−100 on the prompt)."""

    input_ids: list[int]
    labels: list[int]


def _template(tokenizer: Any, chat_format: ChatFormat) -> str | None:
    if chat_format == "chatml":
        return CHATML_TEMPLATE
    if chat_format == "plain":
        return None
    template = getattr(tokenizer, "chat_template", None)
    if not template:
        raise ModelError(
            f"{_place(tokenizer)}トークナイザにチャットテンプレートがありません。"
            "--chat-format chatml か --chat-format plain を指定してください。"
        )
    if isinstance(template, dict):
        # Several named templates: str() of them would be a prompt of Python code.
        if "default" not in template:
            names = "、".join(sorted(map(str, template)))
            raise ModelError(
                f"{_place(tokenizer)}トークナイザに名前の付いたチャットテンプレートが複数あり（{names}）、default がありません。"
                "--chat-format chatml か --chat-format plain を指定してください。"
            )
        template = template["default"]
    if not isinstance(template, str):
        raise ModelError(
            f"{_place(tokenizer)}トークナイザのチャットテンプレートが文字列ではありません（{type(template).__name__}）。"
            "tokenizer_config.json を確かめてください。"
        )
    return with_fixed_date(template, _place(tokenizer))


def _place(tokenizer: Any) -> str:
    """What a message about a template begins with: the folder or name that the tokenizer was loaded from."""
    name = getattr(tokenizer, "name_or_path", None)
    return f"{name}: " if name else ""


def with_fixed_date(template: str, place: str) -> str:
    """A template with ``CHAT_DATE`` written in where it would write today's date.

    Raises ModelError, which begins with ``place``, where the date is asked for in another way than by a written-out
    format.
    """
    fixed = _TODAY.sub(lambda call: repr(CHAT_DATE.strftime(call.group(2))), template)
    if re.search(r"strftime_now\s*\(", fixed):
        raise ModelError(
            f"{place}チャットテンプレートが今日の日付を書き、日付を固定できません（strftime_now の使い方）。"
            "--chat-format chatml を指定するか、モデルのテンプレートを直してください。"
        )
    return fixed


def _apply(tokenizer: Any, messages: list[dict[str, str]], template: str, **options: Any) -> str:
    try:
        return str(tokenizer.apply_chat_template(messages, chat_template=template, tokenize=False, **options))
    except Exception as error:  # a template is a program of somebody else's: it can raise anything
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise ModelError(
            f"{_place(tokenizer)}チャットテンプレートを実行できません（{reason}）。"
            "--chat-format chatml を指定するか、モデルのテンプレートを直してください。"
        ) from error


def chat_template_text(tokenizer: Any, chat_format: ChatFormat = "auto") -> str:
    """The template that is in effect; empty for the plain format."""
    return _template(tokenizer, chat_format) or ""


def chat_template_hash(tokenizer: Any, chat_format: ChatFormat = "auto") -> str:
    """SHA-256 of the template that is in effect; ``plain`` for the plain format."""
    template = _template(tokenizer, chat_format)
    return "plain" if template is None else sha256_text(template)


def render_prompt(tokenizer: Any, prompt: str, *, chat_format: ChatFormat = "auto", thinking: bool = False) -> str:
    """The text the model reads before it answers, markers included.

    Raises ModelError when the template leaves the prompt out or changes it, or, with thinking off, ends inside a thought.
    """
    template = _template(tokenizer, chat_format)
    if template is None:
        return prompt + "\n"
    message = [{"role": "user", "content": prompt}]
    text = _apply(tokenizer, message, template, add_generation_prompt=True, enable_thinking=thinking)
    content = prompt.strip() or "\n"
    _, found, after = text.rpartition(content)
    if not found:
        raise ModelError(
            f"{_place(tokenizer)}チャットテンプレートの出力に問題の文がそのまま入っていません（抜けているか、書き換えられています）。"
            "--chat-format chatml を指定するか、モデルのテンプレートを直してください。"
        )
    for opening, end in () if thinking else _THOUGHTS:
        if after.rfind(opening) > after.rfind(end):
            raise ModelError(
                f"{_place(tokenizer)}チャットテンプレートが思考（{opening}）を開いたまま終わり、思考を切れません。"
                "答えの文字が思考の一部になります。思考を切れるモデルを使うか、--chat-format chatml を指定してください。"
            )
    return text


def stop_token_id(tokenizer: Any, *, chat_format: ChatFormat = "auto") -> int:
    """Id of the token that ends an answer: the one the template writes after an assistant's content.

    Raises ModelError if the template writes no single special token there, since a model trained without a stop token
    never stops.
    """
    template = _template(tokenizer, chat_format)
    if template is None:
        if tokenizer.eos_token_id is None:
            raise ModelError(
                f"{_place(tokenizer)}トークナイザに終了トークン（eos_token）がありません。tokenizer_config.json を確かめてください。"
            )
        return int(tokenizer.eos_token_id)
    conversation = [{"role": "user", "content": _PROBE}, {"role": "assistant", "content": _PROBE * 2}]
    text = _apply(tokenizer, conversation, template)
    tail = text.rpartition(_PROBE * 2)[2]
    ids = tokenizer(tail, add_special_tokens=False)["input_ids"]
    special = set(tokenizer.all_special_ids) | {
        index for index, token in getattr(tokenizer, "added_tokens_decoder", {}).items() if token.special
    }
    if not ids or ids[0] not in special:
        raise ModelError(
            f"{_place(tokenizer)}チャットテンプレートが回答の後に終了トークンを書きません（書かれるのは {tail!r}）。"
            "--chat-format chatml を指定するか、モデルのテンプレートを直してください。"
        )
    return int(ids[0])


def _marker_texts(tokenizer: Any) -> set[str]:
    # Some tokenizers (GGUF conversions) do not flag <|im_start|> as special though it is an added token.
    added = getattr(tokenizer, "added_tokens_decoder", {}).values()
    return {str(token) for token in added if token.special or str(token).startswith("<|")} | {
        token for token in tokenizer.all_special_tokens if token
    }


def _without_special_text(tokenizer: Any, text: str) -> None:
    # A question that holds "<|im_end|>" would end the user's turn; it is refused rather than passed through.
    for token in _marker_texts(tokenizer):
        if token in text:
            raise ModelError(f"文中に特殊トークン {token} が含まれています。データから取り除いてください。")


def encode_prompt(
    tokenizer: Any, prompt: str, *, chat_format: ChatFormat = "auto", thinking: bool = False
) -> list[int]:
    """Token ids of the whole prompt, ready for the first answer token. Thinking is off unless asked for."""
    _without_special_text(tokenizer, prompt)
    text = render_prompt(tokenizer, prompt, chat_format=chat_format, thinking=thinking)
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])


def encode_example(
    tokenizer: Any, prompt: str, answer: str, *, chat_format: ChatFormat = "auto", thinking: bool = False
) -> Example:
    """Token ids and labels of one training row: −100 on the prompt; answer and stop token supervised.

    Prompt and answer are tokenised apart, so no token can straddle the border and the prompt's ids are exactly those
    of ``encode_prompt``.
    """
    _without_special_text(tokenizer, answer)
    prompt_ids = encode_prompt(tokenizer, prompt, chat_format=chat_format, thinking=thinking)
    answer_ids = list(tokenizer(answer, add_special_tokens=False)["input_ids"])
    if not answer_ids:
        raise ModelError(f"回答 {answer!r} がトークンになりません。レコードの output を確かめてください。")
    answer_ids.append(stop_token_id(tokenizer, chat_format=chat_format))
    return Example(prompt_ids + answer_ids, [IGNORE] * len(prompt_ids) + answer_ids)


def letter_spellings(letters: Sequence[str] = LETTERS) -> list[tuple[str, ...]]:
    """For each letter, the ways it is written: a, A, ａ, Ａ."""
    return [
        (letter, letter.upper(), chr(ord(letter) + 0xFEE0), chr(ord(letter.upper()) + 0xFEE0)) for letter in letters
    ]


def letter_token_ids(tokenizer: Any, letters: Sequence[str] = LETTERS) -> list[list[int]]:
    """For each letter, the ids of every spelling of it that is a single token (with or without a space before it).

    Raises ModelError if a letter has no single-token spelling or two letters share a token.
    """
    return single_tokens(tokenizer, letter_spellings(letters))


def pair_token_ids(tokenizer: Any) -> list[list[int]]:
    """The ids of every single-token spelling of 「○」 and of 「×」: the two answers of the choice form.

    Raises ModelError if one of them has no single-token spelling.
    """
    return single_tokens(tokenizer, PAIR_SPELLINGS)


def single_tokens(tokenizer: Any, answers: Sequence[Sequence[str]]) -> list[list[int]]:
    """For each answer (its spellings, the usual first), the ids of the spellings that are one token, alone or behind a space."""
    found: list[list[int]] = []
    for spellings in answers:
        ids: list[int] = []
        for spelling in spellings:
            for text in (spelling, " " + spelling, "\n" + spelling):
                tokens = tokenizer(text, add_special_tokens=False)["input_ids"]
                if len(tokens) == 1 and tokens[0] not in ids and _spells(tokenizer, tokens[0], text):
                    ids.append(int(tokens[0]))
        if not ids:
            raise ModelError(
                f"トークナイザに「{spellings[0]}」を表す単独のトークンがありません。このモデルは採点できません。"
            )
        found.append(ids)
    flat = [index for ids in found for index in ids]
    if len(flat) != len(set(flat)):
        raise ModelError(
            "トークナイザが複数の答えを同じトークンにします（未知語トークンなど）。このモデルは採点できません。"
        )
    return found


def _spells(tokenizer: Any, token_id: int, text: str) -> bool:
    # An unknown-token id also has length one, but does not decode back to the letter.
    return re.sub(r"\s", "", str(tokenizer.decode([token_id]))) == text.strip()
