"""--init-adapter: the second stage starts from the first one's weights, knows what it saw, and refuses what does not fit."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from app.commands import train_qwen_law_ft
from app.core.cli import run_program
from app.core.errors import DataError
from app.core.files import sha256_file
from app.core.questions import content_hash
from app.data.records import write_records
from app.llm.loading import load_tokenizer
from app.training.config import TrainConfig
from app.training.model.initial_adapter import InitialAdapter, check_words_alike, start_from
from app.training.model.setup import load_model

WEIGHTS = "adapter_model.safetensors"


@pytest.fixture(scope="module")
def stages(tmp_path_factory: pytest.TempPathFactory, tiny_model_dir: Path, choice_maker: Any) -> Path:
    """A folder with the files of two stages (q0–q3, q4–q7), a dev file, and the first stage's adapter ``one``."""
    folder = tmp_path_factory.mktemp("stages")
    write_records(folder / "first.jsonl", choice_maker(4))
    write_records(folder / "second.jsonl", choice_maker(4, first=4))
    write_records(folder / "dev.jsonl", choice_maker(2, first=8))
    assert run_program(train_qwen_law_ft.main, command(tiny_model_dir, folder, "one", "first")) == 0
    return folder


def command(model: Path, folder: Path, name: str, records: str, *more: str) -> list[str]:
    return [
        "--model-name", str(model), "--train-file", str(folder / f"{records}.jsonl"), "--output-dir", str(folder / name),
        "--objective", "choice", "--batch-size", "2", "--gradient-accumulation-steps", "1", "--max-steps", "2",
        "--learning-rate", "0.01", "--lora-r", "4", "--device", "cpu", *more,
    ]  # fmt: skip


def manifest_of(folder: Path) -> dict[str, Any]:
    value: dict[str, Any] = json.loads((folder / "run.json").read_text("utf-8"))
    return value


def test_two_stages_in_a_chain(stages: Path, tiny_model_dir: Path, choice_maker: Any, capsys: Any) -> None:
    more = ("--init-adapter", str(stages / "one"), "--eval-file", str(stages / "dev.jsonl"))
    assert run_program(train_qwen_law_ft.main, command(tiny_model_dir, stages, "two", "second", *more)) == 0
    output = capsys.readouterr().err
    assert f"始まり: {stages / 'one'} のアダプタ" in output
    assert "残したアダプタ: " in output
    assert "--scoring choice" in output.split("次は評価です:")[1]
    one, two = manifest_of(stages / "one"), manifest_of(stages / "two")
    assert one["init_adapter"] is None
    assert two["init_adapter"]["path"] == str(stages / "one")
    assert two["init_adapter"]["earlier"] == []
    assert two["init_adapter"]["cited_words"] is False
    records = {record.meta["id"]: record for record in choice_maker(8)}
    assert sorted(two["trained_question_ids"]) == sorted(records)
    assert set(two["trained_question_hashes"]) == {
        content_hash(record.meta["question"], record.meta["choices"]) for record in records.values()
    }
    assert set(two["trained_clusters"]) == set().union(*(record.clusters for record in records.values()))
    assert {f"c{number}" for number in range(8)} < set(two["trained_clusters"])
    assert two["train_file"]["questions"] == 4
    assert two["dev_question_ids"] == ["q8", "q9"]
    # a third stage knows of both
    more = ("--init-adapter", str(stages / "two"))
    assert run_program(train_qwen_law_ft.main, command(tiny_model_dir, stages, "three", "first", *more)) == 0
    three = manifest_of(stages / "three")
    assert [entry["path"] for entry in three["init_adapter"]["earlier"]] == [str(stages / "one")]
    assert three["dev_question_ids"] == ["q8", "q9"]


def test_it_starts_exactly_where_the_adapter_ended(stages: Path, tiny_model_dir: Path) -> None:
    more = ("--init-adapter", str(stages / "one"), "--learning-rate", "1e-30")
    assert run_program(train_qwen_law_ft.main, command(tiny_model_dir, stages, "still", "second", *more)) == 0
    before, after = (load_file(stages / name / WEIGHTS) for name in ("one", "still"))
    assert before.keys() == after.keys()
    assert all(before[name].equal(after[name]) for name in before)
    assert any("lora_B" in name and value.abs().max() > 0 for name, value in before.items())


