"""The experiment log, the loss curve, and the part of run.json that is known beforehand."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import pytest

from app.commands import train_qwen_law_ft
from app.core.cli import run_program
from app.core.errors import ConfigError
from app.core.files import write_json, write_text
from app.data.records import write_records
from app.training.config import TrainConfig
from app.training.curve import curve_figure, draw_curve, smoothed
from app.training.experiment_log import BLANK, render_experiment_log, render_template
from app.training.run_manifest import check_folder, check_same_run, finish_manifest, start_manifest

USER_FIELDS = (
    "実験ID", "日時", "GitのコミットID", "使用モデル名", "使用した JSONL ファイル", "主要ハイパーパラメータ", "学習時間",
    "学習後に実行した評価コマンド", "所感", "次のアクション",
)  # fmt: skip


def started(tmp_path: Path, tokenizer: Any, records: list[Any], **more: Any) -> dict[str, Any]:
    train_file = tmp_path / "train.jsonl"
    if not train_file.exists():
        train_file.write_text("x")
    dev_file = tmp_path / "dev.jsonl"
    dev_file.write_text("y")
    config = TrainConfig(
        model_name="org/model", train_file=train_file, eval_file=dev_file, output_dir=tmp_path / "exp1", **more
    )
    return start_manifest(
        config, {"started_at": "2026-01-02T03:04:05+09:00", "git_revision": "abc123"}, records=records, dev_records=records,
        too_long=[("q9", 5000)], mode="direct", tokenizer=tokenizer, precision="bf16", audit={"rows": 2},
        base_model={"name": "org/model", "revision": None, "config_sha256": "f" * 64},
    )  # fmt: skip


COUNTS = {"eval_collapsed": False, "eval_count_a": 4, "eval_count_b": 1, "eval_count_c": 0, "eval_count_d": 0}
MEMORY = {"peak_rss_bytes": 2**30, "predicted": None}
HISTORY = [
    {"step": 0, "eval_accuracy": 0.25, "eval_gold_logprob": -1.4, "eval_mass": 0.1, **COUNTS},
    {"step": 1, "loss": 2.5, "learning_rate": 1e-4},
    {"step": 2, "loss": 1.25, "learning_rate": 5e-5},
    {"step": 2, "eval_accuracy": 0.75, "eval_gold_logprob": -0.4, "eval_mass": 0.9, **COUNTS},
    {"step": 2, "train_runtime": 1.0},
]


def test_manifest_of_a_run(tmp_path: Path, tiny_tokenizer: Any, record_maker: Any) -> None:
    records = record_maker(2)
    begun = started(tmp_path, tiny_tokenizer, records, use_4bit=True)
    whole = finish_manifest(begun, log_history=HISTORY, seconds=75.2, resumed=False, memory=MEMORY)
    assert whole["kind"] == "adapter"
    assert whole["quantization"] == {
        "load_in_4bit": True, "compute_dtype": "bfloat16", "quant_type": "nf4", "double_quant": True,
        "lm_head_4bit": False,
    }  # fmt: skip
    assert whole["trained_question_ids"] == ["q0", "q1"]
    assert len(whole["trained_question_hashes"]) == 2
    assert whole["skipped_long_records"] == [{"id": "q9", "tokens": 5000}]
    assert whole["chat"]["format"] == "auto"
    assert whole["prompt_version"] == records[0].meta["prompt_version"]
    assert whole["training"]["steps"] == 2
    assert [row["loss"] for row in whole["training"]["loss_history"]] == [2.5, 1.25]
    assert whole["training"]["best"]["step"] == 2
    assert whole["training"]["best"]["accuracy"] == 0.75
    assert whole["training"]["dev_history"][0]["histogram"] == {"a": 4, "b": 1, "c": 0, "d": 0}
    assert whole["run"]["finished_at"] > "2026"


def test_the_log_is_filled_and_leaves_thoughts_to_the_person(
    tmp_path: Path, tiny_tokenizer: Any, record_maker: Any
) -> None:
    whole = finish_manifest(
        started(tmp_path, tiny_tokenizer, record_maker(2)),
        log_history=HISTORY,
        seconds=75.2,
        resumed=False,
        memory=MEMORY,
    )
    text = render_experiment_log(whole)
    for field in USER_FIELDS:
        assert field in text
    assert "| 実験ID | exp1 |" in text
    assert "| GitのコミットID | abc123 |" in text
    assert "| 使用モデル名 | org/model |" in text
    assert "| 学習時間 | 1分15秒（2 ステップ） |" in text
    assert "| 学習率 | 0.0002 |" in text
    assert "| 最大メモリ | プロセス 1.00 GiB |" in text
    assert "2.5000 → 1.2500" in text
    assert "学習前 25.0%、最良 75.0%（2 ステップ目）" in text
    assert (
        "- 残したアダプタ: 2 ステップ目（dev の正答の対数確率 -0.400、学習前 -1.400、正答率 75.0%）\n- 注意: dev は 2 問"
        in text
    )
    assert "evaluate_multiple_choice.py --data テスト用の問題.json --context gold --output" in text
    assert "--no-hf-load-in-4bit" in text
    assert text.count(BLANK) == 3 + 2
    scored = render_experiment_log(whole, [{"name": "学習後・正解条文あり", "correct": 3, "total": 4}])
    assert "| 学習後・正解条文あり | 75.0% | 3/4 |" in scored
    assert scored.count(BLANK) == 2


def test_the_empty_form_has_every_field_of_the_users_document() -> None:
    text = render_template()
    for field in USER_FIELDS:
        assert field in text
    assert f"| 実験ID | {BLANK} |" in text
    assert f"| 学習率 | {BLANK} |" in text


def test_the_curve_is_a_png_of_its_size() -> None:
    losses = [{"step": step, "loss": 3 / step} for step in range(1, 30)]
    dev = [{"step": 0, "accuracy": 0.25}, {"step": 29, "accuracy": 0.8}]
    data = draw_curve(losses, dev, title="実験")
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    assert struct.unpack(">II", data[16:24]) == (960, 540)
    assert data == draw_curve(losses, dev, title="実験")
    assert data != draw_curve(losses, [], title="実験")


@pytest.mark.parametrize(
    ("objective", "loss"),
    [
        ("text", "cross entropy per supervised token (nats)"),
        ("letter", "cross entropy among the four letters, per row (nats)"),
        ("choice", "pairwise + binary loss per question (nats)"),
    ],
)
def test_the_curve_says_what_the_loss_is(objective: str, loss: str) -> None:
    figure = curve_figure([{"step": 1, "loss": 2.0}], [], title="x", objective=objective, chance=None)
    assert [axes.get_ylabel() for axes in figure.axes] == [loss]


@pytest.mark.parametrize(("chance", "names"), [(0.4375, ["dev accuracy", "chance (0.44)"]), (None, ["dev accuracy"])])
def test_the_curve_has_chance_where_it_is_known(chance: float | None, names: list[str]) -> None:
    dev = [{"step": 0, "accuracy": 0.25}, {"step": 1, "accuracy": 0.8}]
    figure = curve_figure([{"step": 1, "loss": 2.0}], dev, title="x", objective="choice", chance=chance)
    lines = figure.axes[1].get_lines()
    assert [line.get_label() for line in lines] == names
    assert [list(line.get_ydata()) for line in lines[1:]] == ([] if chance is None else [[chance, chance]])


def test_a_run_draws_its_own_objective_and_the_chance_of_its_dev_file(
    tmp_path: Path, one_step: Any, record_maker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[dict[str, Any]] = []

    def draw(*_: Any, **said: Any) -> bytes:
        drawn.append(said)
        return b"png"

    monkeypatch.setattr("app.training.training_run.draw_curve", draw)
    write_records(tmp_path / "dev.jsonl", record_maker(2, first=8))
    more = ("--objective", "letter", "--eval-file", str(tmp_path / "dev.jsonl"))
    assert run_program(train_qwen_law_ft.main, one_step("out", *more)) == 0
    assert run_program(train_qwen_law_ft.main, one_step("plain")) == 0
    assert drawn == [
        {"title": "out", "objective": "letter", "chance": 0.25},
        {"title": "plain", "objective": "text", "chance": None},
    ]


def test_smoothing_keeps_a_constant_and_the_first_value() -> None:
    assert smoothed([2.0, 2.0, 2.0]) == pytest.approx([2.0, 2.0, 2.0])
    assert smoothed([1.0, 3.0], weight=0.5) == pytest.approx([1.0, (0.25 * 1 + 0.5 * 3) / 0.75])


def test_folders(tmp_path: Path) -> None:
    assert check_folder(tmp_path / "none", resume=False) == "new"
    folder = tmp_path / "run"
    folder.mkdir()
    write_text(folder / ".run.unfinished.json.ab12_9cd.tmp", "{")  # killed before it had its name
    for resume in (True, False):
        assert check_folder(folder, resume=resume) == "new"
    (folder / "notes.txt").write_text("x")
    with pytest.raises(ConfigError, match=r"別のファイルがあります（notes\.txt など）"):
        check_folder(folder, resume=True)
    with pytest.raises(ConfigError, match="はファイルです"):
        check_folder(folder / "notes.txt", resume=False)
    write_json(folder / "run.unfinished.json", {})
    with pytest.raises(ConfigError, match=r"途中の学習があります.*--resume を付けてください"):
        check_folder(folder, resume=False)
    assert check_folder(folder, resume=True) == "unfinished"
    write_json(folder / "run.json", {})
    with pytest.raises(ConfigError, match=r"終わった学習があります.*別のフォルダ"):
        check_folder(folder, resume=False)
    assert check_folder(folder, resume=True) == "finished"


def test_another_run_is_not_resumed(tmp_path: Path, tiny_tokenizer: Any, record_maker: Any) -> None:
    begun = started(tmp_path, tiny_tokenizer, record_maker(2))
    write_json(tmp_path / "run.unfinished.json", begun)
    assert check_same_run(tmp_path, "run.unfinished.json", begun) == begun
    (tmp_path / "train.jsonl").write_text("y")
    other = started(tmp_path, tiny_tokenizer, record_maker(2), lora_r=8, seed=7)
    with pytest.raises(ConfigError) as caught:
        check_same_run(tmp_path, "run.unfinished.json", other)
    for part in ("--lora-r: 16 → 8", "--seed: 42 → 7", "学習データの内容が変わっています"):
        assert part in str(caught.value)
