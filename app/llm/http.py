"""JSON over HTTP on httpx: several requests at once, each with a deadline and retries; every failure is a BackendError
with one line.

The client is asynchronous inside and called plainly: its event loop runs in a thread of its own, so that programs,
notebooks and servers that have a loop already can all use it.
"""

from __future__ import annotations

import asyncio
import atexit
import ipaddress
import json
import os
import ssl
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import cache
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from ..core.errors import BackendError
from ..core.redaction import hide, split_address
from .events import error_inside, objects_of, whole_answer

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")
MAX_WAIT_SECONDS = 300.0
MAX_RESPONSE_BYTES = 16 * 1024 * 1024
# Worth another try: the server is busy, starting, or a proxy before it gave up.
_RETRIED_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})
pause = asyncio.sleep  # between two tries


@dataclass(frozen=True, slots=True)
class Patience:
    """How a server is asked.

    timeout_seconds  for one whole answer, not for each piece of it
    retries          further tries after a timeout, a broken connection, a busy server or an unreadable answer
    wait_seconds     before the first of them, doubled each time; a server's Retry-After counts where it is longer
    concurrency      requests on their way at once
    """

    timeout_seconds: float = 300.0
    retries: int = 2
    wait_seconds: float = 1.0
    concurrency: int = 4


