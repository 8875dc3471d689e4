"""The pictures of the documents: each is there, small, shown and described; and what the program refuses."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from PIL import Image

from app.core.cli import run_program
from tools import pictures
from tools.pictures import FOLDER, MOST_BYTES, PHONE, WIDE, shots, small

ROOT = Path(__file__).resolve().parents[2]
SHOTS = {shot.name: shot for shot in shots("http://127.0.0.1", "file:///report.html", Path("results/demo"))}


@pytest.mark.parametrize("page", ["README.md", "README.en.md"])
def test_every_picture_is_there_and_shown_with_words(page: str) -> None:
    shown = dict(re.findall(rf"!\[([^\]]+)\]\({FOLDER}/([^)]+)\)", (ROOT / page).read_text(encoding="utf-8")))
    assert sorted(shown.values()) == sorted(SHOTS)
    assert all(len(words) > 20 for words in shown)
    assert sorted(path.name for path in (ROOT / FOLDER).iterdir()) == sorted(SHOTS)


@pytest.mark.parametrize("name", SHOTS)
def test_a_picture_is_small_and_as_wide_as_its_screen(name: str) -> None:
    path = ROOT / FOLDER / name
    assert path.stat().st_size <= MOST_BYTES
    with Image.open(path) as image:
        assert image.format == "PNG"
        assert image.width == (WIDE if SHOTS[name].width == WIDE else 2 * PHONE)
        scale = image.width // SHOTS[name].width
        assert 300 * scale < image.height <= SHOTS[name].height * scale


def test_a_picture_becomes_small() -> None:
    page = Image.new("RGB", (1200, 900), "white")
    page.paste((20, 40, 60), (0, 0, 600, 100))
    buffer = io.BytesIO()
    page.save(buffer, "PNG")
    with Image.open(io.BytesIO(small(buffer.getvalue()))) as made:
        assert (made.size, made.mode) == ((1200, 900), "P")
        assert made.convert("RGB").getpixel((5, 5)) == (20, 40, 60)


def test_a_picture_that_stays_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "MOST_BYTES", 100)
    buffer = io.BytesIO()
    Image.effect_noise((64, 64), 80).save(buffer, "PNG")
    with pytest.raises(pictures.ConfigError, match="上限 100"):
        small(buffer.getvalue())


def test_without_the_demo_it_says_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    monkeypatch.setattr("tools.chromium.CHROMIUM", "chromium")
    assert run_program(pictures.main, ["--demo", str(tmp_path)]) == 1
    assert "make demo を先に実行してください" in capsys.readouterr().err
    monkeypatch.setattr("tools.chromium.CHROMIUM", None)
    assert run_program(pictures.main, ["--demo", str(tmp_path)]) == 1
    assert "Chromium がありません" in capsys.readouterr().err
