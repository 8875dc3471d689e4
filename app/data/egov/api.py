"""e-Gov's 法令API Version 2 and bulk download over HTTP: polite (one request at a time, a pause between), with retries.

Specification: https://laws.e-gov.go.jp/api/2/redoc/ (OpenAPI 2.1). Only lists and law files are asked for.
"""

from __future__ import annotations

import http.client
import json
import re
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import IO, Any

from ...core.errors import BackendError, DataError, UsageError
from .xml import how_repealed
from .xml_text import MAX_XML_BYTES

SITE = "https://laws.e-gov.go.jp"
PAGE = 100  # laws a list request; the API's own default
MAX_BULK_BYTES = 4 * 2**30  # the whole download had 286 MB in May 2026
_REVISION_ID = re.compile(r"[0-9A-Z]+_\d{8}_[0-9A-Z]+")
_RETRIED = (408, 425, 429, 500, 502, 503, 504)


@dataclass(frozen=True, slots=True)
class ListedLaw:
    """A law as the API lists it."""

    law_id: str
    revision_id: str
    title: str
    updated: str = (
        ""  # when e-Gov last changed its data of the revision, ISO with the zone; empty where it does not say
    )
    repealed: str = ""  # 廃止, 失効 …; empty for a law that is law


@dataclass(frozen=True, slots=True)
class Politeness:
    """How requests are spaced and repeated: what ``--pause`` and ``--retries`` say. Raises UsageError for what is below 0."""

    pause_seconds: float = 1.0  # between two requests
    retries: int = 4  # after the first try; waits 2, 4, 8, 16 times the pause
    timeout_seconds: float = 60.0  # without a byte

    def __post_init__(self) -> None:
        for name, value in (("--pause", self.pause_seconds), ("--retries", self.retries)):
            if value < 0:
                raise UsageError(f"{name} は 0 以上です（{value}）")


class _OwnError(Exception):
    """An OSError of what is done with an answer, not of the way it came: asking again would not help."""

    def __init__(self, error: OSError) -> None:
        super().__init__(str(error))
        self.error = error


@contextmanager
def _own() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _OwnError(error) from error


