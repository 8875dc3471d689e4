"""The work of a cross-fit: the untuned model's evaluation and every fold, as jobs that share nothing but files they read."""

from __future__ import annotations

from pathlib import Path

from ...core.cli import log
from ...core.manifests import run_header
from ...core.options import as_words
from ...core.workers import Job
from .answers import evaluate_left, release_memory, unanswered
from .parts import all_units, units_of
from .settings import CrossFitSettings


def jobs_left(settings: CrossFitSettings, questions: int) -> list[Job]:
    """Of this part: the untuned evaluation and every fold of which something is missing. Each seed is split here."""
    from .. import split_selection_dataset as splitting

    folder, jobs = settings.output_dir, []
    mine = {unit.place: unit.name for unit in units_of(all_units(settings), settings.shard)}
    if None in mine and unanswered(settings, folder / "base.json"):
        jobs.append(Job(mine[None], folder / "base_log.txt", untuned, (settings, questions)))
    for seed in settings.all_seeds:
        place = settings.seed_dir(seed)
        if not unanswered(settings, place / "tuned.json"):
            continue
        if not (place / "folds" / "split.json").exists():
            split = splitting.SplitSettings(
                lawqa_path=settings.data, output_dir=place / "folds", folds=settings.folds, seed=seed,
                train=1 - settings.dev, dev=settings.dev,
            )  # fmt: skip
            splitting.write_split(split, run_header(as_words(split)))
        for fold in settings.fold_dirs(seed):
            name = mine.get(fold.relative_to(folder))
            if name is not None and unanswered(settings, fold / "tuned.json"):
                jobs.append(Job(name, fold / "log.txt", one_fold, (settings, name, fold, seed)))
    return jobs


def untuned(settings: CrossFitSettings, questions: int) -> None:
    """Evaluate the model as it is on all questions."""
    log(f"調整前のモデルを {questions} 問で評価します。")
    evaluate_left(settings, settings.data, settings.output_dir / "base.json", None)


def one_fold(settings: CrossFitSettings, name: str, fold: Path, seed: int) -> None:
    """Train without the articles of a fold unless that is done, and evaluate on its questions."""
    from ...training.rank_group import joined
    from .. import train_qwen_law_ft

    split = fold.parent / "folds" / fold.name
    if not (fold / "tuned.json").exists():  # else another context is missing
        log(f"{name}を学習します。")
        _write_records(settings, split, fold, seed)
        config = settings.fold_training(fold, seed)
        with joined():
            train_qwen_law_ft.run_training(config, [*as_words(config), "--resume"], resume=True, plan=settings.plan)
        release_memory()
    evaluate_left(settings, split / "test.json", fold / "tuned.json", fold / "adapter")


def _write_records(settings: CrossFitSettings, split: Path, fold: Path, seed: int) -> None:
    """``train.jsonl`` of the fold, and ``dev.jsonl`` where a part of its questions is set apart."""
    from ...data.lawqa import load_questions
    from ...data.record_pool import read_record_pool
    from ...data.records import write_records
    from ..build_finetune_dataset import write_dataset

    made = [] if settings.train_records else [settings.records(split / "train.json", fold / "train.jsonl", seed)]
    if settings.train_records is not None:
        pool = read_record_pool(settings.train_records, load_questions(settings.data), settings.mode)
        write_records(fold / "train.jsonl", pool.of(load_questions(split / "train.json")))
    if settings.dev > 0:
        made.append(settings.records(split / "dev.json", fold / "dev.jsonl", None))
    for one in made:
        write_dataset(one, run_header(as_words(one)))
