"""The pictures that the documents show: pages of the demo's folder as Chromium draws them, small enough for a repository."""

from __future__ import annotations

import contextlib
import io
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from app.core.cli import JapaneseParser, log
from app.core.errors import ConfigError
from app.core.files import write_bytes
from app.core.manifests import REPOSITORY

if TYPE_CHECKING:
    from .chromium import Page

EXAMPLES = ("make pictures", "python scripts/build_pictures.py --demo results/demo")
FOLDER = Path("docs/pictures")
MOST_BYTES = 200_000
COLORS = 128  # of a picture's palette: with fewer, small red and green words turn grey
WIDE, PHONE = 1200, 390
STARTS_WITHIN, PAGES_WITHIN = 120, 600  # seconds; the first statement loads the model
TEXT = "港務日誌は、最後に記載した日から七年間保存しなければならない。港務日誌は、十年間保存しなければならない。"
ARTICLE = "渡船事業法施行令2条"
QUESTION = "港湾条例_第2章_選択式_関連法令_問題番号20"
RESULTS = ("base_gold.json", "tuned_gold.json")


@dataclass(frozen=True, slots=True)
class Shot:
    """One picture: where it is taken, how wide and how high, and what is typed there first."""

    name: str
    address: str
    width: int = WIDE
    height: int = 900  # at most, CSS pixels
    top: int = 0  # CSS pixels left out above
    typed: str = ""  # into the text area of the form, which is sent then


def shots(site: str, report: str, demo: Path) -> list[Shot]:
    """What is taken, of the page at ``site`` and of the report at ``report``."""
    pair = dict(zip(("base", "tuned"), (str(demo / "eval" / name) for name in RESULTS), strict=True))
    compared = urllib.parse.urlencode(pair)
    asked = urllib.parse.urlencode({**pair, "id": QUESTION})
    article = urllib.parse.urlencode({"ref": ARTICLE})
    return [
        Shot("check.png", f"{site}/check", height=760, typed=TEXT),
        Shot("article_phone.png", f"{site}/article?{article}", PHONE, 720),
        Shot("runs.png", f"{site}/runs", height=1010),
        Shot("compare.png", f"{site}/runs/compare?{compared}", height=640),
        Shot("question.png", f"{site}/runs/question?{asked}", height=800),
        Shot("report.png", report, height=770, top=112),  # below the time and this machine's folders
    ]


def parser() -> JapaneseParser:
    """The parser of this program."""
    made = JapaneseParser(
        "README の画像（docs/pictures）を、デモのフォルダから撮り直す。ページを開き、Chromium で写し、小さくして書く。",
        EXAMPLES,
    )
    made.add_argument(
        "--demo", type=Path, default=Path("results/demo"), help="make demo の結果のフォルダ（既定: results/demo）"
    )
    return made


def main(argv: Sequence[str]) -> int:
    """Take every picture."""
    demo: Path = parser().parse_args(argv).demo.resolve()
    # The programs run in the checkout, where the demo's base model is; the pictures show short names then.
    demo = demo.relative_to(REPOSITORY) if demo.is_relative_to(REPOSITORY) else demo
    from .chromium import CHROMIUM, Page

    if CHROMIUM is None:
        raise ConfigError("Chromium がありません。apt-get install chromium などで入れてください。")
    missing = [
        name
        for name in ("index", "adapter", *(f"eval/{one}" for one in RESULTS))
        if not (REPOSITORY / demo / name).exists()
    ]
    if missing:
        raise ConfigError(f"{demo}: {'、'.join(missing)} がありません。make demo を先に実行してください。")
    with tempfile.TemporaryDirectory() as folder, _served(demo) as site:
        report = Path(folder) / "report.html"
        _program("compare_runs.py", *(demo / "eval" / name for name in RESULTS), "--report", report)
        page = Page(Path(folder) / "profile", patience=PAGES_WITHIN)
        try:
            for shot in shots(site, report.as_uri(), demo):
                written = small(_taken(page, shot))
                write_bytes(REPOSITORY / FOLDER / shot.name, written)
                log(f"{FOLDER / shot.name}: {len(written) / 1000:.0f} kB")
        finally:
            page.close()
    return 0


def _taken(page: Page, shot: Shot) -> bytes:
    phone = shot.width == PHONE
    page.call(
        "Emulation.setDeviceMetricsOverride",
        width=shot.width,
        height=800,
        deviceScaleFactor=2 if phone else 1,
        mobile=phone,
    )
    page.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "light"}])
    page.open(shot.address)
    if shot.typed:
        page.run(f"document.querySelector('textarea').value = {shot.typed!r}")
        page.click("main button")
    return page.picture(shot.height, shot.top)


def small(png: bytes) -> bytes:
    """The picture with a palette of ``COLORS``. Raises ConfigError where it is still too large for the repository."""
    from PIL import Image

    with Image.open(io.BytesIO(png)) as image:
        few = image.convert("RGB").quantize(COLORS, dither=Image.Dither.NONE)
    buffer = io.BytesIO()
    few.save(buffer, "PNG", optimize=True)
    if buffer.tell() > MOST_BYTES:
        raise ConfigError(
            f"画像が {buffer.tell():,} バイトあります（上限 {MOST_BYTES:,}）。写す範囲を狭くしてください。"
        )
    return buffer.getvalue()


def _program(name: str, *arguments: object) -> None:
    subprocess.run(
        [sys.executable, f"scripts/{name}", *map(str, arguments)], cwd=REPOSITORY, check=True, stdout=subprocess.DEVNULL
    )


@contextlib.contextmanager
def _served(demo: Path) -> Iterator[str]:
    """The address of a serve.py on the demo's folder, for as long as the block runs."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    options = ["--index-dir", demo / "index", "--adapter", demo / "adapter", "--runs", demo, "--port", port]
    process = subprocess.Popen(
        [sys.executable, "scripts/serve.py", *map(str, options)], cwd=REPOSITORY, stdout=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + STARTS_WITHIN
        while not _answers(port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise ConfigError("serve.py が始まりません（理由は上に示しました）。")
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
