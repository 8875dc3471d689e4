"""Whether results may be compared: the same questions, asked in the same way, by models that answered them all."""

from __future__ import annotations

from collections.abc import Sequence

from ...core.errors import DataError
from ..results.doubts import unread_reason
from ..results.file import Result
from ..results.outcomes import Outcome
from ..running.plan import RETRIEVED
from .run_differences import differences, rewrites_itself

_SHOWN = 3  # question ids named in a message
# What two runs may differ in and still have to show every question the same words of the law (``run_differences``).
_OTHER_LAW = {"context", "retrieval"}
_OTHER_PROMPT = _OTHER_LAW | {"reasoning", "few_shot", "cited_words", "scoring"}


def aligned_outcomes(results: Sequence[Result]) -> list[tuple[Outcome, ...]]:
    """For each question, in the order of the first result, its outcome in every result.

    Raises DataError, one line, when the results may not be compared: fewer than two, one file twice, other questions,
    another text or gold answer under the same id, other prompts, another number of orders or way of reading, questions
    that failed, too many answers that could not be read, or questions that a model was trained on.
    """
    if len(results) < 2:
        raise DataError("比べる評価結果が 2 つ以上必要です。結果のファイルを 2 つ以上指定してください。")
    first = results[0]
    for number, result in enumerate(results):
        if any(result.path.resolve() == earlier.path.resolve() for earlier in results[:number]):
            raise DataError(f"{result.path}: 同じファイルが 2 回指定されています。別の評価結果を指定してください。")
        _check_alone(result)
    by_id = [{outcome.id: outcome for outcome in result.outcomes} for result in results]
    for result, outcomes in zip(results[1:], by_id[1:], strict=True):
        _check_questions(first, by_id[0], result, outcomes)
        _check_asking(first, result)
        _check_prompts(first, by_id[0], result, outcomes)
    return [tuple(outcomes[outcome.id] for outcomes in by_id) for outcome in first.outcomes]


def _check_alone(result: Result) -> None:
    if not result.outcomes:
        raise DataError(f"{result.path}: 問題が 1 問もありません。評価をやり直してください。")
    failed = [outcome.id for outcome in result.outcomes if any(answer.error for answer in outcome.answers)]
    if failed:
        raise DataError(
            f"{result.path}: モデルが答えられなかった（failed）問題が {len(failed)} 問あります（{_named(failed)}）。"
            "評価を --resume で終わらせてから比べてください。"
        )
    if (unread := unread_reason(result.outcomes)) is not None:
        raise DataError(f"{result.path}: 読み取れない答えが多く、比べても差はモデルの差ではありません（{unread}）。")
    orders: dict[int, set[tuple[str, ...]]] = {}
    for outcome in result.outcomes:
        orders.setdefault(len(outcome.choices), set()).add(tuple(answer.order for answer in outcome.answers))
    if any(len(each) > 1 for each in orders.values()):
        raise DataError(f"{result.path}: 問題によって選択肢の順序の数が違います。評価をやり直してください。")
    scored = [outcome.id for outcome in result.outcomes if has_logprobs(outcome)]
    if (scored and len(scored) < len(result.outcomes)) or (not scored and result.facts.plan.scoring != "text"):
        missing = [outcome.id for outcome in result.outcomes if not has_logprobs(outcome)]
        raise DataError(
            f"{result.path}: 文字の確率（logprobs）のない問題が {len(missing)} 問あります（{_named(missing)}）。"
            "評価をやり直してください。"
        )
    trained = result.facts.trained_ids
    if trained:
        raise DataError(
            f"{result.path}: モデルが学習した問題 {len(trained)} 問で採点しています（dev の問題を含む。{_named(trained)}）。"
            "学習に使っていない問題で評価し直してください。"
        )


