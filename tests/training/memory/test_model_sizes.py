"""Shipped sizes against the published parameter counts, and what a config.json must have."""

import json
from pathlib import Path

import pytest

from app.core.errors import ModelError
from app.training.memory.model_sizes import read_model_sizes, shipped_names, sizes_from_config
from app.training.memory.plan import GIB, weight_bytes

# Weights of each model as its publisher's safetensors index counts them (the model card's "Model size").
PUBLISHED = {
    "Qwen3-0.6B": 596_049_920,
    "Qwen3-1.7B": 1_720_574_976,
    "Qwen3-4B": 4_022_468_096,
    "Qwen3-8B": 8_190_735_360,
    "Qwen3-14B": 14_768_307_200,
    "Qwen3-32B": 32_762_123_264,
    "Qwen2.5-0.5B": 494_032_768,
    "Qwen2.5-1.5B": 1_543_714_304,
    "Qwen2.5-3B": 3_085_938_688,
    "Qwen2.5-7B": 7_615_616_512,
    "Llama-3.1-8B": 8_030_261_248,
}


def norms_and_biases(name: str) -> int:
    sizes = read_model_sizes(name)
    layer = 2 * sizes.hidden_size
    if sizes.model_type == "qwen3":
        layer += 2 * sizes.head_dim
    if sizes.model_type == "qwen2":
        layer += (sizes.num_attention_heads + 2 * sizes.num_key_value_heads) * sizes.head_dim
    return sizes.num_hidden_layers * layer + sizes.hidden_size


def test_every_shipped_model_is_checked() -> None:
    assert set(shipped_names()) == set(PUBLISHED)


@pytest.mark.parametrize("name", PUBLISHED)
def test_sizes_give_the_published_number_of_weights(name: str) -> None:
    sizes = read_model_sizes(name)
    tables = sizes.table_parameters * (1 if sizes.tie_word_embeddings else 2)
    assert sizes.linear_parameters + tables + norms_and_biases(name) == PUBLISHED[name]


@pytest.mark.parametrize("name", ["Qwen/Qwen3-8B", "Qwen3-8B", "Qwen/Qwen3-8B-Base", "unsloth/Qwen3-8B"])
def test_a_model_is_found_under_its_publishers_names(name: str) -> None:
    assert read_model_sizes(name).hidden_size == 4096


def test_a_folder_and_its_config_file_mean_the_same(tiny_model_dir: Path) -> None:
    folder = read_model_sizes(str(tiny_model_dir))
    assert folder.values == read_model_sizes(str(tiny_model_dir / "config.json")).values
    assert (folder.hidden_size, folder.num_hidden_layers, folder.head_dim) == (64, 2, 16)


def test_qwen3_8b_weighs_what_its_parts_add_up_to() -> None:
    # 6.95e9 linear weights at 4.127 bits, two tables of 151,936 x 4,096 at 16 bits
    assert weight_bytes(read_model_sizes("Qwen3-8B"), "nf4") / GIB == pytest.approx(5.655, abs=0.005)
    assert weight_bytes(read_model_sizes("Qwen3-8B"), "none") == 2 * (
        PUBLISHED["Qwen3-8B"] - norms_and_biases("Qwen3-8B")
    )


def shipped_values(**changes: object) -> dict[str, object]:
    values = dict(read_model_sizes("Qwen3-8B").values)
    values.update(changes)
    return {key: value for key, value in values.items() if value is not ...}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model_type": "mamba"}, "model_type 'mamba'"),
        ({"model_type": ...}, "model_type None"),
        ({"hidden_size": ...}, "hidden_size=None"),
        ({"num_hidden_layers": 0}, "num_hidden_layers=0"),
        ({"vocab_size": "many"}, "vocab_size='many'"),
        ({"hidden_size": True}, "hidden_size=True"),
        ({"num_key_value_heads": 5}, "num_key_value_heads=5"),
        ({"head_dim": 3}, "head_dim=3"),
    ],
)
def test_a_config_that_cannot_be_planned_is_refused_by_name(changes: dict[str, object], words: str) -> None:
    with pytest.raises(ModelError, match=words) as caught:
        sizes_from_config(shipped_values(**changes), name="x", place="x/config.json")
    assert "x/config.json" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "words"),
    [("Qwen/Qwen9-1B", "Qwen3-8B"), ("no/such/folder", "config.json")],
)
def test_an_unknown_name_is_answered_with_the_known_ones(name: str, words: str) -> None:
    with pytest.raises(ModelError, match=words):
        read_model_sizes(name)


def test_a_folder_without_config_and_a_list_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"config\.json がありません"):
        read_model_sizes(str(tmp_path))
    (tmp_path / "config.json").write_text(json.dumps([1]), encoding="utf-8")
    with pytest.raises(ModelError, match="オブジェクトではありません"):
        read_model_sizes(str(tmp_path))
