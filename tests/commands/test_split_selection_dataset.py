"""The splitting program: files in lawqa_jp's format, a manifest that vouches for them, refusals."""

import json
from pathlib import Path

import pytest

from app.commands import split_selection_dataset as program
from app.core.cli import run_program
from app.core.files import sha256_file
from app.data.lawqa import load_questions

SAMPLE = Path(__file__).resolve().parents[2] / "sample" / "selection.json"


def test_train_dev_test(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_program(program.main, ["--lawqa-path", str(SAMPLE), "--output-dir", str(tmp_path)]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "split.json")
    manifest = json.loads((tmp_path / "split.json").read_text(encoding="utf-8"))
    whole = {question.id: question for question in load_questions(SAMPLE)}
    seen: list[str] = []
    articles: dict[str, set[tuple[str, str]]] = {}
    for side in ("train", "dev", "test"):
        path = tmp_path / f"{side}.json"
        entry = manifest["sides"][side]
        questions = load_questions(path)
        assert entry["sha256"] == sha256_file(path)
        assert entry["ids"] == [question.id for question in questions]
        assert [question.cluster for question in questions] == [whole[question.id].cluster for question in questions]
        seen += entry["ids"]
        articles[side] = {ref.article_key for question in questions for ref in question.articles}
    assert sorted(seen) == sorted(whole)
    assert not articles["train"] & articles["test"]
    assert not articles["train"] & articles["dev"]
    assert manifest["source"]["sha256"] == sha256_file(SAMPLE)
    assert manifest["clusters"] == {key: question.cluster for key, question in whole.items()}


def test_folds_test_every_question_once(tmp_path: Path) -> None:
    arguments = ["--lawqa-path", str(SAMPLE), "--output-dir", str(tmp_path), "--folds", "3", "--dev", "0"]
    assert run_program(program.main, arguments) == 0
    tested = [
        question.id for number in (1, 2, 3) for question in load_questions(tmp_path / f"fold_{number}" / "test.json")
    ]
    assert sorted(tested) == sorted(question.id for question in load_questions(SAMPLE))
    assert not (tmp_path / "fold_1" / "dev.json").exists()


def test_the_same_seed_writes_the_same_files(tmp_path: Path) -> None:
    for name in ("one", "two"):
        run_program(program.main, ["--lawqa-path", str(SAMPLE), "--output-dir", str(tmp_path / name), "--seed", "5"])
    for side in ("train", "dev", "test"):
        assert (tmp_path / "one" / f"{side}.json").read_bytes() == (tmp_path / "two" / f"{side}.json").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--train", "0"], "--train 0: 学習に使う組がありません"),
        (["--train", "-1"], "分割の割合は正の数"),
        (["--folds", "1"], "--folds 1: 2 以上にしてください"),
        (["--folds", "9999"], "組の数を減らしてください"),
    ],
)
def test_refusals(tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], line: str) -> None:
    code = run_program(program.main, ["--lawqa-path", str(SAMPLE), "--output-dir", str(tmp_path), *arguments])
    error = capsys.readouterr().err
    assert code == 1
    assert line in error
    assert error.count("\n") == 1
    assert not (tmp_path / "split.json").exists()


def split(folder: Path, *more: str, source: Path = SAMPLE) -> int:
    return run_program(program.main, ["--lawqa-path", str(source), "--output-dir", str(folder), *more])


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def test_a_side_that_the_new_split_has_not_does_not_stay(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert split(tmp_path) == 0
    (tmp_path / "mine.json").write_text("mine", encoding="utf-8")
    assert split(tmp_path, "--train", "0.7", "--dev", "0", "--seed", "7") == 0
    line = f"{tmp_path / 'dev.json'}: 前の分割の組で、今度の分割にはないので消しました\n"
    assert line in capsys.readouterr().err
    assert names(tmp_path) == ["mine.json", "split.json", "test.json", "train.json"]


def test_fewer_folds_leave_no_fold_behind(tmp_path: Path) -> None:
    assert split(tmp_path, "--folds", "5") == 0
    (tmp_path / "fold_4" / "mine.json").write_text("mine", encoding="utf-8")
    (tmp_path / "fold_6").mkdir()
    (tmp_path / "fold_6" / "train.json").write_text("mine", encoding="utf-8")  # no ledger names it
    assert split(tmp_path, "--folds", "2", "--dev", "0") == 0
    sides = [f"fold_{number}/{side}.json" for number in (1, 2) for side in ("test", "train")]
    others = ["fold_1", "fold_2", "fold_4", "fold_4/mine.json", "fold_6", "fold_6/train.json", "split.json"]
    assert names(tmp_path) == sorted([*sides, *others])
    assert split(tmp_path) == 0
    assert names(tmp_path) == ["dev.json", *others[2:], "test.json", "train.json"]


def test_an_old_side_that_was_changed_stops_everything(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert split(tmp_path) == 0
    (tmp_path / "dev.json").write_text("{}", encoding="utf-8")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    capsys.readouterr()
    assert split(tmp_path, "--train", "0.7", "--dev", "0") == 1
    error = capsys.readouterr().err
    assert error.startswith(f"エラー: --output-dir {tmp_path / 'dev.json'} は既にあり、")
    assert error.count("\n") == 1
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_an_old_side_that_is_the_input_is_not_removed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert split(tmp_path) == 0
    capsys.readouterr()
    assert split(tmp_path, "--folds", "2", source=tmp_path / "train.json") == 1
    assert "train.json は入力（--lawqa-path" in capsys.readouterr().err
    assert names(tmp_path) == ["dev.json", "split.json", "test.json", "train.json"]


def test_a_ledger_names_no_file_elsewhere(tmp_path: Path) -> None:
    folder, other = tmp_path / "out", tmp_path / "train.json"
    assert split(folder) == 0
    other.write_text("mine", encoding="utf-8")
    manifest = json.loads((folder / "split.json").read_text(encoding="utf-8"))
    manifest["sides"]["more"] = {"file": "../train.json", "sha256": sha256_file(other)}
    (folder / "split.json").write_text(json.dumps(manifest), encoding="utf-8")
    assert split(folder) == 0
    assert other.read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize("sides", ["[]", '{"train": 3}', "3"])
def test_a_ledger_of_another_form_names_nothing(tmp_path: Path, sides: str) -> None:
    (tmp_path / "split.json").write_text(f'{{"kind": "split", "sides": {sides}}}', encoding="utf-8")
    assert split(tmp_path) == 0
    assert names(tmp_path) == ["dev.json", "split.json", "test.json", "train.json"]


def test_faults_of_the_file_come_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "q.json").write_text('{"samples": [{"ファイル名": "x"}]}', encoding="utf-8")
    assert run_program(program.main, ["--lawqa-path", str(tmp_path / "q.json"), "--output-dir", str(tmp_path)]) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"エラー: {tmp_path}/q.json: 4 件の誤りがあります。 (1) 1 問目（x）: 問題文 がありません。")
    assert error.count("\n") == 1
