"""Checkpoints: everything comes back bit for bit, and half a checkpoint is none."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import DataError
from app.training.checkpoints import (
    check_checkpoint,
    checkpoint_path,
    checkpoint_steps,
    join_state,
    load_tensors,
    random_states,
    read_states,
    remove_old_checkpoints,
    restore_random_states,
    restore_weights,
    split_state,
    write_checkpoint,
)


class State:
    """Stands for transformers' TrainerState, of which only saving is needed."""

    def save_to_json(self, path: str) -> None:
        Path(path).write_text('{"global_step": 1, "log_history": []}')


plain = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
states = st.recursive(
    plain,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(max_size=4) | st.integers(), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(states)
def test_any_plain_state_comes_back(value: Any) -> None:
    tensors: dict[str, Any] = {}
    assert join_state(split_state(value, "s", tensors), tensors) == value
    assert tensors == {}


def test_what_is_no_state_is_refused() -> None:
    with pytest.raises(TypeError, match=r"s\.x: object cannot be stored"):
        split_state({"x": object()}, "s", {})


def test_optimizer_state_comes_back_bit_for_bit(tmp_path: Path) -> None:
    torch.manual_seed(0)
    layer = torch.nn.Linear(3, 3)
    optimizer = torch.optim.AdamW(layer.parameters(), lr=0.1)
    layer(torch.randn(2, 3)).sum().backward()
    optimizer.step()
    weights = dict(layer.named_parameters())
    path = write_checkpoint(
        tmp_path, 7, weights=weights, states={"optimizer": optimizer.state_dict()}, trainer_state=State(), run_id="r"
    )
    assert path == checkpoint_path(tmp_path, 7)
    assert not list(path.glob("*.pt")) + list(path.glob("*.pth")) + list(path.glob("*.bin"))
    other = torch.nn.Linear(3, 3)
    restore_weights(path, dict(other.named_parameters()))
    again = torch.optim.AdamW(other.parameters(), lr=0.5)
    again.load_state_dict(read_states(path)["optimizer"])
    for module, engine in ((layer, optimizer), (other, again)):
        module.zero_grad()
        module(torch.ones(2, 3)).sum().backward()
        engine.step()
    assert torch.equal(layer.weight, other.weight)
    assert torch.equal(layer.bias, other.bias)


def test_random_generators_go_on_where_they_were(tmp_path: Path) -> None:
    path = write_checkpoint(
        tmp_path, 1, weights={}, states={"random": random_states()}, trainer_state=State(), run_id="r"
    )
    first = (random.random(), np.random.rand(), torch.rand(3))
    restore_random_states(read_states(path)["random"])
    second = (random.random(), np.random.rand(), torch.rand(3))
    assert first[:2] == second[:2]
    assert torch.equal(first[2], second[2])


def test_remains_of_a_killed_write_are_no_checkpoint(tmp_path: Path) -> None:
    (tmp_path / ".partial-9").mkdir()
    (tmp_path / ".partial-9" / "weights.safetensors").write_bytes(b"half")
    write_checkpoint(tmp_path, 4, weights={}, states={}, trainer_state=State(), run_id="r")
    write_checkpoint(tmp_path, 10, weights={}, states={}, trainer_state=State(), run_id="r")
    write_checkpoint(tmp_path, 6, weights={}, states={}, trainer_state=State(), run_id="r")
    assert checkpoint_steps(tmp_path) == [4, 6, 10]
    assert checkpoint_steps(tmp_path / "none") == []
    remove_old_checkpoints(tmp_path, {4, 10})
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["checkpoint-10", "checkpoint-4"]


def test_a_broken_or_foreign_checkpoint_is_refused(tmp_path: Path) -> None:
    path = write_checkpoint(tmp_path, 1, weights={"w": torch.ones(2)}, states={}, trainer_state=State(), run_id="r")
    with pytest.raises(DataError, match="別の LoRA の設定"):
        restore_weights(path, {"w": torch.ones(3)})
    (path / "weights.safetensors").write_bytes(b"half")
    with pytest.raises(DataError, match="チェックポイントを読めません"):
        load_tensors(path / "weights.safetensors")


def test_a_whole_checkpoint_of_the_run_is_taken(tmp_path: Path) -> None:
    path = write_checkpoint(tmp_path, 1, weights={"w": torch.ones(2)}, states={}, trainer_state=State(), run_id="r")
    check_checkpoint(path, "r")
    with pytest.raises(DataError, match="別の学習のチェックポイントです"):
        check_checkpoint(path, "another")


@pytest.mark.parametrize("name", ["weights.safetensors", "optimizer.safetensors", "state.json"])
@pytest.mark.parametrize("how", ["bit", "gone"])
def test_a_checkpoint_that_was_altered_is_refused_by_name(tmp_path: Path, name: str, how: str) -> None:
    states = {"a": torch.ones(3), "seconds": 1.0}
    path = write_checkpoint(tmp_path, 1, weights={"w": torch.ones(2)}, states=states, trainer_state=State(), run_id="r")
    if how == "gone":
        (path / name).unlink()
    else:
        data = bytearray((path / name).read_bytes())
        data[-1] ^= 1
        (path / name).write_bytes(data)
    with pytest.raises(DataError, match=rf"{name}: 書いたときと内容が違うか、なくなっています（SHA-256）"):
        check_checkpoint(path, "r")


def test_a_checkpoint_of_an_earlier_version_is_taken_with_a_word(tmp_path: Path, capsys: Any) -> None:
    path = write_checkpoint(tmp_path, 1, weights={}, states={}, trainer_state=State(), run_id="r")
    (path / "sums.json").write_text("{}")
    with pytest.raises(DataError, match=r"sums\.json: 内容が壊れています"):
        check_checkpoint(path, "r")
    (path / "sums.json").unlink()
    check_checkpoint(path, "")
    assert "検査値（sums.json）がない" in capsys.readouterr().err


def test_tensors_follow_the_umask_and_a_full_disk_names_the_file(tmp_path, monkeypatch):
    import os

    import safetensors.torch

    from app.training.checkpoints import save_tensors

    before = os.umask(0o022)
    try:
        save_tensors(tmp_path / "x.safetensors", {"w": torch.zeros(2)})
    finally:
        os.umask(before)
    assert (tmp_path / "x.safetensors").stat().st_mode & 0o777 == 0o644

    def full(*_):
        raise ValueError("Error while serializing: I/O error: No space left on device (os error 28)")

    monkeypatch.setattr(safetensors.torch, "save_file", full)
    with pytest.raises(OSError, match=r"y\.safetensors"):
        save_tensors(tmp_path / "y.safetensors", {"w": torch.zeros(2)})


@pytest.mark.parametrize("text", ["", '{"global_step": 2, "log_history": [{"lo', "[]", '{"global_step": 2}', None])
def test_a_cut_trainer_state_names_the_file_and_the_way_out(tmp_path, text):
    from app.training.checkpoints import check_trainer_state

    if text is not None:
        (tmp_path / "trainer_state.json").write_text(text, "utf-8")
    with pytest.raises(DataError, match=r"trainer_state\.json: .*このチェックポイントのフォルダを消すと"):
        check_trainer_state(tmp_path)
    (tmp_path / "trainer_state.json").write_text('{"global_step": 2, "log_history": []}', "utf-8")
    check_trainer_state(tmp_path)
