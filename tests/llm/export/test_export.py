"""The export program end to end on the sample's tiny model: merged, GGUF through llama.cpp, Ollama, the guard, resuming."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from app.commands import evaluate_multiple_choice, export_adapter
from app.core.cli import run_program
from app.core.files import read_json, sha256_file, write_json
from app.llm.export import gguf_file, gguf_form, job, merged_form, recheck
from app.llm.export.folder import begin
from app.llm.export.plan import plan_export
from app.llm.export.recheck import Tolerance
from app.llm.loading import Quantization

ROOT = Path(__file__).resolve().parents[3]
SAMPLE = ROOT / "sample" / "selection.json"


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither the developer's .env nor the environment may reach a test."""
    monkeypatch.chdir(tmp_path)
    for name in ("LORA_PATH", "HF_MODEL_NAME", "LLM_BACKEND", "LLM_MODEL"):
        monkeypatch.delenv(name, raising=False)


def run(*arguments: object) -> int:
    return run_program(export_adapter.main, [str(argument) for argument in arguments])


def evaluate(*arguments: object) -> int:
    fixed = ("--no-hf-load-in-4bit", "--context", "gold", "--orders", 1)
    return run_program(evaluate_multiple_choice.main, [str(argument) for argument in (*arguments, *fixed)])


