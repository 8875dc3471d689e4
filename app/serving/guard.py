"""What is refused before any page is asked: foreign hosts and origins, large bodies, strangers without the token."""

from __future__ import annotations

import hmac
import ipaddress
import urllib.parse
from collections.abc import Collection, MutableMapping

from starlette.requests import cookie_parser
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BODY_BYTES = 256 * 1024
COOKIE = "horei_token"
# Nothing is loaded but our own style sheet and pictures; no script at all, so none that data could hold.
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class _TooLargeError(Exception):
    pass


class Guard:
    """ASGI middleware around the whole application."""

    def __init__(
        self, app: ASGIApp, hosts: Collection[str], token: str | None = None, *, any_address: bool = False
    ) -> None:
        """``hosts`` are the names (without port) that a request may be addressed to, with ``any_address`` every IP address
        too; a foreign page that points its own name at this machine (DNS rebinding) has another name. ``token`` is asked
        of everybody, None of nobody."""
        self._app = app
        self._hosts = frozenset(hosts)
        self._any_address = any_address
        self._token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        begun = False

        async def with_headers(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                _add_headers(message)
            await send(message)

        refusal = self._refusal(scope, headers)
        if refusal is not None:
            await refusal(scope, receive, with_headers)
            return
        try:
            await self._app(scope, _limited(receive), with_headers)
        except _TooLargeError:
            if not begun:
                await _refused(413, f"本文が大きすぎます（上限 {MAX_BODY_BYTES // 1024} KiB）。")(
                    scope, receive, with_headers
                )

    def _refusal(self, scope: Scope, headers: MutableMapping[str, str]) -> Response | None:
        """The response that refuses a request; None for one that may pass."""
        name = _host_name(headers.get("host", ""))
        if name not in self._hosts and not (self._any_address and _is_address(name)):
            return _refused(421, "このアドレスあての要求は受け付けません（Host が違います）。")
        origin = headers.get("origin")
        if origin is not None and _place(origin) != headers["host"].lower():
            return _refused(403, "ほかのサイトからの要求は受け付けません（Origin が違います）。")
        if scope["method"] != "GET" and headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            return _refused(403, "ほかのサイトからの要求は受け付けません。")
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > MAX_BODY_BYTES:
            return _refused(413, f"本文が大きすぎます（上限 {MAX_BODY_BYTES // 1024} KiB）。")
        return self._stranger(scope, headers)

    def _stranger(self, scope: Scope, headers: MutableMapping[str, str]) -> Response | None:
        if self._token is None:
            return None
        kind, _, bearer = headers.get("authorization", "").partition(" ")
        if (kind.lower() == "bearer" and _same(bearer.strip(), self._token)) or _same(_cookie(headers), self._token):
            return None
        (given,) = urllib.parse.parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[:1]
        if scope["method"] == "GET" and _same(given, self._token):
            # The token leaves the address bar at once: it must not end up in a history or a copied link.
            response = RedirectResponse(scope["path"], 303)
            response.set_cookie(COOKIE, self._token, httponly=True, samesite="strict")
            return response
        return _refused(401, "トークンが要ります。起動したときに表示されたアドレス（?token=…）で開いてください。")


def _limited(receive: Receive) -> Receive:
    size = 0

    async def limited() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > MAX_BODY_BYTES:
            raise _TooLargeError
        return message

    return limited


def _add_headers(message: Message) -> None:
    present = {name.lower() for name, _ in message["headers"]}
    message["headers"] = [
        *message["headers"],
        *((name.encode(), value.encode()) for name, value in HEADERS.items() if name.lower().encode() not in present),
    ]


def _refused(status: int, words: str) -> Response:
    return PlainTextResponse(words + "\n", status)


def _host_name(host: str) -> str:
    """The name in a Host header, without the port: ``[::1]:8000`` is ``::1``."""
    try:
        return urllib.parse.urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _place(origin: str) -> str:
    """Name and port of an Origin header; empty for what is none."""
    try:
        return urllib.parse.urlsplit(origin).netloc.lower()
    except ValueError:
        return ""


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _same(given: str, token: str) -> bool:
    return hmac.compare_digest(given.encode(), token.encode())


def _cookie(headers: MutableMapping[str, str]) -> str:
    # Not http.cookies: it stops at the first cookie that it cannot read, and those of other programs on this host
    # (cookies know no port) may stand before ours.
    return cookie_parser(headers.get("cookie", "")).get(COOKIE, "")
