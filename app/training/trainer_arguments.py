"""transformers' arguments of a training, and its learning rate: a linear rise and fall.

Imports transformers at the top: import this module only where a model is trained.
"""

from __future__ import annotations

import math
from pathlib import Path

from transformers import TrainingArguments

from .config import Precision, TrainConfig
from .rank_group import here

MAX_GRAD_NORM = 1.0


def training_arguments(
    config: TrainConfig, *, folder: Path, total_steps: int, epoch_steps: int, on_cpu: bool, precision: Precision
) -> TrainingArguments:
    """transformers' arguments of a run; ``folder`` receives the checkpoints."""
    watched = config.eval_file is not None
    return TrainingArguments(
        output_dir=str(folder),
        per_device_train_batch_size=config.batch_size,
        # Every rank runs the loop of one process with the same effective batch (app.training.rank_sums).
        gradient_accumulation_steps=config.gradient_accumulation_steps * here().world,
        num_train_epochs=config.num_epochs,
        max_steps=total_steps,
        learning_rate=config.learning_rate,
        warmup_steps=warmup_steps(total_steps, config.warmup_ratio),
        weight_decay=config.weight_decay,
        max_grad_norm=MAX_GRAD_NORM,
        optim={"adamw": "adamw_torch", "adamw_8bit": "adamw_8bit"}[config.optimizer],
        # Every step is kept for the curve; how often a line is printed is the progress callback's business.
        logging_steps=1,
        logging_nan_inf_filter=False,
        save_strategy="steps",
        save_steps=config.save_steps or epoch_steps,
        eval_strategy="steps" if watched else "no",
        eval_steps=(config.eval_steps or epoch_steps) if watched else None,
        seed=config.seed,
        data_seed=config.seed,
        use_cpu=on_cpu,
        # bfloat16 is an autocast in compute_loss; only float16 needs the Trainer, for its loss scaling.
        fp16=precision == "fp16",
        # The runner adds what reports: transformers would write its logs among the checkpoints.
        report_to=[],
        run_name=config.output_dir.name,
        remove_unused_columns=False,
        dataloader_num_workers=0,
        dataloader_pin_memory=not on_cpu,
        disable_tqdm=True,
        save_only_model=False,
        push_to_hub=False,
    )


def learning_rate_factor(step: int, *, warmup: int, total: int) -> float:
    """Share (0–1) of the highest learning rate at ``step``, counted from 0."""
    if step < warmup:
        return (step + 1) / (warmup + 1)
    return max(0.0, (total - step) / (total - warmup))


def warmup_steps(total_steps: int, ratio: float) -> int:
    """Steps in which the learning rate rises, rounded up, and never all of them."""
    return min(math.ceil(total_steps * ratio), max(total_steps - 1, 0))
