"""The smoke checks of the user's documents (StepG, task 4), as they are written there."""

import py_compile
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
NAMED = (
    "scripts/train_qwen_law_ft.py",
    "scripts/evaluate_multiple_choice.py",
    "scripts/build_finetune_dataset.py",
    "scripts/download_data.py",
    "scripts/split_selection_dataset.py",
    "scripts/build_index.py",
    "scripts/search_statutes.py",
    "scripts/plan_memory.py",
    "scripts/compare_runs.py",
    "scripts/cross_fit.py",
    "app/core/rag_config.py",
    "app/core/prompts.py",
    "app/core/chat.py",
    "app/core/answers.py",
    "app/llm/hf_llm.py",
    "app/retrieval/rag_pipeline.py",
)


@pytest.mark.parametrize("name", NAMED)
def test_every_file_the_documents_name_compiles(name: str, tmp_path: Path) -> None:
    py_compile.compile(str(ROOT / name), cfile=str(tmp_path / "out.pyc"), doraise=True)


@pytest.mark.parametrize(
    ("code", "printed"),
    [
        ("from app.llm.hf_llm import HFLLMConfig, HFLoRALLM; print('hf_llm import OK')", "hf_llm import OK"),
        (
            "from scripts import train_qwen_law_ft; print('train_qwen_law_ft import OK')",
            "train_qwen_law_ft import OK",
        ),
    ],
)
def test_the_imports_of_the_documents(code: str, printed: str) -> None:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == printed
