"""Every program on consoles that lack characters (cp932 of Windows, ascii): the same text, the same exit code, no traceback."""

from __future__ import annotations

import importlib
import io
import json
import re
import sys
from pathlib import Path

import pytest

from app.core.cli import run_program
from app.retrieval.index.building import build_index

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = sorted(path.stem for path in (ROOT / "scripts").glob("*.py") if path.stem != "__init__")
ENCODINGS = ["cp932", "ascii"]
# What differs from run to run.
_TIMES = re.compile(r"[\d.]+ ?秒|\d+分|[\d,.]+ ?(?:MB|KB)|[\d,.]+ トークン/秒")


class Bytes(io.BytesIO):
    """Outlives the stream over it."""

    def close(self) -> None:
        pass


def on(encoding: str, program: str, words: list[str], patch: pytest.MonkeyPatch) -> tuple[object, str, str]:
    """Exit code, output and messages of a program, what the encoding lacks read as it was written."""
    main = importlib.import_module(f"scripts.{program}").main
    out, err = Bytes(), Bytes()
    code: object
    with patch.context() as streams:
        for name, buffer in (("stdout", out), ("stderr", err)):
            streams.setattr(sys, name, io.TextIOWrapper(buffer, encoding=encoding, errors="strict", write_through=True))
        try:
            code = run_program(main, words)
        except SystemExit as stopped:
            code = stopped.code
    return code, read(out, encoding), read(err, encoding)


def read(buffer: Bytes, encoding: str) -> str:
    text = buffer.getvalue().decode(encoding)
    if encoding != "utf-8":
        text = re.sub(r"(?:\\u[0-9a-f]{4})+", lambda match: json.loads(f'"{match.group()}"'), text)
    return _TIMES.sub("", text)


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("program", PROGRAMS)
def test_the_help_of_every_program(program: str, encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = on("utf-8", program, ["--help"], monkeypatch)
    assert wanted[0] == 0
    assert len(wanted[1]) > 100
    assert on(encoding, program, ["--help"], monkeypatch) == wanted


def test_runs(tiny_model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    build_index(ROOT / "sample" / "laws", tmp_path / "index", laws=["422SN0000000018"])
    samples = json.loads((ROOT / "sample" / "selection.json").read_text("utf-8"))["samples"][:3]
    samples[0]["問題文"] = f"{samples[0]['問題文']}（𠮷・髙・¢・–）"  # no two of these are in all encodings
    (tmp_path / "q.json").write_text(json.dumps({"samples": samples}, ensure_ascii=False), "utf-8")
    model = ["--hf-model-name", str(tiny_model_dir), "--no-hf-load-in-4bit"]
    runs = [
        ("search_statutes", ["𠮷・髙・¢の許可", "--index-dir", "index"]),
        ("search_statutes", ["𠮷・髙・¢の許可", "--index-dir", "index", "--json"]),
        ("ask", ["許可は誰がするか –", "--index-dir", "index"]),
        ("evaluate_multiple_choice", ["--data", "q.json", "--output", "r.json", "--context", "none", *model]),
        ("compare_runs", ["r.json", "r.json"]),
        ("compare_runs", ["r.json", "r.json", "--json"]),
        ("compare_runs", ["r.json", "r.json", "--data", "q.json", "--report", "r.html"]),
        ("compare_runs", ["r.json", "–.json"]),
    ]
    for program, words in runs:
        wanted = on("utf-8", program, words, monkeypatch)
        assert "Traceback" not in wanted[2]
        for encoding in ENCODINGS:
            assert on(encoding, program, words, monkeypatch) == wanted, (program, encoding)
