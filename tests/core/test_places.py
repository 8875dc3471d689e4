"""What an index and a model are known by, and that nothing of another run is written into them."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from app.core.errors import ConfigError
from app.core.outputs import Output, check_folder_place, check_outputs
from app.core.places import INDEX, MODEL, enclosing, whole_folder

MARKS = [
    ("manifest.json", {"folder": "gen-1", "build_id": "1", "store_format": 5, "tokenizer": "x", "laws": 1}, INDEX),
    ("run.json", {"kind": "gguf", "export": {"key": "1"}}, MODEL),
    ("config.json", {"architectures": ["Qwen3ForCausalLM"]}, MODEL),
    ("config.json", {"model_type": "model2vec"}, MODEL),
]
ORDINARY = [
    ("manifest.json", {"kind": "generated_questions", "files": {}}),
    ("config.json", {"editor": "x"}),
    ("config.json", {"model_type": "x"}),  # nothing of a model beside it
    ("store.sqlite", {}),  # somebody else's
    ("adapter_config.json", {}),
    ("run.unfinished.json", {}),
    ("run.json", {"kind": "adapter"}),
    ("run.json", {"kind": "evaluation"}),
    ("run.json", []),
    ("split.json", {"kind": "split"}),
    ("selection.json", {"samples": []}),
]


@pytest.mark.parametrize(("name", "value", "what"), MARKS)
def test_an_output_inside_is_refused_and_its_own_program_may_go_on(
    tmp_path: Path, name: str, value: object, what: str
) -> None:
    folder = tmp_path / "theirs"
    folder.mkdir()
    (folder / name).write_text(json.dumps(value), "utf-8")
    (folder / "tokenizer.json").write_text("{}", "utf-8")
    assert whole_folder(folder) == what
    place = os.path.realpath(folder)
    words = f"は{what}のフォルダ（{place}）に入ります。{what}は、フォルダごと読まれ、置き換えられ、消されます。ほかのフォルダを指定してください。"
    for inside in (folder / "eval.json", folder / "new" / "deep" / "eval.json"):
        with pytest.raises(ConfigError) as refused:
            check_outputs([Output("--output", inside, lambda _: True)], {})
        assert str(refused.value) == f"--output {inside} {words}"
    for inside in (folder, folder / "new"):
        with pytest.raises(ConfigError) as refused:
            check_folder_place("--output-dir", inside)
        assert str(refused.value) == f"--output-dir {inside} {words}"
    check_folder_place("--output-dir", folder, own=what)
    check_outputs([Output("--output", folder / "eval.json", lambda _: True)], {}, own=what)
    for other in {INDEX, MODEL} - {what}:
        with pytest.raises(ConfigError, match=f"は{what}のフォルダ"):
            check_folder_place("--output-dir", folder, own=other)
    with pytest.raises(ConfigError, match=f"は{what}のフォルダ"):  # a folder in it is not the program's own
        check_folder_place("--output-dir", folder / "new", own=what)
    assert sorted(path.name for path in folder.iterdir()) == sorted([name, "tokenizer.json"])


@pytest.mark.parametrize(("name", "value"), ORDINARY)
def test_other_folders_may_be_written_into(tmp_path: Path, name: str, value: object) -> None:
    (tmp_path / name).write_text(json.dumps(value), "utf-8")
    assert enclosing(tmp_path / "new" / "x") is None
    check_outputs([Output("--output", tmp_path / "new" / "eval.json", lambda _: True)], {})
    check_folder_place("--output-dir", tmp_path)


def test_a_generation_of_an_index_is_one_and_results_stand_beside_it(tmp_path: Path) -> None:
    for name in ("gen-1", "building"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "store.sqlite").write_bytes(b"")
        assert enclosing(tmp_path / name / "eval") == (tmp_path.resolve() / name, INDEX)
    check_outputs([Output("--output", tmp_path / "eval.json", lambda _: True)], {})
    check_folder_place("--output-dir", tmp_path / "eval")


def test_a_link_into_a_model_is_seen_and_one_out_of_it_is_no_harm(tmp_path: Path) -> None:
    model, outside = tmp_path / "model", tmp_path / "outside"
    model.mkdir()
    outside.mkdir()
    (model / "config.json").write_text('{"model_type": "qwen3"}', "utf-8")
    (model / "model-00001-of-00002.safetensors").write_bytes(b"")
    (tmp_path / "into").symlink_to(model)
    (model / "out").symlink_to(outside)
    assert enclosing(tmp_path / "into" / "sub") == (model.resolve(), MODEL)
    assert enclosing(model / "out") is None
