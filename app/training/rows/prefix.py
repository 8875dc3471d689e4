"""Prefix-shared rows: the orders of one question as branches on one prefix, several questions without padding.

The four orders of a question share instruction, context and question text; only the choices and the answer differ.
One sequence holds the shared prefix once and each ending as a branch. Positions of a branch go on from the prefix, and
the attention mask lets a branch see its prefix and itself only, so every label gets the same loss and gradient as in a
row of its own. Different questions stand one after the other in the same sequence and do not see each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...core.chat import IGNORE
from .examples import TrainingExample

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True)
class Branch:
    """What one row has beyond the prefix: ids and labels of equal length; the first label is −100."""

    input_ids: list[int]
    labels: list[int]


@dataclass(frozen=True, slots=True)
class PrefixGroup:
    """Rows of one question; ``rows`` are their numbers in the training file, in the order of ``branches``."""

    prefix: list[int]
    branches: list[Branch]
    rows: list[int]

    @property
    def tokens(self) -> int:
        """Length of the group in a sequence."""
        return len(self.prefix) + sum(len(branch.input_ids) for branch in self.branches)


def shared_length(examples: Sequence[TrainingExample]) -> int:
    """Tokens that all examples begin with, less than the shortest prompt.

    Every branch keeps a token of its own before its first label: that label is predicted inside the branch.
    """
    limit = min(next(place for place, label in enumerate(example.labels) if label != IGNORE) for example in examples)
    first = examples[0].input_ids
    length = 0
    while length < limit - 1 and all(example.input_ids[length] == first[length] for example in examples):
        length += 1
    return length


def make_group(examples: Sequence[TrainingExample], rows: Sequence[int]) -> PrefixGroup:
    """One group of examples that share what ``shared_length`` finds."""
    shared = shared_length(examples)
    return PrefixGroup(
        prefix=examples[0].input_ids[:shared],
        branches=[Branch(example.input_ids[shared:], example.labels[shared:]) for example in examples],
        rows=list(rows),
    )


def group_examples(
    examples: Sequence[TrainingExample], question_ids: Sequence[str], *, max_tokens: int
) -> list[PrefixGroup]:
    """Groups of the rows of each question, questions in order of first appearance; each row is in one group.

    A question whose rows do not fit into ``max_tokens`` together is spread over several groups. The rows' labels must be
    on the output only.
    """
    by_question: dict[str, list[int]] = {}
    for row, name in enumerate(question_ids):
        by_question.setdefault(name, []).append(row)
    groups: list[PrefixGroup] = []
    for rows in by_question.values():
        taken: list[int] = []
        for row in rows:
            candidate = make_group([examples[number] for number in [*taken, row]], [*taken, row])
            if taken and candidate.tokens > max_tokens:
                groups.append(make_group([examples[number] for number in taken], taken))
                taken = []
            taken.append(row)
        groups.append(make_group([examples[number] for number in taken], taken))
    return groups


@dataclass(frozen=True, slots=True)
class PrefixCollator:
    """Turns groups into one sequence without padding: ``input_ids``, ``labels``, ``position_ids`` of shape (1, tokens)

    and ``attention_mask`` (1, 1, tokens, tokens), true where the row's token may look at the column's.

    With ``name_questions`` also ``questions`` (1, tokens): the number, from 0, of the group that a token belongs to.
    """

    name_questions: bool = False

    def __call__(self, groups: Sequence[PrefixGroup]) -> dict[str, torch.Tensor]:
        import torch

        ids: list[int] = []
        labels: list[int] = []
        positions: list[int] = []
        group_of: list[int] = []
        branch_of: list[int] = []  # 0 is the prefix
        for number, group in enumerate(groups):
            shared = len(group.prefix)
            ids += group.prefix
            labels += [IGNORE] * shared
            positions += range(shared)
            branch_of += [0] * shared
            for place, branch in enumerate(group.branches, start=1):
                ids += branch.input_ids
                labels += branch.labels
                positions += range(shared, shared + len(branch.input_ids))
                branch_of += [place] * len(branch.input_ids)
            group_of += [number] * group.tokens
        named = {"questions": torch.tensor([group_of])} if self.name_questions else {}
        return named | {
            "input_ids": torch.tensor([ids]),
            "labels": torch.tensor([labels]),
            "position_ids": torch.tensor([positions]),
            "attention_mask": visible(torch.tensor(group_of), torch.tensor(branch_of))[None, None],
        }


def visible(group_of: torch.Tensor, branch_of: torch.Tensor) -> torch.Tensor:
    """(tokens, tokens) bool: a token sees what comes before it in its group's prefix (branch 0) and in its own branch."""
    import torch

    same_group = group_of[:, None] == group_of[None, :]
    reachable = (branch_of[None, :] == 0) | (branch_of[:, None] == branch_of[None, :])
    before = torch.ones(len(group_of), len(group_of), dtype=torch.bool).tril()
    return same_group & reachable & before


def rows_of_batch(batch: dict[str, Any]) -> list[tuple[list[int], list[int]]]:
    """(ids, labels) of each row that a collated batch holds, as the model sees them.

    For a prefix-shared batch a row is what the last token of an answer can see, read off the attention mask itself; a
    row whose tokens do not stand at positions 0, 1, 2 … or see anything but the tokens before them in that row comes
    back without labels, which the audit refuses.
    """
    if "attention_mask" not in batch:
        return list(zip(batch["input_ids"].tolist(), batch["labels"].tolist(), strict=True))
    import torch

    ids, labels, positions = batch["input_ids"][0], batch["labels"][0], batch["position_ids"][0]
    mask = batch["attention_mask"][0, 0]
    learned = labels != IGNORE
    following = torch.cat([learned[1:], torch.zeros(1, dtype=torch.bool)])
    rows = []
    for end in torch.nonzero(learned & ~following).flatten().tolist():
        seen = torch.nonzero(mask[end]).flatten()
        causal = torch.ones(len(seen), len(seen), dtype=torch.bool).tril()
        alone = mask[seen].sum(dim=1)
        right = (
            torch.equal(positions[seen], torch.arange(len(seen)))
            and torch.equal(mask[seen][:, seen], causal)
            and torch.equal(alone, torch.arange(1, len(seen) + 1))
        )
        rows.append((ids[seen].tolist(), labels[seen].tolist() if right else [IGNORE] * len(seen)))
    return rows
