"""Send the shards of an evaluation or a cross-fitting to Slurm, or to processes here, and make one result of them."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from app.commands.submit_shards import main, parser
from app.core.cli import run_program

__all__ = ["main", "parser"]

if __name__ == "__main__":
    raise SystemExit(run_program(main))