def test_everything_of_a_4_bit_adapter(
    four_bit_adapter: Path, few_questions: Path, sample_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert (
        run("--lora-path", four_bit_adapter, "--output-dir", out, "--data", few_questions, "--gguf", "f16", "q8_0") == 0
    )
    printed = capsys.readouterr()
    assert [line.split(":")[0] for line in printed.out.splitlines()] == ["merged"] * 2 + ["f16"] * 2 + ["q8_0"] * 2
    assert printed.err.startswith("計画: ")
    assert sorted(path.name for path in out.iterdir()) == ["gguf", "merged"]

    merged = read_json(out / "merged" / "run.json")
    trained = read_json(four_bit_adapter / "run.json")
    assert (merged["kind"], merged["export"]["quantization"]["quant_type"]) == ("merged", "nf4")
    assert merged["trained_question_ids"] == trained["trained_question_ids"]
    assert merged["export"]["adapter"]["weights_sha256"] == sha256_file(four_bit_adapter / "adapter_model.safetensors")
    weights = out / "merged" / "model.safetensors"
    assert merged["export"]["files"]["model.safetensors"] == {
        "bytes": weights.stat().st_size,
        "sha256": sha256_file(weights),
    }
    base = merged["export"]["base"]["files"]["model.safetensors"]
    assert base["sha256"] == sha256_file(sample_model / "model.safetensors")
    gguf = read_json(out / "gguf" / "run.json")
    assert sorted(path.name for path in (out / "gguf").iterdir()) == [
        "README.md", "four_bit-f16.gguf", "four_bit-q8_0.gguf", "run.json",
    ]  # fmt: skip
    for file, facts in gguf["export"]["files"].items():
        assert facts["sha256"] == sha256_file(out / "gguf" / file)
    checks = {**merged["export"]["checks"], **gguf["export"]["checks"]}
    assert {kind: check["passed"] for kind, check in checks.items()} == {"merged": True, "f16": True, "q8_0": True}
    for check in checks.values():
        letter, choice = check["differences"]
        assert (letter["form"], letter["compared"], choice["form"], choice["compared"]) == ("letter", 16, "choice", 16)

    # Asked for again: nothing is written anew; another kind beside it needs another folder.
    before = weights.stat().st_mtime_ns
    assert (
        run("--lora-path", four_bit_adapter, "--output-dir", out, "--data", few_questions, "--gguf", "f16", "q8_0") == 0
    )
    assert "書き出しはすでに終わっています" in capsys.readouterr().err
    assert weights.stat().st_mtime_ns == before
    assert run("--lora-path", four_bit_adapter, "--output-dir", out, "--recheck", 0, "--dtype", "float16") == 1
    assert "別のファイルがあります" in capsys.readouterr().err


@pytest.mark.parametrize("head", [False, True])
def test_an_output_layer_in_4_bits_is_said_not_to_be_exported(head: bool, capsys: pytest.CaptureFixture[str]) -> None:
    stored = {"load_in_4bit": True, "compute_dtype": "float32", "quant_type": "nf4", "lm_head_4bit": head}
    assert job.trained_quantization({"quantization": stored}, "runs/a") == Quantization(True, "float32", "nf4", True)
    remark = "注意: runs/a は出力層も 4bit のモデル（--lm-head-4bit）で学習しましたが"
    assert (remark in capsys.readouterr().err) is head


def test_a_plain_merge_of_a_4_bit_adapter_is_found_out(
    four_bit_adapter: Path,
    few_questions: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    real: Callable[..., str] = merged_form.write_merged_file
    monkeypatch.setattr(merged_form, "write_merged_file", lambda *a, **k: real(*a, **{**k, "quantization": None}))
    out = tmp_path / "out"
    assert run("--lora-path", four_bit_adapter, "--output-dir", out, "--data", few_questions) == 3
    assert "merged: 文字の対数確率の差の" in capsys.readouterr().err
    check = read_json(out / "merged" / "run.json")["export"]["checks"]["merged"]
    assert check["passed"] is False
    # It stays distrusted when it is asked for again.
    assert run("--lora-path", four_bit_adapter, "--output-dir", out, "--data", few_questions) == 3


def test_a_merged_folder_is_refused_on_its_training_questions(
    plain_adapter: Path, tmp_path: Path, sample_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--lora-path", plain_adapter, "--output-dir", "out", "--recheck", 0) == 0
    assert "確かめていません" in capsys.readouterr().err
    samples = json.loads(SAMPLE.read_text("utf-8"))["samples"]
    for name, part in (("seen", samples[-1:]), ("unseen", samples[:2])):
        write_json(tmp_path / f"{name}.json", {"samples": part})
    model = ("--hf-model-name", "out/merged")
    assert evaluate("--data", "seen.json", "--output", "r.json", *model) == 1
    assert "1 問のうち 1 問はこのアダプタの学習に使われています" in capsys.readouterr().err
    assert evaluate("--data", "seen.json", "--output", "r.json", *model, "--allow-trained") == 3
    assert evaluate("--data", "unseen.json", "--output", "u.json", *model) in (0, 3)
    assert evaluate("--data", "unseen.json", "--output", "a.json", "--hf-model-name", sample_model, "--hf-lora-path", plain_adapter) in (0, 3)  # fmt: skip
    merged, adapter = (read_json(tmp_path / name) for name in ("u.json", "a.json"))
    for one, other in zip(merged["results"], adapter["results"], strict=True):
        assert one["answers"][0]["logprobs"] == pytest.approx(other["answers"][0]["logprobs"], abs=0.1)
    digest = sha256_file(plain_adapter / "adapter_model.safetensors")
    assert merged["run"]["adapter"]["weights_sha256"] == adapter["run"]["adapter"]["weights_sha256"] == digest


def test_a_second_training_on_a_merged_model_does_not_forget_the_first(
    plain_adapter: Path,
    adapter_maker: Callable[..., Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run("--lora-path", plain_adapter, "--output-dir", "one", "--recheck", 0) == 0
    second = adapter_maker(
        tmp_path / "second", Path("one/merged"), four_bit=False,
        trained_question_ids=["other"], trained_question_hashes=["h"], trained_clusters=[],
    )  # fmt: skip
    assert run("--lora-path", second, "--output-dir", "two", "--recheck", 0) == 0
    first_id = read_json(plain_adapter / "run.json")["trained_question_ids"][0]
    assert read_json(Path("two/merged/run.json"))["trained_question_ids"] == ["other", first_id]
    write_json(tmp_path / "seen.json", {"samples": json.loads(SAMPLE.read_text("utf-8"))["samples"][-1:]})
    capsys.readouterr()
    model = ("--hf-model-name", "one/merged", "--hf-lora-path", second)
    assert evaluate("--data", "seen.json", "--output", "r.json", *model) == 1
    assert "1 問のうち 1 問はこのアダプタの学習に使われています" in capsys.readouterr().err


def test_an_interrupted_export_goes_on_where_it_stopped(
    plain_adapter: Path,
    sample_model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from safetensors.torch import load_file, save_file

    # The sample model in two files, as larger models are.
    model = shutil.copytree(sample_model, tmp_path / "tiny-qwen3")
    weights = load_file(model / "model.safetensors")
    (model / "model.safetensors").unlink()
    files = {name: f"model-0000{1 + ('layers' in name)}-of-00002.safetensors" for name in weights}
    for file in sorted(set(files.values())):
        save_file(
            {name: value for name, value in weights.items() if files[name] == file}, model / file, {"format": "pt"}
        )
    write_json(model / "model.safetensors.index.json", {"metadata": {"total_size": 1}, "weight_map": files})
    # In other files the weights are told apart from those of the training by nothing but their tensors, which are not
    # compared: an adapter that recorded no hash of them, as those of 0.2, is taken.
    adapter = shutil.copytree(plain_adapter, tmp_path / "adapter")
    manifest = read_json(adapter / "run.json")
    del manifest["base_model"]["weights_sha256"]
    write_json(adapter / "run.json", manifest)
    written: list[str] = []
    real: Callable[..., str] = merged_form.write_merged_file

    def killed(base: Any, file: str, *rest: Any, **more: Any) -> str:
        if len(written) == 1:
            raise KeyboardInterrupt
        written.append(file)
        return real(base, file, *rest, **more)

    arguments = ("--lora-path", adapter, "--output-dir", "out", "--recheck", 0, "--hf-model-name", model)
    monkeypatch.setattr(merged_form, "write_merged_file", killed)
    assert run(*arguments) == 130
    assert not Path("out/merged").exists()
    assert run(*arguments, "--dtype", "float16") == 1
    assert "別の設定で中断した書き出し" in capsys.readouterr().err
    monkeypatch.setattr(merged_form, "write_merged_file", real)
    assert run(*arguments) == 0
    assert "1 個は、中断した前回のものを使います" in capsys.readouterr().err
    assert [path.name for path in Path("out").iterdir()] == ["merged"]
    index = read_json(Path("out/merged/model.safetensors.index.json"))
    assert index["weight_map"] == files
    assert index["metadata"]["total_size"] == sum(value.nbytes for value in weights.values())
    assert run(*arguments[:3], "one", "--recheck", 0, "--hf-model-name", sample_model) == 0
    one, two = load_file("one/merged/model.safetensors"), {}
    for file in sorted(set(files.values())):
        two |= load_file(f"out/merged/{file}")
    assert all((one[name] == two[name]).all() for name in one)


def test_the_room_is_looked_at_before_each_form_for_what_is_left_of_it(
    plain_adapter: Path, sample_model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    values = read_json(sample_model / "config.json")
    sizes = plan_export(values, name="m", gguf=("f16", "q8_0"))
    free: list[int] = []
    monkeypatch.setattr("app.llm.export.export.free_bytes", lambda _: free[-1])
    arguments = ("--lora-path", plain_adapter, "--output-dir", "out", "--recheck", 0)

    def refused(*more: str) -> None:
        assert run(*arguments, *more) == 1
        assert "out: 空きは " in capsys.readouterr().err
        assert list(Path("out").glob(".*.partial")) == []

    free.append(sizes.merged_bytes - 1)
    refused()
    free.append(sizes.merged_bytes)
    refused("--gguf", "f16")  # before the merged weights are written, since GGUF would not fit beside them
    assert run(*arguments) == 0
    free.append(sizes.gguf_bytes["f16"])  # the merged weights are there
    refused("--gguf", "f16", "q8_0")
    assert run(*arguments, "--gguf", "f16") == 0


def test_only_what_an_interrupted_run_has_not_written_needs_room(tmp_path: Path) -> None:
    merged = begin(tmp_path / "merged", "k")
    assert merged_form.bytes_done(merged) == 0
    merged.add("model-1.safetensors", {"written": {"bytes": 7, "sha256": "0"}, "base": {"bytes": 9, "sha256": "0"}})
    assert merged_form.bytes_done(merged) == 7
    gguf = begin(tmp_path / "gguf", "k")
    for kind in ("f16", "q8_0"):
        (gguf.partial / f"m-{kind}.gguf").write_bytes(b"GGUF")
    gguf.add("m-q8_0.gguf", {"bytes": 4, "sha256": "0"})
    export = SimpleNamespace(name="m", gguf=("q8_0", "q4_k_m"))
    gguf_form.clear_halves(gguf)
    assert [path.name for path in gguf.partial.glob("*.gguf")] == ["m-q8_0.gguf"]
    assert gguf_form.kinds_done(export, gguf) == ["q8_0"]  # type: ignore[arg-type]  # all of a job that is read


def test_an_index_beside_the_one_file_that_is_read_is_not_written(
    plain_adapter: Path, sample_model: Path, tmp_path: Path
) -> None:
    model = shutil.copytree(sample_model, tmp_path / "tiny-qwen3")
    shutil.copy(model / "model.safetensors", model / "model-00001-of-00001.safetensors")
    stale = {"metadata": {}, "weight_map": {"x": "model-00001-of-00001.safetensors"}}
    write_json(model / "model.safetensors.index.json", stale)
    assert run("--lora-path", plain_adapter, "--output-dir", "out", "--recheck", 0, "--hf-model-name", model) == 0
    assert [path.name for path in Path("out/merged").glob("*.safetensors*")] == ["model.safetensors"]


def test_an_export_that_changed_is_not_gone_on_with(
    plain_adapter: Path, few_questions: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    adapter = shutil.copytree(plain_adapter, tmp_path / "a")
    arguments = ("--lora-path", adapter, "--output-dir", "out")
    assert run(*arguments, "--recheck", 0) == 0
    capsys.readouterr()
    assert run(*arguments, "--data", few_questions) == 0  # asked for a check that the first run left out
    assert "注意: out/merged は確かめずに書き出したものです。" in capsys.readouterr().err
    settings = read_json(adapter / "adapter_config.json")
    write_json(adapter / "adapter_config.json", {**settings, "lora_alpha": 16})  # twice as much of the adapter
    assert run(*arguments, "--recheck", 0) == 1
    assert "out/merged には別のファイルがあります" in capsys.readouterr().err
    shutil.copy(plain_adapter / "adapter_config.json", adapter / "adapter_config.json")
    with Path("out/merged/model.safetensors").open("r+b") as file:
        file.seek(-1, 2)
        last = file.read(1)
        file.seek(-1, 2)
        file.write(bytes([last[0] ^ 1]))
    assert run(*arguments, "--recheck", 0, "--gguf", "f16") == 1
    assert "out/merged/model.safetensors は書き出した後に変わったか、なくなっています" in capsys.readouterr().err
    assert not Path("out/gguf").exists()


def test_ollama_is_written_where_text_gives_the_same_tokens_and_refused_elsewhere(
    adapter_maker: Callable[..., Path],
    plain_adapter: Path,
    tiny_model_dir: Path,
    few_questions: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    adapter = adapter_maker(tmp_path / "a", tiny_model_dir, four_bit=False, use_context=False)
    one = tmp_path / "one.json"
    write_json(one, {"samples": json.loads(few_questions.read_text("utf-8"))["samples"][:1]})
    common = ("--data", one, "--gguf", "f16", "--ollama")
    # llama.cpp's own way of cutting text is Qwen's; the test's tokenizer has GPT-2's, so the server's answer is played.
    text_path = "app.llm.export.gguf_form.text_path_differences"
    monkeypatch.setattr(text_path, lambda *_: 0)
    assert run("--lora-path", adapter, "--output-dir", "out", *common) == 0
    text = Path("out/gguf/Modelfile").read_text("utf-8")
    assert text.startswith('FROM ./a-f16.gguf\nTEMPLATE """{{ if .System }}')
    assert text.split("\n")[-4:-1] == [
        "PARAMETER temperature 0",
        "PARAMETER repeat_penalty 1",
        "PARAMETER num_ctx 4096",
    ]
    assert "ollama create a -f out/gguf/Modelfile" in Path("out/gguf/README.md").read_text("utf-8")
    monkeypatch.setattr(text_path, lambda *_: 3)
    assert run("--lora-path", adapter, "--output-dir", "other", *common) == 1
    assert "Ollama には書き出しません" in capsys.readouterr().err
    assert not Path("other/gguf").exists()


@pytest.mark.parametrize(
    ("change", "options", "reason"),
    [
        ({"quantization": ...}, (), "run.json に quantization がなく"),
        ({"base_model": {"name": "Qwen/Other"}}, ("--hf-model-name", "MODEL"), "Qwen/Other で学習したものです"),
        ({"chat": {"format": "auto", "template_sha256": "x"}}, (), "チャットテンプレートが違います"),
        ({}, ("--ollama",), "--ollama は --gguf と"),
        ({}, ("--gguf", "q4_k_m"), "llama-quantize が要ります"),
        (None, (), "run.json がなく"),
    ],
)
def test_what_cannot_be_exported_is_one_line_and_writes_nothing(
    change: dict[str, Any] | None,
    options: tuple[str, ...],
    reason: str,
    plain_adapter: Path,
    sample_model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(job, "find_quantizer", lambda: None)
    adapter = shutil.copytree(plain_adapter, tmp_path / "a")
    if change is None:
        (adapter / "run.json").unlink()
    else:
        manifest = {**read_json(adapter / "run.json"), **change}
        write_json(adapter / "run.json", {name: value for name, value in manifest.items() if value is not ...})
    options = tuple(str(sample_model) if option == "MODEL" else option for option in options)
    assert run("--lora-path", adapter, "--output-dir", "out", "--recheck", 0, *options) == 1
    error = capsys.readouterr().err.strip().splitlines()
    assert reason in error[-1]
    assert not Path("out").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["--output-dir", "out"],
        ["--lora-path", "a", "--output-dir", "out"],
        ["--lora-path", "a", "--output-dir", "out", "--recheck", "-1"],
        ["--lora-path", "日本 語", "--output-dir", "out", "--recheck", "0"],
        ["--lora-path", "a", "--output-dir", "out", "--gguf", "q2_k"],
        ["--plan"],
    ],
)
def test_wrong_usage_is_exit_2(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        run(*arguments)
    assert stopped.value.code == 2


def test_the_plan_needs_no_weights(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(gguf_file, "find_quantizer", lambda: None)
    assert run("--plan", "--hf-model-name", "Qwen/Qwen3-8B", "--gguf") == 0
    printed = capsys.readouterr()
    assert "GGUF q8_0: 8.11 GiB" in printed.out
    assert "q4_k_m" not in printed.out
    assert "q4_k_m は作りません" in printed.err


def test_evaluations_of_this_adapter_are_on_the_card_and_others_refused(
    plain_adapter: Path, sample_model: Path, few_questions: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, more in (("base", ()), ("tuned", ("--hf-lora-path", plain_adapter))):
        evaluate("--data", few_questions, "--output", f"{name}.json", "--hf-model-name", sample_model, *more)
    results = ("--results", "base.json", "tuned.json")
    assert run("--lora-path", plain_adapter, "--output-dir", "out", "--recheck", 0, *results) == 0
    card = Path("out/merged/README.md").read_text("utf-8")
    summary = read_json(tmp_path / "tuned.json")["summary"]
    assert f"| 調整後 | {summary['correct']}/4 | {summary['correct'] / 4:.1%} | {summary['ci95'][0]:.1%}–" in card
    assert "| base | " in card
    value = read_json(tmp_path / "tuned.json")
    value["run"]["adapter"]["weights_sha256"] = "0" * 64
    write_json(tmp_path / "tuned.json", value)
    capsys.readouterr()
    assert run("--lora-path", plain_adapter, "--output-dir", "again", "--recheck", 0, *results) == 1
    assert "別のアダプタの評価結果" in capsys.readouterr().err


def test_a_form_beyond_its_tolerance_is_written_but_not_trusted(
    plain_adapter: Path, few_questions: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(recheck, "TOLERANCES", {**recheck.TOLERANCES, "q8_0": Tolerance(1e-6, 1e-6)})
    assert run("--lora-path", plain_adapter, "--output-dir", "out", "--data", few_questions, "--gguf", "q8_0") == 3
    assert "q8_0: 文字の対数確率の差の中央値" in capsys.readouterr().err
    assert Path("out/gguf/plain-q8_0.gguf").is_file()
