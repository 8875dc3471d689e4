"""Train a LoRA adapter (QLoRA with --use-4bit) on law questions and write its folder with run.json."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from app.commands.train_qwen_law_ft import main, parser
from app.core.cli import run_program

__all__ = ["main", "parser"]

if __name__ == "__main__":
    raise SystemExit(run_program(main))
