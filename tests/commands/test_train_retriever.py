"""The program that trains a retriever: a model that vectors are made with, what it was trained on, refusals."""

from __future__ import annotations

import json
import shutil
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from tokenizers import Tokenizer, models, pre_tokenizers

from app.commands import train_retriever as program
from app.core.cli import run_program
from app.core.errors import ConfigError
from app.llm.backend import Generation
from app.retrieval.engines.embedder import load_embedder
from app.retrieval.index.building import build_index
from tests.killing import kill_at_change


def article(number: int) -> str:
    """An article of one of eight kinds: a caption with a character of its kind, a text of another character of it."""
    kind = number % 8
    return (
        f'<Article Num="{number}"><ArticleCaption>（{chr(0x4E00 + kind)}{chr(0x7000 + number)}）</ArticleCaption>'
        f'<ArticleTitle>第{number}条</ArticleTitle><Paragraph Num="1"><ParagraphNum/><ParagraphSentence>'
        f"<Sentence>{chr(0x5E00 + kind) * 9}。</Sentence></ParagraphSentence></Paragraph></Article>"
    )


@pytest.fixture(scope="module")
def index_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index of one Act of 80 articles."""
    folder = tmp_path_factory.mktemp("book") / "503AC0000000001_20230401_000000000000000"
    folder.mkdir()
    (folder / f"{folder.name}.xml").write_text(
        '<Law Era="Reiwa" Lang="ja" LawType="Act" Num="1" Year="3" PromulgateMonth="1" PromulgateDay="2">'
        "<LawNum>令和三年法律第一号</LawNum><LawBody><LawTitle>八種法</LawTitle><MainProvision>"
        f"{''.join(article(number) for number in range(1, 81))}</MainProvision></LawBody></Law>",
        "utf-8",
    )
    built = tmp_path_factory.mktemp("index") / "index"
    build_index(folder.parent, built)
    return built


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A static model with a vector a character, which says nothing of what belongs together."""
    folder = tmp_path_factory.mktemp("base")
    characters = [chr(first + kind) for first in (0x4E00, 0x5E00) for kind in range(8)]
    vocabulary = {character: number for number, character in enumerate(["?", *characters])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="?"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    tokenizer.save(str(folder / "tokenizer.json"))
    rows = np.random.default_rng(0).normal(size=(len(vocabulary), 16)).astype(np.float32)
    save_file({"embeddings": rows}, folder / "model.safetensors")
    (folder / "config.json").write_text("{}", "utf-8")
    return folder


def run(index_dir: Path, base: Path | str, output: Path, *more: object) -> int:
    options = ["--index-dir", index_dir, "--base", base, "--output", output, "--batch-size", 32, *more]
    return run_program(program.main, [str(option) for option in options])


def manifest_of(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    return found


def test_a_model_and_what_vouches_for_it(
    index_dir: Path, base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert run(index_dir, base, out, "--epochs", 30, "--learning-rate", 0.1) == 0
    said = capsys.readouterr()
    assert said.out.splitlines() == [str(out)]
    assert "規則で作ります" in said.err
    manifest = manifest_of(out)
    assert (manifest["kind"], manifest["reword_model"], manifest["excluded_articles"]) == ("lay_retriever", None, 0)
    held = manifest["held"]
    assert held["hit_at_3_before"] < held["hit_at_3_after"] == 1.0
    assert (manifest["pairs"], held["pairs"], len(manifest["articles"])) == (76, 4, 80)
    assert load_embedder(str(out)).width == 16
    assert f"EMBEDDING_MODEL={out}" in said.err
    assert "注意: 避ける条文がありません" in said.err
    # Again, on what it wrote itself.
    assert run(index_dir, base, out, "--epochs", 1) == 0


def test_files_of_two_writings_are_no_model(index_dir: Path, base: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert run(index_dir, base, out, "--epochs", 0) == 0
    manifest, weights = manifest_of(out), (out / "model.safetensors").read_bytes()
    # Killed after the manifest named both, before the weights were replaced.
    both = {**manifest["files"], "model.safetensors": [*manifest["files"]["model.safetensors"], "0" * 64]}
    (out / "manifest.json").write_text(json.dumps({**manifest, "files": both}), "utf-8")
    with pytest.raises(ConfigError, match=r"model\.safetensors: manifest\.json が示すファイルではありません"):
        load_embedder(str(out))
    assert run(index_dir, base, out, "--epochs", 0) == 0
    assert load_embedder(str(out)).width == 16
    assert (out / "model.safetensors").read_bytes() == weights
    (out / "tokenizer.json").write_bytes((out / "tokenizer.json").read_bytes() + b" ")
    with pytest.raises(ConfigError, match=r"tokenizer\.json: manifest\.json が示すファイルではありません"):
        load_embedder(str(out))


def test_without_training_the_start_is_written_as_it_is(index_dir: Path, base: Path, tmp_path: Path) -> None:
    assert run(index_dir, base, tmp_path / "out", "--epochs", 0) == 0
    written, known = (load_file(folder / "model.safetensors") for folder in (tmp_path / "out", base))
    assert (written["embeddings"] == known["embeddings"]).all()
    held = manifest_of(tmp_path / "out")["held"]
    assert held["hit_at_3_before"] == held["hit_at_3_after"]


def test_articles_of_questions_that_are_judged_are_not_trained_on(index_dir: Path, base: Path, tmp_path: Path) -> None:
    assert run(index_dir, base, tmp_path / "all", "--epochs", 0) == 0
    (law, article), *_ = manifest_of(tmp_path / "all")["articles"]
    lay = tmp_path / "lay.jsonl"
    lay.write_text(json.dumps({"id": "n1", "query": "q", "gold": [[law, article]]}, ensure_ascii=False) + "\n", "utf-8")
    assert run(index_dir, base, tmp_path / "out", "--epochs", 0, "--exclude-questions", lay) == 0
    manifest = manifest_of(tmp_path / "out")
    assert [law, article] not in manifest["articles"]
    assert manifest["excluded_articles"] == 1
    assert manifest["excluded"][0]["path"] == str(lay)


class Asking:
    """A model that asks one question of each article, in words of its own."""

    def generate(self, prompts: list[str], *, max_new_tokens: int) -> list[Generation]:
        return [
            Generation("困っています。どうすればよいでしょうか？" if "日常の言葉" in prompt else "はい", 9, 9, False)
            for prompt in prompts
        ]


def test_questions_that_a_model_writes(
    index_dir: Path, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.evaluation.running.resolving.create_backend", lambda *_: Asking())
    assert (
        run(index_dir, base, tmp_path / "out", "--epochs", 1, "--reword-backend", "ollama", "--llm-model", "asking:1b")
        == 0
    )
    manifest = manifest_of(tmp_path / "out")
    assert manifest["reword_model"]["model"] == "asking:1b"
    rows = [json.loads(line) for line in (tmp_path / "out" / "asked.jsonl").read_text("utf-8").splitlines()]
    assert [[row["law"], row["article"]] for row in rows] == manifest["articles"]
    assert {tuple(row["questions"]) for row in rows} == {("困っています。どうすればよいでしょうか？",)}


def test_too_few_articles_are_one_line(
    index_dir: Path, base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from app.retrieval.lay import pairs

    def none(*_: object) -> list[object]:
        return []

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pairs, "captioned_articles", none)
        assert run(index_dir, base, tmp_path / "out") == 1
    assert "組が 0 しかなく" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 and fork are POSIX")
def test_a_retriever_killed_at_any_file_is_none_or_whole(index_dir: Path, base: Path, tmp_path: Path) -> None:
    other = shutil.copytree(base, tmp_path / "other")
    rows = load_file(base / "model.safetensors")["embeddings"]
    save_file({"embeddings": rows * 2}, other / "model.safetensors")
    first = tmp_path / "first"
    assert run(index_dir, other, first, "--epochs", 0) == 0
    new = (first / "model.safetensors").read_bytes()
    assert run(index_dir, base, first, "--epochs", 0) == 0
    old = (first / "model.safetensors").read_bytes()
    assert old != new
    for number in range(1, 100):
        out = shutil.copytree(first, tmp_path / f"{number}")
        code = kill_at_change(partial(run, index_dir, other, out, "--epochs", 0), number, out)
        if code is None:
            try:
                load_embedder(str(out))
            except ConfigError:
                pass
            else:
                assert (out / "model.safetensors").read_bytes() in (old, new)
            assert run(index_dir, other, out, "--epochs", 0) == 0
        assert (out / "model.safetensors").read_bytes() == new
        assert load_embedder(str(out)).width == 16
        if code is not None:
            break
    assert code == 0
    assert number > 8
