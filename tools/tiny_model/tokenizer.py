"""The tiny model's own tokenizer: byte-level BPE with Qwen's chat markers and a chat template with the thinking switch.

While it is trained, text is cut where the script changes (kanji, hiragana, katakana, letters), and around every numeral,
digit, mark and run of newlines; merges never cross such a cut. So a clause is tokenised the same way in a context and in
a choice, a number is always a row of single numerals, and the letters a to d stand alone. What is written down is the
pre-tokenizer of Qwen, which cuts less: with these merges it gives the same tokens.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tools.tiny_model.charset import KANA_WORDS, KANJI, NOUNS, NUMERALS

PAD_TOKEN = "<|endoftext|>"  # noqa: S105 - a token's text, not a secret
SPECIAL_TOKENS = (PAD_TOKEN, "<|im_start|>", "<|im_end|>")
# As in Qwen3, the thinking marks are added tokens that are not "special": decoding keeps them.
THINK_TOKENS = ("<think>", "</think>")
VOCABULARY_SIZE = 4608

# Our own wording of the conversation format that Qwen3 uses: turns between markers, a thought before the last answer,
# and an empty thought written by the template itself where thinking is switched off.
CHAT_TEMPLATE = """\
{%- for turn in messages -%}
{{- '<|im_start|>' + turn.role + '\\n' -}}
{%- if turn.role == 'assistant' and (loop.last or turn.reasoning_content) -%}
{{- '<think>\\n' + (turn.reasoning_content or '') + '\\n</think>\\n\\n' -}}
{%- endif -%}
{{- turn.content + '<|im_end|>\\n' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}
{{- '<|im_start|>assistant\\n' -}}
{%- if enable_thinking is defined and not enable_thinking -%}
{{- '<think>\\n\\n</think>\\n\\n' -}}
{%- endif -%}
{%- endif -%}
"""

_CHARACTER_REPEATS = 400
_WORD_REPEATS = 100
TRAINING_CUTS = (
    rf"[{NUMERALS}]"
    rf"|[\p{{Han}}&&[^{NUMERALS}]]+"
    r"|\p{Hiragana}+"
    r"|[\p{Katakana}ー]+"
    r"|[A-Za-z]+"
    r"|\n+"
    r"|\#+"
    r"|[^\p{Han}\p{Hiragana}\p{Katakana}ーA-Za-z\n\#]"
)
# The pre-tokenizer of Qwen2 and Qwen3 ("qwen2" in llama.cpp): what programs that know Qwen use on text.
QWEN_CUTS = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def train_tokenizer(texts: Iterable[str], vocabulary_size: int = VOCABULARY_SIZE) -> Any:
    """A ``PreTrainedTokenizerFast`` trained on ``texts``; deterministic for the same texts.

    Every kanji of ``tiny_charset``, every kana, full-width digit and letter is a token whatever the texts hold, since the
    trainer sees each of them on its own first.
    """
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(TRAINING_CUTS), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary_size - len(THINK_TOKENS),
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_with_single_characters(texts), trainer)
    # Merges that cross a cut were never learned, so text is tokenised alike when it is cut as Qwen's tokenizers do.
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(QWEN_CUTS), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token="<|im_end|>",  # noqa: S106  # a token's text, not a secret
        pad_token=PAD_TOKEN,
        additional_special_tokens=["<|im_start|>"],
        chat_template=CHAT_TEMPLATE,
        model_max_length=4096,
    )
    wrapped.add_tokens(list(THINK_TOKENS))
    return wrapped


def _with_single_characters(texts: Iterable[str]) -> Iterable[str]:
    kana = "".join(map(chr, [*range(0x3041, 0x3094), *range(0x30A1, 0x30F7), 0x30FC, 0x30FB]))
    wide = "".join(map(chr, [*range(0xFF10, 0xFF1A), *range(0xFF21, 0xFF3B), *range(0xFF41, 0xFF5B)]))
    marks = "、。「」『』（）【】〔〕○×◯・：；？！％〓①②③④⑤"
    # Standing alone each is a piece of its own; the repeats put it before any pair of characters in the texts.
    single = " ".join(NUMERALS + KANJI + kana + wide + marks + "\u3000")
    for _ in range(_CHARACTER_REPEATS):
        yield single
    for _ in range(_WORD_REPEATS):
        yield KANA_WORDS + NOUNS + " ## ### #### #####"
    yield from texts


def save_tokenizer(tokenizer: Any, folder: Path) -> None:
    """Write tokenizer.json, tokenizer_config.json and chat_template.jinja into ``folder``."""
    tokenizer.save_pretrained(folder)