class PoliteClient:
    """Asks one site; raises BackendError when it does not answer after all retries."""

    def __init__(
        self,
        site: str = SITE,
        politeness: Politeness | None = None,
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if not re.match(r"https?://", site):
            raise DataError(f"{site}: http:// か https:// で始まるアドレスを指定してください。")
        self._site = site.rstrip("/")
        self._politeness = politeness or Politeness()
        self._sleep = sleep
        self._asked = False

    def laws(
        self, *, category: str | None = None, law_id: str | None = None, as_of: date | None = None
    ) -> Iterator[ListedLaw]:
        """Every law that fits, page by page. ``law_id`` must match whole; ``as_of`` picks the revision of that day."""
        offset: int | None = 0
        while offset is not None:
            asked = {"category_cd": category, "law_id": law_id, "asof": as_of.isoformat() if as_of else None}
            query = {key: value for key, value in asked.items() if value} | {
                "limit": str(PAGE),
                "offset": str(offset),
                "response_format": "json",
            }
            page = self._json(f"/api/2/laws?{urllib.parse.urlencode(query)}", "laws")
            infos = [row if isinstance(row, dict) else {} for row in page["laws"]]
            rows = [_listed(row.get("law_info"), row.get("revision_info")) for row in infos]
            yield from (row for row in rows if law_id is None or row.law_id == law_id)
            following = page.get("next_offset")
            if following is not None and not (isinstance(following, int) and following > offset and rows):
                raise BackendError(
                    f"{self._site}: 一覧の next_offset {following!r} が進みません。時間をおいてやり直してください。"
                )
            offset = following

    def revisions(self, law_id: str) -> list[ListedLaw]:
        """Every revision of a law that e-Gov has, those still to come among them."""
        page = self._json(f"/api/2/law_revisions/{law_id}?response_format=json", "revisions")
        return [_listed({"law_id": law_id}, row) for row in page["revisions"]]

    def law_xml(self, revision_id: str) -> bytes:
        """XML of one revision."""
        return self._fetch(f"/api/2/law_file/xml/{revision_id}", MAX_XML_BYTES)

    def file(self, path: str) -> bytes:
        """A file of the site, of at most the size of a law."""
        return self._fetch(path, MAX_XML_BYTES)

    def bulk(
        self,
        target: IO[bytes],
        *,
        category: str | None = None,
        updated_on: date | None = None,
        watch: Callable[[int], None] = lambda _: None,
    ) -> None:
        """Write a zip to ``target``: all laws, those of a category, or those that e-Gov updated on one day.

        ``watch`` is told the bytes so far. The site gives neither length nor ranges, so a broken transfer starts again
        from the beginning. Raises the OSError of a ``target`` that cannot be written.
        """
        if updated_on is not None:
            query = {"file_section": "3", "update_date": updated_on.strftime("%Y%m%d")}
        else:
            query = {"file_section": "2", "category_cd": category} if category else {"file_section": "1"}
        path = f"/bulkdownload?{urllib.parse.urlencode(query | {'only_xml_flag': 'true'})}"

        def copy(response: Any) -> bytes:
            with _own():
                target.seek(0)
                target.truncate()
            size = 0
            while piece := response.read(1 << 20):
                size += len(piece)
                if size > MAX_BULK_BYTES:
                    raise DataError(f"{self._site}{path}: {MAX_BULK_BYTES:,} バイトを超えたのでやめました。")
                with _own():
                    target.write(piece)
                    watch(size)
            return b""

        try:
            self._ask(path, copy)
        except _OwnError as error:
            raise error.error from None

    def _json(self, path: str, name: str) -> dict[str, Any]:
        data = self._fetch(path, 64 * 2**20)
        try:
            value = json.loads(data)
        except ValueError:
            value = None
        if not isinstance(value, dict) or not isinstance(value.get(name), list):
            raise BackendError(f"{self._site}{path}: 応答が法令APIの形ではありません。アドレスを確かめてください。")
        return value

    def _fetch(self, path: str, limit: int) -> bytes:
        def read(response: Any) -> bytes:
            data: bytes = response.read(limit + 1)
            if len(data) > limit:
                raise DataError(f"{self._site}{path}: {limit:,} バイトを超えたのでやめました。")
            return data

        return self._ask(path, read)

    def _ask(self, path: str, read: Callable[[Any], bytes]) -> bytes:
        """Answer to a GET, tried again after a wait that doubles (or that the server asks for)."""
        policy = self._politeness
        for attempt in range(policy.retries + 1):
            if self._asked:
                self._sleep(policy.pause_seconds)
            self._asked = True
            wait = policy.pause_seconds * 2 ** (attempt + 1)
            request = urllib.request.Request(self._site + path, headers={"User-Agent": "horei-ft"})  # noqa: S310  # http(s) only, checked above
            try:
                with urllib.request.urlopen(request, timeout=policy.timeout_seconds) as response:  # noqa: S310
                    return read(response)
            except urllib.error.HTTPError as error:
                if error.code not in _RETRIED:
                    raise BackendError(
                        f"{self._site}{path}: サーバーが {error.code} を返しました。指定した法令や分類を確かめてください。"
                    ) from None
                reason = f"HTTP {error.code}"
                after = error.headers.get("Retry-After", "")
                wait = max(wait, float(after)) if after.isdigit() else wait
            except (OSError, http.client.HTTPException) as error:
                reason = str(getattr(error, "reason", "") or error or type(error).__name__)
            if attempt < policy.retries:
                self._sleep(min(wait, 300.0))
        raise BackendError(
            f"{self._site}{path}: {policy.retries + 1} 回試しましたが取得できません（{reason}）。"
            "時間をおいて同じコマンドを実行すると続きから取得します。"
        )


def _listed(law_info: Any, revision_info: Any) -> ListedLaw:
    try:
        law = ListedLaw(
            str(law_info["law_id"]),
            str(revision_info["law_revision_id"]),
            str(revision_info["law_title"]),
            str(revision_info.get("updated") or ""),
            how_repealed(str(revision_info.get("repeal_status")), str(revision_info.get("amendment_type"))),
        )
    except (TypeError, KeyError, AttributeError):
        raise BackendError(
            "法令APIの一覧に law_id か law_revision_id がありません。アドレスを確かめてください。"
        ) from None
    # The id becomes a file name.
    if not _REVISION_ID.fullmatch(law.revision_id) or not law.revision_id.startswith(f"{law.law_id}_"):
        raise BackendError(f"法令APIの一覧に形の違う履歴ID {law.revision_id!r} があります。")
    return law
