"""From prompts to token ids: exact ids and labels, stop tokens, letters; nothing straddles the border."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.chat import (
    CHATML_TEMPLATE,
    IGNORE,
    chat_template_hash,
    encode_example,
    encode_prompt,
    letter_token_ids,
    pair_token_ids,
    render_prompt,
    stop_token_id,
)
from app.core.errors import ModelError
from app.core.files import sha256_text


def changed(tokenizer: Any, template: str | None) -> Any:
    other = copy.deepcopy(tokenizer)
    other.chat_template = template
    return other


def test_the_text_around_a_prompt(tiny_tokenizer: Any) -> None:
    start = "<|im_start|>user\n問い<|im_end|>\n<|im_start|>assistant\n"
    assert render_prompt(tiny_tokenizer, "問い") == start + "<think>\n\n</think>\n\n"
    assert render_prompt(tiny_tokenizer, "問い", thinking=True) == start
    assert render_prompt(tiny_tokenizer, "問い", chat_format="chatml") == start
    assert render_prompt(tiny_tokenizer, "問い", chat_format="plain") == "問い\n"


def test_prompt_ids_are_the_texts_ids(tiny_tokenizer: Any) -> None:
    ids = encode_prompt(tiny_tokenizer, "問い")
    assert tiny_tokenizer.decode(ids) == render_prompt(tiny_tokenizer, "問い")
    assert ids[0] == tiny_tokenizer.convert_tokens_to_ids("<|im_start|>")
    assert ids.count(tiny_tokenizer.convert_tokens_to_ids("<|im_end|>")) == 1


@pytest.mark.parametrize("chat_format", ["auto", "chatml", "plain"])
def test_a_direct_row_supervises_the_letter_and_the_stop_token(tiny_tokenizer: Any, chat_format: Any) -> None:
    row = encode_example(tiny_tokenizer, "問い", "c", chat_format=chat_format)
    prompt = encode_prompt(tiny_tokenizer, "問い", chat_format=chat_format)
    letter = tiny_tokenizer("c", add_special_tokens=False)["input_ids"]
    stop = tiny_tokenizer.convert_tokens_to_ids("<|im_end|>")
    assert row.input_ids == [*prompt, *letter, stop]
    assert row.labels == [IGNORE] * len(prompt) + [*letter, stop]


texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40).filter(lambda text: "<" not in text)


@settings(max_examples=100, deadline=None)
@given(prompt=texts, answer=texts, chat_format=st.sampled_from(["auto", "chatml", "plain"]))
def test_training_and_inference_see_the_same_prompt(
    tiny_tokenizer: Any, prompt: str, answer: str, chat_format: Any
) -> None:
    row = encode_example(tiny_tokenizer, prompt, answer, chat_format=chat_format)
    unlabelled = sum(label == IGNORE for label in row.labels)
    assert row.input_ids[:unlabelled] == encode_prompt(tiny_tokenizer, prompt, chat_format=chat_format)
    assert row.labels[unlabelled:] == row.input_ids[unlabelled:]
    assert row.labels[-1] == stop_token_id(tiny_tokenizer, chat_format=chat_format)
    assert tiny_tokenizer.decode(row.labels[unlabelled:-1]) == answer


@pytest.mark.parametrize("marker", ["<|im_end|>", "<|im_start|>", "<|endoftext|>"])
def test_a_marker_in_the_text_is_refused(tiny_tokenizer: Any, marker: str) -> None:
    with pytest.raises(ModelError, match="特殊トークン"):
        encode_prompt(tiny_tokenizer, f"問い{marker}")
    with pytest.raises(ModelError, match="特殊トークン"):
        encode_example(tiny_tokenizer, "問い", f"c{marker}")


def test_an_empty_answer_is_refused(tiny_tokenizer: Any) -> None:
    with pytest.raises(ModelError, match="トークンになりません"):
        encode_example(tiny_tokenizer, "問い", "")


def test_without_a_template_a_format_must_be_named(tiny_tokenizer: Any) -> None:
    bare = changed(tiny_tokenizer, None)
    for call in (render_prompt, encode_prompt):
        with pytest.raises(ModelError, match="--chat-format chatml か --chat-format plain"):
            call(bare, "問い")
    assert encode_prompt(bare, "問い", chat_format="chatml") == encode_prompt(
        tiny_tokenizer, "問い", chat_format="chatml"
    )


@pytest.mark.parametrize("chat_format", ["auto", "chatml", "plain"])
def test_the_stop_token_is_the_one_the_template_writes(tiny_tokenizer: Any, chat_format: Any) -> None:
    assert stop_token_id(tiny_tokenizer, chat_format=chat_format) == tiny_tokenizer.eos_token_id


@pytest.mark.parametrize(
    "template",
    [
        "{% for m in messages %}{{ m['role'] + ': ' + m['content'] + '\n' }}{% endfor %}",
        "{% for m in messages %}{{ m['content'] }}{% endfor %}",
    ],
)
def test_a_template_that_writes_no_stop_token_is_refused(tiny_tokenizer: Any, template: str) -> None:
    with pytest.raises(ModelError, match="終了トークンを書きません"):
        stop_token_id(changed(tiny_tokenizer, template))


def test_plain_without_an_end_token_is_refused(tiny_tokenizer: Any) -> None:
    bare = copy.deepcopy(tiny_tokenizer)
    bare.eos_token = None
    with pytest.raises(ModelError, match="eos_token"):
        stop_token_id(bare, chat_format="plain")


def test_the_template_hash_names_what_is_in_effect(tiny_tokenizer: Any) -> None:
    assert chat_template_hash(tiny_tokenizer) == sha256_text(tiny_tokenizer.chat_template)
    assert chat_template_hash(tiny_tokenizer, "chatml") == sha256_text(CHATML_TEMPLATE)
    assert chat_template_hash(tiny_tokenizer, "plain") == "plain"


def test_letters_are_all_their_single_token_spellings(tiny_tokenizer: Any) -> None:
    found = letter_token_ids(tiny_tokenizer)
    for letter, ids in zip("abcd", found, strict=True):
        spellings = {tiny_tokenizer.decode([index]) for index in ids}
        assert {letter, letter.upper()} <= spellings
        assert spellings <= {space + form for space in ("", " ", "\n") for form in (letter, letter.upper(), chr(ord(letter) + 0xFEE0), chr(ord(letter.upper()) + 0xFEE0))}  # fmt: skip
    flat = [index for ids in found for index in ids]
    assert len(flat) == len(set(flat))


def test_the_pair_is_all_its_single_token_spellings(tiny_tokenizer: Any) -> None:
    fits, fits_not = pair_token_ids(tiny_tokenizer)
    assert [tiny_tokenizer.decode([index]) for index in fits] == ["○"]
    assert [tiny_tokenizer.decode([index]) for index in fits_not] == ["×"]


def test_a_tokenizer_without_the_pair_is_refused() -> None:
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast

    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(models.WordLevel({"[UNK]": 0, "○": 1}, unk_token="[UNK]")), unk_token="[UNK]"
    )
    with pytest.raises(ModelError, match="「×」を表す単独のトークン"):
        pair_token_ids(wrapped)


def test_a_tokenizer_without_letters_is_refused() -> None:
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast

    unknown = Tokenizer(models.WordLevel({"[UNK]": 0, "a": 1, "b": 2, "c": 3}, unk_token="[UNK]"))
    wrapped = PreTrainedTokenizerFast(tokenizer_object=unknown, unk_token="[UNK]")
    with pytest.raises(ModelError, match="「d」を表す単独のトークン"):
        letter_token_ids(wrapped)


START = "{% for m in messages %}<|im_start|>{{ m.role }}\n"
END = "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n"


@pytest.mark.parametrize(
    "middle", ["", "{{ m.content[:3] }}", "{{ m.content | upper }}", "{{ m.content | replace('\n', ' ') }}"]
)
def test_a_template_that_loses_the_question_is_refused(tiny_tokenizer: Any, middle: str) -> None:
    other = changed(tiny_tokenizer, START + middle + END + "{% endif %}")
    for call in (render_prompt, encode_prompt):
        with pytest.raises(ModelError) as refused:
            call(other, "問い\nabc")
        assert str(refused.value) == (
            f"{tiny_tokenizer.name_or_path}: チャットテンプレートの出力に問題の文がそのまま入っていません（抜けているか、"
            "書き換えられています）。--chat-format chatml を指定するか、モデルのテンプレートを直してください。"
        )
    trimmed = changed(tiny_tokenizer, START + "{{ m.content | trim }}" + END + "{% endif %}")
    assert "問い\nabc<|im_end|>" in render_prompt(trimmed, " 問い\nabc\n")


@pytest.mark.parametrize("opening", ["<think>\n", "<think>\n\n</think>\n<think>", "<thinking>", "[THINK]"])
def test_a_prompt_that_ends_inside_a_thought_is_refused(tiny_tokenizer: Any, opening: str) -> None:
    other = changed(tiny_tokenizer, START + "{{ m.content }}" + END + opening + "{% endif %}")
    with pytest.raises(ModelError) as refused:
        encode_prompt(other, "問い</think>")
    mark = opening.strip().rpartition("\n")[2]
    assert str(refused.value) == (
        f"{tiny_tokenizer.name_or_path}: チャットテンプレートが思考（{mark}）を開いたまま終わり、思考を切れません。"
        "答えの文字が思考の一部になります。思考を切れるモデルを使うか、--chat-format chatml を指定してください。"
    )
    assert render_prompt(other, "問い", thinking=True).endswith(opening)
    assert encode_prompt(other, "<think>問い", chat_format="chatml")


@pytest.mark.parametrize(
    "template", ["{% for %}", "{{ messages[7].content }}", "{{ raise_exception('no\nuser') }}", "{{ 1 / 0 }}"]
)
def test_a_template_that_fails_is_one_line(tiny_tokenizer: Any, template: str) -> None:
    with pytest.raises(ModelError, match="チャットテンプレートを実行できません") as caught:
        render_prompt(changed(tiny_tokenizer, template), "問い")
    assert "\n" not in str(caught.value)


def test_of_several_named_templates_the_default_is_used(tiny_tokenizer: Any) -> None:
    one = tiny_tokenizer.chat_template
    several = changed(tiny_tokenizer, {"default": one, "tool_use": "tools"})
    assert render_prompt(several, "問い") == render_prompt(tiny_tokenizer, "問い")
    assert chat_template_hash(several) == chat_template_hash(tiny_tokenizer)
    with pytest.raises(ModelError, match="（rag、tool_use）、default がありません"):
        render_prompt(changed(tiny_tokenizer, {"tool_use": one, "rag": one}), "問い")
    with pytest.raises(ModelError, match="文字列ではありません（list）"):
        render_prompt(changed(tiny_tokenizer, [one]), "問い")


def test_a_template_that_writes_the_date_writes_always_the_same(tiny_tokenizer: Any) -> None:
    today = "{% if strftime_now is defined %}{{ 'Today: ' + strftime_now( '%d %b %Y' ) + '\n' }}{% endif %}"
    other = changed(tiny_tokenizer, today + tiny_tokenizer.chat_template)
    assert render_prompt(other, "問い").startswith("Today: 01 Jan 2025\n<|im_start|>user\n問い")
    # An adapter that was trained with the day of its training has another template.
    written = other.chat_template.replace("strftime_now( '%d %b %Y' )", "'01 Jan 2025'")
    assert chat_template_hash(other) == sha256_text(written)
    unknown = changed(tiny_tokenizer, "{{ strftime_now(form) }}" + tiny_tokenizer.chat_template)
    with pytest.raises(ModelError, match="日付を固定できません"):
        render_prompt(unknown, "問い")
