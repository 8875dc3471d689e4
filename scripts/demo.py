"""The whole loop on the embedded sample: split, index, records, training, evaluation before and after, verdict."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from app.core.cli import run_program
from tools.demo import main, parser

__all__ = ["main", "parser"]

if __name__ == "__main__":
    raise SystemExit(run_program(main))