class JsonClient:
    """Asks the server at one address. Nothing is sent to another origin, and this machine never through a proxy."""

    def __init__(
        self, address: str, patience: Patience | None = None, *, headers: Mapping[str, str] | None = None
    ) -> None:
        """``user:password@`` in the address is sent as a header and shown nowhere. Raises BackendError for no address."""
        address, login = split_address(address.rstrip("/"))
        if not address.startswith(("http://", "https://")):
            raise BackendError(f"{hide(address)}: http:// か https:// で始まるアドレスを指定してください。")
        try:
            urllib.parse.urlsplit(address).port  # noqa: B018  # read for what it refuses
        except ValueError as error:
            raise BackendError(f"{hide(address)}: アドレスが正しくありません（{error}）。") from None
        self.address = address
        self.patience = patience or Patience()
        self._headers = {"Accept-Encoding": "identity", **login, **(headers or {})}

    def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """The JSON object that the server answers with; see ``post_all``."""
        return self.post_all(path, [body])[0]

    def post_all(self, path: str, bodies: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """The answers to several requests, in their order; a stream that nobody asked for is put together.

        Raises BackendError after the retries, and at once for a request the server refuses; the others are given up then.
        """
        return _wait(self._all(path, bodies))

    def get(self, path: str) -> dict[str, Any]:
        """The JSON object at ``path``; failures as in ``post_all``."""
        return _wait(self._all(path, [None]))[0]

    def stream(self, path: str, body: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """The objects of a streamed answer (SSE or a line each) as they come; leaving the iterator ends the request.

        Raises BackendError as ``post_all``; there is no other try once something has come.
        """
        given: SimpleQueue[dict[str, Any] | BaseException | None] = SimpleQueue()

        async def produce() -> None:
            try:
                async with self._connected() as client:
                    await self._ask(client, path, body, given.put)
                given.put(None)
            except BaseException as error:
                given.put(error)
                raise

        work = asyncio.run_coroutine_threadsafe(produce(), _loop(os.getpid()))
        try:
            while (event := given.get()) is not None:
                if isinstance(event, BaseException):
                    raise event
                yield event
        finally:
            work.cancel()

    async def _all(self, path: str, bodies: Sequence[Mapping[str, Any] | None]) -> list[dict[str, Any]]:
        gate = asyncio.Semaphore(self.patience.concurrency)
        async with self._connected() as client:

            async def one(body: Mapping[str, Any] | None) -> dict[str, Any]:
                events: list[dict[str, Any]] = []
                async with gate:
                    await self._ask(client, path, body, events.append, events.clear)
                return whole_answer(events)

            tasks = [asyncio.create_task(one(body)) for body in bodies]
            try:
                return await asyncio.gather(*tasks)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    async def _ask(
        self,
        client: httpx.AsyncClient,
        path: str,
        body: Mapping[str, Any] | None,
        give: Callable[[dict[str, Any]], None],
        forget: Callable[[], None] | None = None,
    ) -> None:
        """Give the objects of the answer to one request, over all tries. Without ``forget`` what was given stays given."""
        import httpx

        patience, url = self.patience, self.address + path
        failure = _Failure("")
        for attempt in range(patience.retries + 1):
            if attempt:
                await pause(max(patience.wait_seconds * 2 ** (attempt - 1), failure.wait_seconds))
            given = False
            try:
                async with asyncio.timeout(patience.timeout_seconds):
                    async for event in _once(client, url, body):
                        given = True
                        give(event)
                return
            except (TimeoutError, httpx.TimeoutException):
                failure = _Failure(f"{patience.timeout_seconds:g} 秒以内に応答がありません")
            except _Failure as error:
                failure = error
            if forget is not None:
                forget()
            elif given:
                raise BackendError(f"{url}: 回答の途中で途切れました（{failure.reason}）。")
        self._give_up(url, failure)

    def _give_up(self, url: str, failure: _Failure) -> NoReturn:
        reason, retries, proxy = failure.reason, self.patience.retries, _proxy_of(self.address)
        if proxy is not None:
            reason += f"、プロキシ {hide(proxy)} を通しました（通さないなら NO_PROXY に加えてください）"
        tries = f"{retries + 1} 回試しました" if retries else "再試行なし"
        raise BackendError(
            f"{url}: {reason}（{tries}）。サーバーが動いているか、アドレスとタイムアウトを確かめてください。"
        )

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[httpx.AsyncClient]:
        import httpx

        proxy = _proxy_of(self.address)
        try:
            # trust_env would bring proxies back, for this machine too, and passwords of a .netrc.
            client = httpx.AsyncClient(
                headers=self._headers, timeout=self.patience.timeout_seconds, trust_env=False, proxy=proxy,
                verify=_certificates() if self.address.startswith("https://") else False,
                limits=httpx.Limits(max_connections=self.patience.concurrency),
            )  # fmt: skip
        except (ImportError, ValueError) as error:  # a SOCKS proxy without its package, an unknown scheme
            raise BackendError(
                f"{self.address}: プロキシ {hide(proxy or '')} は使えません（{error}）。NO_PROXY に加えてください。"
            ) from None
        async with client:
            yield client


class RefusedError(BackendError):
    """The server does not take such a request."""


def bearer(api_key: str | None) -> dict[str, str]:
    """The header that carries a key; none without."""
    return {"Authorization": f"Bearer {api_key}"} if api_key else {}


class _Failure(Exception):
    """A try that failed and may be repeated; ``wait_seconds`` is what the server asks for."""

    def __init__(self, reason: str, wait_seconds: float = 0.0) -> None:
        super().__init__(reason)
        self.reason, self.wait_seconds = reason, wait_seconds


async def _once(client: httpx.AsyncClient, url: str, body: Mapping[str, Any] | None) -> AsyncIterator[dict[str, Any]]:
    """The objects of the answer to one try. Raises _Failure where another may help, BackendError where none will."""
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
                        raise _Failure(words)
                    raise BackendError(f"{url}: サーバーがエラーを返しました（{words}）。")
                yield event
    except ValueError as error:  # of objects_of: no JSON
        raise _Failure(str(error)) from None
    except httpx.InvalidURL as error:
        raise BackendError(f"{url}: アドレスが正しくありません（{error}）。") from None
    except (httpx.ConnectError, httpx.ProxyError) as error:
        raise _Failure(f"接続できません（{_reason(error)}）") from None
    except httpx.TimeoutException:
        raise
    except httpx.HTTPError as error:
        raise _Failure(f"接続が切れました（{type(error).__name__}）") from None


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
        raise _Failure(reason, retry_after(response.headers.get("Retry-After", "")))
    raise RefusedError(f"{url}: サーバーが要求を拒みました（{reason}）。")


def _server_message(text: str) -> str:
    """What the server says about its refusal, shortened to a line."""
    try:
        value = json.loads(text)
    except ValueError:
        value = text
    message = value.get("error", value.get("message", text)) if isinstance(value, dict) else text
    if isinstance(message, dict):
        message = message.get("message", text)
    return " ".join(str(message).split())[:200]


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


def _proxy_of(url: str) -> str | None:
    """The proxy of the environment that ``url`` is asked through; never one for this machine itself."""
    parts = urllib.parse.urlsplit(url)
    host = parts.hostname or ""
    if _is_this_machine(host) or urllib.request.proxy_bypass(host):
        return None
    proxy = urllib.request.getproxies().get(parts.scheme)
    return proxy if proxy is None or "://" in proxy else f"http://{proxy}"


def _is_this_machine(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@cache
def _certificates() -> ssl.SSLContext:
    # The system's, as every other program on the machine trusts them; read once, it takes a while.
    return ssl.create_default_context()


def _wait(work: Coroutine[Any, Any, T]) -> T:
    """What ``work`` comes to in the clients' event loop. An interrupt here ends it there."""
    future = asyncio.run_coroutine_threadsafe(work, _loop(os.getpid()))
    try:
        return future.result()
    except BaseException:
        future.cancel()
        raise


@cache
def _loop(process: int) -> asyncio.AbstractEventLoop:
    """The event loop of this process, running in a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name=f"http-{process}", daemon=True)
    thread.start()

    def end() -> None:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(timeout=5)
        if not loop.is_running():
            loop.close()

    atexit.register(end)
    return loop
