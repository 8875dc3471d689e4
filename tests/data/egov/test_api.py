from __future__ import annotations

import json
from urllib.parse import parse_qs, urlsplit

import pytest

from app.core.errors import BackendError, DataError
from app.data.egov.api import PoliteClient, Politeness
from tests.local_server import ReadSite

QUICK = Politeness(pause_seconds=0.0, retries=2, timeout_seconds=2.0)


def listed(law_id: str, title: str = "法") -> dict:
    revision = f"{law_id}_20240401_000000000000000"
    return {"law_info": {"law_id": law_id}, "revision_info": {"law_revision_id": revision, "law_title": title}}


class Server(ReadSite):
    """Answers from a list of (status, body, headers), then with the last one again."""

    def __init__(self, answers: list[tuple[int, bytes, dict[str, str]]]) -> None:
        self.answers = answers
        super().__init__()

    def answer(self, path: str, query: dict[str, list[str]]) -> tuple[int, bytes, dict[str, str]]:
        return self.answers[min(len(self.asked), len(self.answers)) - 1]


@pytest.fixture
def serve():
    servers = []

    def start(*answers):
        servers.append(Server([(*answer, {}) if len(answer) == 2 else answer for answer in answers]))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def page(*laws: dict, next_offset: int | None = None) -> bytes:
    return json.dumps({"total_count": 3, "laws": list(laws), "next_offset": next_offset}).encode()


def test_lists_all_pages(serve):
    server = serve((200, page(listed("1AC1"), listed("1AC2"), next_offset=2)), (200, page(listed("1AC3"))))
    from datetime import date

    laws = list(PoliteClient(server.url, QUICK).laws(category="001", as_of=date(2024, 4, 1)))
    assert [law.law_id for law in laws] == ["1AC1", "1AC2", "1AC3"]
    first, second = (parse_qs(urlsplit(path).query) for path in server.asked)
    assert first == {
        "category_cd": ["001"],
        "asof": ["2024-04-01"],
        "limit": ["100"],
        "offset": ["0"],
        "response_format": ["json"],
    }
    assert second["offset"] == ["2"]


def test_law_id_must_match_whole(serve):
    server = serve((200, page(listed("1AC1"), listed("1AC11"))))
    assert [law.law_id for law in PoliteClient(server.url, QUICK).laws(law_id="1AC1")] == ["1AC1"]


def test_busy_server_is_asked_again_after_a_growing_wait(serve):
    server = serve((503, b""), (429, b"", {"Retry-After": "7"}), (200, b"<Law/>"))
    waits: list[float] = []
    client = PoliteClient(server.url, Politeness(pause_seconds=1.0, retries=2), sleep=waits.append)
    assert client.law_xml("x") == b"<Law/>"
    assert waits == [2.0, 1.0, 7.0, 1.0]


def test_gives_up_after_the_retries(serve):
    server = serve((500, b"no"))
    with pytest.raises(BackendError, match=r"3 回試しましたが取得できません（HTTP 500）.*続きから"):
        PoliteClient(server.url, QUICK, sleep=lambda _: None).law_xml("x")
    assert len(server.asked) == 3


def test_a_refusal_is_not_repeated(serve):
    server = serve((404, b""))
    with pytest.raises(BackendError, match="404"):
        PoliteClient(server.url, QUICK).law_xml("x")
    assert len(server.asked) == 1


def test_no_server_is_one_line():
    with pytest.raises(BackendError, match="取得できません"):
        PoliteClient("http://127.0.0.1:9", QUICK, sleep=lambda _: None).law_xml("x")


@pytest.mark.parametrize(
    "body",
    [b"<html>", b"[]", b'{"laws": 3}', b'{"laws": [{}]}', page(listed("1AC1"), next_offset=0),
     page({"law_info": {"law_id": "1"}, "revision_info": {"law_revision_id": "../../x", "law_title": "t"}})],
)  # fmt: skip
def test_garbage_lists_are_refused(serve, body):
    with pytest.raises(BackendError):
        list(PoliteClient(serve((200, body)).url, QUICK).laws())


def test_too_long_an_answer_is_cut_off(serve, monkeypatch):
    monkeypatch.setattr("app.data.egov.api.MAX_XML_BYTES", 10)
    with pytest.raises(DataError, match="10 バイト"):
        PoliteClient(serve((200, b"x" * 11)).url, QUICK).law_xml("x")


@pytest.mark.parametrize("site", ["file:///etc", "ftp://x", "laws.e-gov.go.jp"])
def test_only_http(site):
    with pytest.raises(DataError, match="http"):
        PoliteClient(site)
