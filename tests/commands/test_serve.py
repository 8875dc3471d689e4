"""The program: where it may be opened, with what token, and what is refused before the port is."""

import pytest

from app.commands.serve import TOKEN, access_token, is_loopback, main
from app.core.cli import run_program
from app.core.errors import ConfigError


@pytest.mark.parametrize(
    ("host", "local"),
    [("127.0.0.1", True), ("127.0.0.9", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False), ("192.168.0.7", False)],
)  # fmt: skip
def test_what_only_this_machine_reaches(host, local):
    assert is_loopback(host) is local


def test_a_name_is_no_address():
    with pytest.raises(ConfigError, match="IP アドレスか localhost"):
        is_loopback("law.example")


def test_the_token_is_given_or_made(monkeypatch):
    monkeypatch.setenv(TOKEN, " " + "t" * 16 + "\n")
    assert access_token() == "t" * 16
    monkeypatch.setenv(TOKEN, "short")
    with pytest.raises(ConfigError, match="16 文字以上"):
        access_token()
    monkeypatch.delenv(TOKEN)
    first, second = access_token(), access_token()
    assert len(first) == 32
    assert first != second


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--port", "0"], "--port は 1〜65535"),
        (["--waiting", "-1"], "--waiting は 0 以上"),
        (["--host", "law.example"], "IP アドレスか localhost"),
        (["--index-dir", "nowhere"], "nowhere"),
    ],
)
def test_refusals_are_one_line(arguments, words, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert run_program(main, arguments) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert words in line


@pytest.mark.parametrize(("host", "token"), [("127.0.0.1", None), ("0.0.0.0", "t" * 20)])
def test_what_is_opened(host, token, capsys, monkeypatch, tmp_path):
    from app.core.manifests import REPOSITORY
    from app.retrieval.index.building import build_index

    build_index(REPOSITORY / "sample/laws", tmp_path / "index")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(TOKEN, "t" * 20)
    opened = []
    monkeypatch.setattr("uvicorn.run", lambda app, **how: opened.append((app, how)))
    assert run_program(main, ["--index-dir", "index", "--host", host, "--port", "8123"]) == 0
    ((app, how),) = opened
    assert (how["host"], how["port"], how["access_log"]) == (host, 8123, False)
    (middleware,) = app.user_middleware
    assert (middleware.kwargs["token"], middleware.kwargs["any_address"]) == (token, token is not None)
    shown = capsys.readouterr().out
    assert shown == f"http://{host}:8123/{'' if token is None else f'?token={token}'}\n"
