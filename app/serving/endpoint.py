"""``POST /v1/chat/completions`` and ``GET /v1/models``: other programs ask with retrieval, as they would ask OpenAI.

https://platform.openai.com/docs/api-reference/chat. Beside OpenAI's fields an answer has ``horei``: the articles, what
the check of its citations found, and what of the request was not used.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import AsyncGenerator
from functools import partial
from itertools import pairwise
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ..answering.display import answer_check, answer_json
from ..core.errors import DataError, UserError
from ..core.files import half_character, to_json
from ..retrieval.grounds import Answer, Grounds, Turn
from .desk import Desk
from .forms import MAX_CHARS
from .line import Ticket
from .view import told
from .writing import Written

MODEL = "horei"
_USED = {"model", "messages", "stream", "max_tokens", "max_completion_tokens"}


class Part(BaseModel):
    """A part of a message; only text is read."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"description": "メッセージの部分（文字だけ）"})
    type: Literal["text"] = Field(description="text だけを読みます")
    text: str = Field(description="本文")


class Message(BaseModel):
    """One message of the conversation."""

    model_config = ConfigDict(extra="ignore", json_schema_extra={"description": "会話の一つのメッセージ"})
    role: Literal["system", "developer", "user", "assistant"] = Field(
        description="user と assistant のやりとりを踏まえます。system と developer は使いません（not_used に示します）"
    )
    content: str | list[Part] = Field(description="本文、またはその部分")

    @property
    def text(self) -> str:
        """Its text, the parts joined."""
        return self.content if isinstance(self.content, str) else "".join(part.text for part in self.content)


class ChatRequest(BaseModel):
    """What is asked; fields that are not here are named in the answer as not used."""

    model_config = ConfigDict(
        extra="allow", json_schema_extra={"description": "質問。ここにない項目は使わず、not_used に名前を返します"}
    )
    model: str = Field(MODEL, description=f"{MODEL} だけがあります")
    messages: list[Message] = Field(
        min_length=1, max_length=100, description=f"会話。最後は質問のある user（{MAX_CHARS:,} 文字まで）"
    )
    stream: bool = Field(False, description="true なら、書かれるそばから送ります（text/event-stream）")
    max_tokens: int | None = Field(None, ge=1, le=32768, description="書かせる長さの上限、トークン")
    max_completion_tokens: int | None = Field(
        None, ge=1, le=32768, description="同じ上限（両方あればこちらを使います）"
    )


def conversation(messages: list[Message]) -> tuple[str, tuple[Turn, ...]]:
    """The last question and the turns before it. Raises DataError where the last message is nobody's question."""
    asked = [message for message in messages if message.role in ("user", "assistant")]
    if not asked or asked[-1].role != "user" or not asked[-1].text.strip():
        raise DataError("messages の最後を、質問のある user のメッセージにしてください。")
    if len(asked[-1].text) > MAX_CHARS:
        raise DataError(f"質問が {len(asked[-1].text):,} 文字あります（上限 {MAX_CHARS:,} 文字）。")
    turns = [
        Turn(one.text[:MAX_CHARS], other.text[:MAX_CHARS])
        for one, other in pairwise(asked)
        if one.role == "user" and other.role == "assistant"
    ]
    return asked[-1].text.strip(), tuple(turns)


def not_used(request: ChatRequest, body: dict[str, Any]) -> list[str]:
    """What of a request has no effect."""
    told = [f"messages（{one.role}）" for one in request.messages if one.role in ("system", "developer")]
    return sorted({*(set(body) - _USED), *told})


async def models(request: Request) -> Response:
    """The one model there is."""
    return JSONResponse({"object": "list", "data": [{"id": MODEL, "object": "model", "owned_by": "local"}]})


