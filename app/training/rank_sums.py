"""What the processes of one training add up, so that each moves the same weights by the same step.

Every rank runs the loop of one process that accumulates ``world`` times as many batches, with the same order, counts,
rates and random state; of the batches of a step each computes only every ``world``-th, and before the optimiser moves,
the gradients and the loss are summed over the ranks. The sum over a step's batches is the gradient of one process with
the same effective batch, and its divisor is already the count of the whole step, so nothing is averaged and nothing
else need be sent. (torch's DDP averages instead, pads the last step of an epoch with repeated rows, and would need a
count of its own.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .rank_group import exchange, here, together

if TYPE_CHECKING:
    import torch

# Weights in one message: 8 Mi of float32 are 32 MiB beside the gradients.
_MESSAGE = 2**23


def sum_over_ranks(tensors: Sequence[torch.Tensor]) -> None:
    """Replace every tensor by its sum over the ranks, added in float32: the same bits in each of them."""
    import torch
    import torch.distributed as dist

    for some in _messages(tensors):
        flat = torch.cat([tensor.detach().reshape(-1).float() for tensor in some])
        with together():
            dist.all_reduce(flat, group=exchange())
        for tensor, part in zip(some, flat.split([tensor.numel() for tensor in some]), strict=True):
            tensor.copy_(part.view_as(tensor))


def _messages(tensors: Sequence[torch.Tensor]) -> Iterator[list[torch.Tensor]]:
    """The tensors in runs of at most ``_MESSAGE`` weights; one that is larger alone."""
    some: list[torch.Tensor] = []
    for tensor in tensors:
        if some and sum(one.numel() for one in some) + tensor.numel() > _MESSAGE:
            yield some
            some = []
        some.append(tensor)
    if some:
        yield some


def largest_difference(weights: Sequence[torch.Tensor]) -> float:
    """How far any weight of any rank is from that of rank 0, which should be 0.0: the same gradients moved them all."""
    import torch
    import torch.distributed as dist

    found = torch.zeros(1)
    for some in _messages(weights):
        mine = torch.cat([weight.detach().reshape(-1).float() for weight in some]).cpu()
        first = mine.clone()
        with together():
            dist.broadcast(first, src=0)
        found = torch.maximum(found, (mine - first).abs().max())
    with together():
        dist.all_reduce(found, op=dist.ReduceOp.MAX)
    return float(found)


@dataclass(slots=True)
class DealtStep:
    """The batches of one optimiser step, dealt to the ranks in turn."""

    turn: int = 0
    # Which batch of the step comes next, counted from 0.
    loss: Any = None
    # What this rank's batches of the step add to its loss.

    def take(
        self,
        compute: Callable[[], torch.Tensor],
        parameters: Sequence[torch.nn.Parameter],
        *,
        seed: int,
        step: int,
        last: bool,
    ) -> torch.Tensor:
        """Compute the batch if it is this rank's; after the ``last`` of a step, gradients and loss are those of all.

        Returns 0 for each batch but the last, and then the loss of the step. Each batch has random numbers of its own
        (dropout), whoever computes it: they depend on ``seed``, ``step`` and its turn, not on the number of ranks.
        """
        import torch

        if self.loss is None:
            self.loss = torch.zeros((), device=parameters[0].device)
        if self.turn % here().world == here().rank:
            cards = [torch.cuda.current_device()] if parameters[0].is_cuda else []
            with torch.random.fork_rng(devices=cards):
                torch.manual_seed(((seed << 40) + (step << 16) + self.turn) % 2**63)
                self.loss += compute()
        self.turn += 1
        if not last:
            return torch.zeros_like(self.loss)
        for parameter in parameters:
            if parameter.grad is None:  # no batch of this step was this rank's
                parameter.grad = torch.zeros_like(parameter)
        sum_over_ranks([parameter.grad for parameter in parameters if parameter.grad is not None])
        loss, self.turn, self.loss = self.loss, 0, None
        sum_over_ranks([loss])
        return loss
