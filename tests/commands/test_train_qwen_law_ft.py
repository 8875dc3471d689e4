"""The training program from its command line: plain and 4-bit, dev set, refusals, dry run."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from app.commands import train_qwen_law_ft
from app.core.cli import run_program
from app.core.files import sha256_file
from app.core.manifests import ADAPTER_FILES
from app.core.questions import content_hash
from app.data.records import Record, write_records

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def files(tmp_path: Path, record_maker: Any) -> dict[str, Path]:
    """A training file of 8 records and a dev file of 4 others."""
    paths = {"train": tmp_path / "train.jsonl", "dev": tmp_path / "dev.jsonl", "out": tmp_path / "out"}
    write_records(paths["train"], record_maker(8))
    write_records(paths["dev"], record_maker(4, first=8))
    return paths


def command(model: Path, files: dict[str, Path], *more: str) -> list[str]:
    return [
        "--model-name", str(model), "--train-file", str(files["train"]), "--output-dir", str(files["out"]),
        "--batch-size", "2", "--gradient-accumulation-steps", "2", "--num-epochs", "2", "--device", "cpu", *more,
    ]  # fmt: skip


def test_the_settings_are_written_and_taken_back_and_typed_options_win(
    tiny_model_dir: Path, files: dict[str, Path], capsys: Any
) -> None:
    arguments = command(tiny_model_dir, files, "--max-steps", "1", "--target-modules", "q_proj", "v_proj", "--rslora")
    assert run_program(train_qwen_law_ft.main, arguments) == 0
    settings = files["out"] / "run.yaml"
    first = settings.read_text("utf-8").splitlines()[0]
    assert first == f"# python scripts/train_qwen_law_ft.py --config {settings} --output-dir {files['out']}_2"
    assert run_program(train_qwen_law_ft.main, [*shlex.split(first)[3:], "--lora-r", "2"]) == 0
    one, two = (json.loads((Path(f"{files['out']}{end}") / "run.json").read_text("utf-8")) for end in ("", "_2"))
    assert two["config"] == {**one["config"], "output_dir": f"{files['out']}_2", "lora_r": 2}
    settings.write_text("learning_rat: 1e-3\n", "utf-8")
    capsys.readouterr()
    assert run_program(train_qwen_law_ft.main, ["--config", str(settings)]) == 1
    assert capsys.readouterr().err == (
        f"エラー: --config {settings}: learning_rat という設定はありません。learning_rate のことですか。\n"
    )


# PeftModel.from_pretrained asks for the old name of a transformers property.
@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")
@pytest.mark.parametrize(
    "more",
    [
        (),
        ("--use-4bit", "--bnb-4bit-compute-dtype", "float32"),
        ("--use-4bit", "--lm-head-4bit", "--embedding-device", "cpu", "--bf16"),
    ],
)
def test_trains_and_writes_the_adapter_folder(
    tiny_model_dir: Path, files: dict[str, Path], record_maker: Any, more: tuple[str, ...], capsys: Any
) -> None:
    arguments = command(tiny_model_dir, files, "--eval-file", str(files["dev"]), "--learning-rate", "0.02", *more)
    assert run_program(train_qwen_law_ft.main, arguments) == 0
    output = capsys.readouterr()
    assert output.out.strip() == str(files["out"])
    assert "⟦a<|im_end|>⟧" in output.err
    assert sorted(entry.name for entry in files["out"].iterdir()) == [
        "adapter_config.json", "adapter_model.safetensors", "chat_template.jinja", "experiment_log.md",
        "loss_curve.png", "run.json", "run.yaml", "tokenizer.json", "tokenizer_config.json",
    ]  # fmt: skip
    manifest = json.loads((files["out"] / "run.json").read_text("utf-8"))
    assert manifest["files"] == {name: sha256_file(files["out"] / name) for name in ADAPTER_FILES}
    assert {path.stat().st_mode for path in files["out"].iterdir()} == {(files["out"] / "run.json").stat().st_mode}
    assert manifest["kind"] == "adapter"
    assert (manifest["quantization"] is not None) == ("--use-4bit" in more)
    assert manifest["train_mode"] == "direct"
    assert manifest["trained_question_ids"] == [f"q{number}" for number in range(8)]
    records = record_maker(8)
    assert sorted(manifest["trained_question_hashes"]) == sorted(
        content_hash(record.meta["question"], record.meta["choices"]) for record in records
    )
    assert manifest["train_file"]["records"] == 8
    assert manifest["training"]["steps"] == 4
    losses = [row["loss"] for row in manifest["training"]["loss_history"]]
    assert len(losses) == 4
    assert losses[-1] < losses[0]
    assert [row["step"] for row in manifest["training"]["dev_history"]] == [0, 2, 4]
    assert all(sum(row["histogram"].values()) == 4 for row in manifest["training"]["dev_history"])
    assert manifest["training"]["best"]["step"] in (2, 4)
    assert manifest["memory"]["peak_rss_bytes"] > 10**8
    assert "token" not in json.dumps(manifest["run"]["command"])
    assert AutoTokenizer.from_pretrained(files["out"]).chat_template
    # the adapter loads on its base, and changes it
    base = AutoModelForCausalLM.from_pretrained(tiny_model_dir)
    ids = torch.tensor([[70, 71, 72]])
    before = base(ids).logits
    after = PeftModel.from_pretrained(base, files["out"])(ids).logits
    assert not torch.allclose(before, after)


def test_the_best_dev_step_is_what_is_kept(tiny_model_dir: Path, files: dict[str, Path], monkeypatch: Any) -> None:
    from app.training import training_run as runner
    from app.training.dev_eval import DevResult

    kept: list[dict[str, torch.Tensor]] = []
    logprobs = iter([-1.6, -1.2, -0.9, -1.2, -1.2, -0.5])

    def scripted(model: Any, **_: Any) -> DevResult:
        kept.append({n: p.detach().clone() for n, p in model.named_parameters() if p.requires_grad})
        return DevResult(0.5, next(logprobs), {"a": 1, "b": 1, "c": 1, "d": 1}, 0.5)

    monkeypatch.setattr(runner, "evaluate_dev", scripted)
    arguments = command(
        tiny_model_dir, files, "--eval-file", str(files["dev"]), "--eval-steps", "1", "--early-stopping-patience", "2",
        "--max-steps", "8",
    )  # fmt: skip
    assert run_program(train_qwen_law_ft.main, arguments) == 0
    manifest = json.loads((files["out"] / "run.json").read_text("utf-8"))
    # no new best twice after step 2, so training stops at step 4
    assert [row["gold_logprob"] for row in manifest["training"]["dev_history"]] == [-1.6, -1.2, -0.9, -1.2, -1.2]
    assert manifest["training"]["steps"] == 4
    assert manifest["training"]["best"]["step"] == 2
    saved = load_file(files["out"] / "adapter_model.safetensors")
    best, last = kept[2], kept[4]
    for name, value in saved.items():
        inner = name.replace(".weight", ".default.weight")
        assert torch.equal(value, best[inner])
    assert any(not torch.equal(best[name], last[name]) for name in best)


def test_dry_run_checks_everything_and_writes_nothing(
    tiny_model_dir: Path, files: dict[str, Path], capsys: Any, tmp_path: Path
) -> None:
    before = sorted(tmp_path.rglob("*"))
    assert run_program(train_qwen_law_ft.main, command(tiny_model_dir, files, "--dry-run")) == 0
    assert sorted(tmp_path.rglob("*")) == before
    text = capsys.readouterr().err
    assert "ステップ: 4（1 エポック 2、実効バッチ 4）" in text
    assert "学習も書き込みもしていません" in text


def test_learning_the_prompt_is_recorded(tiny_model_dir: Path, files: dict[str, Path]) -> None:
    arguments = command(tiny_model_dir, files, "--no-loss-on-output-only", "--max-steps", "1")
    assert run_program(train_qwen_law_ft.main, arguments) == 0
    manifest = json.loads((files["out"] / "run.json").read_text("utf-8"))
    assert manifest["loss_on"] == "prompt and output"
    assert manifest["audit"]["supervised"] == manifest["audit"]["tokens"] - 8


def write_lines(path: Path, lines: list[str]) -> None:
    path.write_text("".join(line + "\n" for line in lines), "utf-8")


def change_record(path: Path, **changes: Any) -> None:
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    for key, value in changes.items():
        if key == "add":  # to the prompt
            rows[2]["input"] += value
        elif value is None:
            del rows[2][key]
        else:
            rows[2][key] = value
    write_lines(path, [json.dumps(row, ensure_ascii=False) for row in rows])


FAULTS: dict[str, tuple[Any, list[str], list[str]]] = {
    "missing file": (lambda files, model: files["train"].unlink(), [], ["train.jsonl", "ファイルがありません"]),
    "empty file": (lambda files, model: files["train"].write_text(""), [], ["train.jsonl", "レコードがありません"]),
    "invalid JSON": (
        lambda files, model: write_lines(files["train"], [*files["train"].read_text("utf-8").splitlines()[:3], "{"]),
        [], ["train.jsonl", "4 行目が JSON として読めません"],
    ),
    "record without output": (
        lambda files, model: change_record(files["train"], output=None), [], ["3 行目", "output がありません"],
    ),
    "empty output": (lambda files, model: change_record(files["train"], output=" "), [], ["3 行目", "output が空です"]),
    "wrong mode": (lambda files, model: None, ["--train-mode", "cot"], ["meta.mode が direct", "q0"]),
    "special token in the text": (
        lambda files, model: change_record(files["train"], add="<|im_end|>"), [], ["q2", "特殊トークン <|im_end|>"],
    ),
    "model without tokenizer": (
        lambda files, model: [(model / name).unlink() for name in ("tokenizer.json", "tokenizer_config.json")],
        [], ["トークナイザがありません"],
    ),
    "unknown target module": (
        lambda files, model: None, ["--target-modules", "q_proj", "query_key"],
        ["query_key という層はこのモデルにありません", "down_proj・gate_proj・k_proj・o_proj・q_proj・up_proj・v_proj"],
    ),
    "another run": (
        lambda files, model: (files["out"].mkdir(), (files["out"] / "run.json").write_text("{}")), [],
        ["終わった学習があります"],
    ),
    "other files": (
        lambda files, model: (files["out"].mkdir(), (files["out"] / "a.txt").write_text("x")), [], ["a.txt"],
    ),
    "too long": (lambda files, model: None, ["--max-seq-length", "32"], ["8 件のレコードが", "32 トークンを超えます"]),
    "beyond the model": (
        lambda files, model: None, ["--max-seq-length", "5000"], ["5000 はモデルの上限 4096 を超えています"],
    ),
    "dev is trained on": (
        lambda files, model: files["dev"].write_text(files["train"].read_text("utf-8"), "utf-8"),
        ["--eval-file", "DEV"], ["8 問が学習データにもあります（最初は q0）"],
    ),
    "fp16 on the CPU": (lambda files, model: None, ["--fp16"], ["--fp16 には GPU が必要です"]),
    "both types": (lambda files, model: None, ["--fp16", "--bf16"], ["同時に指定できません"]),
    "zero batch": (lambda files, model: None, ["--batch-size", "0"], ["--batch-size は 1 以上です（0）"]),
    "no model": (lambda files, model: None, ["--model-name", "./nowhere"], ["./nowhere: モデルのフォルダがありません"]),
}  # fmt: skip


def test_orders_of_a_question_share_their_prefix(
    tiny_model_dir: Path, files: dict[str, Path], record_maker: Any
) -> None:
    rows = []
    for record in record_maker(4):
        turned = {shown: record.meta["choices"][original] for shown, original in zip("abcd", "dcba", strict=True)}
        text = record.input
        for letter in "abcd":
            text = text.replace(f"\n{letter} {record.meta['choices'][letter]}", f"\n{letter} {turned[letter]}")
        correct = "dcba"["abcd".index(record.meta["correct"])]
        meta = {**record.meta, "choices": turned, "correct": correct, "order": "dcba"}
        rows += [record, Record(text, correct, meta)]
    write_records(files["train"], rows)
    arguments = command(tiny_model_dir, files, "--share-prefix", "--num-epochs", "1", "--dry-run")
    assert run_program(train_qwen_law_ft.main, [*arguments[:-1]]) == 0
    manifest = json.loads((files["out"] / "run.json").read_text("utf-8"))
    assert manifest["training"]["steps"] == 1  # four questions, two a batch, two batches a step
    assert manifest["audit"]["rows"] == 8
    assert manifest["audit"]["computed_tokens"] < 0.75 * manifest["audit"]["tokens"]
    assert manifest["trained_question_ids"] == ["q0", "q1", "q2", "q3"]


@pytest.mark.parametrize(
    "more",
    [
        ("--embedding-device", "cpu"),
        ("--use-4bit", "--embedding-device", "cpu"),
        ("--activation-offload",),
        ("--no-activation-checkpointing",),
    ],
)
def test_where_things_are_kept_does_not_change_what_is_learned(
    tiny_model_dir: Path, files: dict[str, Path], more: tuple[str, ...]
) -> None:
    losses = []
    for number, options in enumerate((more, tuple(word for word in more if word == "--use-4bit"))):
        files["out"] = files["out"].with_name(f"out{number}")
        assert run_program(train_qwen_law_ft.main, command(tiny_model_dir, files, "--max-steps", "2", *options)) == 0
        manifest = json.loads((files["out"] / "run.json").read_text("utf-8"))
        losses.append([row["loss"] for row in manifest["training"]["loss_history"]])
    assert losses[0] == losses[1]


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")
@pytest.mark.parametrize(
    "more",
    [
        ("--share-prefix", "--lora-dtype", "bf16"),
        ("--rslora", "--use-4bit", "--lm-head-4bit", "--bf16", "--lora-dtype", "bf16", "--optimizer", "adamw_8bit"),
    ],
)
def test_the_letter_objective_trains_and_is_recorded(
    tiny_model_dir: Path, files: dict[str, Path], more: tuple[str, ...], capsys: Any
) -> None:
    options = ("--objective", "letter", "--num-epochs", "12", "--learning-rate", "0.003", *more)
    arguments = command(tiny_model_dir, files, "--eval-file", str(files["dev"]), "--eval-steps", "8", *options)
    assert run_program(train_qwen_law_ft.main, arguments) == 0
    assert "⟦a⟧" in capsys.readouterr().err
    manifest = json.loads((files["out"] / "run.json").read_text("utf-8"))
    assert manifest["objective"] == "letter"
    assert manifest["lora"]["dtype"] == "bf16"
    assert manifest["lora"]["rslora"] is ("--rslora" in more)
    assert manifest["audit"]["supervised"] == 8
    losses = [row["loss"] for row in manifest["training"]["loss_history"]]
    assert sum(losses[-2:]) < 0.9 * sum(losses[:2])
    # four letters, hardly trained: near the logarithm of four, where the text objective begins at that of the vocabulary
    assert 0.5 < losses[0] < 2.5
    adapter = load_file(files["out"] / "adapter_model.safetensors")
    assert {value.dtype for value in adapter.values()} == {torch.bfloat16}
    assert json.loads((files["out"] / "adapter_config.json").read_text("utf-8"))["use_rslora"] is ("--rslora" in more)
    base = AutoModelForCausalLM.from_pretrained(tiny_model_dir)
    PeftModel.from_pretrained(base, files["out"])


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")
def test_conversations_are_named_learned_and_recorded(
    tiny_model_dir: Path, files: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    talks = [
        {"instruction": f"{number} を読む。", "input": "", "output": f"数は {number} です。"} for number in range(4)
    ]
    files["train"].write_text("\n".join(json.dumps(talk, ensure_ascii=False) for talk in talks), encoding="utf-8")
    arguments = command(tiny_model_dir, files, "--eval-file", str(files["dev"]), "--max-steps", "1")
    assert run_program(train_qwen_law_ft.main, arguments) == 0
    said = capsys.readouterr().err
    assert (
        f"{files['train']}: Alpaca 形式（instruction・input・output）の会話 4 件として読みます。答えだけを学習します。"
        in said
    )
    assert "⟦数は 0 です。<|im_end|>⟧" in said
    manifest = json.loads((files["out"] / "run.json").read_text("utf-8"))
    assert (manifest["form"], manifest["prompt_version"], manifest["objective"]) == ("chat", "chat", "text")
    assert manifest["trained_question_ids"] == [f"train:{number}" for number in (1, 2, 3, 4)]
    assert manifest["trained_question_hashes"] == sorted(content_hash(f"{number} を読む。", {}) for number in range(4))


def test_conversations_are_not_for_the_letter_objective_nor_around_the_dev_questions(
    tiny_model_dir: Path, files: dict[str, Path], record_maker: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    dev = record_maker(4, first=8)[1]
    asked = "\n".join([dev.meta["question"], *dev.meta["choices"].values()])
    files["train"].write_text(json.dumps({"instruction": asked, "output": "a"}, ensure_ascii=False), encoding="utf-8")
    assert run_program(train_qwen_law_ft.main, command(tiny_model_dir, files, "--objective", "letter")) == 1
    assert "会話のレコードは --objective text でだけ学習できます（指定は letter）。" in capsys.readouterr().err
    assert run_program(train_qwen_law_ft.main, command(tiny_model_dir, files, "--eval-file", str(files["dev"]))) == 1
    assert "1 問が学習データの会話の中で尋ねられています（最初は q9）" in capsys.readouterr().err
    assert not files["out"].exists()


def test_the_letter_objective_refuses_reasoning(
    tiny_model_dir: Path, files: dict[str, Path], record_maker: Any, capsys: Any
) -> None:
    write_records(files["train"], [*record_maker(3), *record_maker(1, mode="cot", first=3)])
    assert run_program(train_qwen_law_ft.main, command(tiny_model_dir, files, "--objective", "letter")) == 1
    lines = capsys.readouterr().err.strip().splitlines()
    assert "レコード q3: --objective letter は direct のレコードだけに使えます（これは cot）" in lines[-1]
    assert not files["out"].exists()


@pytest.mark.parametrize("dtype", ["fp32", "bf16"])
def test_8_bit_adamw_resumes_to_the_same_bits(
    tiny_model_dir: Path, files: dict[str, Path], monkeypatch: Any, dtype: str
) -> None:
    from app.training.progress import ProgressLines

    options = ("--optimizer", "adamw_8bit", "--save-steps", "1", "--learning-rate", "0.01", "--lora-dtype", dtype)
    assert run_program(train_qwen_law_ft.main, command(tiny_model_dir, files, *options)) == 0
    expected = (files["out"] / "adapter_model.safetensors").read_bytes()
    files["out"] = files["out"].with_name("again")
    original = ProgressLines.on_log

    def interrupted(self: Any, args: Any, state: Any, control: Any, logs: Any = None, **more: Any) -> None:
        original(self, args, state, control, logs, **more)
        if state.global_step == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(ProgressLines, "on_log", interrupted)
    assert run_program(train_qwen_law_ft.main, command(tiny_model_dir, files, *options)) == 130
    monkeypatch.undo()
    assert run_program(train_qwen_law_ft.main, command(tiny_model_dir, files, *options, "--resume")) == 0
    assert (files["out"] / "adapter_model.safetensors").read_bytes() == expected


@pytest.mark.parametrize("fault", FAULTS)
def test_bad_input_is_one_line_and_writes_nothing(
    tiny_model_dir: Path, files: dict[str, Path], tmp_path: Path, capsys: Any, fault: str
) -> None:
    spoil, more, parts = FAULTS[fault]
    model = tmp_path / "model"
    model.mkdir()
    for path in tiny_model_dir.iterdir():
        (model / path.name).write_bytes(path.read_bytes())
    spoil(files, model)
    before = sorted(tmp_path.rglob("*"))
    arguments = command(model, files, *[str(files["dev"]) if part == "DEV" else part for part in more])
    assert run_program(train_qwen_law_ft.main, arguments) == 1
    lines = capsys.readouterr().err.strip().splitlines()
    assert sum(line.startswith("エラー: ") for line in lines) == 1
    assert lines[-1].startswith("エラー: ")
    for part in parts:
        assert part in lines[-1]
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("name", ["tensorboard", "wandb", "mlflow", "trackio"])
def test_a_tracker_that_is_not_installed_is_one_line(
    tiny_model_dir: Path, files: dict[str, Path], monkeypatch: Any, capsys: Any, name: str
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert run_program(train_qwen_law_ft.main, command(tiny_model_dir, files, "--report-to", name)) == 1
    assert capsys.readouterr().err == (
        f"エラー: --report-to {name} には {name} が必要です。pip install {name} を実行するか、指定を外してください。\n"
    )
    assert not files["out"].exists()


def test_tensorboard_gets_the_losses(tiny_model_dir: Path, files: dict[str, Path]) -> None:
    accumulator = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator", reason="tensorboard is not installed (extra tracking)"
    )
    assert run_program(train_qwen_law_ft.main, command(tiny_model_dir, files, "--report-to", "tensorboard")) == 0
    events = accumulator.EventAccumulator(str(files["out"] / "tensorboard"))
    events.Reload()
    history = json.loads((files["out"] / "run.json").read_text("utf-8"))["training"]["loss_history"]
    assert [event.step for event in events.Scalars("train/loss")] == [row["step"] for row in history]
    assert [event.value for event in events.Scalars("train/loss")] == pytest.approx([row["loss"] for row in history])


def test_wrong_usage_is_exit_2(capsys: Any) -> None:
    with pytest.raises(SystemExit) as caught:
        train_qwen_law_ft.main(["--model-name", "m", "--train-file", "t", "--output-dir", "o", "--lora-bias", "some"])
    assert caught.value.code == 2
    assert "使い方の誤り" in capsys.readouterr().err


def test_help_is_there_within_a_second() -> None:
    started = time.perf_counter()
    result = subprocess.run(
        [sys.executable, "scripts/train_qwen_law_ft.py", "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    seconds = time.perf_counter() - started
    assert "python scripts/train_qwen_law_ft.py" in result.stdout
    for option in [
        "--model-name",
        "--train-file",
        "--output-dir",
        "--num-epochs",
        "--learning-rate",
        "--batch-size",
        "--max-seq-length",
        "--gradient-accumulation-steps",
        "--warmup-ratio",
        "--weight-decay",
        "--lora-r",
        "--lora-alpha",
        "--lora-dropout",
        "--target-modules",
        "--lora-bias",
        "--fp16",
        "--bf16",
        "--train-mode",
        "--loss-on-output-only",
        "--no-loss-on-output-only",
        "--use-4bit",
        "--bnb-4bit-compute-dtype",
        "--bnb-4bit-quant-type",
        "--logging-steps",
        "--save-steps",
        "--eval-steps",
        "--eval-file",
        "--early-stopping-patience",
        "--seed",
        "--resume",
        "--max-steps",
        "--chat-format",
        "--report-to",
        "--dry-run",
    ]:
        assert option in result.stdout
    heavy = subprocess.run(
        [sys.executable, "-c", "import sys; from scripts import train_qwen_law_ft; print('torch' in sys.modules)"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert heavy.stdout.strip() == "False"
    # generous beyond the second of the promise: other tests may share the processor
    assert seconds < 3
