"""transformers' Trainer with this project's loss, dev evaluation and checkpoints.

Imports transformers at the top: import this module only where a model is trained.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from transformers import PrinterCallback, Trainer, TrainerCallback, TrainerState, TrainingArguments

from .checkpoints import (
    random_states,
    read_states,
    remove_old_checkpoints,
    restore_random_states,
    restore_weights,
    write_checkpoint,
)
from .config import Precision
from .dev_eval import DevResult, best_step, should_stop
from .model.choice_loss import ChoiceObjective, choice_loss_sum
from .model.lora import trainable_parameters
from .model.loss import CHUNK_POSITIONS, PositionLoss, label_loss_sum, token_loss
from .model.master_weights import MasterWeights
from .progress import ProgressLines
from .rank_group import from_first, here
from .rank_sums import DealtStep
from .trainer_arguments import learning_rate_factor

_AUTOCAST = {"stored": None, "fp32": None, "bf16": torch.bfloat16, "fp16": torch.float16}


class LawTrainer(Trainer):  # type: ignore[misc]  # transformers ships no types that mypy can follow here
    """Trains LoRA weights; the loss is averaged over the supervised positions of the whole effective batch, or over

    its questions with the choice objective.
    """

    # compute_loss divides by num_items_in_batch itself, so accumulation must not divide again.
    loss_is_scaled_for_ga = True

    def __init__(
        self,
        *,
        precision: Precision = "stored",
        chunk_positions: int = CHUNK_POSITIONS,
        position_loss: PositionLoss = token_loss,
        choices: ChoiceObjective | None = None,
        score_dev: Callable[[Any], DevResult] | None = None,
        patience: int | None = None,
        run_id: str = "",
        **arguments: Any,
    ) -> None:
        super().__init__(**arguments)
        self.remove_callback(PrinterCallback)
        # Count label tokens over all batches of a step: see _get_num_items_in_batch.
        self.model_accepts_loss_kwargs = True
        self._loss_shifts_labels = True
        self._precision = precision
        self._chunk_positions = chunk_positions
        self._position_loss = position_loss
        self._choices = choices
        self._score_dev = score_dev
        self._patience = patience
        self._run_id = run_id
        self._dealt = DealtStep()
        self._seconds_before = 0.0
        self._started = time.monotonic()
        self.control: Any
        self.optimizer: Any
        self.lr_scheduler: Any

    def get_train_dataloader(self) -> Any:
        """transformers' own, which leaves a batch where it was made until its turn: all batches of a step lie in memory
        together, and a prefix-shared one holds a mask of its length squared."""
        loader = super().get_train_dataloader()
        loader.device = None
        return loader

    @property
    def seconds(self) -> float:
        """Seconds of training so far, those before an interruption included."""
        return self._seconds_before + time.monotonic() - self._started

    def train(self, *positional: Any, **named: Any) -> Any:
        """transformers' own, which tells no callback of an end by an error or Ctrl-C: the bar is taken away then too."""
        try:
            return super().train(*positional, **named)
        finally:
            for callback in self.callback_handler.callbacks:
                if isinstance(callback, ProgressLines):
                    callback.stop()

    def train_after(self, checkpoint: Path | None) -> None:
        """Train, or go on after ``checkpoint``. A run that was over by then takes no further step.

        transformers keeps no early stopping in its state and looks at the number of steps only after a step.
        """
        state = None if checkpoint is None else TrainerState.load_from_json(str(checkpoint / "trainer_state.json"))
        if checkpoint is None or state is None:
            self.train()
        elif state.global_step < self.args.max_steps and not should_stop(state.log_history, self._patience):
            self.train(resume_from_checkpoint=str(checkpoint))
        else:
            self.state = state
            restore_weights(checkpoint, trainable_parameters(self.model))
            self._seconds_before = float(read_states(checkpoint)["seconds"])

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Summed loss of this batch, divided by the label tokens (or questions) of the whole effective batch."""
        if return_outputs or num_items_in_batch is None:
            raise ValueError("this trainer evaluates by letter scores, not by loss")
        dtype = _AUTOCAST[self._precision]
        with torch.autocast(self.args.device.type, dtype=dtype, enabled=dtype is not None):
            bare = self.accelerator.unwrap_model(model)
            if self._choices is not None:
                loss = choice_loss_sum(bare, **inputs, objective=self._choices, chunk_positions=self._chunk_positions)
            else:
                loss = label_loss_sum(
                    bare, **inputs, chunk_positions=self._chunk_positions, position_loss=self._position_loss
                )
        return loss.total / num_items_in_batch

    def _get_num_items_in_batch(self, batch_samples: list[Any], device: torch.device) -> Any:
        if self._choices is None or not batch_samples:
            return super()._get_num_items_in_batch(batch_samples, device)
        return torch.stack([batch["questions"].max() + 1 for batch in batch_samples]).sum().to(device)

    def training_step(self, model: Any, inputs: dict[str, Any], num_items_in_batch: Any = None) -> Any:
        """Forward and backward of one batch; of several ranks, each does every so-many-th and the step has them all."""
        compute = partial(super().training_step, model, inputs, num_items_in_batch)
        if here().world == 1:
            return compute()
        if self.accelerator.scaler is not None:
            # It starts with the first loss, and in a small first step this rank may have none.
            self.accelerator.scaler.scale(torch.zeros((), device=self.args.device))
        return self._dealt.take(
            compute,
            list(trainable_parameters(self.model).values()),
            seed=self.args.seed,
            step=self.state.global_step,
            last=self.accelerator.sync_gradients,
        )

    def create_optimizer(self, model: Any = None) -> Any:
        """transformers' choice; around it, what keeps small steps of bfloat16 weights."""
        if self.optimizer is None:
            made = super().create_optimizer(model)
            if any(value.dtype is torch.bfloat16 for value in trainable_parameters(self.model).values()):
                self.optimizer = MasterWeights(made)
        return self.optimizer

    def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
        """A linear rise and fall of the learning rate in which no step is taken at 0, as transformers' first is."""
        if self.lr_scheduler is None:
            self.lr_scheduler = torch.optim.lr_scheduler.LambdaLR(
                optimizer or self.optimizer,
                partial(learning_rate_factor, warmup=self.args.warmup_steps, total=num_training_steps),
            )
            self._created_lr_scheduler = True
        return self.lr_scheduler

    def evaluate(self, *_: Any, **__: Any) -> dict[str, float]:
        """Score the dev questions; the numbers enter the log as ``eval_…``."""
        if self._score_dev is None:
            raise ValueError("there is no dev set")
        metrics: dict[str, Any] = from_first(partial(self._dev_metrics, self._score_dev))
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        if self.state.global_step > 0:
            # The best step must be there to be taken back at the end.
            self.control.should_save = True
            if should_stop(self.state.log_history, self._patience):
                self.control.should_training_stop = True
        return metrics

    def _dev_metrics(self, score_dev: Callable[[Any], DevResult]) -> dict[str, Any]:
        result = score_dev(self.model)
        metrics: dict[str, Any] = {
            "eval_accuracy": result.accuracy,
            "eval_gold_logprob": result.gold_logprob,
            "eval_mass": result.mass,
            "eval_collapsed": result.collapsed,
            **{f"eval_count_{letter}": count for letter, count in result.histogram.items()},
        }
        if result.statements is not None:
            metrics["eval_statement_accuracy"] = result.statements.accuracy
            metrics |= {} if result.statements.auc is None else {"eval_statement_auc": result.statements.auc}
        return metrics

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        if not here().first:
            return
        folder = Path(self.args.output_dir)
        states = {
            "optimizer": self.optimizer.state_dict(),
            "scheduler": self.lr_scheduler.state_dict(),
            "scaler": self.accelerator.scaler.state_dict() if self.accelerator.scaler is not None else None,
            "random": random_states(),
            "seconds": self.seconds,
        }
        step = self.state.global_step
        write_checkpoint(
            folder,
            step,
            weights=trainable_parameters(self.model),
            states=states,
            trainer_state=self.state,
            run_id=self._run_id,
        )
        best = best_step(self.state.log_history)
        remove_old_checkpoints(folder, {step} | ({best} if best is not None else set()))

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        restore_weights(Path(resume_from_checkpoint), trainable_parameters(self.model))

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        if checkpoint is None:
            return
        states = read_states(Path(checkpoint))
        self.optimizer.load_state_dict(states["optimizer"])
        self.lr_scheduler.load_state_dict(states["scheduler"])
        self._seconds_before = float(states["seconds"])

    def _load_scaler(self, checkpoint: str | None) -> None:
        if checkpoint is not None and self.accelerator.scaler is not None:
            self.accelerator.scaler.load_state_dict(read_states(Path(checkpoint))["scaler"])

    def _load_rng_state(self, checkpoint: str | None) -> None:
        if checkpoint is not None:
            restore_random_states(read_states(Path(checkpoint))["random"])


def build_trainer(
    model: Any,
    arguments: TrainingArguments,
    units: Sequence[Any],
    collate: Callable[[Sequence[Any]], dict[str, Any]],
    *,
    precision: Precision,
    position_loss: PositionLoss = token_loss,
    choices: ChoiceObjective | None = None,
    score_dev: Callable[[Any], DevResult] | None = None,
    patience: int | None = None,
    run_id: str = "",
    callbacks: Sequence[TrainerCallback] = (),
) -> LawTrainer:
    """The trainer of a run, one device, rows in the order that the seed gives."""
    # Several cards would make transformers replicate the model; this project is about one.
    arguments._n_gpu = min(arguments.n_gpu, 1)
    return LawTrainer(
        model=model,
        args=arguments,
        train_dataset=list(units),
        # Never read: evaluate() is ours; transformers only asks that it is there.
        eval_dataset=[] if score_dev is not None else None,
        data_collator=collate,
        precision=precision,
        position_loss=position_loss,
        choices=choices,
        score_dev=score_dev,
        patience=patience,
        run_id=run_id,
        callbacks=list(callbacks),
    )
