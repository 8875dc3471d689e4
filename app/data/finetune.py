"""Fine-tuning records from questions: the prompt with its context, the answer, and what both were made from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..core.errors import DataError
from ..core.prompts import (
    Form,
    build_choice_prompt,
    build_mc_prompt_cot,
    build_mc_prompt_direct,
    prompt_version,
    render_choice_answer,
    render_cot_answer,
    render_direct_answer,
)
from ..core.questions import Question, orders_of, reorder
from ..core.requests import statement_truths
from .cited_words import cited_counts, counted_text, words_of
from .clusters import question_keys
from .context import Context, ContextPlan
from .few_shot import FewShot
from .reasoning.draft import Reasoning
from .reasoning.explain import explain
from .records import Record


@dataclass(frozen=True, slots=True)
class Built:
    """One record and what the manifest counts about it."""

    record: Record
    context: Context
    reasoning: Reasoning | None  # None for direct records


def build_records(
    questions: Iterable[Question],
    mode: str,
    plan: ContextPlan,
    *,
    orders: int = 1,
    few_shot: FewShot | None = None,
    dataset: str | Mapping[str, str] = "lawqa_jp",
    form: Form = "letter",
    cited_words: bool = False,
) -> list[Built]:
    """The records of every question, in the order of the questions: one an order, or one a choice in the choice form.

    ``mode`` is direct or cot; with ``orders`` above 1 a letter record is written for every order of the choices; ``few_shot`` gives the examples of a direct prompt, None for a prompt without any (cot prompts and the choice
    form never have some). ``dataset`` names the data set, or that of each question by its id. Contexts are looked up once per question. Raises DataError for a question that has no single
    right letter, except in the choice form. ``cited_words`` shows there what a choice only cites.
    """
    built: list[Built] = []
    for question in questions:
        context = plan.context_of(question)
        name = dataset if isinstance(dataset, str) else dataset[question.id]
        if form == "choice":
            records = choice_records(question, plan, context, name, cited_words=cited_words)
            built += [Built(record, context, None) for record in records]
            continue
        if len(question.correct) != 1 or question.is_statement:
            raise DataError(
                f"{question.id}: 正解の選択肢が一つではないので、文字で答えるレコードを作れません。--form choice を指定してください。"
            )
        for order in orders_of(len(question.choices))[: None if orders > 1 else 1]:
            shown = question if order == question.order else reorder(question, order)
            if mode == "cot":
                # Without a context the reasoning is drawn from the gold text: it teaches what the statute says. With
                # one, only what stands in the prompt may be quoted; and where the gold article was left out on purpose,
                # nothing: another article that reads alike is not why the answer is right.
                shown_text = "" if context.withheld else context.text
                reasoning = explain(shown, shown.context if plan.source == "none" else shown_text)
                record = cot_record(shown, reasoning.text, plan, context, name)
                built.append(Built(record, context, reasoning))
                continue
            examples = few_shot.of(question) if few_shot else False
            prompt = build_mc_prompt_direct(shown.question, shown.choices, context.text, few_shot=examples)
            meta = _meta(shown, mode, plan, context, few_shot.source if few_shot else None, name)
            built.append(Built(Record(prompt, render_direct_answer(shown.correct), meta), context, None))
    return built


def choice_records(
    question: Question, plan: ContextPlan, context: Context, dataset: str, *, cited_words: bool = False
) -> list[Record]:
    """One record a choice: the prompt that asks about it alone, and whether it fits the request made positive."""
    meta = _meta(question, "direct", plan, context, None, dataset, form="choice") | {"group": question.id}
    meta |= {"cited_words": True} if cited_words else {}
    words = words_of(question.choices, context.text, wanted=cited_words)
    return [
        Record(
            build_choice_prompt(question.question, question.choices[letter], context.text, words.get(letter)),
            render_choice_answer(fits),
            meta | {"choice": letter},
        )
        for letter, fits in statement_truths(question).items()
    ]


def cot_record(
    shown: Question,
    reasoning: str,
    plan: ContextPlan,
    context: Context,
    dataset: str,
    generated: Mapping[str, Any] | None = None,
) -> Record:
    """The record that teaches ``reasoning`` and the right letter of the question as shown.

    ``generated`` says which model wrote the reasoning (see app/evaluation/rationales.py); None for one drawn by rule.
    """
    prompt = build_mc_prompt_cot(shown.question, shown.choices, context.text)
    meta = _meta(shown, "cot", plan, context, None, dataset)
    return Record(
        prompt,
        render_cot_answer(reasoning, shown.correct),
        meta | ({"generated": dict(generated)} if generated else {}),
    )


def _meta(
    shown: Question,
    mode: str,
    plan: ContextPlan,
    context: Context,
    few_shot_source: str | None,
    dataset: str,
    form: Form = "letter",
) -> dict[str, Any]:
    return {
        "id": shown.id,
        "dataset": dataset,
        "mode": mode,
        "correct": shown.correct,
        "use_context": plan.source != "none",
        "context_present": bool(context.text and context.text.strip()),
        "top_k": plan.top_k,
        "retriever_type": plan.retriever_type,
        "question": shown.question,
        "choices": dict(shown.choices),
        "source_file": shown.source,
        "few_shot": few_shot_source is not None,
        "order": shown.order,
        "cluster": shown.cluster,
        "doc_ids": list(context.doc_ids),
        "scores": [one.score for one in context.shown],
        "prompt_version": prompt_version(form),
        "context_source": plan.source,
        "gold_in_context": context.holds_gold(plan.source),
        "few_shot_source": few_shot_source,
        "form": form,
        "articles": list(question_keys(shown)),
    }


def build_statistics(built: Sequence[Built], questions: Mapping[str, Question]) -> dict[str, object]:
    """What a manifest says about a file: records, contexts, retrieval hits, and how much reasoning could be given.

    ``questions`` is by id. Retrieval is counted only over questions whose context names an article.
    """
    looked_up = {one.record.meta["id"]: one.context for one in built}
    statistics: dict[str, object] = {
        "records": len(built),
        "questions": len(looked_up),
        "with_context": sum(one.record.meta["context_present"] for one in built),
    }
    if any(one.record.meta["context_source"] == "distractors" for one in built):
        statistics["distractors"] = distractor_statistics(list(looked_up.values()))
    elif any(one.record.meta["retriever_type"] not in ("none", "gold") for one in built):
        with_gold = [key for key in looked_up if questions[key].articles]
        statistics["retrieval"] = {
            "questions_with_gold_article": len(with_gold),
            "hits": sum(bool(looked_up[key].gold_places) for key in with_gold),
            "passages_left_out": sum(context.left_out for context in looked_up.values()),
        }
    if any(one.record.meta.get("cited_words") for one in built):
        asked = ((questions[key].choices, context.text, questions[key].correct) for key, context in looked_up.items())
        statistics["cited_words"] = cited_counts(asked).as_json()
    reasonings = [(one.record.row_id, one.reasoning) for one in built if one.reasoning is not None]
    if reasonings:
        contrasts = [reasoning.contrasts for _, reasoning in reasonings]
        statistics["reasoning"] = {
            "full": sum(reasoning.is_full for _, reasoning in reasonings),
            "quote": sum(reasoning.quotes > 0 for _, reasoning in reasonings),
            "right_choice_agreement": sum(reasoning.agreement for _, reasoning in reasonings),
            "wrong_choice_contrasts": {
                str(n): contrasts.count(n) for n in range(max(4, *(one + 1 for one in contrasts)))
            },
            "nothing": sum(reasoning.is_empty for _, reasoning in reasonings),
            "source": "gold" if built[0].record.meta["retriever_type"] == "none" else "prompt",
            "rows_with_nothing": [row_id for row_id, reasoning in reasonings if reasoning.is_empty],
        }
    return statistics


def distractor_statistics(contexts: Sequence[Context]) -> dict[str, object]:
    """Where the gold articles of a file of distractor records went; one context per question."""
    shown = [context for context in contexts if not context.withheld]
    places = Counter(place for context in shown for place in context.gold_places)
    return {
        "questions_without_gold": sum(not context.gold_places for context in contexts),
        "gold_articles": sum(context.gold_articles for context in shown),
        "gold_shown": sum(places.values()),
        "gold_from_own_context": sum(context.gold_from_context for context in shown),
        "gold_at_place": {str(place): places[place] for place in sorted(places)},
        "distractors_shown": sum(len(context.shown) - len(context.gold_places) for context in contexts),
        "passages_left_out": sum(context.left_out for context in contexts),
    }


def standard_name(mode: str, plan: ContextPlan) -> str:
    """Name of one of the four standard files: ``ft_cot_full_rag_top3.jsonl``."""
    return f"ft_{mode}_full_{'norag' if plan.source == 'none' else f'rag_top{plan.top_k}'}.jsonl"


def describe(statistics: Mapping[str, Any]) -> str:
    """One line in Japanese about a file, for the terminal."""
    parts = [f"参照条文あり {statistics['with_context']} 件"]
    if "retrieval" in statistics:
        retrieval = statistics["retrieval"]
        parts.append(f"正しい条を検索できた問題 {retrieval['hits']}/{retrieval['questions_with_gold_article']}")
    if "distractors" in statistics:
        counts = statistics["distractors"]
        parts.append(
            f"根拠条文 {counts['gold_shown']}/{counts['gold_articles']} 条と、ほかの条 {counts['distractors_shown']} 条"
        )
        parts.append(f"根拠条文を抜いた問題 {counts['questions_without_gold']} 問")
        if counts["gold_from_own_context"]:
            parts.append(f"索引になく、問題のコンテキストから取った根拠 {counts['gold_from_own_context']} 件")
    if "cited_words" in statistics:
        parts.append(counted_text(statistics["cited_words"]))
    if "reasoning" in statistics:
        reasoning = statistics["reasoning"]
        parts.append(f"条文の引用あり {reasoning['quote']} 件")
        parts.append(f"四つの選択肢すべてに理由あり {reasoning['full']} 件")
        parts.append(f"決め手の文が見つからない {reasoning['nothing']} 件")
    return "、".join(parts)
