"""Addresses of servers, in the forms people and Ollama itself write them."""

from __future__ import annotations

import re

_ADDRESS = re.compile(r"https?://[^\s/#][^\s#]*")  # what stands behind # is sent to nobody
_OLLAMA_PORT = 11434
# What a server listens on is not what a client connects to: "every address of this machine" is reached at its own.
_LISTENED = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]", "": "127.0.0.1"}  # noqa: S104  # compared, not bound


def is_address(text: str) -> bool:
    """Whether ``text`` is an http or https address."""
    return _ADDRESS.fullmatch(text) is not None


def ollama_address(text: str) -> str:
    """``OLLAMA_HOST`` as an address a client can use.

    Filled in as Ollama does (envconfig/config.go, ``Host``): http and port 11434 where no scheme is written, this
    machine where no host is. What is no host at all comes back as it is, for ``is_address`` to refuse.
    """
    text = text.strip().strip("\"'").strip()
    scheme, separator, rest = text.partition("://")
    if not separator:
        scheme, rest = "http", text
    if scheme not in ("http", "https") or re.search(r"\s", rest):
        return text
    login, at, place = rest.rpartition("@")
    place, slash, path = place.partition("/")
    if place.count(":") > 1 and not place.startswith("["):
        place = f"[{place}]"  # a bare IPv6 address
    host, colon, port = (
        place.rpartition(":") if re.search(r":\d*$", place) and not place.endswith("]") else (place, "", "")
    )
    if not separator and not port:
        colon, port = ":", str(_OLLAMA_PORT)
    if colon and not port:
        colon = ""
    return f"{scheme}://{login}{at}{_LISTENED.get(host, host)}{colon}{port}{slash}{path}"
