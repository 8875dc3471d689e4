"""Several processes, one training: they meet, each takes its card, one speaks, and what it says the others know.

How their work becomes one step's is in app.training.rank_sums.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from datetime import timedelta
from typing import Any

from ..core.cli import log
from ..core.errors import ConfigError, ModelError
from .ranks import RANK_VARIABLES, Ranks, card_of_rank, check_launcher, processes_line, read_ranks

# The others wait while rank 0 loads, scores the dev questions and writes; a rank that died closes its connections.
_PATIENCE = timedelta(days=7)
_MEETING = timedelta(minutes=5)
# Between two steps rank 0 may write a checkpoint while the others wait on their cards, where a death closes nothing.
_SLOWEST = timedelta(hours=1)
# What a rank that fails waits for rank 0 to say the same, seconds.
_WORD_WITHIN = 30.0

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


def exchange() -> Any:
    """The group that gradients are summed in; None is the one of the CPU."""
    return _exchange


@contextmanager
def together() -> Iterator[None]:
    """Something that all ranks do at once. Raises OthersStopped where one of them is gone."""
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
    with together():
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
