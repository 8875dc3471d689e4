"""Several processes, one training: they meet, each takes its card, one speaks, and their gradients are summed.

Every rank runs the loop of one process that accumulates ``world`` times as many batches, with the same order, counts,
rates and random state; of the batches of a step each computes only every ``world``-th, and before the optimiser moves,
the gradients and the loss are summed over the ranks. The sum over a step's batches is the gradient of one process with
the same effective batch, and its divisor is already the count of the whole step, so nothing is averaged and nothing
else need be sent. (torch's DDP averages instead, pads the last step of an epoch with repeated rows, and would need a
count of its own.)
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from ..core.cli import log
from ..core.errors import ConfigError, ModelError
from .ranks import RANK_VARIABLES, Ranks, card_of_rank, check_launcher, processes_line, read_ranks

if TYPE_CHECKING:
    import torch

# The others wait while rank 0 loads, scores the dev questions and writes; a rank that died closes its connections.
_PATIENCE = timedelta(days=7)
_MEETING = timedelta(minutes=5)
# Between two steps rank 0 may write a checkpoint while the others wait on their cards, where a death closes nothing.
_SLOWEST = timedelta(hours=1)
# What a rank that fails waits for rank 0 to say the same, seconds.
_WORD_WITHIN = 30.0
# Weights in one message: 8 Mi of float32 are 32 MiB beside the gradients.
_MESSAGE = 2**23

_here = Ranks()
# The group that gradients are summed in: None is the one of the CPU.
_exchange: Any = None


class OthersStopped(ModelError):
    """Another process of the training ended before this one."""


def here() -> Ranks:
    """This process among those of the training that it has joined; alone outside of one."""
    return _here


@contextmanager
def joined(environ: MutableMapping[str, str] = os.environ) -> Iterator[Ranks]:
    """Meet the other processes that the launcher started, and leave them at the end, when all are through.

    Within, only rank 0 prints, and nothing of the launcher's variables is left for transformers and accelerate to act
    upon. An error that every rank meets is printed by rank 0 alone. Raises ConfigError when they cannot meet or the
    launcher asks for what nobody tested.
    """
    global _here, _exchange
    ranks = read_ranks(environ)
    if ranks.world == 1:
        with _out_of_sight(environ) as said:
            if (line := check_launcher(said)) is not None:
                log(line)
            _here = ranks
            try:
                yield ranks
            finally:
                _here = Ranks()
        return
    store = _meet(ranks)
    # transformers finds the group, and advises to leave the ranks to it.
    logging.getLogger("transformers.training_args").addFilter(lambda record: "parallel_mode" not in str(record.msg))
    _here = ranks
    try:
        with ExitStack() as within:
            if not ranks.first:
                # Left open: loggers that libraries make meanwhile keep it.
                nothing = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
                within.enter_context(redirect_stdout(nothing))
                within.enter_context(redirect_stderr(nothing))
            if (line := check_launcher(within.enter_context(_out_of_sight(environ)))) is not None:
                log(line)
            yield ranks
            from_first(lambda: None)  # nobody leaves before rank 0 has written
    except KeyboardInterrupt:
        if ranks.first:
            raise
        raise SystemExit(130) from None
    except (Exception, SystemExit) as error:
        if ranks.first:
            _leave_word(store, error)
        elif _was_said(store, error):
            if isinstance(error, SystemExit):
                raise
            raise SystemExit(1) from error
        else:
            log(f"次は、{ranks.world} 個のうち RANK={ranks.rank} のプロセスのエラーです。")
        raise
    finally:
        _leave()


def _meet(ranks: Ranks) -> Any:
    import torch.distributed as dist

    if not dist.is_available() or not dist.is_gloo_available():
        raise ConfigError(
            f"WORLD_SIZE={ranks.world} ですが、この PyTorch では複数のプロセスで学習できません（torch.distributed がない）。"
        )
    try:
        store = next(iter(dist.rendezvous("env://", timeout=_MEETING)))[0]
        dist.init_process_group("gloo", store=store, rank=ranks.rank, world_size=ranks.world, timeout=_PATIENCE)
    except (RuntimeError, ValueError) as error:
        where = f"MASTER_ADDR={os.environ['MASTER_ADDR']}・MASTER_PORT={os.environ['MASTER_PORT']}"
        raise ConfigError(
            f"{ranks.world} 個のプロセスがつながりません（{where}）: {str(error).splitlines()[0]}"
        ) from error
    return store


def _leave() -> None:
    global _here, _exchange
    _here, _exchange = Ranks(), None
    _close()


def _close() -> None:
    """Close the connections, so that the ranks that wait for this one wake up."""
    import torch.distributed as dist

    if dist.is_initialized():
        dist.destroy_process_group()


@contextmanager
def _out_of_sight(environ: MutableMapping[str, str]) -> Iterator[Mapping[str, str]]:
    """Take the launcher's variables away for a while; yields those of accelerate."""
    taken = {
        name: environ.pop(name) for name in list(environ) if name in RANK_VARIABLES or name.startswith("ACCELERATE_")
    }
    try:
        yield {name: value for name, value in taken.items() if name not in RANK_VARIABLES}
    finally:
        environ.update(taken)


