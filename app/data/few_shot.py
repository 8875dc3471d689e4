"""Which solved examples stand in a prompt, and in which order of their choices.

Records and evaluation both call ``examples_for``: the same question gets the same examples in training and in testing.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..core.errors import DataError
from ..core.files import sha256_file, sha256_text
from ..core.prompts import BUILTIN_EXAMPLES, PROMPT_VERSION, FewShotExample
from ..core.questions import LETTERS, ORDERS, Question, content_hash
from .lawqa import load_questions

# The built-in examples are part of the prompts' wording, so their version is the prompts' version.
BUILTIN_SOURCE = f"builtin:{PROMPT_VERSION}"


@dataclass(frozen=True, slots=True)
class FewShot:
    """The examples of a run."""

    source: str = BUILTIN_SOURCE  # stored with records, adapters and results, and compared between them
    pool: tuple[Question, ...] | None = None  # questions they are taken from; None for the built-in ones

    def of(self, question: Question) -> tuple[FewShotExample, ...]:
        """The two examples shown before ``question``: whatever the seed of a run, the same in training and testing."""
        return examples_for(question, self.pool)


BUILTIN = FewShot()


def few_shot_from(path: Path | None) -> FewShot:
    """The examples of a question file, the built-in ones for None."""
    return BUILTIN if path is None else FewShot(file_source(path), tuple(load_questions(path)))


def file_source(path: Path) -> str:
    """How examples from a question file are named in records and results: ``file:<SHA-256>:<file name>``."""
    return f"file:{sha256_file(path)}:{path.name}"


def same_source(one: str, other: str) -> bool:
    """Whether two sources are the same examples: the file's name does not count, what it holds does."""
    return one.split(":", 2)[:2] == other.split(":", 2)[:2]


def examples_for(
    question: Question, pool: Sequence[Question] | None = None, *, count: int = 2, seed: int = 42
) -> tuple[FewShotExample, ...]:
    """``count`` examples whose letters rotate with the question's id; the same in all four orders of the question.

    Without a pool these are the invented built-in examples. From a pool, questions of the same cluster, with the same
    text or the same id are never taken, nor are those that cannot be shown as an example: the four orders move one right
    answer among four choices. Rotation: example k answers to letter (r + k) mod 4, r from the id's hash, so
    over many questions no letter is shown more often than another. Raises DataError if the pool holds too few.
    """
    rotation = int(sha256_text(question.id)[:8], 16)
    if pool is None:
        chosen = list(BUILTIN_EXAMPLES[:count])
    else:
        own = content_hash(question.question, question.choices)
        others = [
            other
            for other in pool
            if len(other.choices) == len(LETTERS)
            and len(other.correct) == 1
            and other.cluster != question.cluster
            and other.id != question.id
            and not {ref.article_key for ref in other.articles} & {ref.article_key for ref in question.articles}
            and content_hash(other.question, other.choices) != own
        ]
        if len(others) < count:
            raise DataError(
                f"{question.id}: 例題に使える別クラスタの問題（四択で正解が一つのもの）が {len(others)} 問しかありません（{count} 問必要）。"
                "--few-shot-path に別の問題ファイルを指定するか、--no-few-shot を付けてください。"
            )
        picks = random.Random(f"{seed}:{question.id}").sample(others, count)  # noqa: S311  # reproducible, no secret
        chosen = [FewShotExample(pick.question, pick.choices, pick.correct) for pick in picks]
    return tuple(with_answer(example, LETTERS[(rotation + k) % len(LETTERS)]) for k, example in enumerate(chosen))


def with_answer(example: FewShotExample, letter: str) -> FewShotExample:
    """The example with its choices in the one of the four orders that puts the right one under ``letter``."""
    order = next(order for order in ORDERS if order[LETTERS.index(letter)] == example.correct)
    choices = {shown: example.choices[original] for shown, original in zip(LETTERS, order, strict=True)}
    return FewShotExample(example.question, choices, letter)