async def chat(request: Request) -> Response:
    """An answer, whole or in pieces as it is written."""
    desk: Desk = request.app.state.desk
    asked, body = _parsed(await request.body())
    if asked.model != MODEL:
        return failure(404, f"モデル {asked.model[:80]!r} はありません（GET /v1/models にあるのは {MODEL}）。")
    question, turns = conversation(asked.messages)
    desk.session.model.require()
    ignored = not_used(asked, body)
    budget = asked.max_completion_tokens or asked.max_tokens or request.app.state.max_new_tokens
    grounds = await desk.search(lambda: desk.session.grounds(question, turns))
    ticket = desk.line.join()
    parts = _events(desk, grounds, ticket, budget, ignored)
    if asked.stream:
        return Written(parts, ticket, media_type="text/event-stream")
    return await _whole(parts, ticket)


def _parsed(raw: bytes) -> tuple[ChatRequest, dict[str, Any]]:
    try:
        text = raw.decode("utf-8")
        body = json.loads(text)
        if half := half_character(text, body):
            raise DataError(f"要求に文字の半分だけが残っています（{half}）。")
        asked = ChatRequest.model_validate(body)
    except ValidationError as error:
        places = "、".join(".".join(map(str, fault["loc"])) or "本文" for fault in error.errors()[:5])
        raise DataError(f"要求の形が違います: {places}（GET /openapi.json に形があります）。") from None
    except (ValueError, RecursionError):
        raise DataError("要求が JSON ではありません。") from None
    return asked, body


async def _events(
    desk: Desk, grounds: Grounds, ticket: Ticket, budget: int, ignored: list[str]
) -> AsyncGenerator[str, None]:
    """Server-sent events; the place in the line stands in comments, which clients pass over."""
    head = {
        "id": f"chatcmpl-{uuid.uuid4().hex}",
        "object": "chat.completion.chunk",
        "created": int(time.time()),
        "model": MODEL,
    }

    def event(delta: dict[str, str], reason: str | None = None, **more: Any) -> str:
        return (
            f"data: {to_json(head | {'choices': [{'index': 0, 'delta': delta, 'finish_reason': reason}]} | more)}\n\n"
        )

    session, pieces = desk.session, []
    yield event({"role": "assistant", "content": ""})
    async for place in ticket.places():
        if place:
            yield f": waiting {place}\n\n"
    try:
        async with desk.written(ticket, partial(session.written, grounds, max_new_tokens=budget)) as writing:
            async for piece in writing:
                pieces.append(piece)
                yield event({"content": piece})
        desk.line.leave(ticket)
        text = "".join(pieces).strip()
        answer = await desk.search(lambda: session.read(text, grounds))
    except UserError as error:
        yield f"data: {to_json(_error(told(error)))}\n\n"
        return
    if not answer.passages:
        yield event({"content": answer_check(answer)})
    yield event({}, "stop", horei=_about(answer, grounds, ignored))
    yield "data: [DONE]\n\n"


def _about(answer: Answer, grounds: Grounds, ignored: list[str]) -> dict[str, Any]:
    about = answer_json(answer, grounds)
    return {name: about[name] for name in ("standing", "cited", "not_shown", "coverage", "notes", "articles")} | {
        "check": answer_check(answer),
        "not_used": ignored,
    }


async def _whole(parts: AsyncGenerator[str, None], ticket: Ticket) -> Response:
    """The events of an answer put together."""
    text, last = "", {}
    try:
        async for part in parts:
            if not part.startswith("data: {"):
                continue
            last = json.loads(part.removeprefix("data: "))
            if "error" in last:
                return JSONResponse(last, 503)
            text += last["choices"][0]["delta"].get("content", "")
    finally:
        await parts.aclose()
        ticket.line.leave(ticket)
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return JSONResponse(last | {"object": "chat.completion", "choices": [choice]})


def failure(status: int, words: str, headers: dict[str, str] | None = None) -> Response:
    """An error in OpenAI's form."""
    return JSONResponse(_error(words), status, headers)


def _error(words: str) -> dict[str, Any]:
    return {"error": {"message": words, "type": "invalid_request_error", "code": None}}
