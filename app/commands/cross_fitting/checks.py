"""What a cross-fit refuses before anything runs, for which files have to be looked into."""

from __future__ import annotations

import os
from collections.abc import Sequence

from ...core.errors import ConfigError, DataError
from ...core.files import read_json
from ...core.outputs import REPORT, Output, check_outputs
from ...core.questions import LETTERS, Question
from ...core.runs import same_index
from ...llm.model_options import check_environment
from ...retrieval.question_contexts import open_pipeline, searched_facts
from ...training.ranks import card_of_rank, check_alone
from .answers import unanswered, wanted
from .parts import all_units, units_of
from .settings import CrossFitSettings


def checked_questions(settings: CrossFitSettings) -> list[Question]:
    """The questions of ``--data``, when nothing stands against the whole. Raises ConfigError or DataError otherwise."""
    from ...data.lawqa import load_questions
    from ...data.record_pool import read_record_pool

    if settings.report:
        inputs = {"--data": settings.data, "--train-records": settings.train_records}
        check_outputs([Output("--report", settings.report, REPORT)], inputs)
    check_alone(os.environ, "組を同時に行うなら --workers")
    check_environment(four_bits=settings.training.use_4bit and settings.training.bnb_4bit_compute_dtype is None)
    cards(settings.workers)
    units_of(all_units(settings), settings.shard)
    questions = load_questions(settings.data)
    if settings.training.objective == "letter":
        _check_four_choices(settings, questions)
    if settings.train_records is not None:
        read_record_pool(settings.train_records, questions, settings.mode)
    if settings.reading_test or settings.searches:
        from ...retrieval.question_contexts import context_plan

        context_plan("rag", settings.top_k, settings.index_dir)  # raises without an index
    if settings.reading_test:
        _check_reading_test(settings, questions)
    if settings.training.init_adapter is not None:
        _check_initial_adapter(settings, questions)
    return questions


def cards(workers: int) -> list[str]:
    """The card of each worker, none on a CPU or for one worker. Raises ConfigError for more workers than cards."""
    if workers == 1:
        return []
    import torch

    count = torch.cuda.device_count()
    if count and workers > count:
        raise ConfigError(f"--workers {workers} は GPU の枚数 {count} を超えています。一組に一枚要ります。")
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    return [card_of_rank(number, visible, count) for number in range(workers)] if count else []


def _check_initial_adapter(settings: CrossFitSettings, questions: Sequence[Question]) -> None:
    """Raise DataError when the adapter that every fold starts from has seen one of the questions or other prompts."""
    from ...evaluation.running.conversations import questions_seen
    from ...training.model.initial_adapter import check_words_alike, read_initial_adapter

    initial = read_initial_adapter(settings.training)
    assert initial is not None
    check_words_alike(initial, settings.form, cited_words=settings.cited_words)
    place = settings.training.init_adapter
    seen = questions_seen(initial.manifest, questions, str(place))
    if names := [*seen.by_id, *seen.by_content, *seen.dev]:
        raise DataError(
            f"--init-adapter {place}: --data の {len(names)} 問が学習か dev に使われています"
            f"（最初は {names[0]}）。--exclude-questions でこの問題を除いて作った問題で学習したアダプタを指定してください。"
        )


def _check_reading_test(settings: CrossFitSettings, questions: Sequence[Question]) -> None:
    """Refuse a reading test that cannot be made: questions without articles, another index than that of the parts that are
    there, adapters that are gone."""
    from ...evaluation.running.asking import check_questions
    from ...evaluation.running.plan import EvaluationPlan

    check_questions(questions, EvaluationPlan(context="removed", top_k=settings.top_k, scoring="choice", orders=1))
    _check_reading_index(settings)
    for seed in settings.all_seeds:
        if not unanswered(settings, settings.seed_dir(seed) / "tuned.json"):
            continue
        for fold in settings.fold_dirs(seed):
            missing = (fold / "tuned.json").exists() and unanswered(settings, fold / "tuned.json")
            if missing and not (fold / "adapter" / "run.json").exists():
                raise ConfigError(
                    f"{fold / 'adapter'}: この組のアダプタがないので、文脈を変えて尋ねられません。"
                    "アダプタを元の場所に戻すか、別の --output-dir ではじめから行ってください。"
                )


def _check_four_choices(settings: CrossFitSettings, questions: Sequence[Question]) -> None:
    """Raise DataError for a question that the letter objective does not take, before the untuned model is asked."""
    for question in questions:
        if len(question.choices) != len(LETTERS):
            raise DataError(
                f"{settings.data}: 問題 {question.id} の選択肢は {len(question.choices)} 個です。--objective letter"
                f"（文字の形の既定）は {len(LETTERS)} 個の問題だけです。--objective choice にするか、--objective text を付けてください。"
            )


def _check_reading_index(settings: CrossFitSettings) -> None:
    """Raise ConfigError when a part of the reading test was asked over another index: hours later it could not be pooled."""
    answers = [settings.output_dir / "base.json"]
    for seed in settings.all_seeds:
        answers += [folder / "tuned.json" for folder in (settings.seed_dir(seed), *settings.fold_dirs(seed))]
    removed = [wanted(settings, path)["removed"] for path in answers]
    if all(path.exists() for path in removed):
        return  # nothing is asked any more
    index = searched_facts(open_pipeline(settings.top_k, settings.index_dir))
    for path in removed:
        if path.exists() and not same_index((read_json(path).get("run") or {}).get("index"), index):
            raise ConfigError(
                f"{path}: 別の索引か検索の設定で尋ねた結果です。同じ索引と設定にするか、{settings.output_dir} の中の"
                "「_removed」の付くファイルを別の場所へ移すと、いまの索引で尋ね直します。"
            )
