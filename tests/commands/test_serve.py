"""The program: where it may be opened, with what token, and what is refused before the port is."""

import errno
import os
import socket

import pytest

from app.commands.serve import TOKEN, access_token, is_loopback, main
from app.core.cli import run_program
from app.core.errors import ConfigError
from app.core.files import to_json
from app.serving.desk import FEEDBACK_KEYS
from tests.real_server import free_port


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

    def serve(server, sockets):
        opened.append((server.config, sockets[0].getsockname()))
        sockets[0].close()

    monkeypatch.setattr("uvicorn.Server.run", serve)
    port = free_port()
    assert run_program(main, ["--index-dir", "index", "--host", host, "--port", str(port)]) == 0
    ((config, address),) = opened
    assert (address, config.access_log) == ((host, port), False)
    (middleware,) = config.app.user_middleware
    assert (middleware.kwargs["token"], middleware.kwargs["any_address"]) == (token, token is not None)
    shown = capsys.readouterr().out
    assert shown == f"http://{host}:{port}/{'' if token is None else f'?token={token}'}\n"


def test_a_port_that_is_taken_is_one_line_before_anything_is_read(capsys, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert run_program(main, ["--index-dir", str(tmp_path / "nowhere"), "--port", str(port)]) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err == (
        f"エラー: --host 127.0.0.1 --port {port}: 開けません（{os.strerror(errno.EADDRINUSE)}）。"
        "ほかのプログラムが使っていないか確かめるか、別の --port を指定してください。\n"
    )


def test_feedback_goes_into_no_file_of_somebody_elses(capsys, tmp_path):
    mine = tmp_path / "notes.json"
    mine.write_bytes(b'{"mine": 1}\nthe end without a line feed')
    for path, words in ((tmp_path, "はフォルダです"), (mine, "このプログラムがここに書いたものではありません")):
        assert run_program(main, ["--index-dir", "nowhere", "--feedback", str(path)]) == 1
        assert words in capsys.readouterr().err
    assert mine.read_bytes() == b'{"mine": 1}\nthe end without a line feed'
    mine.write_text(to_json(dict.fromkeys(FEEDBACK_KEYS, "x")) + "\n", encoding="utf-8")
    assert run_program(main, ["--index-dir", "nowhere", "--feedback", str(mine)]) == 1
    assert "nowhere" in capsys.readouterr().err  # the file is taken
