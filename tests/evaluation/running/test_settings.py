"""From the command line to a plan and a backend."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.commands import evaluate_multiple_choice
from app.core.cli import JapaneseParser
from app.core.errors import ConfigError, DataError, UsageError
from app.core.options import add_options, as_values, as_words, from_arguments
from app.core.run_file import parse_with_run_file, run_file_text
from app.data.few_shot import FewShot
from app.evaluation.running.plan import EvaluationPlan
from app.evaluation.running.resolving import config_of, create_backend, plans_of, resolve_plan, resolved_options
from app.evaluation.running.settings import EvaluationSettings
from app.evaluation.running.shard import Shard
from app.llm.model_options import ModelOptions, model_key


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in (
        "LORA_PATH",
        "HF_MODEL_NAME",
        "LLM_BACKEND",
        "LLM_MODEL",
        "OLLAMA_HOST",
        "RETRIEVER_TOP_K",
        "LOAD_IN_4BIT",
    ):
        monkeypatch.delenv(name, raising=False)


def parse(*arguments: str) -> tuple[EvaluationSettings, Any]:
    parser = argparse.ArgumentParser()
    add_options(parser, EvaluationSettings)
    settings: EvaluationSettings = from_arguments(
        EvaluationSettings, parser.parse_args(["--data", "x.json", *arguments])
    )
    return settings, config_of(settings)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), {"context": "rag", "top_k": 3, "scoring": "letter", "orders": 4, "cot": False, "few_shot": False}),
        (("--no-rag",), {"context": "none", "top_k": 0}),
        (("--context", "gold"), {"context": "gold", "top_k": 0}),
        (("--top-k", "5"), {"top_k": 5}),
        (("--scoring", "both"), {"orders": 1}),
        (("--use-cot",), {"cot": True, "orders": 1, "scoring": "letter", "budget_tokens": 512}),
        (("--use-cot", "--orders", "4", "--max-new-tokens", "64"), {"orders": 4, "budget_tokens": 64}),
        (("--ensemble",), {"ensemble": True, "orders": 4}),
        (("--majority",), {"ensemble": False, "orders": 4}),
        ((), {"ensemble": True}),
        (("--orders", "1"), {"ensemble": False}),
        (("--scoring", "both", "--orders", "4"), {"ensemble": True}),
        (("--scoring", "choice"), {"scoring": "choice", "orders": 1, "ensemble": False}),
        (("--few-shot",), {"few_shot": True}),
        (("--scoring", "choice", "--cited-words"), {"cited_words": True}),
        (("--llm-backend", "ollama"), {"scoring": "text", "orders": 1}),
        (("--llm-backend", "openai", "--orders", "4"), {"scoring": "text", "orders": 4}),
        (("--llm-backend", "ollama", "--scoring", "letter"), {"scoring": "letter", "orders": 4, "ensemble": True}),
        (("--llm-backend", "vllm"), {"scoring": "letter", "orders": 4}),
        (("--llm-backend", "llamacpp", "--use-cot"), {"scoring": "letter", "cot": True}),
    ],
)
def test_a_plan_follows_from_the_options(arguments: tuple[str, ...], expected: dict[str, Any]) -> None:
    plan = resolve_plan(*parse(*arguments), None).as_dict()
    assert {name: plan[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("form", "arguments", "scoring"),
    [
        ("choice", (), "choice"),
        ("choice", ("--scoring", "letter"), "letter"),
        ("choice", ("--scoring", "letter", "--use-cot"), "letter"),
        ("letter", (), "letter"),
        ("letter", ("--scoring", "choice"), "choice"),
        (None, (), "letter"),  # an adapter of before 0.3.0 does not say
    ],
)
def test_an_adapter_is_asked_in_its_own_form_unless_told_otherwise(
    form: str | None, arguments: tuple[str, ...], scoring: str
) -> None:
    manifest = {"few_shot": False, **({"form": form} if form else {})}
    assert resolve_plan(*parse("--hf-lora-path", "runs/x", *arguments), manifest).scoring == scoring


def test_an_adapter_of_the_choice_form_is_not_silently_made_to_reason() -> None:
    with pytest.raises(ConfigError, match="runs/x: アダプタは choice の形で学習しています"):
        resolve_plan(*parse("--hf-lora-path", "runs/x", "--use-cot"), {"form": "choice"})
    with pytest.raises(DataError, match=r"runs/x: run\.json の form が '選択' です"):
        resolve_plan(*parse("--hf-lora-path", "runs/x"), {"form": "選択"})


def test_where_examples_come_from_is_part_of_the_plan(tmp_path: Path) -> None:
    path = tmp_path / "pool.json"
    path.write_text('{"samples": []}', "utf-8")
    pool = FewShot("file:ab:pool.json", ())
    plan = resolve_plan(*parse("--few-shot-path", str(path)), None, pool)
    assert (plan.few_shot, plan.few_shot_source) == (True, "file:ab:pool.json")
    assert resolve_plan(*parse("--few-shot"), None).as_dict()["few_shot_source"] == "builtin:1"
    assert "few_shot_source" not in resolve_plan(*parse(), None).as_dict()
    with pytest.raises(ConfigError, match="--no-few-shot と --few-shot-path"):
        resolve_plan(*parse("--no-few-shot", "--few-shot-path", str(path)), None, pool)
    with pytest.raises(DataError, match="--few-shot-path にそのファイルを指定してください"):
        resolve_plan(*parse(), {"few_shot": True, "few_shot_source": "file:ab:pool.json"})


CITED = {"form": "choice", "cited_words": True}
UNCITED = {"form": "choice"}  # one of before there were cited words


def test_cited_words_are_part_of_the_plan_and_the_adapters_own_by_default() -> None:
    off = resolve_plan(*parse("--scoring", "choice"), None)
    assert "cited_words" not in off.as_dict()
    assert off == resolve_plan(*parse("--scoring", "choice", "--no-cited-words"), None)
    on = resolve_plan(*parse("--scoring", "choice", "--cited-words"), None)
    assert on.result_key() == {**off.result_key(), "cited_words": True}  # what --resume compares
    with pytest.raises(ConfigError, match="--cited-words は --scoring choice だけのものです（指定は letter）"):
        resolve_plan(*parse("--cited-words"), None)

    assert resolve_plan(*parse(), CITED) == resolve_plan(*parse("--cited-words"), CITED) == on
    assert resolve_plan(*parse(), UNCITED) == resolve_plan(*parse("--no-cited-words"), UNCITED) == off
    with pytest.raises(DataError, match="条文の文言を添えて学習したものです。--cited-words を指定するか"):
        resolve_plan(*parse("--no-cited-words"), CITED)
    with pytest.raises(DataError, match="条文の文言を添えずに学習したものです。--no-cited-words を指定するか"):
        resolve_plan(*parse("--cited-words"), UNCITED)
    # Asked in another form than it learned, an adapter never saw such prompts.
    assert resolve_plan(*parse("--scoring", "letter"), CITED).cited_words is False
    assert resolve_plan(*parse("--scoring", "choice", "--cited-words"), {"form": "letter"}) == on


def test_an_adapters_examples_are_the_default() -> None:
    assert resolve_plan(*parse(), {"few_shot": True}).few_shot is True


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--no-rag", "--context", "gold"), "--no-rag と --context gold"),
        (
            ("--llm-backend", "openai", "--scoring", "both", "--use-cot"),
            "--llm-backend openai はその後の確率を読めない",
        ),
        (("--llm-backend", "ollama", "--scoring", "choice", "--think"), "--think は答えの前に思考を書かせ"),
        (("--llm-backend", "ollama", "--hf-lora-path", "x"), "--hf-lora-path は --llm-backend hf だけ"),
        (("--scoring", "both", "--ensemble"), "--ensemble は --orders 4"),
        (
            ("--llm-backend", "openai", "--num-ctx", "4096"),
            "--num-ctx は --llm-backend ollama だけで使えます（指定は openai）",
        ),
        (("--num-ctx", "4096"), "--num-ctx は --llm-backend ollama だけで使えます（指定は hf）"),
        (("--llm-backend", "openai", "--think"), "--think は --llm-backend ollama だけ"),
        (("--think",), "--think は --llm-backend ollama だけで使えます（指定は hf）"),
        (
            ("--llm-backend", "ollama", "--hf-model-name", "x"),
            "--hf-model-name は --llm-backend hf・vllm・llamacpp だけ",
        ),
        (("--llm-backend", "ollama", "--no-hf-load-in-4bit"), "--hf-load-in-4bit は --llm-backend hf だけ"),
        (
            ("--llm-backend", "openai", "--chat-format", "plain"),
            "--chat-format は --llm-backend hf・vllm・llamacpp だけ",
        ),
        (
            ("--llm-model", "qwen3:8b"),
            "--llm-model は --llm-backend ollama・openai・vllm・llamacpp だけで使えます（指定は hf）",
        ),
        (("--llm-timeout", "9"), "--llm-timeout は --llm-backend ollama・openai・vllm・llamacpp だけ"),
    ],
)
def test_contradictions_are_refused(arguments: tuple[str, ...], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        resolve_plan(*parse(*arguments), None)


def test_the_environment_is_below_the_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RETRIEVER_TOP_K", "7")
    monkeypatch.setenv("LLM_BACKEND", "ollama")
    assert resolve_plan(*parse(), None).top_k == 7
    assert resolve_plan(*parse("--top-k", "2", "--llm-backend", "hf"), None).scoring == "letter"


def test_the_model_key_changes_with_what_changes_answers() -> None:
    def key(*arguments: str, weights: str | None = None) -> dict[str, Any]:
        settings, config = parse(*arguments)
        return model_key(settings.model, config.llm, weights)

    base = key()
    assert key("--batch-size", "2") == base
    for other in (
        key("--hf-model-name", "x"),
        key("--no-hf-load-in-4bit"),
        key("--bnb-4bit-quant-type", "fp4"),
        key("--chat-format", "plain"),
        key(weights="0" * 64),
        key("--llm-backend", "ollama"),
    ):
        assert other != base
    assert key("--llm-backend", "ollama", "--num-ctx", "4096") != key("--llm-backend", "ollama")
    assert key("--llm-backend", "vllm", "--llm-concurrency", "9") == key("--llm-backend", "vllm")
    assert key("--llm-backend", "vllm", "--tokenizer", "x") != key("--llm-backend", "vllm")
    assert key("--llm-backend", "vllm", weights="0" * 64) != key("--llm-backend", "vllm")


def test_remote_backends_are_made_without_a_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "s3cret")
    settings, config = parse("--llm-backend", "openai", "--llm-model", "m", "--llm-host", "http://h/v1")
    backend = create_backend(settings.model, config.llm, resolve_plan(settings, config, None))
    assert backend.config.base_url == "http://h/v1"  # type: ignore[attr-defined]
    assert backend.config.api_key == "s3cret"  # type: ignore[attr-defined]
    assert "s3cret" not in repr(backend.config)  # type: ignore[attr-defined]
    settings, config = parse("--llm-backend", "ollama", "--think", "--llm-timeout", "9", "--seed", "5")
    ollama = create_backend(settings.model, config.llm, resolve_plan(settings, config, None)).config  # type: ignore[attr-defined]
    assert (ollama.host, ollama.think, ollama.timeout_seconds, ollama.seed) == ("http://localhost:11434", True, 9.0, 5)


def test_the_run_file_names_the_server_that_the_environment_gave(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLM_BACKEND", "llamacpp")
    monkeypatch.setenv("LLM_HOST", "http://127.0.0.1:9")
    monkeypatch.setenv("LLM_TOKENIZER", "sample/tiny-qwen3")
    settings, config = parse("--no-rag")
    found = resolved_options(config, [resolve_plan(settings, config, None)])
    assert (found["llm_backend"], found["llm_host"], found["tokenizer"]) == (
        "llamacpp", "http://127.0.0.1:9", "sample/tiny-qwen3",
    )  # fmt: skip


def test_the_run_file_of_a_reading_test_names_what_the_environment_said_of_retrieval(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The main plan shows the right articles; one of the others retrieves."""
    monkeypatch.setenv("RETRIEVER_TOP_K", "7")
    monkeypatch.setenv("RETRIEVER_INDEX_DIR", str(tmp_path))
    settings, config = parse("--reading-test", "--output", str(tmp_path / "a.json"))
    plan = resolve_plan(settings, config, None)
    found = resolved_options(config, [one for _, one in plans_of(settings, config, plan)])
    assert (plan.context, found["top_k"], found["index_dir"]) == ("gold", 7, tmp_path)
    assert "top_k" not in resolved_options(config, [plan])


