"""JSON over HTTP on httpx: several requests at once, each with a deadline and retries; every failure is a BackendError
with one line.

The client is asynchronous inside and called plainly (``http_loop.py``).
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
import ssl
import urllib.parse
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, NoReturn

from ..core.errors import BackendError
from ..core.redaction import hide, split_address
from .events import whole_answer
from .http_loop import loop_of, wait
from .http_try import FailedTryError, answer_once

if TYPE_CHECKING:
    import httpx

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
        return wait(self._all(path, bodies))

    def get(self, path: str) -> dict[str, Any]:
        """The JSON object at ``path``; failures as in ``post_all``."""
        return wait(self._all(path, [None]))[0]

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

        work = asyncio.run_coroutine_threadsafe(produce(), loop_of(os.getpid()))
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
        failure = FailedTryError("")
        for attempt in range(patience.retries + 1):
            if attempt:
                await pause(max(patience.wait_seconds * 2 ** (attempt - 1), failure.wait_seconds))
            given = False
            try:
                async with asyncio.timeout(patience.timeout_seconds):
                    async for event in answer_once(client, url, body):
                        given = True
                        give(event)
                return
            except (TimeoutError, httpx.TimeoutException):
                failure = FailedTryError(f"{patience.timeout_seconds:g} 秒以内に応答がありません")
            except FailedTryError as error:
                failure = error
            if forget is not None:
                forget()
            elif given:
                raise BackendError(f"{url}: 回答の途中で途切れました（{failure.reason}）。")
        self._give_up(url, failure)

    def _give_up(self, url: str, failure: FailedTryError) -> NoReturn:
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


def bearer(api_key: str | None) -> dict[str, str]:
    """The header that carries a key; none without."""
    return {"Authorization": f"Bearer {api_key}"} if api_key else {}


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
