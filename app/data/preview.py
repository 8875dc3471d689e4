"""Records as a person checks them: what the model reads, and marked what it is trained to write."""

from __future__ import annotations

from typing import Any

from ..core.chat import IGNORE, ChatFormat, encode_example
from .records import Record

OPEN, CLOSE = "⟦", "⟧"


def marked_text(record: Record) -> str:
    """Prompt and output of the record, the output between ⟦ and ⟧."""
    return f"{record.input}\n{OPEN}{record.output}{CLOSE}"


def marked_tokens(record: Record, tokenizer: Any, chat_format: ChatFormat = "auto") -> str:
    """The row as it is tokenised for training, chat markers included, supervised tokens between ⟦ and ⟧.

    The counts after it are tokens of the prompt and supervised tokens (stop token included).
    """
    example = encode_example(tokenizer, record.input, record.output, chat_format=chat_format)
    border = sum(label == IGNORE for label in example.labels)
    prompt = tokenizer.decode(example.input_ids[:border])
    answer = tokenizer.decode(example.input_ids[border:])
    return f"{prompt}{OPEN}{answer}{CLOSE}\n（プロンプト {border} トークン、学習対象 {len(example.labels) - border} トークン）"