def _leave_word(store: Any, error: BaseException) -> None:
    try:
        store.set("horei/error", str(error))
    except RuntimeError:  # its host is gone
        return
    _close()
    time.sleep(0.5)  # for the others to read it: the store may live in this process


def _was_said(store: Any, error: BaseException) -> bool:
    """Whether rank 0 says the same, or that which stopped this rank."""
    until = time.monotonic() + _WORD_WITHIN
    while time.monotonic() < until:
        try:
            if store.check(["horei/error"]):
                same = isinstance(error, (OthersStopped, SystemExit)) or store.get("horei/error").decode() == str(error)
                time.sleep(1.0)  # a launcher stops all when one ends: rank 0 is to print first
                return same
        except RuntimeError:  # rank 0 is gone, and the store with it
            return False
        time.sleep(0.1)
    return False


def take_card(device: str) -> str | None:
    """Give this process the card of its number, which it then knows as cuda:0; before anything asks CUDA.

    Returns the line on processes of the run's summary, if there is something to say.
    """
    global _exchange
    if device == "cpu":
        return processes_line(_here, 0)
    import torch

    cards = torch.cuda.device_count()  # does not initialise CUDA, which would fix what is visible
    if _here.world == 1 or not cards:
        return processes_line(_here, cards)
    os.environ["CUDA_VISIBLE_DEVICES"] = card_of_rank(_here.local, os.environ.get("CUDA_VISIBLE_DEVICES"), cards)
    if not torch.cuda.is_available() or torch.cuda.device_count() != 1:
        raise ConfigError(
            f"RANK={_here.rank} のプロセスに GPU を一枚だけ見せることができません。"
            "CUDA_VISIBLE_DEVICES を外してもう一度試してください。"
        )
    import torch.distributed as dist

    if dist.is_nccl_available():
        _exchange = dist.new_group(backend="nccl", timeout=_SLOWEST)
    return processes_line(_here, cards)


@contextmanager
def _together() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        raise OthersStopped(
            f"{_here.world} 個のうち、ほかのプロセスが止まったので続けられません。止まったプロセスのエラーを直し、"
            "同じコマンドに --resume を付けると続きから進みます。"
        ) from error


def from_first(make: Callable[[], Any]) -> Any:
    """What ``make`` returns in rank 0, where alone it runs: a JSON value, which every rank gets."""
    if _here.world == 1:
        return make()
    import torch
    import torch.distributed as dist

    data = json.dumps(make()).encode() if _here.first else b""
    size = torch.tensor([len(data)])
    with _together():
        dist.broadcast(size, src=0)
        message = torch.frombuffer(bytearray(data or bytes(int(size))), dtype=torch.uint8)
        dist.broadcast(message, src=0)
    return json.loads(message.numpy().tobytes())


def agree(what: Mapping[str, Any]) -> None:
    """Raise ConfigError where another rank has other settings, files or another model than rank 0 (machines differ)."""
    mine = json.loads(json.dumps(what))
    first = from_first(lambda: what)
    if different := sorted(name for name in mine.keys() | first.keys() if mine.get(name) != first.get(name)):
        raise ConfigError(
            f"RANK={_here.rank} のプロセスは、RANK=0 と {'・'.join(different)} が違います。"
            "どの計算機でも同じ引数、同じファイル、同じモデルにしてください。"
        )


def sum_over_ranks(tensors: Sequence[torch.Tensor]) -> None:
    """Replace every tensor by its sum over the ranks, added in float32: the same bits in each of them."""
    import torch
    import torch.distributed as dist

    for some in _messages(tensors):
        flat = torch.cat([tensor.detach().reshape(-1).float() for tensor in some])
        with _together():
            dist.all_reduce(flat, group=_exchange)
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
        with _together():
            dist.broadcast(first, src=0)
        found = torch.maximum(found, (mine - first).abs().max())
    with _together():
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
        if self.turn % _here.world == _here.rank:
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
