"""Make a question file in lawqa_jp's format of a table: CSV, TSV, JSON Lines, JMMLU, JCommonsenseQA, ○× statements."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from app.commands.import_questions import main, parser
from app.core.cli import run_program

__all__ = ["main", "parser"]

if __name__ == "__main__":
    raise SystemExit(run_program(main))