def test_both_forms_are_two_plans_of_one_context(tmp_path: Path) -> None:
    settings, config = parse("--no-rag", "--both-forms", "--output", str(tmp_path / "a.json"))
    plan = resolve_plan(settings, config, None)
    assert plan == EvaluationPlan(context="none", top_k=0, scoring="choice", orders=1)
    assert plans_of(settings, config, plan) == [
        (
            tmp_path / "a_letter.json",
            EvaluationPlan(context="none", top_k=0, scoring="letter", orders=4, ensemble=True),
        ),
        (tmp_path / "a.json", plan),
    ]


def test_an_adapter_that_learned_letters_with_examples_is_not_asked_in_both_forms() -> None:
    settings, config = parse("--no-rag", "--both-forms")
    manifest = {"form": "letter", "few_shot": True}
    with pytest.raises(ConfigError, match=r"例題を付けて文字の形で学習したもの.*--both-forms を外し、--scoring letter"):
        resolve_plan(settings, config, manifest)


def test_an_adapter_that_learned_with_examples_is_asked_without_them_choice_by_choice() -> None:
    manifest = {"form": "letter", "few_shot": True}
    for extra in ((), ("--no-few-shot",)):
        plan = resolve_plan(*parse("--no-rag", "--scoring", "choice", *extra), manifest)
        assert (plan.form, plan.few_shot, plan.few_shot_source) == ("choice", False, None)
    with pytest.raises(ConfigError, match="--few-shot とは使えません"):
        resolve_plan(*parse("--no-rag", "--scoring", "choice", "--few-shot"), manifest)


