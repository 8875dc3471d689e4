"""Write the generated parts of the documents: argument tables, the rendered prompt, templates, counts, memory plans."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from app.core.cli import JapaneseParser, log, run_program
from app.core.errors import DataError
from app.core.files import read_text, write_text
from app.core.manifests import REPOSITORY as ROOT
from tools.pages.commands import shell_commands
from tools.pages.memory import (
    STORED,
    StoredPlans,
    cards_table,
    items_tables,
    references_table,
    trainings_table,
)
from tools.pages.parts import argument_table, markdown_table, refresh

FOLDERS = ("docs", "LLM_ファインチューニング", "benchmarks")
PAGES = ("README.md", "README.en.md", "CONTRIBUTING.md", "sample/README.md")
EXAMPLES = ("python scripts/build_docs.py", "python scripts/build_docs.py --check")


def parser() -> JapaneseParser:
    """The parser of this program."""
    made = JapaneseParser("文書のうちプログラムから作る部分（引数の表など）を書き直す。", EXAMPLES)
    made.add_argument("--check", action="store_true", help="書き直さず、古くなった文書があれば名前を示して失敗する")
    return made


def arguments(program: str) -> str:
    """The option table of ``scripts/<program>.py``."""
    made: JapaneseParser = importlib.import_module(f"scripts.{program}").parser()
    return argument_table(made)


def command_reference() -> str:
    """Every program with its sentence and its options."""
    parts = []
    for path in sorted((ROOT / "scripts").glob("*.py")):
        if path.stem != "__init__":
            made = importlib.import_module(f"scripts.{path.stem}").parser()
            examples = "\n".join(line.strip() for line in (made.epilog or "").splitlines()[1:])
            table = argument_table(made)
            parts.append(f"## `scripts/{path.name}`\n\n{made.description}\n\n```bash\n{examples}\n```\n\n{table}\n")
    return "\n".join(parts)


def commands(*lines: str) -> str:
    """A block of shell commands; a line that begins with ``train`` becomes the training with the recommended settings,

    and one with ``train×4`` that of four processes.
    """
    from app.training.recipes import training_command

    written = []
    for line in lines:
        first, *words = line.split()
        name, _, processes = first.partition("×")
        written.append(training_command(words, int(processes or 1)) if name == "train" else line)
    return "```bash\n" + "\n".join(written) + "\n```"


def recipes() -> str:
    """The recommended settings by the size of the model."""
    from app.training.recipes import EFFECTIVE_BATCH, EVAL_STEPS, MOST_STEPS, RECIPES, STEPS

    rows = [
        (
            recipe.name,
            f"`{recipe.learning_rate}`",
            EFFECTIVE_BATCH,
            f"{STEPS}（数千問なら {MOST_STEPS} まで）",
            f"{EVAL_STEPS} ステップごと",
            "止めない（最良のステップを残す）" if recipe.patience is None else f"{recipe.patience} 回続けて最良を更新しなければ止める",
        )
        for recipe in RECIPES
    ]  # fmt: skip
    return markdown_table(("モデル", "学習率", "実効バッチ（問）", "ステップ", "dev", "早めに止める"), rows)


def experiment_log() -> str:
    """The empty experiment log, the template that a training run fills."""
    from app.training.experiment_log import render_template

    return f"````markdown\n{render_template().strip()}\n````"


def rendered_example(chat_format: str) -> str:
    """The first sample question as the model sees it while it is trained, the learned part between ⟦ and ⟧."""
    from app.core.chat import IGNORE, encode_example
    from app.core.prompts import build_mc_prompt_direct, render_direct_answer
    from app.data.lawqa import load_questions
    from app.llm.loading import load_tokenizer

    question = load_questions(ROOT / "sample" / "selection.json")[0]
    tokenizer = load_tokenizer(str(ROOT / "sample" / "tiny-qwen3"))
    prompt = build_mc_prompt_direct(question.question, question.choices, question.context, few_shot=False)
    answer = render_direct_answer(question.correct)
    example = encode_example(tokenizer, prompt, answer, chat_format=chat_format)  # type: ignore[arg-type]  # checked there
    border = example.labels.count(IGNORE)
    text = tokenizer.decode(example.input_ids[:border]) + f"⟦{tokenizer.decode(example.input_ids[border:])}⟧"
    return f"```text\n{text}\n```"


def sample_counts() -> str:
    """Counts of the sample questions as JSON."""
    from collections import Counter

    from app.data.lawqa import load_questions

    questions = load_questions(ROOT / "sample" / "selection.json")
    counts = {
        "questions": len(questions),
        "clusters": len({question.cluster for question in questions}),
        "correct": dict(sorted(Counter(question.correct for question in questions).items())),
        "polarity": dict(sorted(Counter(question.polarity for question in questions).items())),
    }
    return f"```json\n{json.dumps(counts, ensure_ascii=False)}\n```"


def planned(words: Sequence[str]) -> dict[str, Any]:
    """What ``plan_memory.py … --json`` prints."""
    from app.training.memory.command import answer, parse_line
    from app.training.memory.plan import plan_as_json

    log(f"見積もり: plan_memory.py {' '.join(words)}")
    return plan_as_json(answer(parse_line(words)).plan)


def planned_trainings(page: str, *cards: str) -> dict[str, str]:
    """The planner's command line for training commands of a page, by the name of the adapter; ``cards`` are ``GB:name``."""
    from app.training.arguments import config_from_arguments
    from app.training.arguments import parser as training_parser
    from app.training.memory.command import line_of_training

    # The commands of the page as this run writes them, which may not stand in it yet.
    nothing: dict[str, Callable[..., str]] = dict.fromkeys(generators(StoredPlans(planner=None)), lambda *_: "")
    text = refresh(read_text(ROOT / page), nothing | {"commands": commands}, place=page)
    trainings = [one for one in shell_commands(text, page) if one.program == "train_qwen_law_ft"]
    configs = [config_from_arguments(training_parser().parse_args(command.arguments)) for command in trainings]
    named = {config.output_dir.name: config for config in configs}
    pairs = [card.split(":") for card in cards]
    return {name: " ".join(line_of_training(named[name], vram_gib=float(gib))) for gib, name in pairs}


