"""Keys and passwords: used where they are needed, never shown, never stored."""

from __future__ import annotations

import base64
import os
import re
import urllib.parse
from collections.abc import Mapping

from .errors import ConfigError

# Whole words of a name: --hf-token and HF_TOKEN are secret, --tokenizer and --max-new-tokens are not.
SECRET_WORDS = frozenset(
    {"key", "apikey", "token", "secret", "password", "passwd", "passphrase", "credential", "credentials"}
)
HIDDEN = "***"
_LEAST = 6  # shorter values stand in too many words by chance
# user:password@ before a host. A password may hold / and @: then everything up to the last @ goes, unless what follows
# the colon is a port.
_LOGIN = re.compile(r"(\w+://)(?:[^/\s\"'@]*:(?!\d+(?:[/?#\s\"']|$))[^\s\"']*@|[^/\s\"'?#]*@)")
_QUERY_SECRET = re.compile(
    r"([?&](?:api[-_]?key|key|access[-_]?token|token|secret|password|sig|signature)=)[^&#\s\"']+", re.IGNORECASE
)
_known: set[str] = set()


def is_secret_name(name: str) -> bool:
    """Whether an option or environment name is that of a secret."""
    return not SECRET_WORDS.isdisjoint(re.split(r"[-_]", name.lower()))


def hide(text: str) -> str:
    """``text`` without passwords in addresses and without any secret that the program or its environment knows."""
    text = _QUERY_SECRET.sub(rf"\1{HIDDEN}", _LOGIN.sub(rf"\1{HIDDEN}@", text))
    for secret in sorted(_secrets(), key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return text


def _secrets() -> set[str]:
    named = {value.strip() for name, value in os.environ.items() if is_secret_name(name)}
    return {value for value in _known | named if len(value) >= _LEAST}


def usable_key(name: str, value: str | None) -> str | None:
    """The key in ``value`` (spaces and line ends around it are left out; None for an empty one), hidden from now on.

    Raises ConfigError, without the key, when it holds characters that no header may have.
    """
    key = (value or "").strip()
    if not key:
        return None
    _known.add(key)
    if not all("!" <= char <= "~" for char in key):
        raise ConfigError(f"{name} に使えない文字（空白・改行・全角など）があります。値を入れ直してください。")
    return key


def split_address(url: str) -> tuple[str, Mapping[str, str]]:
    """An address without its ``user:password@``, and the header that carries them instead (empty without)."""
    scheme, separator, rest = url.partition("://")
    if not separator or hide(url) == url or "@" not in rest:
        return url, {}
    # As in ``hide``: up to the last @ that belongs to the login.
    matched = _LOGIN.match(url)
    if matched is None:
        return url, {}
    login = matched.group()[len(scheme) + 3 : -1]
    user, colon, password = login.partition(":")
    for part in (password, urllib.parse.unquote(password)):
        if len(part) >= _LEAST:
            _known.add(part)
    text = f"{urllib.parse.unquote(user)}{colon or ':'}{urllib.parse.unquote(password)}"
    header = {"Authorization": "Basic " + base64.b64encode(text.encode("utf-8")).decode("ascii")}
    return f"{scheme}://{url[matched.end() :]}", header
