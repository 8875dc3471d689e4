"""Make sample/tiny-qwen3: train its tokenizer, pretrain the model on generated text, write folder, history and curve."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from app.core.cli import run_program
from tools.pretrain_tiny_model import main, parser

__all__ = ["main", "parser"]

if __name__ == "__main__":
    raise SystemExit(run_program(main))
