"""Damaged and made-up inputs for every kind of file that the programs read: one line and an exit code, or a result.

Each input is made from a good one by a seeded mutation. A program must end with a code of its own, say why in one line
that is not the name of a Python exception, and never hang; what is accepted must not change what the good input gave
where nothing but the damage could have changed it. Four mutations a kind run by default, ``-m slow`` runs a hundred.
"""

from __future__ import annotations

import contextlib
import io
import json
import random
import re
import shutil
import signal
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from app.core.cli import run_program

ROOT = Path(__file__).resolve().parents[1]
FEW, MANY = 4, 100
SECONDS = 30  # one input; all but a hang take less than two
# What run_program says for an exception that nobody thought of.
UNEXPECTED = re.compile(r"エラー: [A-Za-z]*(?:Error|Exception|Exit)\b|Traceback|panicked")
ODD: tuple[Any, ...] = (
    None, True, -1, 0, 10**30, 1.5, "", " ", "\x1b]0;x\x07", "\ud842", "a" * 3000, "../../etc/passwd", "Answer: a", [], {}, [[]],
    {"a": {"b": None}}, "C:\\x\\y", "２", "○", ["a", 1, None], float("nan"), float("inf"), "⺠⻑", "\u202e", -(10**30), "\x00",
)  # fmt: skip


# -- mutations -----------------------------------------------------------------------------------------------------


def damaged_bytes(data: bytes, draw: random.Random) -> bytes:
    """``data`` with bits turned, a range cut, doubled, overwritten or moved, or an end missing."""
    out = bytearray(data)
    for _ in range(draw.randint(1, 3)):
        at, length = draw.randrange(len(out) + 1), draw.choice([1, 3, 16, 200])
        kind = draw.randrange(7)
        if kind == 0 and out:
            out[at % len(out)] ^= 1 << draw.randrange(8)
        elif kind == 1:
            del out[at : at + length]
        elif kind == 2:
            out[at:at] = out[at : at + length]
        elif kind == 3:
            out[at : at + length] = draw.randbytes(length)
        elif kind == 4:
            del out[at:]
        elif kind == 5:
            out[at:at] = draw.choice(
                [b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"\r\n", "㍻".encode(), b"\x1b[2J", b"]", b'"']
            )
        else:
            out += out[at : at + length]
    return bytes(out)


def damaged_value(value: Any, draw: random.Random) -> Any:
    """A JSON value with some of its parts replaced, left out, renamed, doubled or swapped."""
    copied = json.loads(json.dumps(value))
    for _ in range(draw.randint(1, 3)):
        places = list(_places(copied))
        if not places:
            return copied
        holder, key = draw.choice(places)
        kind = draw.randrange(5)
        if kind == 0 or kind == 1:
            holder[key] = json.loads(json.dumps(draw.choice(ODD)))
        elif kind == 2:
            del holder[key]
        elif kind == 3 and isinstance(holder, dict):
            holder[f"{key}x"] = holder.pop(key)
        elif isinstance(holder, list):
            holder.insert(draw.randrange(len(holder) + 1), holder[key])
        else:
            holder[key], other = holder[draw.choice(list(holder))], holder[key]
            holder[f"{key}2"] = other
    return copied


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield value, key
        yield from _places(item)


def damaged_json(data: bytes, draw: random.Random) -> bytes:
    """A JSON file, damaged as bytes one time in three, else as a value."""
    if draw.randrange(3) == 0:
        return damaged_bytes(data, draw)
    return json.dumps(damaged_value(json.loads(data), draw), ensure_ascii=draw.random() < 0.5).encode(
        "utf-8", "replace"
    )


def damaged_lines(data: bytes, draw: random.Random) -> bytes:
    """A JSON-lines file, one of whose lines is damaged, left out or doubled."""
    lines = data.splitlines()
    at = draw.randrange(len(lines))
    lines[at : at + 1] = draw.choice(
        [[], [lines[at]] * 2, [damaged_json(lines[at], draw)], [damaged_json(lines[at], draw)]]
    )
    return b"\n".join(lines) + b"\n"


# -- running -------------------------------------------------------------------------------------------------------


def run(program: str, *arguments: Any) -> tuple[int, str, str]:
    """Exit code, standard output and error of a program; wrong usage and hangs end here too."""
    import importlib

    def late(*_: Any) -> None:
        raise AssertionError(f"{program} hangs")

    out, err = io.StringIO(), io.StringIO()
    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(SECONDS)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = run_program(importlib.import_module(f"scripts.{program}").main, [str(one) for one in arguments])
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
    return code, out.getvalue(), err.getvalue()