def test_a_home_folder_s_sign_is_the_folder(
    stages: Path, tiny_model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(stages))  # a shell leaves the sign in --init-adapter=~/one as it is
    monkeypatch.setenv("USERPROFILE", str(stages))
    options = command(tiny_model_dir, stages, "x", "second", "--init-adapter=~/one", "--max-steps", "1")
    assert run_program(train_qwen_law_ft.main, [*options, "--output-dir", str(tmp_path / "out")]) == 0
    manifest = manifest_of(tmp_path / "out")
    assert manifest["init_adapter"]["path"] == manifest["config"]["init_adapter"] == str(stages / "one")


def test_broken_weights_do_not_advise_to_delete_the_adapter(stages: Path, tiny_model_dir: Path, tmp_path: Path) -> None:
    copy = spoiled(stages, tmp_path / "copy", "none")
    (copy / WEIGHTS).write_bytes(b"cut")
    config = TrainConfig(
        model_name=str(tiny_model_dir), train_file=Path("t"), output_dir=Path("o"), lora_r=4, device="cpu"
    )
    initial = InitialAdapter(copy, manifest_of(copy), "0" * 64)
    with pytest.raises(DataError) as caught:
        start_from(initial, load_model(config).model, load_tokenizer(str(tiny_model_dir)), config)
    assert str(caught.value).startswith(f"{copy / WEIGHTS}: アダプタの重みを読めません（")
    assert str(caught.value).endswith("）。もう一度写すか学習し直したアダプタを --init-adapter に指定してください。")


def spoiled(stages: Path, folder: Path, change: str) -> Path:
    """A copy of the first stage with one thing wrong."""
    shutil.copytree(stages / "one", folder)
    values = manifest_of(folder)
    if change == "no run.json":
        (folder / "run.json").unlink()
        return folder
    if change == "base":
        values["base_model"]["config_sha256"] = "0" * 64
    if change == "template":
        values["chat"]["template_sha256"] = "0" * 64
    if change == "seen":
        del values["trained_clusters"]
    if change in ("cited", "cited letters"):
        values |= {"form": "choice" if change == "cited" else "letter", "cited_words": True}
    if change == "dev":
        record = json.loads((stages / "dev.jsonl").read_text("utf-8").splitlines()[0])["meta"]
        values["trained_question_hashes"].append(content_hash(record["question"], record["choices"]))
    (folder / "run.json").write_text(json.dumps(values), "utf-8")
    return folder


