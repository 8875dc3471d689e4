"""The record-building program on the sample: files, manifests, previews, refusals."""

import json
from collections import Counter
from pathlib import Path

import pytest

from app.commands import build_finetune_dataset as program
from app.core.cli import run_program
from app.core.files import sha256_file
from app.data.records import read_records

SAMPLE = Path(__file__).resolve().parents[2] / "sample" / "selection.json"


def run(*arguments: str | Path) -> int:
    return run_program(program.main, ["--lawqa-path", str(SAMPLE), "--samples", "8", *map(str, arguments)])


def test_direct_records_and_their_manifest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "ft.jsonl"
    assert run("--no-rag", "--few-shot", "--output-path", path) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "ft.manifest.json")
    manifest = json.loads((tmp_path / "ft.manifest.json").read_text(encoding="utf-8"))
    assert manifest["files"]["ft.jsonl"]["sha256"] == sha256_file(path)
    assert (manifest["files"]["ft.jsonl"]["records"], manifest["few_shot_source"]) == (8, "builtin:1")
    records = read_records(path)
    assert {record.meta["dataset"] for record in records} == {"sample"}
    assert all("【例2】" in record.input for record in records)


def test_cot_with_gold_context_in_four_orders(tmp_path: Path) -> None:
    assert run("--mode", "cot", "--context", "gold", "--orders", "4", "--output-path", tmp_path / "c.jsonl") == 0
    records = read_records(tmp_path / "c.jsonl")
    assert len(records) == 32
    assert all("【参照条文】" in record.input for record in records)
    manifest = json.loads((tmp_path / "c.manifest.json").read_text(encoding="utf-8"))
    reasoning = manifest["files"]["c.jsonl"]["reasoning"]
    assert reasoning["quote"] + reasoning["nothing"] == 32
    assert reasoning["source"] == "prompt"


def test_the_same_command_writes_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        run("--no-rag", "--mode", "cot", "--few-shot-path", SAMPLE, "--output-path", tmp_path / f"{name}.jsonl")
    assert (tmp_path / "a.jsonl").read_bytes() == (tmp_path / "b.jsonl").read_bytes()


def test_examples_from_a_file_and_none(tmp_path: Path) -> None:
    run("--no-rag", "--few-shot-path", SAMPLE, "--output-path", tmp_path / "own.jsonl")
    run("--no-rag", "--output-path", tmp_path / "bare.jsonl")
    assert all(
        "図書室" not in record.input and "【例1】" in record.input for record in read_records(tmp_path / "own.jsonl")
    )
    source = f"file:{sha256_file(SAMPLE)}:selection.json"
    manifest = json.loads((tmp_path / "own.manifest.json").read_text(encoding="utf-8"))
    assert (manifest["few_shot_source"], manifest["few_shot_path"]) == (source, str(SAMPLE))
    assert {record.meta["few_shot_source"] for record in read_records(tmp_path / "own.jsonl")} == {source}
    bare = read_records(tmp_path / "bare.jsonl")
    assert {record.meta["few_shot_source"] for record in bare} == {None}
    assert all("【例1】" not in record.input and record.meta["few_shot"] is False for record in bare)


def test_cited_words_stand_in_the_manifest_where_they_are_wanted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = {name: tmp_path / f"{name}.jsonl" for name in ("plain", "shown")}
    assert run("--form", "choice", "--context", "gold", "--output-path", files["plain"]) == 0
    assert "文言を添えた候補" not in capsys.readouterr().err
    assert run("--form", "choice", "--context", "gold", "--cited-words", "--output-path", files["shown"]) == 0
    assert (
        "文言を添えた候補 0 / 添えられなかった引用だけの候補 0（正解の候補は 0 / 0、ほかは 0 / 0）"
        in capsys.readouterr().err
    )  # the sample has no such questions
    plain, shown = (read_records(path) for path in files.values())
    assert [record.input for record in shown] == [record.input for record in plain]
    assert ({one.meta.get("cited_words") for one in plain}, {one.meta["cited_words"] for one in shown}) == ({None}, {True})  # fmt: skip
    manifests = [json.loads(path.with_suffix(".manifest.json").read_text("utf-8")) for path in files.values()]
    assert [manifest.get("cited_words") for manifest in manifests] == [None, True]
    assert manifests[1]["files"]["shown.jsonl"]["cited_words"] == {
        "shown": 0, "without": 0, "cut": 0, "right": {"shown": 0, "without": 0}
    }  # fmt: skip


