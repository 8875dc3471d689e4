"""Who is let in: our own address, our own pages, small bodies, and with a token only who has it."""

import pytest

from app.serving.guard import MAX_BODY_BYTES

TOKEN = "t" * 32


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1", 200),
        ("127.0.0.1:8080", 200),
        ("localhost:9", 200),
        ("[::1]:8080", 200),
        ("LOCALHOST", 200),
        ("evil.example", 421),
        ("127.0.0.1.evil.example", 421),
        ("192.168.0.7", 421),
        ("user@127.0.0.1", 200),
        ("[::1", 421),
        ("", 421),
    ],
)
def test_hosts(page, host, status):
    assert page().get("/", headers={"host": host}).status_code == status


def test_an_address_of_the_machine_where_it_is_opened_to_others(page):
    client = page(any_address=True, hosts={"law.example"}, token=TOKEN)
    key = {"authorization": f"Bearer {TOKEN}"}
    assert client.get("/", headers={"host": "192.168.0.7:80", **key}).status_code == 200
    assert client.get("/", headers={"host": "law.example", **key}).status_code == 200
    assert client.get("/", headers={"host": "evil.example", **key}).status_code == 421


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"origin": "http://127.0.0.1"}, 200),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "http://127.0.0.1:1"}, 403),  # another program's page on this machine
        ({"origin": "null"}, 403),
        ({"origin": "http://[::1"}, 403),  # no address at all
        ({"sec-fetch-site": "same-origin"}, 200),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
    ],
)
def test_origins(page, headers, status):
    assert page().post("/check", data={"text": "旅客名簿は一年間保存する。"}, headers=headers).status_code == status


def test_a_link_from_elsewhere_may_be_followed(page):
    assert page().get("/", headers={"sec-fetch-site": "cross-site"}).status_code == 200


def test_large_bodies(page):
    client = page()
    assert client.post("/v1/chat/completions", content=b"x" * (MAX_BODY_BYTES + 1)).status_code == 413
    # Chunked: nobody says beforehand how long it is.
    assert client.post("/v1/chat/completions", content=iter([b"x" * 65536] * 5)).status_code == 413
    assert client.post("/v1/chat/completions", content=b"x" * 1000).status_code == 400
    assert client.post("/ask", content=b"", headers={"content-length": "-1"}).status_code == 413


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"authorization": f"Bearer {TOKEN}"}, 200),
        ({"authorization": f"bearer {TOKEN}"}, 200),
        ({"authorization": "Bearer wrong"}, 401),
        ({"authorization": "Bearer "}, 401),
        ({"authorization": f"Basic {TOKEN}"}, 401),
        ({"cookie": f"horei_token={TOKEN}"}, 200),
        ({"cookie": "horei_token=wrong"}, 401),
        ({"cookie": "horei_token="}, 401),
        ({"cookie": "\u00ff;;="}, 401),
        ({"cookie": f'prefs={{"theme":"dark"}}; horei_token={TOKEN}'}, 200),  # another program's, which comes first
        ({"cookie": f"a b; horei_token={TOKEN}; c"}, 200),
        ({"cookie": f'horei_token="{TOKEN}"'}, 200),
        ({"cookie": 'prefs={"theme":"dark"}; horei_token=wrong'}, 401),
        ({"cookie": f"prefs=horei_token={TOKEN}"}, 401),
        ({"cookie": f"xhorei_token={TOKEN}; horei_token2={TOKEN}"}, 401),
    ],
)
def test_the_token(page, headers, status):
    raw = {name: value.encode("latin-1") for name, value in headers.items()}
    assert page(token=TOKEN).get("/v1/models", headers=raw).status_code == status


def test_the_token_in_the_address_becomes_a_cookie(page):
    client = page(token=TOKEN)
    assert client.get("/?token=wrong").status_code == 401
    answer = client.get(f"/?token={TOKEN}", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert answer.headers["set-cookie"] == f"horei_token={TOKEN}; HttpOnly; Path=/; SameSite=strict"
    assert client.get("/").status_code == 200
    assert client.get("/static/style.css").status_code == 200
