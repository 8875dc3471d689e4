"""One JSON request over HTTP, with a deadline and retries; every failure is a BackendError with one line."""

from __future__ import annotations

import http.client
import ipaddress
import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import Any

from ..core.errors import BackendError
from ..core.redaction import hide, split_address

MAX_WAIT_SECONDS = 300.0
MAX_RESPONSE_BYTES = 16 * 1024 * 1024
# Worth another try: the server is busy, starting, or a proxy before it gave up.
_RETRIED_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})


def post_json(
    url: str,
    body: Mapping[str, Any],
    *,
    headers: Mapping[str, str] | None = None,
    timeout_seconds: float,
    retries: int,
    wait_seconds: float = 1.0,
    sleep: Callable[[float], None] = time.sleep,
) -> dict[str, Any]:
    """The JSON object a server answers with.

    A timeout, a broken connection, a busy server or an answer that is no JSON object is tried ``retries`` times more,
    with a wait that doubles. Raises BackendError after that, and at once for a request the server refuses.
    ``timeout_seconds`` holds for the whole answer, not for each piece of it.
    """
    url, login = split_address(url)
    if not url.startswith(("http://", "https://")):
        raise BackendError(f"{hide(url)}: http:// か https:// で始まるアドレスを指定してください。")
    reason = ""
    asked_to_wait = 0.0
    for attempt in range(retries + 1):
        if attempt:
            sleep(max(wait_seconds * 2 ** (attempt - 1), asked_to_wait))
        asked_to_wait = 0.0
        try:
            value = _once(url, body, {**login, **(headers or {})}, timeout_seconds)
            failure = _error_inside(value)
            if failure is None:
                return value
            code, reason = failure
            if code not in _RETRIED_STATUS:
                raise BackendError(f"{url}: サーバーがエラーを返しました（{reason}）。")
        except _RedirectError as error:
            raise BackendError(
                f"{url}: 別のアドレス {hide(str(error))} へ転送されました。問題も鍵もそこへは送りません。"
                "正しいアドレスを指定してください。"
            ) from None
        except urllib.error.HTTPError as error:
            reason = f"HTTP {error.code}: {hide(_server_message(error))}"
            asked_to_wait = _retry_after(error.headers.get("Retry-After", ""))
            if error.code not in _RETRIED_STATUS:
                raise BackendError(f"{url}: サーバーが要求を拒みました（{reason}）。") from None
        except TimeoutError:
            reason = f"{timeout_seconds:g} 秒以内に応答がありません"
        except urllib.error.URLError as error:
            inner = error.reason
            reason = (
                f"{timeout_seconds:g} 秒以内に応答がありません"
                if isinstance(inner, TimeoutError)
                else f"接続できません（{inner}）"
            )
        except (OSError, http.client.HTTPException) as error:
            reason = f"接続が切れました（{type(error).__name__}）"
        except _GarbageError as error:
            reason = str(error)
    proxy = _proxy_of(url)
    if proxy is not None:
        reason += f"、プロキシ {hide(proxy)} を通しました（通さないなら NO_PROXY に加えてください）"
    tries = f"{retries + 1} 回試しました" if retries else "再試行なし"
    raise BackendError(
        f"{url}: {reason}（{tries}）。サーバーが動いているか、アドレスとタイムアウトを確かめてください。"
    )


def _error_inside(value: Mapping[str, Any]) -> tuple[int | None, str] | None:
    """Code and words of an error that came with status 200, as gateways send it; None for an answer."""
    error = value.get("error")
    if not error or "choices" in value or "message" in value:
        return None
    code = error.get("code", error.get("status")) if isinstance(error, dict) else None
    words = error.get("message", error) if isinstance(error, dict) else error
    number = int(code) if isinstance(code, int) or (isinstance(code, str) and code.isdecimal()) else None
    return number, hide(" ".join(f"{'' if code is None else code} {words}".split()))[:200]


def _retry_after(text: str) -> float:
    """Seconds that a Retry-After header asks to wait (RFC 9110, 10.2.3), at most ``MAX_WAIT_SECONDS``; 0 without one."""
    if text.strip().isdecimal():
        return min(float(text), MAX_WAIT_SECONDS)
    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return 0.0
    return min(max(moment.timestamp() - time.time(), 0.0), MAX_WAIT_SECONDS)


class _RedirectError(Exception):
    """The server points to another address; a POST is never sent there (nor asked again as a GET without its body)."""


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        fp.close()
        raise _RedirectError(newurl)


def _proxy_of(url: str) -> str | None:
    """The proxy of the environment that ``url`` is asked through; never one for this machine itself."""
    parts = urllib.parse.urlsplit(url)
    host = parts.hostname or ""
    if _is_this_machine(host) or urllib.request.proxy_bypass(host):
        return None
    return urllib.request.getproxies().get(parts.scheme)


def _is_this_machine(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class _GarbageError(Exception):
    """The answer is no JSON object."""


def _once(url: str, body: Mapping[str, Any], headers: Mapping[str, str], timeout_seconds: float) -> dict[str, Any]:
    deadline = time.monotonic() + timeout_seconds
    request = urllib.request.Request(  # noqa: S310  # post_json lets only http and https through
        url,
        data=json.dumps(body, ensure_ascii=False).encode("utf-8"),
        headers={"Content-Type": "application/json", **headers},
        method="POST",
    )
    pieces: list[bytes] = []
    size = 0
    proxy = _proxy_of(url)
    opener = urllib.request.build_opener(
        _NoRedirects, urllib.request.ProxyHandler({} if proxy is None else {urllib.parse.urlsplit(url).scheme: proxy})
    )
    with opener.open(request, timeout=timeout_seconds) as response:
        while piece := response.read1(65536):
            pieces.append(piece)
            size += len(piece)
            if size > MAX_RESPONSE_BYTES:
                raise _GarbageError(f"応答が {MAX_RESPONSE_BYTES // 2**20} MB を超えました")
            if time.monotonic() > deadline:
                raise TimeoutError
    try:
        value = json.loads(b"".join(pieces).decode("utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError):
        raise _GarbageError("応答が JSON ではありません") from None
    if not isinstance(value, dict):
        raise _GarbageError("応答が JSON のオブジェクトではありません")
    return value


def _server_message(error: urllib.error.HTTPError) -> str:
    """What the server says about its refusal, shortened to a line."""
    try:
        text = error.read(2000).decode("utf-8", errors="replace")
    except OSError:
        return error.reason or ""
    try:
        value = json.loads(text)
        message = value.get("error", text) if isinstance(value, dict) else text
        if isinstance(message, dict):
            message = message.get("message", text)
    except json.JSONDecodeError:
        message = text
    return " ".join(str(message).split())[:200]
