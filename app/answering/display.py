"""Articles, answers and findings as a person reads them on a terminal, and as JSON."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..retrieval.grounds import Answer, Grounds, Standing
from ..retrieval.showing.context_text import RetrievedPassage
from ..retrieval.showing.hits_text import as_json, render
from .questions import Choice
from .statements import Finding, Reason, Verdict

Style = Callable[[str], str]

FINDINGS: dict[Finding, str] = {
    "fits": "条文に合う",
    "contradicts": "条文に合わない",
    "unknown": "条文からは分からない",
}
REASONS: dict[Reason, str] = {
    "no_articles": "条文が見つかりません",
    "not_reached": "この文の言葉が、見つかった条文にほとんどありません",
    "unsure": "モデルの判断がどちらとも言えません",
}


def articles_text(passages: Sequence[RetrievedPassage], query: str, style: Style, *, full: bool) -> str:
    """The numbered articles: law, 条, link, the sentence nearest to the query; ``full`` adds the text, that sentence marked."""
    return "\n".join(_article(number, one, query, style, full) for number, one in enumerate(passages, start=1))


def _article(number: int, passage: RetrievedPassage, query: str, style: Style, full: bool) -> str:
    head = render(number, passage, query, style, explain=False, full=False)
    if not full:
        return head
    lines = [f"   │ {line}" for line in passage.text.split("\n")]
    if passage.deciding is not None:
        sentence = passage.deciding.sentence
        lines = [line.replace(sentence, style(sentence)) if sentence else line for line in lines]
    return "\n".join([head, *lines])


def answer_check(answer: Answer) -> str:
    """What the check of an answer's citations found, in one line."""
    if not answer.passages:
        return f"条文からは分からない: {REASONS['no_articles']}。"
    words: dict[Standing, str] = {
        "grounded": f"引用 {_numbers(answer.cited)} は上に示した条文です。答えが条文と合うかは、条文で確かめてください。",
        "not_said": "条文からは分からない: 示した条文に答えがない、という答えです。",
        "uncited": "条文からは分からない: 答えはどの条文も引いていません。示した条文による答えではありません。",
        "invented": f"示していない条文を引いています: {'、'.join([*map(_number, answer.unsupported), *answer.unshown])}。この答えは条文で確かめられません。",
    }
    return words[answer.standing]


def _numbers(numbers: Sequence[int]) -> str:
    return "".join(map(_number, numbers))


def _number(number: int) -> str:
    return f"[{number}]"


def finding_text(verdict: Verdict) -> str:
    """What is claimed of a statement, why nothing is, and how probable the model holds it to fit."""
    if verdict.decision is None:
        return "判断していません（モデルの指定がありません）"
    decision, probability = verdict.decision, verdict.probability
    reason = "" if decision.reason is None else f"（{REASONS[decision.reason]}）"
    # Where the words do not reach, what the model would say means nothing.
    shown = probability is not None and decision.reason in (None, "unsure")
    return FINDINGS[decision.finding] + reason + (f"　合う確率 {probability:.0%}" if shown else "")


def verdict_text(verdict: Verdict, style: Style, *, full: bool) -> str:
    """A statement, the finding, the sentence it rests on and the articles."""
    lines = [verdict.statement, f"→ {finding_text(verdict)}"]
    if verdict.deciding is not None:
        passage = verdict.passages[verdict.deciding - 1]
        lines.append(f"   いちばん近い文は [{verdict.deciding}] {passage.name}")
    lines.append(articles_text(verdict.passages, verdict.statement, style, full=full))
    return "\n".join(line for line in lines if line)


def choice_text(choice: Choice) -> str:
    """The choices with the probability of each, the one taken marked."""
    lines = [choice.question.question] if choice.question.question else []
    for letter, text in choice.question.choices.items():
        probability = f"{choice.probabilities[letter]:>5.0%} " if letter in choice.probabilities else ""
        taken = "→" if choice.chosen is not None and letter in choice.chosen else "　"
        lines.append(f"{taken} {probability}{letter} {text}")
    return "\n".join(lines)


def answer_json(answer: Answer, grounds: Grounds) -> dict[str, Any]:
    """An answer with everything that is known about it."""
    return {
        "question": grounds.question,
        "answer": answer.text,
        "standing": answer.standing if answer.passages else "no_articles",
        "cited": list(answer.cited),
        "not_shown": [*(f"[{number}]" for number in answer.unsupported), *answer.unshown],
        **grounds_json(grounds),
    }


def grounds_json(grounds: Grounds) -> dict[str, Any]:
    """What was found for a question."""
    return {
        "coverage": grounds.coverage,
        "notes": list(grounds.notes),
        "articles": _articles_json(grounds.context.used),
    }


def verdict_json(verdict: Verdict) -> dict[str, Any]:
    """A judged statement with everything that is known about it."""
    return {
        "statement": verdict.statement,
        "finding": None if verdict.decision is None else verdict.decision.finding,
        "reason": None if verdict.decision is None else verdict.decision.reason,
        "probability": verdict.probability,
        "mass": verdict.mass,
        "coverage": verdict.coverage,
        "nearest": verdict.deciding,
        "notes": list(verdict.notes),
        "articles": _articles_json(verdict.passages),
    }


def choice_json(choice: Choice) -> dict[str, Any]:
    """The choice taken, and of a file's question whether it is the right one."""
    question = choice.question
    return {
        "id": question.id,
        "question": question.question,
        "choices": question.choices,
        "chosen": choice.chosen,
        "probabilities": choice.probabilities,
        "correct": question.correct if question.source else None,
        "articles": _articles_json(choice.context.used),
    }


def _articles_json(passages: Sequence[RetrievedPassage]) -> list[dict[str, Any]]:
    return [{"number": number, **as_json(one)} for number, one in enumerate(passages, start=1)]
