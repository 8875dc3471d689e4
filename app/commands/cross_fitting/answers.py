"""The results of a cross-fit: which are wanted of each model, which are not there yet, and their evaluation."""

from __future__ import annotations

import gc
import sys
from pathlib import Path

from ...evaluation.running.plan import WITHOUT
from ...evaluation.running.settings import beside
from .settings import CrossFitSettings


def wanted(settings: CrossFitSettings, output: Path) -> dict[str, Path]:
    """The result file of each context in which a model is asked, ``output`` that of the cross-fit's own, the last."""
    others = {str(context): beside(output, context) for context in WITHOUT} if settings.reading_test else {}
    return {**others, settings.context: output}


def unanswered(settings: CrossFitSettings, output: Path) -> dict[str, Path]:
    """What of ``wanted`` is not there."""
    return {context: path for context, path in wanted(settings, output).items() if not path.exists()}


def evaluate_left(settings: CrossFitSettings, questions: Path, output: Path, adapter: Path | None) -> None:
    """Evaluate in each context in which that was not done; the terminal's lines go to a text file beside the result.

    What a result says against itself is left to the pooled one.
    """
    from ..evaluate_multiple_choice import evaluate_beside

    for context, path in unanswered(settings, output).items():
        evaluate_beside(settings.evaluation(questions, path, context, adapter), resume=True)
        release_memory()


def release_memory() -> None:
    """Give back what the last model held, before the next is loaded in this process."""
    gc.collect()
    if "torch" in sys.modules:
        sys.modules["torch"].cuda.empty_cache()
