"""Make multiple-choice questions from the statutes, the truth of every candidate checked by rule."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from ..core.cli import JapaneseParser, log, progress
from ..core.errors import ConfigError, DataError
from ..core.options import add_options, as_words, faults, from_arguments, like, option, part, refuse
from ..core.rag_config import Backend
from ..llm.model_options import ModelOptions

EXAMPLES = (
    "python scripts/generate_questions.py --source sample/laws --law-type all --count 40 --output results/generated_sample",
    "python scripts/generate_questions.py --source data/egov/all_laws.zip --count 3000 --holdout-laws 25 "
    "--exclude-questions data/lawqa_jp/selection.json --output results/generated",
    "python scripts/generate_questions.py --index-dir data/index --count 500 --exclude-questions data/lawqa_jp/selection.json "
    "--reword-backend ollama --llm-model qwen3:8b --output results/generated_reworded",
)


UNSEEN_PER_LAW = 12  # questions of a law that is held out
SHOW_EVERY = 500  # questions


@dataclass(frozen=True, kw_only=True)
class RewordingModel(ModelOptions):
    """The model that rewords; none unless it is named."""

    llm_backend: Backend | None = like(
        ModelOptions, "llm_backend", name="--reword-backend", help="言い換えるモデルの動かし方（既定: 言い換えない）"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.llm_backend is None and (alone := as_words(self)):
            names = "、".join(word for word in alone if word.startswith("--"))
            raise ConfigError(
                f"{names} は言い換えるモデルのものです。--reword-backend を指定するか、外してください（指定がなければ言い換えません）。"
            )


@dataclass(frozen=True, kw_only=True)
class GenerationSettings:
    """From which statutes questions are made, how many, and what they keep clear of."""

    source: Path | None = field(default=None, metadata=option("法令XMLの zip かフォルダ（--index-dir とどちらか一つ）"))
    index_dir: Path | None = field(
        default=None,
        metadata=option("索引のフォルダ。そこに入っている、今日施行されている法令から作る"),
    )
    laws: tuple[str, ...] = field(
        default=(),
        metadata=option("使う法令の題名か法令ID（既定: すべてから --seed の順に）", metavar="LAW"),
    )
    law_type: Literal["act", "order", "ministerial", "all"] = field(
        default="act",
        metadata=option("法令の種類: act 法律、order 政令、ministerial 府省令、all すべて"),
    )
    count: int = field(default=3000, metadata=option("作る問題の数", least=1))
    exclude_questions: tuple[Path, ...] = field(
        default=(),
        metadata=option("評価に使う問題ファイル（外部の試験の JSON Lines も）。その条文と文を避ける", metavar="FILE"),
    )
    max_context_chars: int = field(default=700, metadata=option("一問の条文の文字数の上限、見出しを含む", least=100))
    holdout_laws: int = field(
        default=0, metadata=option("問題を unseen.json に取り分ける法令の数", metavar="N", least=0)
    )
    seed: int = field(default=42, metadata=option("乱数の種", least=0, below=2**32))
    output: Path = field(metadata=option("書き出すフォルダ（questions.json、manifest.json）", metavar="DIR"))
    model: RewordingModel = field(default_factory=RewordingModel, metadata=part(RewordingModel))

    def __post_init__(self) -> None:
        if (self.source is None) == (self.index_dir is None):
            raise ConfigError("--source と --index-dir のどちらか一つを指定してください。")
        refuse(faults(self))

    @property
    def place(self) -> Path:
        """Where the statutes come from."""
        place = self.source or self.index_dir
        assert place is not None
        return place


def parser() -> JapaneseParser:
    program = JapaneseParser("法令の条文から、選択肢の正誤を規則で確かめた問題を作る。", EXAMPLES)
    add_options(program, GenerationSettings)
    return program


def main(argv: Sequence[str]) -> int:
    settings: GenerationSettings = from_arguments(GenerationSettings, parser().parse_args(argv))
    from ..core.locks import folder_lock
    from ..core.manifests import run_header
    from ..data.generation.writing import check_folder

    header = run_header(argv)
    inputs = {f"--exclude-questions {number}": path for number, path in enumerate(settings.exclude_questions, 1)}
    check_folder(settings.output, {"--source": settings.source, **inputs})
    with folder_lock(settings.output):
        return _generate(settings, header)


def _generate(settings: GenerationSettings, header: dict[str, Any]) -> int:
    """Make the questions and write them; the exit code."""
    from ..core.files import sha256_file
    from ..data.generation.leaks import Excluded
    from ..data.generation.writing import QUESTIONS, UNSEEN, Floors, write_set
    from ..data.lawqa import load_questions
    from ..evaluation.results.floors import lexical_overlap, longest_choice

    # Of what is read, not of what lies there when hours of rewording have ended.
    for path in settings.exclude_questions:
        if path.exists() and not path.is_file():
            raise ConfigError(
                f"--exclude-questions {path}: ファイルではありません。中身の記録が残せないので、ファイルに書いて指定してください。"
            )
    hashes = {path: sha256_file(path) for path in settings.exclude_questions if path.exists()}
    source_sha256 = _source_hash(settings)
    excluded_files = {path: load_questions(path, exams=True) for path in settings.exclude_questions}
    excluded = Excluded([question for questions in excluded_files.values() for question in questions])
    ask, model = rewording_model(settings.model, settings.seed)
    laws = _laws(settings)
    sets = {}
    if settings.holdout_laws:
        sets[UNSEEN] = _made(settings, laws, excluded, unseen=True)
    sets = {QUESTIONS: _made(settings, laws, excluded, unseen=False), **sets}
    if ask is not None:
        _reword(sets, ask, excluded)
    if _source_hash(settings) != source_sha256:
        raise DataError(
            f"{settings.place}: 問題を作っている間に中身が変わりました。もう一度実行してください（何も書いていません）。"
        )
    facts = {
        "run": header,
        "source": {"path": str(settings.place), "sha256": source_sha256},
        "excluded": [
            {"path": str(path), "sha256": hashes[path], "questions": len(questions)}
            for path, questions in excluded_files.items()
        ],
        "excluded_articles": excluded.articles,
        "reword_model": model,
    }
    for line in write_set(
        settings.output, facts, settings.seed, sets, excluded, Floors(lexical_overlap, longest_choice)
    ):
        log(line)
    print(settings.output / QUESTIONS)
    return 0


def _laws(settings: GenerationSettings) -> Iterator[Any]:
    """The laws to make questions from, in the order of the seed, each read when it is asked for."""
    from ..data.generation.law.sources import draw_laws, file_sources

    where = settings.place
    if settings.source is not None:
        sources = file_sources(settings.source)
    else:
        from datetime import date

        from ..retrieval.store.laws import stored_sources

        sources = stored_sources(settings.place, date.today())
    return draw_laws(sources, settings.laws, settings.law_type, settings.seed, where)


def _source_hash(settings: GenerationSettings) -> str:
    """What tells this source from another: its content, or what the index was built from."""
    if settings.source is not None:
        from ..data.generation.law.sources import source_sha256

        return source_sha256(settings.source)
    from ..retrieval.index.manifest import read_manifest

    return read_manifest(settings.place).source_fingerprint


def _made(settings: GenerationSettings, laws: Iterator[Any], excluded: Any, *, unseen: bool) -> Any:
    """What came of the next laws: of ``--holdout-laws`` that give questions, or as many as ``--count`` needs."""
    from ..data.generation.kinds.recipes import Recipe
    from ..data.generation.making import Made, make
    from ..evaluation.results.floors import overlap

    chars = settings.max_context_chars
    if unseen:
        recipe = Recipe(settings.holdout_laws * UNSEEN_PER_LAW, settings.seed, chars, UNSEEN_PER_LAW, max_ahead=1.0)
    else:
        recipe = Recipe(settings.count, settings.seed + 1, chars)
    made, shown = Made(), 0
    for made in make(laws, recipe, excluded, overlap):
        if len(made.settled) >= shown + SHOW_EVERY:
            shown = len(made.settled)
            log(f"{made.laws} 法令を読んで {shown} 問")
        if unseen and made.productive >= settings.holdout_laws:
            break
    if unseen and made.productive < settings.holdout_laws:
        raise DataError(
            f"{settings.place}: 問題を作れた法令は {made.productive} です"
            f"（--holdout-laws {settings.holdout_laws}）。--holdout-laws を減らしてください。"
        )
    if not unseen and len(made.settled) < settings.count:
        raise DataError(
            f"{settings.place}: 作れた問題は {len(made.settled)} 問です（--count {settings.count}）。"
            "--count を減らすか、--laws・--law-type で法令を増やしてください。"
        )
    return made


def rewording_model(options: RewordingModel, seed: int) -> tuple[Any, dict[str, Any] | None]:
    """What answers a batch of prompts, and what names the model; (None, None) without ``--reword-backend``."""
    if options.llm_backend is None:
        return None, None
    from ..evaluation.running.plan import EvaluationPlan
    from ..evaluation.running.resolving import create_backend
    from ..llm.model_options import model_key, resolve_config

    config = resolve_config(options)
    plan = EvaluationPlan(context="none", top_k=0, scoring="text", budget_tokens=256, seed=seed)
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
