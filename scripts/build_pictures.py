"""Take the pictures of the documents: the page and the report on the demo's folder, in a real Chromium."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from app.core.cli import run_program
from tools.pictures import main, parser

__all__ = ["main", "parser"]

if __name__ == "__main__":
    raise SystemExit(run_program(main))
