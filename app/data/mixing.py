"""Questions of several files in given shares, so that real and generated ones are trained on together."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from ..core.errors import ConfigError, DataError
from ..core.questions import Question, content_hash
from .clusters import cluster_ids, question_keys


@dataclass(frozen=True, slots=True)
class Part:
    """A question file and the share of the questions that comes from it."""

    path: Path
    share: Fraction  # above 0, below 1
    questions: tuple[Question, ...]

    @property
    def dataset(self) -> str:
        """The name of the file's data set: its folder."""
        return self.path.resolve().parent.name


@dataclass(frozen=True, slots=True)
class Mixed:
    """The questions that were drawn, in a shuffled order."""

    questions: tuple[Question, ...]
    datasets: dict[str, str]  # question id → name of its data set
    used: tuple[int, ...]  # questions drawn from each part


def read_share(text: str) -> tuple[Path, Fraction]:
    """File and share of ``FILE=0.7``. Raises ConfigError for another form or a share that is not between 0 and 1."""
    name, equals, number = text.rpartition("=")
    try:
        share = Fraction(number)
    except (ValueError, ZeroDivisionError):
        share = Fraction(0)
    if not equals or not name or not 0 < share < 1:
        raise ConfigError(
            f"--mix {text}: 「ファイル=割合」の形で、割合は 0 と 1 の間にしてください（例: generated.json=0.7）。"
        )
    return Path(name), share


def rest_share(shares: Sequence[Fraction]) -> Fraction:
    """What the shares leave for the first file. Raises ConfigError where they leave nothing."""
    rest = 1 - sum(shares, Fraction(0))
    if rest <= 0:
        raise ConfigError(
            f"--mix の割合の合計が {float(1 - rest):g} です。--lawqa-path の分が残るように、1 より小さくしてください。"
        )
    return rest


def mixed(parts: Sequence[Part], seed: int, most: int | None = None) -> Mixed:
    """As many questions as the shares allow when none is used twice, ``most`` at most; drawn and shuffled by ``seed``.

    Clusters are told anew over all of them. Raises DataError where a file is too small for its share, or where two files
    hold one question or one id.
    """
    _check_different(parts)
    total = min(int(len(part.questions) / part.share) for part in parts)
    total = total if most is None else min(total, most)
    used = tuple(min(len(part.questions), round(total * part.share)) for part in parts)
    for part, count in zip(parts, used, strict=True):
        if count == 0:
            raise DataError(
                f"{part.path}: 割合 {float(part.share):g} では 1 問も入りません（全体で {total} 問）。割合を大きくしてください。"
            )
    rng = random.Random(seed)  # noqa: S311  # reproducible, no secret
    drawn = [
        (question, part.dataset)
        for part, count in zip(parts, used, strict=True)
        for question in rng.sample(part.questions, count)
    ]
    rng.shuffle(drawn)
    questions = [question for question, _ in drawn]
    clusters = cluster_ids(list(map(question_keys, questions)))
    return Mixed(
        tuple(replace(one, cluster=cluster) for one, cluster in zip(questions, clusters, strict=True)),
        {question.id: dataset for question, dataset in drawn},
        used,
    )


def _check_different(parts: Sequence[Part]) -> None:
    """Raises DataError, one line, for an id or a question that two files have."""
    seen: dict[str, Path] = {}
    for part in parts:
        for question in part.questions:
            for key, what in ((question.id, "ID"), (content_hash(question.question, question.choices), "問題")):
                other = seen.setdefault(f"{what} {key}", part.path)
                if other != part.path:
                    raise DataError(
                        f"{part.path}: {question.id} は {other} の問題と{what}が同じです。どちらかのファイルから除いてください。"
                    )
