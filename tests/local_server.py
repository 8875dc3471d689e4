"""A real HTTP server on this machine, in a thread, for as long as a test needs it."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


class LocalServer:
    """Serves with ``handler`` at ``url`` until it is closed; nothing is logged."""

    def __init__(self, handler: type[BaseHTTPRequestHandler]) -> None:
        class Quiet(handler):  # type: ignore[misc, valid-type]  # the class a test made
            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def close(self) -> None:
        """Stop serving and give the port back."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class ReadSite(LocalServer, ABC):
    """A site that is only read; ``asked`` keeps what was asked for, in order."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked.append(self.path)
                status, body, headers = outer.answer(urlsplit(self.path).path, parse_qs(urlsplit(self.path).query))
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

        super().__init__(Handler)

    @abstractmethod
    def answer(self, path: str, query: dict[str, list[str]]) -> tuple[int, bytes, dict[str, str]]:
        """Status, body and headers for a path with its query."""
