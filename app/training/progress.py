"""Progress of a training run on stderr: a bar on a terminal, plain lines otherwise. Stops a run whose loss is no number."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Sequence
from typing import Any

from transformers import TrainerCallback

from ..core.cli import format_seconds, log
from ..core.errors import ModelError
from ..core.questions import LETTERS
from .dev_eval import collapse_warning
from .run_verdict import untuned_note


class ProgressLines(TrainerCallback):  # type: ignore[misc]  # transformers ships no types that mypy can follow here
    """Prints every ``every_steps`` steps the mean loss since the last line, and each dev evaluation."""

    def __init__(self, every_steps: int, dev_letters: Sequence[str] = (), dev_questions: int = 0) -> None:
        self._every = every_steps
        self._dev_letters = list(dev_letters)
        self._dev_questions = dev_questions
        self._losses: list[float] = []
        self._bar: Any = None
        self._task: Any = None
        self._began = time.monotonic()
        self._first_step = 0

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Start the clock, and the bar on a terminal."""
        self._began, self._first_step = time.monotonic(), state.global_step
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import Progress

            self._bar = Progress(console=Console(stderr=True))
            self._bar.start()
            self._task = self._bar.add_task("学習", total=state.max_steps, completed=state.global_step)

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **_: Any) -> None:
        """Take a step's loss or a dev result from the trainer's log."""
        logs = logs or {}
        if "eval_accuracy" in logs:
            self._dev_line(state.global_step, logs)
        if "loss" not in logs:
            return
        loss = float(logs["loss"])
        if not math.isfinite(loss):
            raise ModelError(
                f"{state.global_step} ステップ目の損失が数値になりません（{loss}）。--learning-rate を下げるか、"
                "--fp16 を --bf16 に替えてください。"
            )
        self._losses.append(loss)
        if self._bar is not None:
            self._bar.update(self._task, completed=state.global_step, description=f"学習 損失 {loss:.4f}")
        if state.global_step % self._every == 0 or state.global_step == state.max_steps:
            self._step_line(state, float(logs["learning_rate"]))

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Take the bar away."""
        self.stop()

    def stop(self) -> None:
        """Take the bar away, and give the terminal its cursor back; nothing where there is none (any more)."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def _step_line(self, state: Any, learning_rate: float) -> None:
        mean = sum(self._losses) / len(self._losses)
        self._losses.clear()
        done = state.global_step - self._first_step
        left = (time.monotonic() - self._began) / done * (state.max_steps - state.global_step)
        self._print(
            f"ステップ {state.global_step}/{state.max_steps}  損失 {mean:.4f}  学習率 {learning_rate:.2e}"
            f"  残り約 {format_seconds(left)}"
        )

    def _dev_line(self, step: int, logs: dict[str, Any]) -> None:
        when = "学習前" if step == 0 else f"ステップ {step}"
        line = f"{when}  dev 正答率 {logs['eval_accuracy']:.1%}  正答の対数確率 {logs['eval_gold_logprob']:.3f}"
        if "eval_statement_accuracy" in logs:
            auc = f"（AUC {logs['eval_statement_auc']:.3f}）" if "eval_statement_auc" in logs else ""
            self._print(
                f"{line}  選択肢ごと {logs['eval_statement_accuracy']:.1%}{auc}  ○か×になる確率 {logs['eval_mass']:.1%}"
            )
            self._warn(untuned_note(logs["eval_accuracy"], self._dev_questions) if step == 0 else None)
            return
        histogram = {letter: int(logs[f"eval_count_{letter}"]) for letter in LETTERS}
        counts = " ".join(f"{letter}:{count}" for letter, count in histogram.items())
        self._print(f"{line}  回答 {counts}")
        self._warn(
            collapse_warning(histogram, self._dev_letters)
            if step
            else untuned_note(logs["eval_accuracy"], self._dev_questions)
        )

    def _warn(self, warning: str | None) -> None:
        if warning:
            self._print(f"注意: {warning}")

    def _print(self, line: str) -> None:
        if self._bar is None:
            log(line)
        else:
            self._bar.console.print(line, highlight=False)
