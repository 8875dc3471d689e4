"""The pages that ask the model: a question, a text to be checked; and what people say of answers."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from datetime import UTC, date, datetime
from functools import partial

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from ..answering.display import answer_check, finding_text
from ..answering.questions import Choice, has_choices, typed_question
from ..answering.session import Session
from ..answering.statements import MAX_STATEMENTS, Verdict, statements_in
from ..core.errors import DataError, UserError
from ..core.files import append_jsonl
from ..retrieval.grounds import EARLIER_TURNS, Grounds, Turn
from ..retrieval.rag_pipeline import search_query
from .desk import FEEDBACK_KEYS, Desk
from .forms import MAX_CHARS, day_of, form_of, text_of, turns_of
from .line import Ticket
from .view import article_views, render, told, written
from .writing import Written, waiting

ASK, CHECK = "質問する", "文を確かめる"


def _desk(request: Request) -> Desk:
    desk: Desk = request.app.state.desk
    return desk


async def ask_form(request: Request) -> Response:
    """The form of a question."""
    return HTMLResponse(render("ask.html", ASK, "/", most_chars=MAX_CHARS, named=_desk(request).session.model.named))


async def ask(request: Request) -> Response:
    """The answer to a question, written as it comes; with choices the one that is taken."""
    desk, fields = _desk(request), await form_of(request)
    question, day = text_of(fields, "question"), day_of(text_of(fields, "as_of"))
    if not question:
        raise DataError("質問がありません。")
    session = desk.session
    if has_choices(question):
        work = partial(session.choose, typed_question(question), as_of=day)
        if session.model.named:
            await desk.refresh()
        choice = await (desk.judge(work) if session.model.named else desk.search(work))
        return HTMLResponse(_choice_page(choice, session.model.named, day))
    turns = turns_of(fields)
    grounds = await desk.search(lambda: desk.session.grounds(question, turns, as_of=day))
    ticket = desk.line.join()
    return Written(
        _answer_parts(desk, grounds, ticket, request.app.state.max_new_tokens, day), ticket, media_type="text/html"
    )


def _choice_page(choice: Choice, named: bool, day: date | None) -> str:
    rows = [
        {
            "letter": letter,
            "text": text,
            "chosen": choice.chosen is not None and letter in choice.chosen,
            "probability": f"{choice.probabilities[letter]:.0%}" if letter in choice.probabilities else "",
        }
        for letter, text in choice.question.choices.items()
    ]
    searched = search_query(choice.question)
    articles = article_views(choice.context.used, searched, day=day)
    return render("choice.html", ASK, "/", question=choice.question.question, rows=rows, articles=articles, named=named)


async def _answer_parts(
    desk: Desk, grounds: Grounds, ticket: Ticket, max_new_tokens: int, day: date | None
) -> AsyncGenerator[str, None]:
    session: Session = desk.session
    articles = article_views(grounds.context.used, grounds.question, day=day)
    yield render("ask_top.html", ASK, "/", question=grounds.question, lines=grounds.notes, articles=articles)
    if not session.model.named:
        desk.line.leave(ticket)
        yield '<p class="note">モデルの指定がないので、答えは書きません。</p></section></div>' + render(
            "end.html", ASK, "/"
        )
        return
    async for part in waiting(ticket):
        yield part
    yield '<div class="answer" aria-live="polite">'
    pieces: list[str] = []
    try:
        make = partial(session.written, grounds, max_new_tokens=max_new_tokens)
        async with desk.written(ticket, make) as writing:
            async for piece in writing:
                pieces.append(piece)
                yield written(piece)
        desk.line.leave(ticket)
        text = "".join(pieces).strip()
        answer = await desk.search(lambda: session.read(text, grounds))
    except UserError as error:
        yield f'</div><p class="trouble" role="alert">{written(told(error))}</p></section></div>' + render(
            "end.html", ASK, "/"
        )
        return
    yield "</div></section></div>"
    yield render(
        "ask_end.html",
        ASK,
        "/",
        standing=answer.standing,
        check=answer_check(answer),
        keeps_feedback=desk.feedback is not None,
        question=grounds.question,
        text=text,
        turns=(*grounds.earlier, Turn(grounds.question, text))[-EARLIER_TURNS:],
        as_of="" if day is None else day.isoformat(),
        most_chars=MAX_CHARS,
    ) + render("end.html", ASK, "/")


async def check_form(request: Request) -> Response:
    """The form of a text to be checked."""
    return HTMLResponse(render("check.html", CHECK, "/check", most_chars=MAX_CHARS))


async def check(request: Request) -> Response:
    """Every sentence of a text, judged one after the other."""
    desk, fields = _desk(request), await form_of(request)
    statements, day = statements_in(text_of(fields, "text")), day_of(text_of(fields, "as_of"))
    if not 1 <= len(statements) <= MAX_STATEMENTS:
        raise DataError(f"確かめる文が {len(statements)} 個です（1〜{MAX_STATEMENTS} 個）。")
    await desk.refresh()
    ticket = desk.line.join()
    return Written(_verdict_parts(desk, statements, ticket, day), ticket, media_type="text/html")


async def _verdict_parts(
    desk: Desk, statements: list[str], ticket: Ticket, day: date | None
) -> AsyncGenerator[str, None]:
    yield render("top.html", CHECK, "/check")
    async for part in waiting(ticket):
        yield part
    for statement in statements:
        try:
            verdict = await desk.thread.run(partial(desk.session.check, statement, as_of=day))
        except UserError as error:
            yield f'<p class="trouble" role="alert">{written(told(error))}</p>'
            break
        yield _verdict_html(verdict, day)
    yield '<p><a href="/check">別の文を確かめる</a></p>' + render("end.html", CHECK, "/check")


def _verdict_html(verdict: Verdict, day: date | None) -> str:
    articles = article_views(verdict.passages, verdict.statement, day=day)
    return render(
        "verdict.html",
        CHECK,
        "/check",
        statement=verdict.statement,
        finding="" if verdict.decision is None else verdict.decision.finding,
        words=finding_text(verdict),
        lines=verdict.notes,
        number=verdict.deciding,
        nearest=None if verdict.deciding is None else articles[verdict.deciding - 1],
        articles=articles,
    )


async def feedback(request: Request) -> Response:
    """Keep what somebody says of an answer, in the local file and nowhere else."""
    desk, fields = _desk(request), await form_of(request)
    rating = text_of(fields, "rating")
    if desk.feedback is None or rating not in ("good", "bad"):
        raise DataError("評価を選んでください。" if desk.feedback else "評価は残さない設定です。")
    said = {name: text_of(fields, name) for name in ("question", "answer", "comment")}
    values = (datetime.now(UTC).isoformat(timespec="seconds"), rating, *said.values())
    row = dict(zip(FEEDBACK_KEYS, values, strict=True))
    path = desk.feedback
    await desk.search(lambda: append_jsonl(path, row))
    return RedirectResponse("/thanks", 303)


async def thanks(request: Request) -> Response:
    """That it was kept."""
    return HTMLResponse(render("message.html", ASK, "/", kind="note", words="残しました。"))
