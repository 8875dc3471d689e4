"""The program: its usage, an index alone, and the sample's tiny model judging a statement."""

from pathlib import Path

import pytest

from app.commands import ask
from app.core.cli import run_program
from app.retrieval.index.building import build_index

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def sample_index(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ask") / "index"
    build_index(ROOT / "sample/laws", folder)
    return folder


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "どれか一つ"),
        (["質問", "--check", "文"], "どれか一つ"),
        (["--chat", "--file", "q.json"], "どれか一つ"),
        (["質問", "--id", "1"], "--id は --file と一緒"),
        (["--check", "文", "--choice", "甲"], "--choice は質問と一緒"),
        (["--chat", "質問", "--choice", "甲"], "--choice は質問と一緒"),
        (["質問", "--as-of", "昨日"], "--as-of"),
        (["--check", "文", "--llm-backend", "ollama", "--think"], "--think は --check・--choice・--file と使えません"),
        (["質問", "--choice", "甲", "--choice", "乙", "--think"], "--think は --check・--choice・--file と使えません"),
        (["質問", "--max-new-tokens", "-5"], "--max-new-tokens: 1 以上の整数を指定してください（指定は -5）"),
        (["質問", "--max-new-tokens", "二"], "--max-new-tokens: 1 以上の整数を指定してください（指定は 二）"),
        (["質問", "--top-k", "0"], "--top-k: 1 以上の整数を指定してください（指定は 0）"),
    ],
)
def test_wrong_usage(arguments, words, capsys):
    with pytest.raises(SystemExit) as exit_:
        ask.main(arguments)
    assert exit_.value.code == 2
    assert words in capsys.readouterr().err


def test_an_index_alone_shows_the_articles(sample_index, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)  # no .env
    assert run_program(ask.main, ["港務日誌は何年間保存するか", "--index-dir", str(sample_index), "--top-k", "1"]) == 0
    assert capsys.readouterr().out == (
        "1. 汐凪市港湾条例 第3条の2第2項（港務日誌）\n   【港務日誌】は、最後に記載した日から七【年間保存】しなければならない。\n"
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--chat"], "モデルが指定されていません"),
        (["質問", "--adapter", "nowhere"], "nowhere: アダプタのフォルダがありません"),
        (["質問", "--adapter", "nowhere", "--llm-backend", "ollama"], "--hf-lora-path は --llm-backend hf だけ"),
        (["、。"], "語がありません"),
        (["質問", "--tokenizer", "x"], "--tokenizer は --llm-backend ollama・"),
        (["質問", "--llm-backend", "ollama", "--num-ctx", "0"], "--num-ctx は 1 以上です（0）"),
    ],
)
def test_refusals_are_one_line(sample_index, arguments, words, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert run_program(ask.main, [*arguments, "--index-dir", str(sample_index)]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert words in line


def test_a_statement_from_standard_input(sample_index, capsys, monkeypatch, tmp_path):
    import io

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.stdin", io.StringIO("港務日誌は、十年間保存しなければならない。"))
    model = ["--hf-model-name", str(ROOT / "sample/tiny-qwen3"), "--no-hf-load-in-4bit"]
    assert run_program(ask.main, ["--check", "-", "--index-dir", str(sample_index), *model]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "港務日誌は、十年間保存しなければならない。"
    assert lines[1].startswith("→ 条文")
    assert lines[2] == "   いちばん近い文は [1] 汐凪市港湾条例 第3条の2第2項"
