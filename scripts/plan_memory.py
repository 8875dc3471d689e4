"""Plan the GPU memory of a training run before it starts: item by item, phase by phase, and whether it fits."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from app.core.cli import run_program
from app.core.files import to_json
from app.training.memory_arguments import parser, setting_from_arguments


def main(argv: Sequence[str]) -> int:
    """Plan the setting of ``argv``; what it leaves open is chosen as large as the card allows. Prints to stdout."""
    arguments = parser().parse_args(argv)
    setting, fixed = setting_from_arguments(arguments)

    from app.training.memory import plan, plan_as_json
    from app.training.memory_configs import read_model_sizes
    from app.training.memory_report import describe_plan
    from app.training.memory_search import Card, advise, largest_setting

    sizes = read_model_sizes(arguments.model_name)
    reasons: tuple[str, ...] = ()
    if arguments.vram is not None and not {"max_seq_length", "batch_size"} & set(fixed):
        choice = largest_setting(Card(sizes, arguments.vram, arguments.desktop), setting, fixed)
        made, reasons = choice.plan, choice.reasons
    else:
        made = plan(sizes, setting, vram_gib=arguments.vram, desktop_gib=arguments.desktop, exact=arguments.exact)
    advice = advise(sizes, made)
    if arguments.json:
        print(to_json({**plan_as_json(made), "reasons": list(reasons), "advice": advice}, indent=2))
    else:
        print(describe_plan(made, reasons, advice))
    return 0


if __name__ == "__main__":
    sys.exit(run_program(main))
