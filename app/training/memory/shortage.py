"""Running out of memory as one line that names what this run does not use yet, instead of a trace."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from ...core.errors import ModelError, UserError
from ..config import TrainConfig
from .run_plan import model_sizes
from .savings import FEWER_ROWS, ways_of
from .setting import longest_setting


@contextmanager
def shortage_in_one_line(config: TrainConfig) -> Iterator[None]:
    """Raises ModelError with advice where the block runs out of memory; every other error passes through."""
    try:
        yield
    except (RuntimeError, ModelError) as error:
        # torch.OutOfMemoryError is a RuntimeError, and so is what CUDA's own libraries raise. The loader's ModelError
        # has it as its cause, and cannot know what a training run may change.
        cause = error.__cause__ if isinstance(error, ModelError) else error
        if not isinstance(cause, RuntimeError) or "out of memory" not in str(cause).lower():
            raise
        raise ModelError(
            f"メモリが足りなくなりました。次の変更を上から順に加えてください: {' ／ '.join(ways_out(config))}。"
            f"入る設定は python scripts/plan_memory.py --model-name {config.model_name} --vram <GPU の GiB> が探します"
            f"（{str(cause).splitlines()[0]}）。"
        ) from cause


def ways_out(config: TrainConfig) -> list[str]:
    """What lowers the need of the longest rows that ``config`` allows, each added to those before it, the cheapest first.

    Of the shorter rows only the longest. Nothing is simulated: who has just run out of memory waits for no plan.
    """
    first: list[str] = []
    if config.share_prefix and config.batch_size > 1:  # questions one after the other in one sequence
        first, config = [FEWER_ROWS], replace(config, batch_size=1)
    try:
        sizes = model_sizes(config.model_name)
    except UserError:
        sizes = None
    ways = ways_of(longest_setting(config), sizes)
    shown = [way for way in ways if way.length is None or way.length < config.max_seq_length]
    return first + list({way.field: way.words for way in reversed(shown)}.values())[::-1]
