"""Write the generated parts of the documents: argument tables, the rendered prompt, templates, counts, memory plans."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from app.core.cli import run_program
from tools.build_docs import main, parser

__all__ = ["main", "parser"]

if __name__ == "__main__":
    raise SystemExit(run_program(main))
