"""Nothing of the user's is written over, however it is spelled; what cannot be written is found out first."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from app.core.errors import ConfigError
from app.core.files import sha256_file, write_json, write_jsonl, write_text
from app.core.outputs import (
    RECORDS,
    REPORT,
    RESULT,
    Output,
    check_folder_place,
    check_outputs,
    clear_remains,
    foreign_entries,
    in_ledger,
    same_file,
    set_aside,
)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    write_json(tmp_path / "q.json", {"kind": "evaluation"})  # of the right kind: being an input decides
    (tmp_path / "sub").mkdir()
    return tmp_path / "q.json"


def _link(data: Path) -> Path:
    (data.parent / "link.json").symlink_to(data)
    return data.parent / "link.json"


def _hard_link(data: Path) -> Path:
    os.link(data, data.parent / "hard.json")
    return data.parent / "hard.json"


def _through_a_linked_folder(data: Path) -> Path:
    (data.parent / "sub" / "back").symlink_to(data.parent)
    return data.parent / "sub" / "back" / "q.json"


SPELLINGS: tuple[Callable[[Path], Path], ...] = (
    lambda data: data,
    lambda data: data.parent / "sub" / ".." / "q.json",
    lambda data: Path(os.path.relpath(data)),
    _link,
    _hard_link,
    _through_a_linked_folder,
)


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_an_output_that_is_an_input_is_refused(data: Path, spelling: Callable[[Path], Path]) -> None:
    path = spelling(data)
    with pytest.raises(ConfigError) as caught:
        check_outputs([Output("--output", path, RESULT)], {"--data": data, "--index-dir": None})
    assert str(caught.value) == (
        f"--output {path} は入力（--data {data}）と同じファイルです。入力を書きつぶさないよう、別の名前を指定してください。"
    )
    assert json.loads(data.read_text("utf-8")) == {"kind": "evaluation"}


def test_two_outputs_that_are_one_file_are_refused(tmp_path: Path) -> None:
    outputs = [
        Output("--output", tmp_path / "x", RESULT),
        Output("--report", tmp_path / "a" / ".." / "x", REPORT),
    ]
    with pytest.raises(ConfigError, match="--report と --output が同じファイル"):
        check_outputs(outputs, {})


@pytest.mark.parametrize(
    ("ours", "text", "allowed"),
    [
        (RESULT, '{\n  "kind": "evaluation",\n', True),
        (RESULT, '{"kind":"evaluation"', True),
        (RESULT, "", True),  # touch, or a disk that was full
        (RESULT, '{"kind": "evaluation-progress"}', False),
        (RESULT, '{"kind": "adapter"}', False),
        (RESULT, '{"mine": 1, "kind": "evaluation"}', False),
        (RESULT, "my notes", False),
        (RECORDS, '{"input": "p", "output": "a", "meta": {}}\n', True),
        (RECORDS, '{"input": "p", "output": "a"}\n', False),
        (RECORDS, '{"instruction": "p", "output": "a"}\n', False),
        (RECORDS, "\xff\xfe", False),
        (REPORT, "<!DOCTYPE html><title>mine</title>", False),
    ],
)
def test_only_files_of_the_same_kind_of_ours_are_replaced(
    tmp_path: Path, ours: object, text: str, allowed: bool
) -> None:
    path = tmp_path / "there"
    write_text(path, text)
    output = Output("--output", path, ours)  # type: ignore[arg-type]
    if allowed:
        check_outputs([output], {})
        return
    with pytest.raises(ConfigError, match=r"there は既にあり、このプログラムがここに書いたものではありません"):
        check_outputs([output], {})
    assert path.read_text("utf-8") == text


def test_a_report_of_ours_may_be_replaced(tmp_path: Path) -> None:
    from app.evaluation.report.template import report_template

    source = report_template().environment.loader.get_source(report_template().environment, "report.html.j2")[0]  # type: ignore[union-attr]
    write_text(tmp_path / "r.html", source)
    check_outputs([Output("--report", tmp_path / "r.html", REPORT)], {})


def test_a_folder_a_socket_and_a_dangling_link_are_no_outputs(tmp_path: Path) -> None:
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ConfigError, match="はフォルダです"):
        check_outputs([Output("--output", tmp_path, RESULT)], {})
    for name in ("gone", "pipe"):
        with pytest.raises(ConfigError, match="普通のファイルではありません"):
            check_outputs([Output("--output", tmp_path / name, RESULT)], {})


def test_a_place_that_cannot_be_written_is_found_out_first(tmp_path: Path) -> None:
    write_text(tmp_path / "file", "x")
    with pytest.raises(ConfigError, match="途中がフォルダではなくファイルです"):
        check_outputs([Output("--output", tmp_path / "file" / "x.json", RESULT)], {})
    with pytest.raises(ConfigError, match="名前が長すぎます"):
        check_outputs([Output("--output", tmp_path / ("条" * 90), RESULT)], {})
    check_outputs([Output("--output", tmp_path / "new" / "folder" / "x.json", RESULT)], {})
    assert sorted(os.listdir(tmp_path)) == ["file"]
    with pytest.raises(ConfigError, match=r"--output-dir .* はファイルです"):
        check_folder_place("--output-dir", tmp_path / "file")
    for place in (tmp_path / "file", Path("/proc")):  # named as what the user knows, not as what was tried
        with pytest.raises(ConfigError, match=f"--output-dir {place}: "):
            check_folder_place("--output-dir", place / "new")


def test_a_ledger_names_what_may_be_replaced_as_long_as_nobody_changed_it(tmp_path: Path) -> None:
    path = tmp_path / "fold_1" / "train.json"
    write_text(path, "one")
    ours = in_ledger(tmp_path / "split.json", tmp_path / ".writing.json")
    assert not ours(path)
    write_json(tmp_path / "split.json", {"sides": {"fold_1/train": {"file": "fold_1/train.json", "sha256": sha256_file(path)}}})  # fmt: skip
    assert ours(path)
    write_text(path, "edited by hand")
    assert not ours(path)
    write_json(tmp_path / ".writing.json", {"files": {"fold_1/train.json": ["0", sha256_file(path)]}})
    assert ours(path)
    write_text(tmp_path / "split.json", "{broken")
    assert ours(path)
    assert not ours(tmp_path / "split.json")


def test_remains_of_a_killed_write_are_nobodys(tmp_path: Path) -> None:
    for name in (".run.unfinished.json.ab12_9cd.tmp", "note.tmp", ".x.tmp"):
        write_text(tmp_path / name, "")
    assert foreign_entries(tmp_path) == [".x.tmp", "note.tmp"]
    clear_remains(tmp_path)
    assert sorted(os.listdir(tmp_path)) == [".x.tmp", "note.tmp"]
    assert foreign_entries(tmp_path / "not there") == []


def test_the_remains_of_replace_file_are_recognised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_: object) -> None:
        raise SystemExit

    monkeypatch.setattr(os, "replace", killed)
    monkeypatch.setattr(Path, "unlink", lambda *_, **__: None)  # a killed process cleans up nothing
    with pytest.raises(SystemExit):
        write_jsonl(tmp_path / "x.jsonl", [1])
    assert len(os.listdir(tmp_path)) == 1
    assert foreign_entries(tmp_path) == []


def test_set_aside_takes_the_next_free_name(tmp_path: Path) -> None:
    for text in ("one", "two"):
        write_text(tmp_path / "x", text)
        set_aside(tmp_path / "x")
    assert {name: (tmp_path / name).read_text("utf-8") for name in os.listdir(tmp_path)} == {"x.1": "one", "x.2": "two"}


def test_the_same_name_in_two_folders_is_not_the_same_file(tmp_path: Path) -> None:
    write_text(tmp_path / "a" / "x", "")
    assert not same_file(tmp_path / "a" / "x", tmp_path / "b" / "x")


def test_a_file_that_nobody_may_write_is_not_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_json(tmp_path / "r.json", {"kind": "evaluation"})
    outputs = [Output("--output", tmp_path / "r.json", RESULT)]
    check_outputs(outputs, {})
    # Root may write whatever its mode says; the flag of an immutable file, or of Windows, is not there everywhere.
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path).name != "r.json" or not mode & os.W_OK)
    with pytest.raises(ConfigError) as refused:
        check_outputs(outputs, {})
    assert str(refused.value) == (
        f"--output {tmp_path / 'r.json'} は書き込みを禁じられたファイルです。"
        "別の名前を指定するか、書き込みを許可してください。"
    )
