"""Plan the GPU memory of a training run before it starts: item by item, phase by phase, and whether it fits."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from typing import Any

from ..core.cli import run_program
from ..core.files import to_json
from ..training.memory.arguments import parser, training_from_arguments
from ..training.recipes import left_open

__all__ = ["main", "parser"]


def main(argv: Sequence[str]) -> int:
    """Plan the setting or the training of ``argv``; what it leaves open is chosen for the card. Prints to stdout."""
    arguments = parser().parse_args(argv)

    from ..training.memory.command import answer
    from ..training.memory.plan import plan_as_json
    from ..training.memory.report import describe_plan

    made = answer(arguments)
    if arguments.json:
        more: dict[str, Any] = {"reasons": list(made.reasons), "advice": list(made.advice)}
        if made.command is not None:
            more |= {"rows": made.rows, "command": shlex.join(made.command)}
        print(to_json({**plan_as_json(made.plan), **more}, indent=2))
        return 0
    if made.rows is not None:
        print(f"{made.rows}\n")
    print(describe_plan(made.plan, made.reasons, made.advice))
    if made.command is not None:
        fitting = "" if made.plan.fits is not False else "（このままでは入らない見込みです）"
        print(f"\nこの見積もりの学習コマンド{fitting}:\n{shlex.join(made.command)}")
        training = training_from_arguments(arguments)
        recommended = [] if training is None else left_open(*training)
        if recommended:
            print(
                "\nこの大きさのモデルに推奨する設定（docs/gpu-guide.md の 7）で、まだ付いていないもの:\n"
                f"{shlex.join(recommended)}"
            )
    return 0


if __name__ == "__main__":
    sys.exit(run_program(main))
