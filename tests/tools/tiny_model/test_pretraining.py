"""Pretraining of the tiny model: roles of tokens, the starting circuit, resuming, and the program."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from app.core.errors import ConfigError
from tools.tiny_model.batches import ROLES, encode_exercises, make_batches
from tools.tiny_model.contexts import random_context
from tools.tiny_model.exercises import Exercise, Mark, judge
from tools.tiny_model.model import TinyShape, build_model
from tools.tiny_model.pretraining import PretrainConfig, Pretraining
from tools.tiny_model.start import prepare
from tools.tiny_model.tokenizer import train_tokenizer

SHAPE = TinyShape(hidden_size=128, intermediate_size=128, layers=5)
CONFIG = PretrainConfig(steps=4, step_characters=500, eval_every=1000, save_every=2, warmup_steps=2)


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    rng = random.Random(0)
    texts = [judge(rng, random_context(rng, 2, "headings"), statements=3, freedom=0.3).text for _ in range(40)]
    return train_tokenizer(texts, vocabulary_size=4400)


@pytest.fixture(autouse=True)
def no_trials(monkeypatch: pytest.MonkeyPatch) -> None:
    # The trial set takes seconds; one exercise of it measures the same way.
    rng = random.Random(3)
    exercise = judge(rng, random_context(rng, 1, "lines"), statements=8, freedom=0.0)
    monkeypatch.setattr("tools.tiny_model.pretraining.trial_exercises", lambda: {"short": [exercise]})


def test_a_token_has_the_role_of_its_last_character_or_departs(tokenizer: Any) -> None:
    text = "市長は、七日以内に○"
    marks = (Mark(0, 4, "agrees"), Mark(4, 5, "departs"), Mark(6, 9, "differs"), Mark(9, 10, "judge"))
    ((ids, roles),) = encode_exercises(tokenizer, [Exercise(text, marks)])
    found = [(tokenizer.decode([index]), ROLES[role]) for index, role in zip(ids, roles, strict=True)]
    assert found[-1] == ("○", "judge")
    assert ("七", "departs") in found
    assert [role for _, role in found if role == "agrees"] == ["agrees"] * len(tokenizer("市長は、")["input_ids"])


def test_batches_hold_every_row_once_within_the_budget() -> None:
    rows = [([5] * length, [1] * length) for length in (3, 9, 4, 4, 8, 1)]
    found = list(make_batches(rows, max_tokens=16, pad=0))
    assert sorted(int((ids != 0).sum()) for batch in found for ids in batch.ids) == [1, 3, 4, 4, 8, 9]
    assert all(batch.ids.numel() <= 16 for batch in found)
    assert all(bool(((batch.ids != 0) == (batch.roles != 0)).all()) for batch in found)


def test_the_starting_circuit_tells_a_repeated_token_from_a_changed_one(tokenizer: Any) -> None:
    model = build_model(TinyShape(), tokenizer, seed=0)
    newline = tokenizer.convert_tokens_to_ids("Ċ")
    prepare(model, norm=2.0, newline_id=newline)
    scores: dict[bool, list[float]] = {True: [], False: []}
    generator = torch.Generator().manual_seed(0)
    for _ in range(20):
        ids = torch.randint(600, 4000, (24,), generator=generator)
        again = ids.clone()
        again[12] = 599
        row = torch.cat([ids, torch.tensor([newline]), again])[None]
        with torch.no_grad():
            states = model.model(input_ids=row, output_hidden_states=True).hidden_states[3][0, :, 126]
        scores[True] += states[25 + 4 : 25 + 11].tolist()
        scores[False].append(float(states[25 + 12]))
    repeated, changed = torch.tensor(scores[True]), torch.tensor(scores[False])
    assert float((repeated[:, None] > changed[None]).float().mean()) > 0.95


def test_the_starting_circuit_needs_room(tokenizer: Any) -> None:
    model = build_model(replace(SHAPE, hidden_size=64), tokenizer, seed=0)
    with pytest.raises(ValueError, match="four heads"):
        prepare(model, norm=2.0, newline_id=5)


def test_resuming_gives_the_same_weights_bit_for_bit(tokenizer: Any, tmp_path: Path) -> None:
    whole = Pretraining(CONFIG, SHAPE, tokenizer)
    whole.run(report=lambda entry: None)
    cut = Pretraining(CONFIG, SHAPE, tokenizer)
    cut.one_step()
    cut.one_step()
    cut.save(tmp_path)
    resumed = Pretraining(CONFIG, SHAPE, tokenizer)
    resumed.load(tmp_path)
    assert resumed.step == 2
    resumed.run(report=lambda entry: None, state_dir=tmp_path)
    for name, weight in whole.model.state_dict().items():
        assert torch.equal(weight, resumed.model.state_dict()[name]), name
    assert sorted(path.name for path in tmp_path.iterdir()) == ["state-4.safetensors", "state.json"]
    assert resumed.history[-1]["step"] == 4


def test_a_checkpoint_of_other_settings_is_refused(tokenizer: Any, tmp_path: Path) -> None:
    Pretraining(CONFIG, SHAPE, tokenizer).save(tmp_path)
    with pytest.raises(ConfigError, match="別の設定（config）"):
        Pretraining(replace(CONFIG, seed=2), SHAPE, tokenizer).load(tmp_path)


def test_a_step_changes_weights_and_reports_every_loss(tokenizer: Any) -> None:
    run = Pretraining(CONFIG, SHAPE, tokenizer)
    before = {name: weight.clone() for name, weight in run.model.state_dict().items()}
    losses = run.one_step()
    assert set(losses) == {"copy", "point", "course", "judge", "chat", "stop", "sign"}
    assert losses["judge"] > 0
    changed = [name for name, weight in run.model.state_dict().items() if not torch.equal(weight, before[name])]
    assert "model.layers.4.mlp.down_proj.weight" in changed
    assert "model.embed_tokens.weight" in changed


def test_rates_rise_stay_and_fall(tokenizer: Any) -> None:
    run = Pretraining(PretrainConfig(steps=100, warmup_steps=10, decay_from=0.6), SHAPE, tokenizer)
    assert [round(run.rate(step), 3) for step in (0, 9, 30, 59, 80, 99)] == [0.1, 1.0, 1.0, 1.0, 0.5, 0.05]


def test_the_program_writes_a_model_folder_history_and_curve(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tokenizer: Any
) -> None:
    from tools import pretrain_tiny_model

    monkeypatch.setattr("tools.tiny_model.tokenizer.train_tokenizer", lambda texts: tokenizer)
    arguments = ["--output", str(tmp_path / "model"), "--steps", "2", "--eval-every", "1"]
    arguments += ["--history", str(tmp_path / "history.json"), "--curve", str(tmp_path / "curve.png")]
    assert pretrain_tiny_model.main(arguments) == 0
    assert (tmp_path / "curve.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert '"history"' in (tmp_path / "history.json").read_text("utf-8")
    names = {path.name for path in (tmp_path / "model").iterdir()}
    assert names >= {"config.json", "model.safetensors", "tokenizer.json", "chat_template.jinja"}
    assert "ステップ 2" in capsys.readouterr().err
