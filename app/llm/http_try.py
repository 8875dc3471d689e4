"""One try of one request: the objects of its answer, or why there are none and whether another try may help."""

from __future__ import annotations

import json
import os
import ssl
import time
from collections.abc import AsyncIterator, Mapping
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, NoReturn

from ..core.errors import BackendError
from ..core.redaction import hide
from .events import error_inside, objects_of, whole_characters

if TYPE_CHECKING:
    import httpx

MAX_WAIT_SECONDS = 300.0
MAX_RESPONSE_BYTES = 16 * 1024 * 1024
# Worth another try: the server is busy, starting, or a proxy before it gave up.
_RETRIED_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})


class RefusedError(BackendError):
    """The server does not take such a request."""


class FailedTryError(Exception):
    """A try that failed and may be repeated; ``wait_seconds`` is what the server asks for."""

    def __init__(self, reason: str, wait_seconds: float = 0.0) -> None:
        super().__init__(reason)
        self.reason, self.wait_seconds = reason, wait_seconds


async def answer_once(
    client: httpx.AsyncClient, url: str, body: Mapping[str, Any] | None
) -> AsyncIterator[dict[str, Any]]:
    """The objects of the answer to one try. Raises FailedTryError where another may help, BackendError where none will."""
    import httpx

    content = None if body is None else json.dumps(body, ensure_ascii=False).encode("utf-8")
    kind = {} if content is None else {"Content-Type": "application/json"}
    try:
        async with client.stream("GET" if body is None else "POST", url, content=content, headers=kind) as response:
            if not response.is_success:
                await _refused(url, response)
            async for event in objects_of(_counted(response)):
                if (failure := error_inside(event)) is not None:
                    code, words = failure
                    if code in _RETRIED_STATUS:
                        raise FailedTryError(words)
                    raise BackendError(f"{url}: サーバーがエラーを返しました（{words}）。")
                yield event
    except ValueError as error:  # of objects_of: no JSON
        raise FailedTryError(str(error)) from None
    except httpx.InvalidURL as error:
        raise BackendError(f"{url}: アドレスが正しくありません（{error}）。") from None
    except (httpx.ConnectError, httpx.ProxyError) as error:
        raise FailedTryError(f"接続できません（{_reason(error)}）") from None
    except httpx.TimeoutException:
        raise
    except httpx.HTTPError as error:
        raise FailedTryError(f"接続が切れました（{type(error).__name__}）") from None


async def _counted(response: httpx.Response) -> AsyncIterator[bytes]:
    size = 0
    async for piece in response.aiter_bytes():
        size += len(piece)
        if size > MAX_RESPONSE_BYTES:
            raise ValueError(f"応答が {MAX_RESPONSE_BYTES // 2**20} MB を超えました")
        yield piece


async def _refused(url: str, response: httpx.Response) -> NoReturn:
    status = response.status_code
    if 300 <= status < 400:
        raise BackendError(
            f"{url}: 別のアドレス {hide(response.headers.get('Location', ''))} へ転送されました。"
            "問題も鍵もそこへは送りません。正しいアドレスを指定してください。"
        )
    text = b""
    async for piece in response.aiter_bytes():
        text += piece
        if len(text) > 2000:
            break
    reason = f"HTTP {status}: {hide(_server_message(text[:2000].decode('utf-8', errors='replace')))}"
    if status in _RETRIED_STATUS:
        raise FailedTryError(reason, retry_after(response.headers.get("Retry-After", "")))
    raise RefusedError(f"{url}: サーバーが要求を拒みました（{reason}）。")


def _server_message(text: str) -> str:
    """What the server says about its refusal, shortened to a line."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = text
    message = value.get("error", value.get("message", text)) if isinstance(value, dict) else text
    if isinstance(message, dict):
        message = message.get("message", text)
    return whole_characters(" ".join(str(message).split())[:200])


def _reason(error: BaseException) -> str:
    """What the operating system said; the libraries above it only say that it failed."""
    found, inner = str(error), error.__cause__ or error.__context__
    while inner is not None:
        if isinstance(inner, OSError) and inner.strerror:
            # asyncio puts a text of its own there, ssl a number of its own.
            asked = (inner.errno or 0) > 0 and not isinstance(inner, ssl.SSLError)
            found = os.strerror(inner.errno or 0) if asked else inner.strerror
        inner = inner.__cause__ or inner.__context__
    return hide(found)


def retry_after(text: str) -> float:
    """Seconds that a Retry-After header asks to wait (RFC 9110, 10.2.3), at most ``MAX_WAIT_SECONDS``; 0 without one."""
    if text.strip().isdecimal():
        return min(float(text), MAX_WAIT_SECONDS)
    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return 0.0
    return min(max(moment.timestamp() - time.time(), 0.0), MAX_WAIT_SECONDS)
