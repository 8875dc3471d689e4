"""The Ollama template: read off a chat template, rendered as Go would, the same tokens as training or refused."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from app.core.errors import ModelError
from app.llm.export.modelfile import Pieces, check_template, go_template, modelfile, read_pieces, render_go
from app.llm.loading import load_tokenizer

PROMPTS = ["次のうち、正しいものはどれか。\n\na 一\nb 二", '{{ .System }} """ と書かれた看板']
# As Qwen2.5 does: a system text of its own where none is given.
DEFAULT_SYSTEM = (
    "{% if messages[0]['role'] != 'system' %}<|im_start|>system\nYou are \"helpful\".<|im_end|>\n{% endif %}"
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
# As Llama 3 does, with marks of this tokenizer.
OTHER_MARKS = (
    "<|endoftext|>{% for m in messages %}<|im_start|>{{ m['role'] }}\n\n{{ m['content'] | trim }}<|im_end|>{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n\n{% endif %}"
)


def with_template(tokenizer: Any, template: str) -> Any:
    changed = copy.deepcopy(tokenizer)
    changed.chat_template = template
    return changed


@pytest.fixture(params=["sample", "qwen3", "default system", "other marks", "chatml"])
def tokenizer_and_format(request: pytest.FixtureRequest, tiny_tokenizer: Any, sample_model: Any) -> tuple[Any, Any]:
    made = {
        "sample": lambda: load_tokenizer(str(sample_model)),
        "qwen3": lambda: tiny_tokenizer,
        "default system": lambda: with_template(tiny_tokenizer, DEFAULT_SYSTEM),
        "other marks": lambda: with_template(tiny_tokenizer, OTHER_MARKS),
        "chatml": lambda: tiny_tokenizer,
    }[request.param]()
    return made, "chatml" if request.param == "chatml" else "auto"


def test_the_template_gives_trainings_tokens(tokenizer_and_format: tuple[Any, Any]) -> None:
    tokenizer, chat_format = tokenizer_and_format
    template = go_template(read_pieces(tokenizer, chat_format))
    check_template(template, tokenizer, chat_format, PROMPTS)
    text = modelfile("m.gguf", template, tokenizer, chat_format, context_tokens=8192)
    assert text.splitlines()[0] == "FROM ./m.gguf"
    assert 'PARAMETER stop "<|im_end|>"' in text
    # The literals are Go strings: no newline of theirs can be trimmed, and three quotes end the template only once.
    assert "\n" not in template
    assert text.count('"""') == 2


@pytest.mark.parametrize("place", ["tail", "head", "before_answer", "after_answer", "system_head", "system_tail"])
def test_one_wrong_piece_is_noticed(place: str, tiny_tokenizer: Any) -> None:
    pieces = read_pieces(tiny_tokenizer, "auto")
    values = {name: getattr(pieces, name) for name in Pieces.__dataclass_fields__}
    wrong = Pieces(**{**values, place: values[place].replace("\n", "", 1)})
    with pytest.raises(ModelError, match="書き出しません"):
        check_template(go_template(wrong), tiny_tokenizer, "auto", PROMPTS)


def test_turns_are_rendered_in_order() -> None:
    template = go_template(Pieces("H", "-A-", "-U-", "T", "S(", ")"))
    talk = [{"role": role, "content": role[0]} for role in ("user", "assistant", "user")]
    assert render_go(template, talk) == "Hu-A-a-U-uT"
    assert render_go(template, talk, "x") == "S(x)u-A-a-U-uT"
    assert render_go(template, [{"role": "system", "content": "s"}, talk[0]], "s") == "S(s)uT"


@pytest.mark.parametrize("template", ["text", "{{ .System }} text", "{{ if .Tools }}{{ end }}", "{{ end }}"])
def test_a_statement_that_is_not_known_is_not_passed_over(template: str) -> None:
    with pytest.raises((ValueError, KeyError)):
        render_go(template, [{"role": "user", "content": "u"}])


@pytest.mark.parametrize(
    ("template", "chat_format", "reason"),
    [
        (None, "plain", "会話の形を持たない"),
        ("{{ messages | length }}{{ messages[-1]['content'] }}", "auto", "書き直せません"),
        ("{% for m in messages %}{{ m['content'] }}{{ loop.index }}{% endfor %}", "auto", "書き直せません"),
    ],
)
def test_templates_that_ollama_cannot_follow_are_refused(
    template: str | None, chat_format: Any, reason: str, tiny_tokenizer: Any
) -> None:
    tokenizer = tiny_tokenizer if template is None else with_template(tiny_tokenizer, template)
    with pytest.raises(ModelError, match=reason):
        read_pieces(tokenizer, chat_format)