def test_what_is_wrong_with_settings_alone_is_refused_when_they_are_made(tmp_path: Path) -> None:
    made = EvaluationSettings(data=tmp_path / "x.json", no_rag=True)
    assert (made.context, made.no_rag) == ("none", False)
    with pytest.raises(UsageError, match="--data と --output が要ります"):
        _ = made.result
    assert [path.name for path in replace(made, context="gold", reading_test=True, output=tmp_path / "a.json").results] == [
        "a_none.json", "a_removed.json", "a.json",
    ]  # fmt: skip
    assert [path.name for path in replace(made, both_forms=True, output=tmp_path / "a.json").results] == [
        "a_letter.json", "a.json",
    ]  # fmt: skip
    for changes, message in (
        ({"orders": 2}, "--orders は 1・4 のどれか"),
        ({"batch_size": 0}, "--batch-size は 1 以上"),
        ({"max_new_tokens": 0}, "--max-new-tokens は 1 以上"),
        ({"shard": Shard(1, 2), "report": tmp_path / "x.html"}, "--shard は一部だけの結果"),
        ({"context": "gold", "no_rag": True}, "--no-rag と --context gold"),
        (
            {"both_forms": True, "scoring": "choice"},
            "--both-forms は.*二通りで尋ねるので、--scoring choice とは使えません",
        ),
        ({"both_forms": True, "orders": 4, "majority": True}, "--orders 4、--majority とは使えません"),
        ({"both_forms": True, "few_shot": True, "use_cot": True}, "--use-cot、--few-shot とは使えません"),
        ({"both_forms": True, "context": "gold", "reading_test": True}, "--reading-test とは使えません"),
        ({"both_forms": True, "shard": Shard(1, 2)}, "--shard とは使えません"),
    ):
        with pytest.raises(ConfigError, match=message):
            replace(made, **changes)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="--num-ctx は 1 以上です（0）"):
        ModelOptions(num_ctx=0)


def test_a_run_file_can_be_told_to_leave_each_of_its_flags(tmp_path: Path) -> None:
    def parser() -> JapaneseParser:
        return evaluate_multiple_choice.parser()

    words = ["--data", "x.json", "--no-rag", "--use-cot", "--few-shot-path", "e.json", "--allow-trained", "--majority"]
    settings: EvaluationSettings = from_arguments(EvaluationSettings, parser().parse_args(words))
    path = tmp_path / "run.yaml"
    path.write_text(run_file_text(parser(), as_values(settings), ["python", "scripts/x.py"]), "utf-8")
    again = from_arguments(EvaluationSettings, parse_with_run_file(parser(), ["--config", str(path)]))
    assert again == settings
    typed = ["--config", str(path), "--context", "gold", "--no-use-cot", "--no-allow-trained", "--ensemble"]
    other = from_arguments(EvaluationSettings, parse_with_run_file(parser(), typed))
    assert other == replace(settings, context="gold", use_cot=False, allow_trained=False, majority=False, ensemble=True)
    # And the settings are the words of a command.
    assert from_arguments(EvaluationSettings, parser().parse_args(as_words(settings))) == settings
