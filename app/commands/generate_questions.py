"""Make multiple-choice questions from the statutes, the truth of every candidate checked by rule."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core.cli import JapaneseParser, log, progress
from ..core.errors import ConfigError, DataError
from ..core.options import add_options, from_arguments, like
from ..core.rag_config import Backend
from ..llm.model_options import ModelOptions

EXAMPLES = (
    "python scripts/generate_questions.py --source sample/laws --law-type all --count 40 --output results/generated_sample",
    "python scripts/generate_questions.py --source data/egov/all_laws.zip --count 3000 --holdout-laws 25 "
    "--exclude-questions data/lawqa_jp/selection.json --output results/generated",
    "python scripts/generate_questions.py --index-dir data/index --count 500 --exclude-questions data/lawqa_jp/selection.json "
    "--reword-backend ollama --llm-model qwen3:8b --output results/generated_reworded",
)


@dataclass(frozen=True, kw_only=True)
class RewordingModel(ModelOptions):
    """The model that rewords; none unless it is named."""

    llm_backend: Backend | None = like(
        ModelOptions, "llm_backend", name="--reword-backend", help="言い換えるモデルの動かし方（既定: 言い換えない）"
    )


UNSEEN_PER_LAW = 12  # questions of a law that is held out
SHOW_EVERY = 500  # questions


def parser() -> JapaneseParser:
    program = JapaneseParser("法令の条文から、選択肢の正誤を規則で確かめた問題を作る。", EXAMPLES)
    add = program.add_argument
    add("--source", type=Path, help="法令XMLの zip かフォルダ（--index-dir とどちらか一つ）")
    add("--index-dir", type=Path, help="索引のフォルダ。そこに入っている、今日施行されている法令から作る")
    add("--laws", nargs="+", default=[], metavar="LAW", help="使う法令の題名か法令ID（既定: すべてから --seed の順に）")
    add(
        "--law-type",
        choices=("act", "order", "ministerial", "all"),
        default="act",
        help="法令の種類: act 法律、order 政令、ministerial 府省令、all すべて（既定 act）",
    )
    add("--count", type=int, default=3000, help="作る問題の数（既定 3000）")
    add(
        "--exclude-questions",
        type=Path,
        nargs="+",
        default=[],
        metavar="FILE",
        help="評価に使う問題ファイル（外部の試験の JSON Lines も）。その条文と文を避ける",
    )
    add("--max-context-chars", type=int, default=700, help="一問の条文の文字数の上限、見出しを含む（既定 700）")
    add("--holdout-laws", type=int, default=0, metavar="N", help="問題を unseen.json に取り分ける法令の数（既定 0）")
    add("--seed", type=int, default=42, help="乱数の種（既定 42）")
    add("--output", type=Path, required=True, metavar="DIR", help="書き出すフォルダ（questions.json、manifest.json）")
    add_options(program, RewordingModel)
    return program


def main(argv: Sequence[str]) -> int:
    arguments = parser().parse_args(argv)
    if (arguments.source is None) == (arguments.index_dir is None):
        raise ConfigError("--source と --index-dir のどちらか一つを指定してください。")
    for name, least in (("count", 1), ("max_context_chars", 100), ("holdout_laws", 0)):
        if getattr(arguments, name) < least:
            option = "--" + name.replace("_", "-")
            raise ConfigError(f"{option} {getattr(arguments, name)}: {least} 以上にしてください。")
    from ..core.locks import folder_lock
    from ..core.manifests import run_header
    from ..data.generation.writing import check_folder

    header = run_header(argv)
    inputs = {f"--exclude-questions {number}": path for number, path in enumerate(arguments.exclude_questions, 1)}
    check_folder(arguments.output, {"--source": arguments.source, **inputs})
    with folder_lock(arguments.output):
        return _generate(arguments, header)


def _generate(arguments: Any, header: dict[str, Any]) -> int:
    """Make the questions and write them; the exit code."""
    from ..core.files import sha256_file
    from ..data.generation.leaks import Excluded
    from ..data.generation.writing import QUESTIONS, UNSEEN, Floors, write_set
    from ..data.lawqa import load_questions
    from ..evaluation.results.floors import lexical_overlap, longest_choice

    excluded_files = {path: load_questions(path, exams=True) for path in arguments.exclude_questions}
    excluded = Excluded([question for questions in excluded_files.values() for question in questions])
    ask, model = _model(arguments)
    laws = _laws(arguments)
    sets = {}
    if arguments.holdout_laws:
        sets[UNSEEN] = _made(arguments, laws, excluded, unseen=True)
    sets = {QUESTIONS: _made(arguments, laws, excluded, unseen=False), **sets}
    if ask is not None:
        _reword(sets, ask, excluded)
    facts = {
        "run": header,
        "source": {"path": str(arguments.source or arguments.index_dir), "sha256": _source_hash(arguments)},
        "excluded": [
            {"path": str(path), "sha256": sha256_file(path), "questions": len(questions)}
            for path, questions in excluded_files.items()
        ],
        "excluded_articles": excluded.articles,
        "reword_model": model,
    }
    for line in write_set(
        arguments.output, facts, arguments.seed, sets, excluded, Floors(lexical_overlap, longest_choice)
    ):
        log(line)
    print(arguments.output / QUESTIONS)
    return 0


def _laws(arguments: Any) -> Iterator[Any]:
    """The laws to make questions from, in the order of the seed, each read when it is asked for."""
    from ..data.generation.sources import draw_laws, file_sources

    where = arguments.source or arguments.index_dir
    if arguments.source is not None:
        sources = file_sources(arguments.source)
    else:
        from datetime import date

        from ..retrieval.store.laws import stored_sources

        sources = stored_sources(arguments.index_dir, date.today())
    return draw_laws(sources, arguments.laws, arguments.law_type, arguments.seed, where)


def _source_hash(arguments: Any) -> str:
    """What tells this source from another: its content, or what the index was built from."""
    if arguments.source is not None:
        from ..data.generation.sources import source_sha256

        return source_sha256(arguments.source)
    from ..retrieval.index.manifest import read_manifest

    return read_manifest(arguments.index_dir).source_fingerprint


def _made(arguments: Any, laws: Iterator[Any], excluded: Any, *, unseen: bool) -> Any:
    """What came of the next laws: of ``--holdout-laws`` that give questions, or as many as ``--count`` needs."""
    from ..data.generation.kinds import Recipe
    from ..data.generation.making import Made, make
    from ..evaluation.results.floors import overlap

    chars = arguments.max_context_chars
    if unseen:
        recipe = Recipe(arguments.holdout_laws * UNSEEN_PER_LAW, arguments.seed, chars, UNSEEN_PER_LAW, max_ahead=1.0)
    else:
        recipe = Recipe(arguments.count, arguments.seed + 1, chars)
    made, shown = Made(), 0
    for made in make(laws, recipe, excluded, overlap):
        if len(made.settled) >= shown + SHOW_EVERY:
            shown = len(made.settled)
            log(f"{made.laws} 法令を読んで {shown} 問")
        if unseen and made.productive >= arguments.holdout_laws:
            break
    if unseen and made.productive < arguments.holdout_laws:
        raise DataError(
            f"{arguments.source or arguments.index_dir}: 問題を作れた法令は {made.productive} です"
            f"（--holdout-laws {arguments.holdout_laws}）。--holdout-laws を減らしてください。"
        )
    if not unseen and len(made.settled) < arguments.count:
        raise DataError(
            f"{arguments.source or arguments.index_dir}: 作れた問題は {len(made.settled)} 問です（--count {arguments.count}）。"
            "--count を減らすか、--laws・--law-type で法令を増やしてください。"
        )
    return made


def _model(arguments: Any) -> tuple[Any, dict[str, Any] | None]:
    """What answers a batch of prompts, and what names the model; (None, None) without ``--reword-backend``."""
    if arguments.llm_backend is None:
        return None, None
    from ..evaluation.running.plan import EvaluationPlan
    from ..evaluation.running.resolving import create_backend
    from ..llm.model_options import model_key, resolve_config

    options: RewordingModel = from_arguments(RewordingModel, arguments)
    config = resolve_config(options)
    plan = EvaluationPlan(context="none", top_k=0, scoring="text", budget_tokens=256, seed=arguments.seed)
    backend = create_backend(options, config.llm, plan)
    # Asked once before anything is made, so that a server that does not answer is found out first.
    backend.generate(["「はい」とだけ答えてください。"], max_new_tokens=8)
    return (
        lambda prompts: [answer.text for answer in backend.generate(prompts, max_new_tokens=256)],
        model_key(options, config.llm, None),
    )


def _reword(sets: dict[str, Any], ask: Any, excluded: Any) -> None:
    from ..data.generation.rewording import reworded

    for made in sets.values():
        words = reworded(made.settled, ask)
        made.settled = [
            new if not excluded.shared_run((new.request, *new.texts), new.draft.context) else old
            for old, new in zip(made.settled, progress(words, total=len(made.settled), label="言い換え"), strict=True)
        ]
