"""What ``scripts/ask.py`` does: ask a session, and print what comes as it comes."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from ..core.cli import log
from ..core.errors import DataError, UntrustworthyResult
from ..core.files import to_json
from ..core.questions import Question
from ..data.lawqa import load_questions
from ..evaluation.running.conversations import questions_seen
from ..retrieval.grounds import Answer, Turn
from ..retrieval.rag_pipeline import search_query
from ..retrieval.showing.hits_text import bold, bracketed
from . import display
from .conversation import converse, typed_lines
from .questions import check_form, has_choices, typed_question
from .session import Session
from .statements import MAX_STATEMENTS, statements_in

NO_MODEL = (
    "モデルの指定がないので、条文だけを示しました（--adapter か --hf-model-name、--llm-backend で答えも書きます）。"
)


@dataclass(frozen=True, slots=True)
class Manner:
    """How it is asked and shown.

    full            the articles' whole text beside the sentence nearest to what was asked
    as_json         one JSON object a line instead of text
    as_of           the day whose law is meant, None for today
    max_new_tokens  longest answer, in tokens
    """

    full: bool = False
    as_json: bool = False
    as_of: date | None = None
    max_new_tokens: int | None = None


def _style() -> display.Style:
    return bold if sys.stdout.isatty() else bracketed


def ask_question(session: Session, question: str, choices: Sequence[str], manner: Manner) -> int:
    """Ask one question, free or with choices. Raises UntrustworthyResult for an answer that cites what was not shown."""
    if choices or has_choices(question):
        _choose(session, typed_question(question, choices), manner)
    else:
        answer = _answer(session, question, (), manner)
        if answer is not None and answer.standing == "invented":
            raise UntrustworthyResult(display.answer_check(answer))
    if not session.model.named:
        log(NO_MODEL)
    return 0


def ask_questions(session: Session, first: str | None, manner: Manner) -> int:
    """Ask question after question, each with what was said before."""
    session.model.require()

    def answer(question: str, turns: tuple[Turn, ...]) -> str:
        found = _answer(session, question, turns, manner)
        return "" if found is None else found.text

    typed = typed_lines("質問> " if sys.stdin.isatty() else "")
    converse(typed if first is None else (line for lines in ([first], typed) for line in lines), answer, log)
    return 0


def _answer(session: Session, question: str, earlier: tuple[Turn, ...], manner: Manner) -> Answer | None:
    """The articles, then the answer as it is written, then what its citations are worth; None without a model."""
    grounds = session.grounds(question, earlier, as_of=manner.as_of)
    for note in grounds.notes:
        log(f"注意: {note}")
    if not manner.as_json:
        shown = display.articles_text(grounds.context.used, question, _style(), full=manner.full)
        # With a model the check of its answer says it.
        print(shown or ("" if session.model.named else "条文が見つかりませんでした。"), flush=True)
    if not session.model.named:
        if manner.as_json:
            print(to_json({"question": question, "answer": None, **display.grounds_json(grounds)}))
        return None
    pieces = []
    if not manner.as_json and grounds.context.used:
        print("\n答え:")
    for piece in session.written(grounds, max_new_tokens=manner.max_new_tokens):
        pieces.append(piece)
        if not manner.as_json:
            print(piece, end="", flush=True)
    answer = session.read("".join(pieces).strip(), grounds)
    if manner.as_json:
        print(to_json(display.answer_json(answer, grounds)), flush=True)
    else:
        print(f"{chr(10) * 2 if pieces else chr(10)}確かめ: {display.answer_check(answer)}", flush=True)
    return answer


def check_text(session: Session, text: str, manner: Manner) -> int:
    """Judge every sentence of a text. Raises DataError where there is none, or too many."""
    statements = statements_in(text)
    if not 1 <= len(statements) <= MAX_STATEMENTS:
        raise DataError(f"確かめる文が {len(statements)} 個です（1〜{MAX_STATEMENTS} 個）。")
    for number, statement in enumerate(statements):
        verdict = session.check(statement, as_of=manner.as_of)
        for note in verdict.notes:
            log(f"注意: {note}")
        if manner.as_json:
            print(to_json(display.verdict_json(verdict)), flush=True)
        else:
            print(("\n" if number else "") + display.verdict_text(verdict, _style(), full=manner.full), flush=True)
    if not session.model.named:
        log(NO_MODEL)
    return 0


def ask_file(session: Session, path: Path, wanted: str | None, manifest: dict[str, Any] | None, manner: Manner) -> int:
    """Ask the questions of a file, or the one of ``wanted``'s id. Raises DataError where it has none of that id."""
    questions = load_questions(path, exams=True)
    asked = [question for question in questions if wanted is None or question.id == wanted]
    if not asked:
        raise DataError(f"{path}: 問題 {wanted} がありません（例 {questions[0].id}）。")
    if session.model.named:
        check_form(asked, session.form)  # before the first is asked: the answers would be lost with the last question
    seen = (
        set()
        if manifest is None
        else {*(trained := questions_seen(manifest, asked, "--adapter")).by_id, *trained.by_content}
    )
    for number, question in enumerate(asked):
        if question.id in seen:
            log(f"注意: {question.id} はこのアダプタの学習に使われた問題です。")
        if number and not manner.as_json:
            print()
        _choose(session, question, manner)
    if not session.model.named:
        log(NO_MODEL)
    return 0


def _choose(session: Session, question: Question, manner: Manner) -> None:
    choice = session.choose(question, as_of=manner.as_of)
    if manner.as_json:
        print(to_json(display.choice_json(choice)), flush=True)
        return
    print(display.choice_text(choice))
    if question.source:
        print(f"正解: {question.correct}")
    searched = search_query(question)
    print(display.articles_text(choice.context.used, searched, _style(), full=manner.full), flush=True)
