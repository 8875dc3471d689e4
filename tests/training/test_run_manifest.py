"""What run.json says about examples and questions: the same words that evaluation compares."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.core.errors import ConfigError
from app.core.files import write_json
from app.core.questions import content_hash
from app.training.config import TrainConfig
from app.training.run_manifest import check_same_run, few_shot_source, finish_manifest, start_manifest

PAGE = Path(__file__).resolve().parents[2] / "docs/data-formats.md"


@pytest.mark.parametrize(
    ("metas", "source"),
    [
        ([{"few_shot": False, "few_shot_source": None}], None),
        ([{"few_shot": True, "few_shot_source": "builtin:1"}] * 2, "builtin:1"),
        # A cot record in the same file has no examples and says nothing about them.
        ([{"few_shot": True, "few_shot_source": "builtin:1"}, {"few_shot": False, "few_shot_source": None}], "builtin:1"),
        ([{"few_shot": True, "few_shot_source": source} for source in ("file:b:y", "file:a:x")], ["file:a:x", "file:b:y"]),
        ([{"few_shot": True}], None),  # records of an earlier version
    ],
)  # fmt: skip
def test_few_shot_source(metas: list[dict[str, Any]], source: Any) -> None:
    assert few_shot_source(metas) == source


@pytest.fixture
def begun(tmp_path: Path, tiny_tokenizer: Any, record_maker: Any) -> dict[str, Any]:
    """The manifest of a run on two questions in two orders each, with two others as dev questions."""
    train_file = tmp_path / "train.jsonl"
    train_file.write_text("x", "utf-8")
    four = record_maker(4)
    four[0] = replace(four[0], meta={**four[0].meta, "articles": ["c0", "c0_2"]})  # the others: of earlier versions
    return start_manifest(
        TrainConfig(model_name="org/model", train_file=train_file, output_dir=tmp_path / "out"),
        {"started_at": "2026-01-01"}, records=[*four[:2], *four[:2]], dev_records=four[2:], too_long=[], mode="direct",
        tokenizer=tiny_tokenizer, base_model={"name": "org/model"}, precision="stored", audit={},
    )  # fmt: skip


def test_the_manifest_names_what_was_seen_and_what_chose_the_checkpoint(
    begun: dict[str, Any], record_maker: Any
) -> None:
    digests = [content_hash(record.meta["question"], record.meta["choices"]) for record in record_maker(4)]
    assert begun["trained_question_ids"] == ["q0", "q1"]
    assert begun["trained_question_hashes"] == sorted(digests[:2])
    assert begun["trained_clusters"] == ["c0", "c0_2", "c1"]
    assert begun["dev_question_ids"] == ["q2", "q3"]

    assert begun["dev_question_hashes"] == sorted(digests[2:])


def test_the_manifest_says_whether_cited_words_were_shown(
    begun: dict[str, Any], tmp_path: Path, tiny_tokenizer: Any, choice_maker: Any
) -> None:
    assert begun["cited_words"] is False
    records = [replace(one, meta={**one.meta, "cited_words": True}) for one in choice_maker(1)]
    config = TrainConfig(
        model_name="org/model", objective="choice", train_file=tmp_path / "train.jsonl", output_dir=tmp_path / "out"
    )
    shown = start_manifest(
        config, {}, records=records, dev_records=[], too_long=[], mode="direct", tokenizer=tiny_tokenizer,
        base_model={"name": "org/model"}, precision="stored", audit={},
    )  # fmt: skip
    assert (shown["form"], shown["cited_words"]) == ("choice", True)


BASE = {"name": "org/model", "config_sha256": "c", "weights_sha256": "w"}


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({}, None),
        ({"base_model": {**BASE, "name": "/models/model"}}, None),  # the same files in another place
        ({"base_model": {**BASE, "weights_sha256": "9"}}, "ベースモデルの重みが変わっています"),
        ({"base_model": {**BASE, "config_sha256": "9"}}, "ベースモデルが変わっています"),
        ({"base_model": {"name": "b", "config_sha256": "c"}}, "--model-name: b → org/model"),
        ({"base_model": {"name": "org/model", "config_sha256": "c"}}, None),  # of before 0.3.0
        ({"chat": {"tokenizer_sha256": "9"}}, "トークナイザが変わっています"),
        ({"chat": {"tokenizer_sha256": None}}, None),
        ({"chat": {"template_sha256": "9"}}, "チャットテンプレートが変わっています"),
        ({"train_file": {"path": "../x/t.jsonl"}}, None),
        ({"train_file": {"sha256": "9"}}, "学習データの内容が変わっています"),
        ({"eval_file": {"path": "d", "sha256": "9"}}, "開発用データの内容が変わっています"),
        ({"config": {"train_file": "t", "eval_file": "d", "init_adapter": "a", "model_name": "m"}}, None),
        ({"config": {"learning_rate": 1.0}}, "--learning-rate: 1.0 → 0.0002"),
        ({"precision": "bf16"}, "計算の型: bf16 → stored（"),  # the card's driver is gone, and a CPU would go on
    ],
)
def test_what_files_hold_decides_whether_a_run_is_gone_on_with_not_where_they_lie(
    begun: dict[str, Any], tmp_path: Path, change: dict[str, Any], named: str | None
) -> None:
    now = {**begun, "base_model": BASE}
    stored = {**now, **{part: value for part, value in change.items() if part == "precision"}}
    for part, values in change.items():
        if part == "precision":
            continue
        kept = {} if part == "base_model" else stored[part] or {}
        stored[part] = {**kept, **values}
    write_json(tmp_path / "run.json", stored)
    if named is None:
        assert check_same_run(tmp_path, "run.json", now) == stored
        return
    with pytest.raises(ConfigError, match=re.escape(named)):
        check_same_run(tmp_path, "run.json", now)


def test_the_documented_manifest_has_the_keys_that_are_written(begun: dict[str, Any]) -> None:
    section = PAGE.read_text("utf-8").split("\n## アダプタの `run.json`\n")[1]
    match = re.search(r"```json\n(.*?)\n```", section, flags=re.DOTALL)
    assert match is not None
    documented = json.loads(match.group(1))
    whole = finish_manifest(begun, log_history=[], seconds=1.0, resumed=False, memory={})
    assert list(documented) == [*whole, "files"]  # written with the folder (tests/commands/test_train_qwen_law_ft.py)
    assert list(documented["config"]) == list(whole["config"])
