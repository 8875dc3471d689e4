"""Keys and passwords are used, never shown."""

from __future__ import annotations

import pytest

from app.core import redaction
from app.core.addresses import is_address, ollama_address
from app.core.cli import log, run_program
from app.core.errors import ConfigError
from app.core.redaction import hide, split_address, usable_key


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redaction, "_known", set())


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("http://me:pw@host:1/v1", "http://***@host:1/v1"),
        ("接続: https://u:p@h。次", "接続: https://***@h。次"),
        ("http://u:p@ss@h:1", "http://***@h:1"),  # an @ in the password
        ("http://u:p/w@h:1/v1", "http://***@h:1/v1"),  # a slash in it
        ("http://token@h", "http://***@h"),
        ("http://h:8000/a@b", "http://h:8000/a@b"),  # no login: an @ of the path
        ("http://h:8000?x=a@b", "http://h:8000?x=a@b"),
        ("http://h/v1?api_key=abc&x=1", "http://h/v1?api_key=***&x=1"),
        ("http://h/v1?Token=abc", "http://h/v1?Token=***"),
        ("a@b.example と c:d", "a@b.example と c:d"),
        ("postgres://u:p@h/db http://a:b@c", "postgres://***@h/db http://***@c"),
    ],
)
def test_passwords_in_addresses(text: str, hidden: str) -> None:
    assert hide(text) == hidden
    assert hide(hidden) == hidden


def test_secrets_of_the_environment(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-verysecret-123\r")
    monkeypatch.setenv("MY_TOKEN", "short")  # as short as a word: would black out text
    monkeypatch.setenv("TOKENIZERS_PARALLELISM", "falsehood")
    text = "Incorrect API key provided: sk-verysecret-123, short falsehood"
    assert hide(text) == "Incorrect API key provided: ***, short falsehood"
    log(text)

    def main(argv: object) -> int:
        raise ValueError("Invalid header value b'Bearer sk-verysecret-123\\r'")

    assert run_program(main, []) == 1
    assert "verysecret" not in capsys.readouterr().err


@pytest.mark.parametrize(("value", "key"), [(None, None), ("", None), (" \r\n", None), ("sk-abcdef\r\n", "sk-abcdef")])
def test_a_key_without_what_an_editor_left_around_it(value: str | None, key: str | None) -> None:
    assert usable_key("OPENAI_API_KEY", value) == key


@pytest.mark.parametrize("value", ["sk-abc def", "sk-ａｂｃｄｅｆ", "sk-abc\x00def", "sk-abc\r\nX: y"])
def test_a_key_that_no_header_may_hold_is_refused_without_it(value: str) -> None:
    with pytest.raises(ConfigError) as caught:
        usable_key("OPENAI_API_KEY", value)
    assert str(caught.value) == (
        "OPENAI_API_KEY に使えない文字（空白・改行・全角など）があります。値を入れ直してください。"
    )


@pytest.mark.parametrize(
    ("url", "address", "login"),
    [
        ("http://h:1/v1", "http://h:1/v1", None),
        ("http://user:s3cr3tpw@h:1/v1", "http://h:1/v1", "Basic dXNlcjpzM2NyM3Rwdw=="),
        ("http://user:p%40ss%3Aword@h", "http://h", "Basic dXNlcjpwQHNzOndvcmQ="),
        ("http://user@h", "http://h", "Basic dXNlcjo="),
        ("not an address", "not an address", None),
    ],
)
def test_an_address_and_its_login(url: str, address: str, login: str | None) -> None:
    assert split_address(url) == (address, {} if login is None else {"Authorization": login})


def test_a_password_that_was_used_is_hidden_from_then_on() -> None:
    split_address("http://user:s3cr3tpw@h")
    assert hide("server says: s3cr3tpw is wrong") == "server says: *** is wrong"


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("http://localhost:11434", "http://localhost:11434"),
        ("localhost", "http://localhost:11434"),
        ("127.0.0.1:11434", "http://127.0.0.1:11434"),
        ("0.0.0.0", "http://127.0.0.1:11434"),
        ("0.0.0.0:8080", "http://127.0.0.1:8080"),
        (":8080", "http://127.0.0.1:8080"),
        ("http://0.0.0.0:11434", "http://127.0.0.1:11434"),
        ("https://ollama.example/base", "https://ollama.example/base"),
        ("ollama.example/base", "http://ollama.example:11434/base"),
        ("::1", "http://[::1]:11434"),
        ("[::]:8080", "http://[::1]:8080"),
        (' "192.168.0.2:11434" ', "http://192.168.0.2:11434"),
        ("http://u:pw@0.0.0.0:1", "http://u:pw@127.0.0.1:1"),
        ("", "http://127.0.0.1:11434"),
    ],
)
def test_the_forms_of_ollama_host(written: str, address: str) -> None:
    assert ollama_address(written) == address
    assert is_address(address)
    assert ollama_address(address) == address


@pytest.mark.parametrize("written", ["ftp://h", "two words", "http://"])
def test_what_is_no_address_stays_and_is_none(written: str) -> None:
    assert not is_address(ollama_address(written)) or written == "http://"
