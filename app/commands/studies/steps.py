"""The steps of a two-stage study: each a program with its settings, and what is there when it has ended."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ...core.options import as_words
from ...data.record_settings import RecordSettings
from ...evaluation.running.settings import EvaluationSettings
from ...llm.model_options import ModelOptions
from ...retrieval.index.settings import IndexSettings
from ...training.config import TrainConfig
from ..cross_fitting.settings import CrossFitSettings
from ..generate_questions import GenerationSettings
from ..split_selection_dataset import SplitSettings

CONTEXTS = ("gold", "none", "removed")
# What is shown though it is the default: a reader of the plan looks for it.
SHOWN = (
    "seed",
    "learning_rate",
    "batch_size",
    "gradient_accumulation_steps",
    "num_epochs",
    "folds",
    "context",
    "count",
)
# What a cross-fit tells every training by itself, and what the objective brings along.
OF_FOLDS = ("model_name", "train_file", "eval_file", "output_dir", "seed", "share_prefix")


@dataclass(frozen=True, slots=True)
class Step:
    """One program of the study, in a process of its own: what a step held of memory and of the card is gone when the next
    begins, what it prints is what is kept, and ``--plan`` shows the commands that a reader could run instead.

    name       what it does, as the progress says it
    program    name of the script
    arguments  its arguments
    product    what is there when it has ended
    keep       file that gets what the program prints; None where nothing is kept
    """

    name: str
    program: str
    arguments: tuple[str, ...]
    product: Path
    keep: Path | None = None


def study(arguments: argparse.Namespace) -> list[Step]:
    """Every step in its order."""
    out, model = arguments.output_dir, arguments.model_name
    made, unseen, index, stage = out / "generated", out / "unseen", out / "index", out / "stage1"
    generation = GenerationSettings(
        source=arguments.laws,
        law_type=arguments.law_type,
        count=arguments.count,
        holdout_laws=arguments.holdout_laws,
        max_context_chars=arguments.max_context_chars,
        exclude_questions=(arguments.data,),
        output=made,
        seed=arguments.seed,
    )
    split = SplitSettings(
        lawqa_path=made / "unseen.json", output_dir=unseen, train=0.1, dev=0.2, test=0.7, seed=arguments.seed
    )
    # Two questions at a time where that makes up the step exactly; the step is what the study is told.
    together = 2 if arguments.batch % 2 == 0 else 1
    # What both stages train with; the second is started from the first.
    common = TrainConfig(
        model_name=model,
        objective="choice",
        train_file=out / "train.jsonl",
        output_dir=stage,
        batch_size=together,
        gradient_accumulation_steps=arguments.batch // together,
        # Each question is seen once or thrice, and drawing the masks slows a CPU down (docs/experiments.md).
        lora_dropout=0.0,
        activation_checkpointing=False,
        use_4bit=arguments.use_4bit,
        seed=arguments.seed,
    )
    first = replace(
        common,
        eval_file=out / "dev.jsonl",
        learning_rate=float(arguments.learning_rate),
        num_epochs=1,
        eval_steps=50,
        save_steps=10,
    )
    second = replace(
        common,
        init_adapter=stage,
        learning_rate=float(arguments.second_learning_rate),
        num_epochs=arguments.second_epochs,
    )
    crossed = CrossFitSettings(
        data=arguments.data,
        model_name=model,
        output_dir=out / "stage2",
        folds=arguments.folds,
        seeds=arguments.seeds,
        seed=arguments.seed,
        context="gold",
        reading_test=True,
        index_dir=index,
        cited_words=arguments.cited_words,
        training=second,
    )
    return [
        step("法令から問題を作る", "generate_questions", made / "manifest.json", generation),
        step("学習に使わない法令の問題を dev と評価に分ける", "split_selection_dataset", unseen / "split.json", split),
        step("法令の索引を作る", "build_index", index / "manifest.json", IndexSettings(source=arguments.laws, index_dir=index)),
        *(step(f"第一段の{name}レコードを作る", "build_finetune_dataset", out / f"{side}.manifest.json",
               RecordSettings(lawqa_path=source, form="choice", context="gold", cited_words=arguments.cited_words,
                              output_path=out / f"{side}.jsonl"))
          for name, side, source in (("学習", "train", made / "questions.json"), ("dev ", "dev", unseen / "dev.json"))),
        step("第一段: 作った問題で学習する", "train_qwen_law_ft", stage / "run.json", None,
             *as_words(first, always=SHOWN, without=("share_prefix",)), "--resume"),
        *(one for name, adapter in (("調整前", None), ("第一段の後", stage)) for one in asked(arguments, name, adapter)),
        *(compared(out, name, before, after) for name, before, after in (
            ("学習に使わない法令から作った問題", "base_unseen", "stage1_unseen"),
            ("実在の問題（正解の条文あり）、第一段", "base_gold", "stage1_gold"))),
        step("第二段: 実在の問題で仕上げ、交差適合で評価する", "cross_fit", out / "stage2_reading.txt", crossed,
             *as_words(second, always=SHOWN, without=OF_FOLDS), keep=out / "stage2_reading.txt"),
        *added(arguments, stage),
    ]  # fmt: skip


def asked(arguments: argparse.Namespace, name: str, adapter: Path | None) -> list[Step]:
    """The evaluations of one model: unseen generated questions, then the real ones with, without and around the law."""
    unseen = arguments.output_dir / "unseen" / "test.json"
    return [
        evaluation(arguments, f"{name}のモデルを評価する: 作った問題", "unseen", adapter, unseen),
        *(evaluation(arguments, f"{name}のモデルを評価する: 実在の問題（{context}）", context, adapter, arguments.data, context)
          for context in CONTEXTS),
    ]  # fmt: skip


def added(arguments: argparse.Namespace, stage: Path) -> list[Step]:
    """The outside exam with retrieved articles, and the real questions by letters, before and after the first stage."""
    places = []
    if arguments.exam is not None:
        places.append(("ほかの試験（検索した条文）、第一段", "exam", arguments.exam, "rag", "choice"))
    if arguments.letters:
        places.append(("実在の問題（正解の条文あり）を文字で、第一段", "letters", arguments.data, "gold", "letter"))
    return [
        one
        for name, end, data, context, scoring in places
        for one in (
            *(evaluation(arguments, f"{name}の{when}", end, adapter, data, context, scoring)
              for when, adapter in (("前", None), ("後", stage))),
            compared(arguments.output_dir, name, f"base_{end}", f"stage1_{end}"),
        )
    ]  # fmt: skip


def evaluation(
    arguments: argparse.Namespace,
    name: str,
    end: str,
    adapter: Path | None,
    data: Path,
    context: str = "gold",
    scoring: str = "choice",
) -> Step:
    """The evaluation of the untuned model or of the first stage's, written to ``base_END.json`` or ``stage1_END.json``."""
    result = arguments.output_dir / f"{'base' if adapter is None else 'stage1'}_{end}.json"
    model = ModelOptions(hf_model_name=arguments.model_name, hf_load_in_4bit=arguments.use_4bit, hf_lora_path=adapter)
    settings = EvaluationSettings(
        data=data,
        output=result,
        context=context,  # type: ignore[arg-type]  # one of EvaluationSettings' own
        index_dir=arguments.output_dir / "index",
        model=model,
        scoring=scoring,  # type: ignore[arg-type]  # as above
        cited_words=(arguments.cited_words and scoring == "choice") or None,
        seed=arguments.seed,
    )
    return step(name, "evaluate_multiple_choice", result, settings, "--resume")


def compared(out: Path, name: str, before: str, after: str) -> Step:
    """The comparison of two results."""
    results = (out / f"{before}.json", out / f"{after}.json")
    return step(name, "compare_runs", out / f"{after}.txt", None, *results, keep=out / f"{after}.txt")


def step(name: str, program: str, product: Path, settings: Any = None, *more: object, keep: Path | None = None) -> Step:
    """A step whose arguments are ``settings`` as words, and ``more``: how the program runs, or files without an option."""
    words = [] if settings is None else as_words(settings, always=SHOWN)
    return Step(name, program, (*words, *map(str, more)), product, keep)
