"""Plan the GPU memory of a training run before it starts: item by item, phase by phase, and whether it fits."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from ..core.cli import run_program
from ..core.files import to_json
from ..training.memory.arguments import parser

__all__ = ["main", "parser"]


def main(argv: Sequence[str]) -> int:
    """Plan the setting of ``argv``; what it leaves open is chosen as large as the card allows. Prints to stdout."""
    arguments = parser().parse_args(argv)

    from ..training.memory.command import answer
    from ..training.memory.plan import plan_as_json
    from ..training.memory.report import describe_plan

    made = answer(arguments)
    if arguments.json:
        lists = {"reasons": list(made.reasons), "advice": list(made.advice)}
        print(to_json({**plan_as_json(made.plan), **lists}, indent=2))
    else:
        print(describe_plan(made.plan, made.reasons, made.advice))
    return 0


if __name__ == "__main__":
    sys.exit(run_program(main))