def _check_questions(first: Result, expected: dict[str, Outcome], result: Result, found: dict[str, Outcome]) -> None:
    missing = [question_id for question_id in expected if question_id not in found]
    extra = [question_id for question_id in found if question_id not in expected]
    if missing or extra:
        raise DataError(
            f"{first.path} と {result.path}: 問題が違います（前者だけ {len(missing)} 問、後者だけ {len(extra)} 問、"
            f"例: {_named(missing + extra)}）。同じ問題ファイルで評価した結果を指定してください。"
        )
    changed = [
        question_id
        for question_id, outcome in expected.items()
        if (outcome.question_sha256, outcome.correct, dict(outcome.choices))
        != (found[question_id].question_sha256, found[question_id].correct, dict(found[question_id].choices))
    ]
    if changed:
        raise DataError(
            f"{first.path} と {result.path}: 同じ ID で中身の違う問題が {len(changed)} 問あります（{_named(changed)}）。"
            "同じ問題ファイルで評価した結果を指定してください。"
        )


def _check_asking(first: Result, result: Result) -> None:
    pair = f"{first.path} と {result.path}"
    forms = (first.outcomes[0].form, result.outcomes[0].form)
    if forms[0] != forms[1]:
        raise DataError(
            f"{pair}: 問題の形が違います（{forms[0]} と {forms[1]}）。どちらも同じ --scoring で評価してください。"
        )
    versions = (first.facts.prompt_version, result.facts.prompt_version)
    if versions[0] != versions[1]:
        raise DataError(
            f"{pair}: プロンプトの版が違います（{versions[0]!r} と {versions[1]!r}）。同じ版のプログラムで評価し直してください。"
        )
    orders = (orders_of(first), orders_of(result))
    if orders[0] != orders[1]:
        raise DataError(
            f"{pair}: 選択肢の順序が違います（{len(orders[0])} 通りと {len(orders[1])} 通り）。"
            "どちらも同じ --orders で評価してください。"
        )
    if first.outcomes[0].ensemble != result.outcomes[0].ensemble:
        raise DataError(
            f"{pair}: 一方は多数決、他方は確率の平均で採点しています。"
            "評価し直して、どちらかにそろえてください（既定は確率の平均、--majority で多数決）。"
        )
    scored = (has_logprobs(first.outcomes[0]), has_logprobs(result.outcomes[0]))
    if scored[0] != scored[1]:
        raise DataError(
            f"{pair}: 一方は文字の確率、他方は書かれた文章で採点しています。どちらも同じ --scoring で評価してください。"
        )


def _check_prompts(first: Result, expected: dict[str, Outcome], result: Result, found: dict[str, Outcome]) -> None:
    """That runs whose settings call for the same words had the same words: another edition of the statutes under the same
    question, or an index that was read on another day, would pass for what the adapter does."""
    varied = set(differences(first.facts, result.facts))
    if first.facts.plan.context in RETRIEVED and rewrites_itself(first.facts):
        varied.add("retrieval")  # each model searches with words of its own
    changed = [
        question_id
        for question_id, outcome in expected.items()
        if (not varied & _OTHER_LAW and outcome.context != found[question_id].context)
        or (not varied & _OTHER_PROMPT and _prompts(outcome) != _prompts(found[question_id]))
    ]
    if changed:
        retrieved = "索引は評価した日に施行されている条文を引くので、どちらも同じ日に、または --as-of で作った索引で"
        raise DataError(
            f"{first.path} と {result.path}: 尋ね方の設定は同じなのに、モデルに示した条文か文の違う問題が {len(changed)} 問あります"
            f"（{_named(changed)}）。{retrieved if first.facts.plan.context in RETRIEVED else '同じ問題ファイルで'}評価し直してください。"
        )


def _prompts(outcome: Outcome) -> list[str]:
    return [answer.prompt_sha256 for answer in outcome.answers]


def has_logprobs(outcome: Outcome) -> bool:
    """Whether every order of the question has letter scores."""
    return all(answer.logprobs is not None for answer in outcome.answers)


def orders_of(result: Result) -> tuple[str, ...]:
    """The orders in which the question with the most choices was asked."""
    most = max(result.outcomes, key=lambda outcome: len(outcome.choices))
    return tuple(answer.order for answer in most.answers)


def distrust(result: Result) -> list[str]:
    """Why the result itself said that it must not be trusted; empty when it may be."""
    return [f"{result.name}: {reason}" for reason in result.facts.distrust]


def _named(ids: Sequence[str]) -> str:
    return "、".join(ids[:_SHOWN]) + (" ほか" if len(ids) > _SHOWN else "")