@pytest.mark.parametrize(
    ("change", "more", "part"),
    [
        ("no folder", (), "アダプタのフォルダがありません"),
        ("no run.json", (), "何を学習したかの記録"),
        ("seen", (), "何を学習したかの記録"),
        ("base", (), "名前が同じでも構成が違います"),
        ("template", (), "チャットテンプレートが違います"),
        ("none", ("--lora-r", "8"), "学習したときの--lora-r は 4 です"),
        ("none", ("--target-modules", "q_proj"), "--target-modules は all-linear です"),
        ("dev", (), "1 問は --init-adapter"),
        ("cited", (), "--cited-words を付けて学習したアダプタですが、この学習は付けずに行います"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(
    stages: Path, tiny_model_dir: Path, tmp_path: Path, capsys: Any, change: str, more: tuple[str, ...], part: str
) -> None:
    folder = tmp_path / "copy"
    if change != "no folder":
        spoiled(stages, folder, change)
    out = tmp_path / "out"
    options = [*command(tiny_model_dir, stages, "x", "second"), "--output-dir", str(out), "--init-adapter", str(folder)]
    options += ["--eval-file", str(stages / "dev.jsonl"), *more]
    assert run_program(train_qwen_law_ft.main, options) == 1
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("エラー: ")]
    assert len(errors) == 1
    assert part in errors[0]
    assert not out.exists()


@pytest.mark.parametrize("stage", ["last", "earlier"])
def test_a_dev_question_of_its_conversations_is_refused(
    stages: Path, tiny_model_dir: Path, tmp_path: Path, capsys: Any, stage: str
) -> None:
    asked = json.loads((stages / "dev.jsonl").read_text("utf-8").splitlines()[-1])["meta"]
    talk, copy = tmp_path / "talk.jsonl", spoiled(stages, tmp_path / "copy", "none")
    whole = "\n".join([asked["question"], *asked["choices"].values()])
    talk.write_text(json.dumps({"instruction": whole, "output": "a"}, ensure_ascii=False), "utf-8")
    chat = {"form": "chat", "train_file": {"path": str(talk), "sha256": sha256_file(talk)}}
    values = manifest_of(copy)
    values |= chat if stage == "last" else {"init_adapter": {**chat, "earlier": []}}
    (copy / "run.json").write_text(json.dumps(values), "utf-8")
    options = [*command(tiny_model_dir, stages, "x", "second"), "--output-dir", str(tmp_path / "out"), "--dry-run"]
    options += ["--init-adapter", str(copy), "--eval-file", str(stages / "dev.jsonl")]
    assert run_program(train_qwen_law_ft.main, options) == 1
    assert capsys.readouterr().err.splitlines()[-1] == (
        f"エラー: {stages / 'dev.jsonl'}: 1 問は --init-adapter {copy} が学習した会話の中で尋ねられています（最初は q9）。"
        "会話に出てこない問題を --eval-file にしてください。"
    )
    # One that is not as it was cannot be looked into: that is said, and the run goes on.
    talk.write_text("{}", "utf-8")
    assert run_program(train_qwen_law_ft.main, options) == 0
    assert (
        f"注意: --init-adapter {copy} が学習した会話のファイル {talk} が元の場所にないか変わっていて、"
        f"{stages / 'dev.jsonl'} の問題がその中にあったかを確かめられません。"
    ) in capsys.readouterr().err.splitlines()


def test_cited_words_are_compared_between_adapters_of_the_form_alone(stages: Path, tmp_path: Path) -> None:
    def read(name: str) -> InitialAdapter:
        return InitialAdapter(tmp_path / name, manifest_of(tmp_path / name), "0" * 64)

    for change in ("none", "cited", "cited letters"):
        spoiled(stages, tmp_path / change, change)
    check_words_alike(read("none"), "choice", cited_words=False)
    check_words_alike(read("cited"), "choice", cited_words=True)
    check_words_alike(read("cited"), "letter", cited_words=False)
    check_words_alike(read("cited letters"), "choice", cited_words=False)
    with pytest.raises(DataError) as caught:
        check_words_alike(read("none"), "choice", cited_words=True)
    assert str(caught.value) == (
        f"--init-adapter {tmp_path / 'none'}: --cited-words を付けずに学習したアダプタですが、この学習は付けて行います。"
        "--cited-words を付けずに作ったレコードで学習するか、付けて学習したアダプタを指定してください。"
    )


def test_resuming_from_another_adapter_is_refused(
    stages: Path, tiny_model_dir: Path, tmp_path: Path, capsys: Any
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(stages / "one", copy)
    options = command(tiny_model_dir, stages, "again", "second", "--init-adapter", str(copy))
    assert run_program(train_qwen_law_ft.main, options) == 0
    assert run_program(train_qwen_law_ft.main, [*options, "--resume"]) == 0
    assert "すでに終わっています" in capsys.readouterr().err
    shutil.copy(stages / "again" / WEIGHTS, copy / WEIGHTS)
    assert run_program(train_qwen_law_ft.main, [*options, "--resume"]) == 1
    assert "学習が終わった後に内容が変わっています" in capsys.readouterr().err
    manifest = json.loads((copy / "run.json").read_text("utf-8"))
    manifest["files"] = json.loads((stages / "again" / "run.json").read_text("utf-8"))["files"]
    (copy / "run.json").write_text(json.dumps(manifest), "utf-8")  # a whole other adapter in its place
    assert run_program(train_qwen_law_ft.main, [*options, "--resume"]) == 1
    assert "--init-adapter のアダプタの重みが変わっています" in capsys.readouterr().err