def training_times(*names: str) -> str:
    """Operations and minutes of 100 records of 1,000 tokens, three epochs, on an RTX 3080.

    6 × N per token: forward 2 N, recomputing it 2 N, gradients of the inputs 2 N (none of the frozen weights). N counts
    the linear layers. 59.5 TFLOPS is NVIDIA's figure for bf16 with fp32 sums (GA102 whitepaper).
    """
    from app.training.memory.model_sizes import read_model_sizes

    tokens, peak = 100 * 1_000 * 3, 59.5e12
    rows = []
    for name in names:
        size = read_model_sizes(name).linear_parameters
        operations = 6 * size * tokens
        fast, slow = (operations / (peak * share) / 60 for share in (0.4, 0.25))
        rows.append((name.rsplit("/", 1)[-1], f"{size / 1e9:.2f}", f"{operations:.1e}", f"{fast:.0f}〜{slow:.0f} 分"))
    return markdown_table(("モデル", "線形層の重み（10 億）", "演算の回数", "下限の目安"), rows)


def generators(plans: StoredPlans) -> dict[str, Callable[..., str]]:
    """The generator of every name that a page may use; ``plans`` answers for the planner."""
    return {
        "arguments": arguments,
        "command-reference": command_reference,
        "commands": commands,
        "recipes": recipes,
        "experiment-log": experiment_log,
        "rendered-example": rendered_example,
        "sample-counts": sample_counts,
        "training-times": training_times,
        "memory-cards": lambda *lines: cards_table(lines, plans),
        "memory-of-trainings": lambda *words: trainings_table(planned_trainings(*words), plans),
        "memory-items": lambda line: items_tables(line, plans),
        "memory-references": lambda *rows: references_table(rows, plans),
    }


def pages() -> list[Path]:
    """Every document of the repository."""
    return [ROOT / name for name in PAGES] + [p for folder in FOLDERS for p in sorted((ROOT / folder).glob("*.md"))]


def main(argv: Sequence[str]) -> int:
    """Refresh every document; with --check only say which are stale."""
    check = parser().parse_args(argv).check
    stale = []
    plans = StoredPlans(planner=None if check else planned)
    made = generators(plans)
    for page in pages():
        old = read_text(page)
        new = refresh(old, made, place=str(page.relative_to(ROOT)))
        if new != old:
            stale.append(str(page.relative_to(ROOT)))
            if not check:
                write_text(page, new)
                log(f"{stale[-1]}: 書き直しました")
    if plans.finish():
        log(f"{STORED.relative_to(ROOT)}: 見積もりを書き直しました")
    if check and stale:
        raise DataError(f"古くなった文書があります: {'、'.join(stale)}。make docs で書き直してください。")
    log(f"文書: {'すべて最新です' if not stale else f'{len(stale)} 件を書き直しました'}")
    return 0


if __name__ == "__main__":
    sys.exit(run_program(main))
