"""The programs: each reads top to bottom as the story of its step. ``scripts/`` holds their doors."""

from __future__ import annotations

import sys

from ..core.manifests import REPOSITORY

# Name as a subcommand of ``horei`` → module here and program in ``scripts/``, in the order in which a user meets them.
COMMANDS = {
    "download": "download_data",
    "index": "build_index",
    "update": "update_index",
    "search": "search_statutes",
    "train-retriever": "train_retriever",
    "import": "import_questions",
    "ask": "ask",
    "serve": "serve",
    "split": "split_selection_dataset",
    "generate": "generate_questions",
    "records": "build_finetune_dataset",
    "rationales": "generate_rationales",
    "plan": "plan_memory",
    "train": "train_qwen_law_ft",
    "evaluate": "evaluate_multiple_choice",
    "compare": "compare_runs",
    "cross-fit": "cross_fit",
    "two-stages": "two_stages",
    "submit": "submit_shards",
    "export": "export_adapter",
    "lm-eval": "export_lm_eval",
    "import-results": "import_results",
    "gpu-check": "gpu_check",
}


def process_words(program: str) -> list[str]:
    """The words that start ``program`` in a process of its own, from the checkout or from the installed package."""
    if (script := REPOSITORY / "scripts" / f"{program}.py").exists():
        return [sys.executable, str(script)]
    short = next(name for name, module in COMMANDS.items() if module == program)
    return [sys.executable, "-m", __package__.split(".")[0], short]