def test_preview_marks_what_is_trained(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--no-rag", "--preview", "2") == 0
    out = capsys.readouterr().out
    assert out.count("⟦") == out.count("⟧") == 2
    first = out.split("⟦")[1][0]
    assert first in "abcd"
    assert f"⟦{first}⟧" in out


def test_preview_with_a_tokenizer_counts_tokens(capsys: pytest.CaptureFixture[str]) -> None:
    from app.core.chat import encode_example
    from app.llm.loading import load_tokenizer

    assert run("--no-rag", "--preview", "1", "--tokenizer", SAMPLE.parent / "tiny-qwen3") == 0
    out = capsys.readouterr().out
    tokenizer = load_tokenizer(str(SAMPLE.parent / "tiny-qwen3"))
    answer = out.split("⟦")[1].split("⟧")[0]
    assert answer == answer[0] + "<|im_end|>"
    prompt = out.split("<|im_start|>user\n")[1].split("<|im_end|>")[0]
    labels = encode_example(tokenizer, prompt, answer[0]).labels
    supervised = sum(label != -100 for label in labels)
    assert f"（プロンプト {len(labels) - supervised} トークン、学習対象 {supervised} トークン）" in out


@pytest.mark.parametrize(
    ("arguments", "code", "line"),
    [
        ([], 2, "--output-path（または --all、--preview）を指定してください"),
        (["--no-rag", "--context", "gold", "--preview", "1"], 2, "--no-rag と --context gold は一緒に使えません"),
        (["--no-rag", "--preview", "1", "--samples", "0"], 1, "--samples は 1 以上です（0）"),
        (["--preview", "1", "--index-dir", "/nonexistent/index"], 1, "/nonexistent/index: 索引がありません。"),
        (["--preview", "1", "--top-k", "0"], 1, "--top-k 0: 1 以上にしてください。"),
        (["--preview", "1", "--mode", "chat"], 2, "--mode"),
        (["--all", "--context", "gold"], 2, "--all は標準の 4 ファイルを作るので、--context は指定できません"),
        (["--all", "--no-rag"], 2, "--all は標準の 4 ファイルを作るので、--no-rag は指定できません"),
        (["--all", "--mode", "direct"], 2, "--all は標準の 4 ファイルを作るので、--mode は指定できません"),
        (["--all", "--mode", "cot", "--no-rag"], 2, "--mode、--no-rag は指定できません"),
        (
            ["--preview", "1", "--cited-words"],
            1,
            "--cited-words は候補を一つずつ示す形だけのものです。--form choice を指定",
        ),
        (["--preview", "1", "--without-gold", "0.2"], 2, "--without-gold は --context distractors と一緒に使います"),
    ],
)
def test_refusals(capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, line: str) -> None:
    try:
        found = run(*arguments)
    except SystemExit as exit_:
        found = int(exit_.code or 0)
    error = capsys.readouterr().err
    assert found == code
    assert line in error


def test_all_four_files_with_a_real_index(tmp_path: Path) -> None:
    from app.commands import build_index

    index = tmp_path / "index"
    assert run_program(build_index.main, ["--source", str(SAMPLE.parent / "laws"), "--index-dir", str(index)]) == 0
    folder = tmp_path / "finetune"
    assert run("--all", "--index-dir", index, "--output-path", folder) == 0
    names = ["ft_direct_full_norag", "ft_cot_full_norag", "ft_direct_full_rag_top3", "ft_cot_full_rag_top3"]
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    assert list(manifest["files"]) == [f"{name}.jsonl" for name in names]
    for name in names:
        records = read_records(folder / f"{name}.jsonl")
        assert len(records) == 8
        assert all(record.meta["context_present"] == ("rag" in name and "norag" not in name) for record in records)
    assert manifest["files"]["ft_direct_full_rag_top3.jsonl"]["retrieval"]["hits"] >= 6


def test_the_number_of_articles_is_that_of_the_configuration_as_in_an_evaluation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from app.commands import build_index
    from app.evaluation.running.resolving import config_of
    from app.evaluation.running.settings import EvaluationSettings

    index = tmp_path / "index"
    assert run_program(build_index.main, ["--source", str(SAMPLE.parent / "laws"), "--index-dir", str(index)]) == 0
    monkeypatch.chdir(tmp_path)  # no .env of the working folder

    def top_k(name: str, *more: str) -> tuple[int, set[int]]:
        path = tmp_path / f"{name}.jsonl"
        assert run("--context", "rag", "--index-dir", index, "--output-path", path, *more) == 0
        manifest = json.loads(path.with_suffix(".manifest.json").read_text(encoding="utf-8"))
        records = read_records(path)
        assert {len(record.meta["doc_ids"]) for record in records} == {manifest["files"][path.name]["top_k"]}
        return manifest["files"][path.name]["top_k"], {record.meta["top_k"] for record in records}

    monkeypatch.delenv("RETRIEVER_TOP_K", raising=False)
    assert top_k("usual") == (3, {3})
    monkeypatch.setenv("RETRIEVER_TOP_K", "2")
    assert top_k("environment") == (2, {2})
    asked = EvaluationSettings(data=SAMPLE, output=tmp_path / "e.json", index_dir=index)
    assert config_of(asked).retriever.top_k == 2
    assert top_k("said", "--top-k", "1") == (1, {1})
    assert run("--all", "--index-dir", index, "--output-path", tmp_path / "four") == 0
    assert (tmp_path / "four" / "ft_direct_full_rag_top2.jsonl").exists()
    # Where nothing is searched, nothing is asked of it.
    monkeypatch.setenv("RETRIEVER_TOP_K", "0")
    assert run("--no-rag", "--output-path", tmp_path / "none.jsonl") == 0
    capsys.readouterr()
    assert run("--context", "rag", "--index-dir", index, "--output-path", tmp_path / "bad.jsonl") == 1
    assert "RETRIEVER_TOP_K='0'" in capsys.readouterr().err


def test_distractors_with_a_real_index(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from app.commands import build_index

    index = tmp_path / "index"
    assert run_program(build_index.main, ["--source", str(SAMPLE.parent / "laws"), "--index-dir", str(index)]) == 0
    path = tmp_path / "d.jsonl"
    options = ["--context", "distractors", "--top-k", "2", "--orders", "4", "--index-dir", index, "--output-path", path]
    assert run(*options) == 0  # 8 questions: a fifth is 1.6
    records = read_records(path)
    assert Counter(record.meta["gold_in_context"] for record in records) == {True: 24, False: 8}
    manifest = json.loads((tmp_path / "d.manifest.json").read_text(encoding="utf-8"))
    assert (manifest["files"]["d.jsonl"]["context"], manifest["seed"]) == ("distractors", 42)
    assert manifest["files"]["d.jsonl"]["distractors"]["questions_without_gold"] == 2
    assert manifest["files"]["d.jsonl"]["without_gold"] == 0.2
    capsys.readouterr()
    assert run(*options, "--without-gold", "2") == 1
    assert "--without-gold 2: 0 から 1 の割合にしてください。" in capsys.readouterr().err


def test_files_are_mixed_by_shares(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    samples = json.loads(SAMPLE.read_text(encoding="utf-8"))["samples"]
    real, made = tmp_path / "real" / "q.json", tmp_path / "made" / "q.json"
    for path, part in ((real, samples[:20]), (made, samples[100:220])):
        path.parent.mkdir()
        path.write_text(json.dumps({"samples": part}, ensure_ascii=False), encoding="utf-8")
    output = tmp_path / "mixed.jsonl"
    arguments = ["--lawqa-path", str(real), "--mix", f"{made}=0.75", "--form", "choice", "--context", "gold"]
    assert run_program(program.main, [*arguments, "--output-path", str(output)]) == 0
    assert "120 問のうち 60 問（75.0%）" in capsys.readouterr().err
    manifest = json.loads((tmp_path / "mixed.manifest.json").read_text(encoding="utf-8"))
    assert manifest["source"] == {"path": str(real), "sha256": sha256_file(real), "questions": 20, "of": 20, "share": 0.25}  # fmt: skip
    assert manifest["mixed"] == [{"path": str(made), "sha256": sha256_file(made), "questions": 60, "of": 120, "share": 0.75}]  # fmt: skip
    records = read_records(output)
    groups = {record.meta["group"]: record.meta["dataset"] for record in records}
    assert Counter(groups.values()) == {"made": 60, "real": 20}
    assert run_program(program.main, [*arguments, "--samples", "12", "--output-path", str(output)]) == 0
    assert "120 問のうち 9 問（75.0%）" in capsys.readouterr().err
