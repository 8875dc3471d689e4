"""Write the generated parts of the documents: argument tables, the rendered prompt, templates, counts."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from app.core.cli import JapaneseParser, log, run_program
from app.core.documents import argument_table, refresh
from app.core.errors import DataError
from app.core.files import read_text, write_text
from app.core.manifests import REPOSITORY as ROOT

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


GENERATORS: dict[str, Callable[..., str]] = {
    "arguments": arguments,
    "command-reference": command_reference,
    "experiment-log": experiment_log,
    "rendered-example": rendered_example,
    "sample-counts": sample_counts,
}


def pages() -> list[Path]:
    """Every document of the repository."""
    return [ROOT / name for name in PAGES] + [p for folder in FOLDERS for p in sorted((ROOT / folder).glob("*.md"))]


def main(argv: Sequence[str]) -> int:
    """Refresh every document; with --check only say which are stale."""
    check = parser().parse_args(argv).check
    stale = []
    for page in pages():
        old = read_text(page)
        new = refresh(old, GENERATORS, place=str(page.relative_to(ROOT)))
        if new != old:
            stale.append(str(page.relative_to(ROOT)))
            if not check:
                write_text(page, new)
                log(f"{stale[-1]}: 書き直しました")
    if check and stale:
        raise DataError(f"古くなった文書があります: {'、'.join(stale)}。make docs で書き直してください。")
    log(f"文書: {'すべて最新です' if not stale else f'{len(stale)} 件を書き直しました'}")
    return 0


if __name__ == "__main__":
    sys.exit(run_program(main))
