"""Write fine-tuning records (JSONL) from law questions."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from app.commands.build_finetune_dataset import main, parser
from app.core.cli import run_program

__all__ = ["main", "parser"]

if __name__ == "__main__":
    raise SystemExit(run_program(main))