def check(code: int, out: str, err: str, where: str) -> None:
    """A code of ours, one last line that says why, nothing that steers a terminal."""
    assert code in (0, 1, 3), f"{where}: code {code}"
    assert not UNEXPECTED.search(err), f"{where}: {err[-600:]}"
    assert "\x1b" not in out + err, f"{where}: an escape sequence reaches the terminal"
    if code:
        last = err.rstrip("\n").splitlines()[-1]
        assert last.startswith(("エラー: ", "警告: ")), f"{where}: {last}"
        assert len(last) < 9000, f"{where}: {len(last)} characters"


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One good file of each kind."""
    place = tmp_path_factory.mktemp("good")
    samples = json.loads((ROOT / "sample" / "selection.json").read_text("utf-8"))["samples"][:12]
    (place / "q.json").write_text(json.dumps({"samples": samples}, ensure_ascii=False), "utf-8")
    assert (
        run("build_finetune_dataset", "--lawqa-path", place / "q.json", "--no-rag", "--output-path", place / "r.jsonl")[
            0
        ]
        == 0
    )
    assert run("build_index", "--source", ROOT / "sample" / "laws", "--index-dir", place / "index")[0] == 0
    page = (ROOT / "docs" / "data-formats.md").read_text("utf-8").split("\n## 評価の結果\n")[1]
    (place / "result.json").write_text(re.findall(r"```json\n(.*?)\n```", page, flags=re.DOTALL)[0], "utf-8")
    laws = sorted((ROOT / "sample" / "laws").glob("*/*.xml"))[:2]
    with zipfile.ZipFile(place / "laws.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for law in laws:
            archive.write(law, f"{law.parent.name}/{law.name}")
    shutil.copy(laws[0], place / laws[0].name)
    (place / "law.xml").write_bytes(laws[0].read_bytes())
    (place / "asked.jsonl").write_text('{"id": "1", "query": "届出の効力"}\n{"id": "2", "query": "許可"}\n', "utf-8")
    return place


def questions(good: Path, work: Path, draw: random.Random) -> None:
    (work / "q.json").write_bytes(damaged_json((good / "q.json").read_bytes(), draw))
    for program, output in (("split_selection_dataset", "--output-dir"), ("build_finetune_dataset", "--output-path")):
        more = ["--no-rag", "--preview", "1"] if output == "--output-path" else []
        check(*run(program, "--lawqa-path", work / "q.json", output, work / f"out-{program}", *more), program)


def records(good: Path, work: Path, draw: random.Random) -> None:
    from app.core.errors import UserError
    from app.data.records import read_records, write_records

    (work / "r.jsonl").write_bytes(damaged_lines((good / "r.jsonl").read_bytes(), draw))
    with contextlib.suppress(UserError):
        write_records(work / "again.jsonl", read_records(work / "r.jsonl"))  # what is read can be written


def results(good: Path, work: Path, draw: random.Random) -> None:
    data = (good / "result.json").read_bytes()
    (work / "x.json").write_bytes(damaged_json(data, draw))
    (work / "y.json").write_bytes(data)
    code, out, err = run("compare_runs", work / "y.json", work / "x.json", "--report", work / "r.html")
    check(code, out, err, "compare_runs")
    if code == 0:
        said = json.loads((work / "x.json").read_bytes())["results"]
        right = sum(one["status"] == "correct" for one in said)
        assert f"{right}" in out, "the numbers shown are those of the answers"
    check(*run("import_results", work / "x.json"), "import_results")


def index_files(good: Path, work: Path, draw: random.Random) -> None:
    shutil.copytree(good / "index", work / "index")
    files = [path for path in sorted((work / "index").rglob("*")) if path.is_file() and path.stat().st_size]
    path = draw.choice(files)
    before = path.read_bytes()
    path.write_bytes(damaged_bytes(before, draw))
    if path.name == "manifest.json":
        path.write_bytes(damaged_json(before, draw))
    query = ["search_statutes", "届出の効力", "--top-k", "3", "--json", "--index-dir"]
    code, out, err = run(*query, work / "index")
    check(code, out, err, f"search with {path.name}")
    if code == 0 and "words" in path.parts:
        assert out == run(*query, good / "index")[1], f"{path.name}: another order without a word"


def law_xml(good: Path, work: Path, draw: random.Random) -> None:
    name = next(path for path in good.glob("*.xml") if path.name != "law.xml").name
    (work / name).write_bytes(damaged_bytes((good / "law.xml").read_bytes(), draw))
    check(*run("build_index", "--source", work / name, "--index-dir", work / "index"), "build_index (xml)")


def law_zip(good: Path, work: Path, draw: random.Random) -> None:
    (work / "laws.zip").write_bytes(damaged_bytes((good / "laws.zip").read_bytes(), draw))
    build = ["build_index", "--source", work / "laws.zip", "--index-dir", work / "index"]
    code, out, err = run(*build)
    check(code, out, err, "build_index (zip)")
    if code:
        check(*run(*build, "--skip-unreadable"), "build_index --skip-unreadable")


def queries(good: Path, work: Path, draw: random.Random) -> None:
    (work / "asked.jsonl").write_bytes(damaged_lines((good / "asked.jsonl").read_bytes(), draw))
    check(*run("search_statutes", "--queries", work / "asked.jsonl", "--index-dir", good / "index"), "search --queries")


def ledgers(good: Path, work: Path, draw: random.Random) -> None:
    shutil.copy(good / "q.json", work / "q.json")
    split = ["split_selection_dataset", "--lawqa-path", work / "q.json", "--output-dir", work / "split"]
    assert run(*split)[0] == 0
    (work / "split" / "split.json").write_bytes(damaged_json((work / "split" / "split.json").read_bytes(), draw))
    sides = {path: path.read_bytes() for path in (work / "split").glob("t*.json")}
    code, out, err = run(*split, "--seed", "9")
    check(code, out, err, "split again")
    if code:
        assert {path: path.read_bytes() for path in sides} == sides


def model_folder(good: Path, work: Path, draw: random.Random) -> None:
    from app.core.chat import encode_prompt, letter_token_ids, stop_token_id
    from app.core.errors import UserError
    from app.llm.loading import load_base_model, load_tokenizer

    shutil.copytree(ROOT / "sample" / "tiny-qwen3", work / "m")
    path = draw.choice(
        [path for path in sorted((work / "m").iterdir()) if path.suffix in (".json", ".jinja", ".safetensors")]
    )
    data = path.read_bytes()
    path.write_bytes(damaged_json(data, draw) if path.suffix == ".json" else damaged_bytes(data, draw))
    with contextlib.suppress(UserError), contextlib.redirect_stderr(io.StringIO()):
        tokenizer = load_tokenizer(str(work / "m"))
        encode_prompt(tokenizer, "問い")
        letter_token_ids(tokenizer)
        stop_token_id(tokenizer)
        if path.suffix != ".safetensors":
            load_base_model(str(work / "m"), quantization=None, device="cpu")


def adapter_files(good: Path, work: Path, draw: random.Random) -> None:
    from app.core.errors import UserError
    from app.llm.adapters import adapter_chat_format, adapter_folder, adapter_manifest

    config = {"peft_type": "LORA", "base_model_name_or_path": "x", "r": 8, "target_modules": ["q_proj"]}
    run_json = {
        "kind": "adapter",
        "chat": {"format": "auto"},
        "base_model": {"name": "x"},
        "trained_question_ids": ["q"],
    }
    for name, value in (("adapter_config.json", config), ("run.json", run_json)):
        (work / name).write_bytes(damaged_json(json.dumps(value).encode(), draw))
    (work / "adapter_model.safetensors").write_bytes(b"")
    with contextlib.suppress(UserError):
        adapter_chat_format(adapter_manifest(adapter_folder(str(work))))


def environment(good: Path, work: Path, draw: random.Random) -> None:
    from app.core.errors import UserError
    from app.core.rag_config import load_config

    (work / ".env").write_bytes(damaged_bytes((ROOT / ".env.example").read_bytes(), draw))
    with contextlib.suppress(UserError):
        load_config(env_file=work / ".env")


KINDS: tuple[Callable[[Path, Path, random.Random], None], ...] = (
    questions, records, results, index_files, law_xml, law_zip, queries, ledgers, model_folder, adapter_files, environment,
)  # fmt: skip


@pytest.mark.filterwarnings("ignore")  # libraries warn about what they are given; the answer is what counts
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("share", ["few", pytest.param("many", marks=pytest.mark.slow)])
def test_a_damaged_input_is_one_line_or_harmless(
    good: Path, tmp_path: Path, kind: Callable[[Path, Path, random.Random], None], share: str
) -> None:
    for number in range(FEW) if share == "few" else range(FEW, FEW + MANY):
        work = tmp_path / str(number)
        work.mkdir()
        try:
            kind(good, work, random.Random(f"{kind.__name__}-{number}"))
        except Exception as error:
            raise AssertionError(f"{kind.__name__} {number}: {type(error).__name__}: {error}") from error
        shutil.rmtree(work)
