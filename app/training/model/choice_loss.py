"""The choice objective: within each question, fitting choices above the others; and each judgement by itself.

With o_i the log-odds of ○ against × for choice i (every single-token spelling summed; the full softmax cancels), the
loss of one question is

    mean over pairs (fitting i, other j) of softplus(−(o_i − o_j))
    + ½ mean over fitting i of softplus(−o_i) + ½ mean over others j of softplus(o_j)

The first term is the pairwise logistic loss of RankNet (Burges et al. 2005), the second binary cross entropy in which
fitting and not fitting weigh alike, whatever their numbers. Where a question has only one of the two (a single
statement, or all of its choices right) there is no pair, and its cross entropy is weighed by how rare its kind is among
such questions of the whole file. A question is never split over sequences and no weight depends on the batch, so the
gradient of a step does not depend on how it is cut into passes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .loss import CHUNK_POSITIONS, LossSum, head_chunks, label_states

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True)
class ChoiceObjective:
    """What the loss needs beside a batch.

    pair_ids       token ids of the spellings of ○, and of × (``app.core.chat.pair_token_ids``)
    weight_fits    weight of a question all of whose choices fit
    weight_others  weight of a question none of whose choices fits
    """

    pair_ids: tuple[tuple[int, ...], tuple[int, ...]]
    weight_fits: float = 1.0
    weight_others: float = 1.0


def choice_objective(pair_ids: Sequence[Sequence[int]], questions: Sequence[Sequence[bool]]) -> ChoiceObjective:
    """The objective for a file of ``questions``, each given as whether its choices fit.

    Of the questions with one kind of choice only, n in all and n_k of a kind, each of that kind weighs n / 2n_k: both
    kinds weigh alike together. Where there is one kind alone, it weighs 1.
    """
    fits, others = tuple(pair_ids[0]), tuple(pair_ids[1])
    all_fit = sum(all(question) for question in questions)
    none_fits = sum(not any(question) for question in questions)
    if not all_fit or not none_fits:
        return ChoiceObjective((fits, others))
    alone = all_fit + none_fits
    return ChoiceObjective((fits, others), alone / (2 * all_fit), alone / (2 * none_fits))


def choice_loss_sum(
    model: Any,
    input_ids: torch.Tensor,
    labels: torch.Tensor,
    questions: torch.Tensor,
    objective: ChoiceObjective,
    *,
    chunk_positions: int = CHUNK_POSITIONS,
    **decoder: Any,
) -> LossSum:
    """Summed loss of the questions in one batch of ``PrefixCollator(name_questions=True)``, and how many they are.

    ``labels`` are −100 but where a choice's ○ or × stands. Logits exist at these positions only, ``chunk_positions`` of
    them at a time. ``decoder`` (position_ids, attention_mask) is passed to the decoder.
    """
    import torch

    head, hidden, targets, wanted = label_states(model, input_ids, labels, **decoder)
    odds = torch.cat(head_chunks(head, hidden, chunk_positions, lambda logits, _: log_odds(logits, objective.pair_ids)))
    fits = torch.isin(targets, torch.tensor(objective.pair_ids[0], device=targets.device))
    total = question_losses(odds, fits, questions[:, 1:][wanted], objective)
    return LossSum(total, int(questions.max()) + 1)


def log_odds(logits: torch.Tensor, pair_ids: Sequence[Sequence[int]]) -> torch.Tensor:
    """(positions, vocabulary) logits to (positions,) float32 log-odds of ○ against ×."""
    import torch

    fits, others = (torch.logsumexp(logits[:, list(ids)].float(), dim=-1) for ids in pair_ids)
    return fits - others


def question_losses(
    odds: torch.Tensor, fits: torch.Tensor, questions: torch.Tensor, objective: ChoiceObjective
) -> torch.Tensor:
    """Sum over the questions of their loss: a scalar with gradient.

    ``odds``, ``fits`` (bool) and ``questions`` (number of the question, from 0) are of shape (choices,).
    """
    import torch

    softplus = torch.nn.functional.softplus
    total = odds.new_zeros(())
    for number in questions.unique():
        here = questions == number
        right, wrong = odds[here & fits], odds[here & ~fits]
        if not len(wrong):
            total = total + objective.weight_fits * softplus(-right).mean()
        elif not len(right):
            total = total + objective.weight_others * softplus(wrong).mean()
        else:
            pairs = softplus(wrong[None, :] - right[:, None]).mean()
            total = total + pairs + (softplus(-right).mean() + softplus(wrong).mean()) / 2
    return total
