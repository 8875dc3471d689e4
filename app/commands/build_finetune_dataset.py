"""Write fine-tuning records (JSONL) from law questions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..core.cli import JapaneseParser, log, progress
from ..core.files import sha256_file, write_json
from ..core.manifests import run_header
from ..core.options import add_options, typed_settings
from ..core.outputs import RECORDS, Output, check_outputs, json_kind
from ..core.prompts import prompt_version
from ..core.questions import Question
from ..core.rag_config import load_config
from ..data.context import ContextPlan
from ..data.few_shot import few_shot_from
from ..data.finetune import Built, build_records, build_statistics, describe, standard_name
from ..data.lawqa import load_questions
from ..data.mixing import Part, mixed, read_share, rest_share
from ..data.preview import marked_text, marked_tokens
from ..data.record_settings import RecordSettings
from ..data.records import MODES, write_records
from ..retrieval.question_contexts import context_plan

EXAMPLES = (
    "python scripts/build_finetune_dataset.py --lawqa-path sample/selection.json --no-rag --mode direct "
    "--output-path results/finetune/ft_direct_full_norag.jsonl",
    "python scripts/build_finetune_dataset.py --lawqa-path data/lawqa_jp/selection.json --all --index-dir data/index",
    "python scripts/build_finetune_dataset.py --lawqa-path sample/selection.json --mode cot --context gold --preview 3",
    "python scripts/build_finetune_dataset.py --lawqa-path results/split/train.json --context distractors --top-k 3 "
    "--without-gold 0.2 --orders 4 --index-dir data/index --output-path results/finetune/ft_direct_distractors.jsonl",
    "python scripts/build_finetune_dataset.py --lawqa-path results/split/train.json --form choice --context gold "
    "--output-path results/finetune/choice_gold.jsonl",
    "python scripts/build_finetune_dataset.py --lawqa-path results/split/train.json --mix results/generated/questions.json=0.7 "
    "--form choice --context gold --output-path results/finetune/choice_mixed.jsonl",
)


def parser() -> JapaneseParser:
    parser = JapaneseParser("法令の四択問題から、学習用レコード（JSONL）を作る。", EXAMPLES)
    add_options(parser, RecordSettings)
    return parser


def main(argv: Sequence[str]) -> int:
    program = parser()
    settings: RecordSettings = typed_settings(program, RecordSettings, program.parse_args(argv))
    target = write_dataset(settings, run_header(argv))
    if target is not None:
        print(target)
    return 0


def write_dataset(settings: RecordSettings, header: Mapping[str, Any]) -> Path | None:
    """Write the records and their manifest, and print what ``--preview`` asks for; the manifest's path, None for a
    preview alone."""
    questions, datasets, sources = _questions(settings)
    jobs: list[tuple[Path | None, str, ContextPlan]]
    top_k = _top_k(settings)
    if settings.all_four:
        plans = [context_plan("none", 0, None), context_plan("rag", top_k, settings.index_dir)]
        folder = settings.output_path or Path("results/finetune")
        jobs = [(folder / standard_name(mode, plan), mode, plan) for plan in plans for mode in MODES]
    else:
        plan = context_plan(settings.source, top_k, settings.index_dir,
                            questions=questions, without_gold=settings.share_without_gold, seed=settings.seed)  # fmt: skip
        jobs = [(settings.output_path, settings.mode or "direct", plan)]
    paths = [path for path, *_ in jobs if path is not None]
    target = None
    if paths:
        target = paths[0].parent / "manifest.json" if settings.all_four else paths[0].with_suffix(".manifest.json")
    if target is not None:
        manifest_file = Output("--output-path の記録", target, json_kind("finetune_records"))
        check_outputs(
            [*(Output("--output-path", path, RECORDS) for path in paths), manifest_file],
            {
                "--lawqa-path": settings.lawqa_path,
                "--few-shot-path": settings.few_shot_path,
                **{f"--mix {entry['path']}": Path(entry["path"]) for entry in sources[1:]},
            },
        )
    examples = few_shot_from(settings.few_shot_path) if settings.few_shot or settings.few_shot_path else None
    manifest: dict[str, Any] = {
        "kind": "finetune_records",
        "run": header,
        "source": sources[0],
        **({"mixed": sources[1:]} if sources[1:] else {}),
        "prompt_version": prompt_version(settings.form),
        "form": settings.form,
        **({"cited_words": True} if settings.cited_words else {}),
        "seed": settings.seed,
        "few_shot_source": examples.source if examples else None,
        "few_shot_path": str(settings.few_shot_path) if settings.few_shot_path else None,
        "files": {},
    }  # fmt: skip
    for path, mode, plan in jobs:
        built = build_records(
            progress(questions, total=len(questions), label=f"{mode}・{plan.source}"), mode, plan,
            orders=settings.orders, form=settings.form, dataset=datasets,
            few_shot=examples, cited_words=settings.cited_words,
        )  # fmt: skip
        _preview(built, settings)
        if path is not None:
            if target is not None:
                target.unlink(missing_ok=True)  # after a kill it would speak of what is no longer there
            write_records(path, [one.record for one in built])
            share = {"without_gold": settings.share_without_gold} if plan.source == "distractors" else {}
            statistics = build_statistics(built, {question.id: question for question in questions})
            manifest["files"][path.name] = {"mode": mode, "context": plan.source, "top_k": plan.top_k,
                                            "retriever_type": plan.retriever_type, **share, "sha256": sha256_file(path), **statistics}  # fmt: skip
            log(f"{path}: {len(built)} 件 （{describe(statistics)}）")
    if target is not None:
        write_json(target, manifest)
    return target


def _top_k(settings: RecordSettings) -> int:
    """How many articles a record is shown, as an evaluation takes it: from the environment where nothing is said, which
    is not looked into without a search."""
    if not settings.searches:
        return 0
    return load_config().retriever.top_k if settings.top_k is None else settings.top_k


def _questions(settings: RecordSettings) -> tuple[list[Question], dict[str, str], list[dict[str, Any]]]:
    """The questions to write, the data set of each by id, and what the manifest says about each file."""
    first = load_questions(settings.lawqa_path)
    if not settings.mix:
        questions = first[: settings.samples]
        dataset = settings.lawqa_path.resolve().parent.name
        return questions, {one.id: dataset for one in questions}, [_source(settings.lawqa_path, len(questions))]
    others = [read_share(text) for text in settings.mix]
    parts = [
        Part(settings.lawqa_path, rest_share([share for _, share in others]), tuple(first)),
        *(Part(path, share, tuple(load_questions(path))) for path, share in others),
    ]
    drawn = mixed(parts, settings.seed, settings.samples)
    sources = []
    for part, used in zip(parts, drawn.used, strict=True):
        sources.append(_source(part.path, used) | {"of": len(part.questions), "share": float(part.share)})
        log(f"{part.path}: {len(part.questions)} 問のうち {used} 問（{used / len(drawn.questions):.1%}）")
    return list(drawn.questions), drawn.datasets, sources


def _source(path: Path, questions: int) -> dict[str, Any]:
    return {"path": str(path), "sha256": sha256_file(path), "questions": questions}


def _preview(built: Sequence[Built], settings: RecordSettings) -> None:
    if settings.preview <= 0:
        return
    tokenizer = None
    if settings.tokenizer:
        from ..llm.loading import load_tokenizer

        tokenizer = load_tokenizer(settings.tokenizer)
    for one in built[: settings.preview]:
        print(f"--- {one.record.row_id}（{one.record.meta['mode']}）")
        print(marked_text(one.record) if tokenizer is None else marked_tokens(one.record, tokenizer))
