"""Train a static embedding model for questions in everyday words, on pairs made from the statute book."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from app.commands.train_retriever import main, parser
from app.core.cli import run_program

__all__ = ["main", "parser"]

if __name__ == "__main__":
    raise SystemExit(run_program(main))
