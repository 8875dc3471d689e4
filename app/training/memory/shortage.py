"""Running out of memory as one line that names what this run does not use yet, instead of a trace."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ...core.errors import ModelError
from ..config import TrainConfig


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
            f"メモリが足りなくなりました。次のどれかを試してください: {'、'.join(ways_out(config))}。"
            f"入る設定は python scripts/plan_memory.py --model-name {config.model_name} --vram <GPU の GiB> が探します"
            f"（{str(cause).splitlines()[0]}）。"
        ) from cause


def ways_out(config: TrainConfig) -> list[str]:
    """What lowers the need and is not used yet, the cheapest first; shorter rows are always a way."""
    options = [
        (not config.use_4bit, "--use-4bit を付ける"),
        (not config.activation_checkpointing, "--activation-checkpointing を付ける"),
        (config.embedding_device == "gpu", "--embedding-device cpu を付ける"),
        (config.optimizer == "adamw", "--optimizer adamw_8bit を付ける"),
        (config.batch_size > 1, f"--batch-size を {config.batch_size} より下げる"),
        (
            True,
            f"--max-seq-length を {config.max_seq_length} より短くする（長いレコードは --skip-long-records で除く）",
        ),
    ]
    return [text for unused, text in options if unused]
