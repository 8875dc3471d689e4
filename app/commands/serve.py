"""The page and the endpoint: ask, check, search and read articles in a browser; other programs ask like OpenAI's."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import secrets
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

from ..answering.options import add_options
from ..core.cli import JapaneseParser, log, run_program
from ..core.errors import ConfigError
from ..core.outputs import Output, check_outputs, jsonl_keys
from ..core.redaction import usable_key

TOKEN = "HOREI_TOKEN"  # noqa: S105  # the name of the variable
EXAMPLES = (
    "python scripts/serve.py --index-dir results/demo/index --adapter results/demo/adapter",
    "python scripts/serve.py --llm-backend ollama --llm-model qwen3:8b",
    "python scripts/serve.py --host 0.0.0.0 --hf-model-name Qwen/Qwen3-1.7B",
)


def parser() -> JapaneseParser:
    """The parser of this program."""
    made = JapaneseParser(
        "質問・文の確かめ・検索・条文・実験のページと、OpenAI 互換の /v1/chat/completions を、この計算機で開く（Ctrl-C で終わる）。"
        "モデルは一人ずつ順番に使い、指定しなければ条文だけを示す。",
        EXAMPLES,
    )
    add = made.add_argument
    add(
        "--host",
        default="127.0.0.1",
        help=f"開くアドレス（既定 127.0.0.1。ほかから開けるものにはトークンが要る: {TOKEN}、なければその場で作って示す）",
    )
    add("--port", type=int, default=8080, help="ポート（既定 8080）")
    add("--allow-host", action="append", default=[], metavar="NAME", help="この名前あての要求も受け付ける")
    add("--waiting", type=int, default=32, metavar="N", help="順番を待てる数。超えると 503（既定 32）")
    add("--feedback", type=Path, metavar="JSONL", help="答えへの評価を残すファイル（既定: 残さない）")
    add("--runs", type=Path, action="append", metavar="DIR", help="実験のページで探すフォルダ（既定: results、runs）")
    add_options(made)
    return made


def main(argv: Sequence[str]) -> int:
    """Open the index, then the port."""
    arguments = parser().parse_args(argv)
    if not 1 <= arguments.port <= 65535:
        raise ConfigError(f"--port は 1〜65535 です（指定は {arguments.port}）。")
    if arguments.waiting < 0:
        raise ConfigError(f"--waiting は 0 以上です（指定は {arguments.waiting}）。")
    try:
        import uvicorn

        from ..serving.application import LOOPBACK, create_app
    except ModuleNotFoundError as error:
        raise ConfigError(f"{error.name} がありません。pip install '.[serve]' で入れてください。") from None
    from ..answering.opening import open_session
    from ..serving.desk import FEEDBACK_KEYS, Desk

    local = is_loopback(arguments.host)
    token = None if local else access_token()
    if arguments.feedback is not None:
        check_outputs([Output("--feedback", arguments.feedback, jsonl_keys(*FEEDBACK_KEYS))], {})
    # Before the model is read: a port that is taken is found out in the first second.
    with open_port(arguments.host, arguments.port) as opened:
        session, _ = open_session(arguments)
        desk = Desk(session, most_waiting=arguments.waiting, feedback=arguments.feedback)
        app = create_app(
            desk,
            hosts={*LOOPBACK, arguments.host, *(name.lower() for name in arguments.allow_host)},
            any_address=not local,
            token=token,
            max_new_tokens=arguments.max_new_tokens,
            runs=arguments.runs or [Path("results"), Path("runs")],
        )
        told = f"[{arguments.host}]" if ":" in arguments.host else arguments.host
        print(f"http://{told}:{arguments.port}/{'' if token is None else f'?token={token}'}", flush=True)
        if not session.model.named:
            log("モデルの指定がないので、条文だけを示します。")
        # No access log: questions and tokens stand in addresses.
        config = uvicorn.Config(app, log_level="warning", access_log=False, server_header=False)
        with contextlib.suppress(KeyboardInterrupt):
            uvicorn.Server(config).run(sockets=[opened])
    return 0


def open_port(host: str, port: int) -> socket.socket:
    """The socket that the page listens on. Raises ConfigError for a port or an address that cannot be had."""
    try:
        return socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=2048
        )
    except OSError as error:
        reason = str(error.strerror or error).partition(" (while")[0]
        raise ConfigError(
            f"--host {host} --port {port}: 開けません（{reason}）。"
            "ほかのプログラムが使っていないか確かめるか、別の --port を指定してください。"
        ) from None


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the address. Raises ConfigError for what is no address and not localhost."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        raise ConfigError(f"--host {host}: IP アドレスか localhost を指定してください。") from None


def access_token() -> str:
    """The token of the environment, or a new one."""
    given = os.environ.get(TOKEN)
    if given is None:
        return secrets.token_urlsafe(24)
    if len(given.strip()) < 16:
        raise ConfigError(f"{TOKEN} は 16 文字以上にしてください。")
    return usable_key(TOKEN, given) or ""


if __name__ == "__main__":
    sys.exit(run_program(main))
