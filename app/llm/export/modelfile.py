"""An Ollama Modelfile whose template writes what training wrote: checked by rendering it and tokenising again.

The template is read off the tokenizer's own chat template by rendering conversations of marked words. Its literals are
Go string constants, so that neither the file's parser nor the template's trimming can touch a newline of theirs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...core.chat import CHATML_TEMPLATE, ChatFormat, encode_prompt, stop_token_id
from ...core.errors import ModelError

_MARKS = ("〓一〓", "〓二〓", "〓三〓")
_PIECE = re.compile(r"\{\{ (?P<code>(?:\"(?:[^\"\\]|\\.)*\"|[^\"{}])+?) \}\}")


@dataclass(frozen=True, slots=True)
class Pieces:
    """What a chat template writes around the turns, thinking off.

    head           before the first user turn
    before_answer  between a user turn and an answer of the conversation's past
    after_answer   between such an answer and the next user turn
    tail           after the last user turn, up to where the model goes on
    system_head, system_tail  around a system text in front of the first user turn
    """

    head: str
    before_answer: str
    after_answer: str
    tail: str
    system_head: str
    system_tail: str


def _rendered(tokenizer: Any, template: str | None, turns: Sequence[Mapping[str, str]]) -> str:
    return str(
        tokenizer.apply_chat_template(
            list(turns), chat_template=template, tokenize=False, add_generation_prompt=True, enable_thinking=False
        )
    )


def _turns(*pairs: tuple[str, str]) -> list[dict[str, str]]:
    return [{"role": role, "content": content} for role, content in pairs]


def read_pieces(tokenizer: Any, chat_format: ChatFormat) -> Pieces:
    """The pieces of the template in effect. Raises ModelError for one that does not write turns one after the other."""
    if chat_format == "plain":
        raise ModelError("--chat-format plain で学習したアダプタは会話の形を持たないので、Ollama には書き出せません。")
    template = CHATML_TEMPLATE if chat_format == "chatml" else None
    first, answer, second = _MARKS
    one = _rendered(tokenizer, template, _turns(("user", first))).split(first)
    two = _rendered(tokenizer, template, _turns(("user", first), ("assistant", answer), ("user", second)))
    parts = re.split("|".join(_MARKS), two)
    system = re.split("|".join(_MARKS), _rendered(tokenizer, template, _turns(("system", answer), ("user", first))))
    if (
        len(one) != 2
        or len(parts) != 4
        or len(system) != 3
        or (parts[0], parts[3]) != tuple(one)
        or system[2] != one[1]
    ):
        raise ModelError(
            "このモデルのチャットテンプレートは Ollama の形に書き直せません。llama.cpp か vLLM を使ってください。"
        )
    return Pieces(one[0], parts[1], parts[2], one[1], system[0], system[1])


def go_template(pieces: Pieces) -> str:
    """The pieces as a template of Ollama (Go's text/template); Ollama joins neighbouring turns of one role itself."""

    def text(value: str) -> str:
        return "{{ " + json.dumps(value, ensure_ascii=False) + " }}" if value else ""

    return (
        "{{ if .System }}" + text(pieces.system_head) + "{{ .System }}" + text(pieces.system_tail)
        + "{{ else }}" + text(pieces.head) + "{{ end }}"
        + '{{ range .Messages }}{{ if eq .Role "user" }}{{ .Content }}{{ else if eq .Role "assistant" }}'
        + text(pieces.before_answer) + "{{ .Content }}" + text(pieces.after_answer)
        + "{{ end }}{{ end }}" + text(pieces.tail)
    )  # fmt: skip


def render_go(template: str, turns: Sequence[Mapping[str, str]], system: str = "") -> str:
    """What Ollama makes of a conversation with ``go_template``'s output: the few statements that it uses, carried out.

    Raises ValueError for any other statement, so that what is checked is the text that is written.
    """
    codes: list[tuple[str, str]] = []
    end = 0
    for match in _PIECE.finditer(template):
        if match.start() != end:
            raise ValueError(f"literal text at {end}: {template[end : match.start()]!r}")
        end = match.end()
        codes.append(("code", match["code"]))
    if end != len(template):
        raise ValueError(f"literal text at {end}: {template[end:]!r}")
    words = [code for _, code in codes]
    out: list[str] = []
    position = _run(words, 0, out, {"System": system}, turns, live=True)
    if position != len(words):
        raise ValueError(f"{words[position]} without its beginning")
    return "".join(out)


def _run(
    words: Sequence[str],
    at: int,
    out: list[str],
    names: Mapping[str, str],
    turns: Sequence[Mapping[str, str]],
    *,
    live: bool,
) -> int:
    """Carry out statements from ``at`` to the ``else`` or ``end`` that closes them; returns its place."""
    while at < len(words):
        word = words[at]
        if word == "end" or word.startswith("else"):
            return at
        if word == "range .Messages":
            for turn in turns if live else []:
                _run(words, at + 1, out, {"Role": turn["role"], "Content": turn["content"]}, turns, live=True)
            at = _run(words, at + 1, [], {"Role": "", "Content": ""}, turns, live=False)
        elif word.startswith("if "):
            taken = not live
            while words[at] != "end":
                holds = not taken and (words[at] == "else" or _holds(words[at].removeprefix("else "), names))
                at = _run(words, at + 1, out, names, turns, live=live and holds)
                taken = taken or holds
        elif live:
            out.append(str(json.loads(word)) if word.startswith('"') else names[word.removeprefix(".")])
        at += 1
    return at


def _holds(condition: str, names: Mapping[str, str]) -> bool:
    if condition == "if .System":
        return bool(names["System"])
    match = re.fullmatch(r'if eq \.Role "(\w+)"', condition)
    if match is None:
        raise ValueError(f"unknown condition {condition}")
    return names["Role"] == match[1]


def check_template(template: str, tokenizer: Any, chat_format: ChatFormat, prompts: Sequence[str]) -> None:
    """Raise ModelError unless the template gives training's token ids for every prompt, and the tokenizer's own for a
    conversation that goes on."""
    for prompt in prompts:
        text = render_go(template, _turns(("user", prompt)))
        if tokenizer(text, add_special_tokens=False)["input_ids"] != encode_prompt(
            tokenizer, prompt, chat_format=chat_format
        ):
            raise ModelError(
                f"Ollama のテンプレートが学習と違うトークンになります（「{prompt[:30]}…」）。書き出しません。"
            )
    jinja = CHATML_TEMPLATE if chat_format == "chatml" else None
    talk = _turns(("user", prompts[0]), ("assistant", "a"), ("user", "理由は。"))
    for system in ("", "簡潔に答えてください。"):
        wanted = _rendered(tokenizer, jinja, (_turns(("system", system)) if system else []) + talk)
        if render_go(template, talk, system) != wanted:
            raise ModelError(
                "Ollama のテンプレートが、続きのある会話でモデルのテンプレートと違います。書き出しません。"
            )


def modelfile(gguf_name: str, template: str, tokenizer: Any, chat_format: ChatFormat, *, context_tokens: int) -> str:
    """The Modelfile: the GGUF beside it, the template, the stop text, and settings that repeat an answer."""
    stop = tokenizer.convert_ids_to_tokens(stop_token_id(tokenizer, chat_format=chat_format))
    return (
        f"FROM ./{gguf_name}\n"
        f'TEMPLATE """{template}"""\n'
        f'PARAMETER stop "{stop}"\n'
        "PARAMETER temperature 0\n"
        "PARAMETER repeat_penalty 1\n"  # Ollama's own 1.1 changes what the model writes at temperature 0, too
        f"PARAMETER num_ctx {context_tokens}\n"
    )
