"""The two-stage study: its steps in order, what it goes on from, what it refuses; the whole of it is slow."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest

from app.commands import two_stages
from app.commands.studies.steps import step
from app.core.errors import ConfigError
from app.core.files import read_json, write_json

ROOT = Path(__file__).resolve().parents[2]


def arguments(folder: Path, *more: str) -> list[str]:
    given = ["--model-name", str(ROOT / "sample/tiny-qwen3"), "--data", str(folder / "ports.json")]
    given += ["--laws", str(ROOT / "sample/laws"), "--law-type", "all", "--count", "30", "--holdout-laws", "2"]
    return [*given, "--batch", "4", "--learning-rate", "3e-3", "--output-dir", str(folder / "study"), *more]


@pytest.fixture
def ports(tmp_path: Path) -> Path:
    """Questions about two of the sample's laws: the others are left to be asked about."""
    samples = read_json(ROOT / "sample/selection.json")["samples"]
    write_json(tmp_path / "ports.json", {"samples": [one for one in samples if one["ファイル名"].startswith("港湾")]})
    return tmp_path


def test_the_plan_is_the_commands_in_order(ports: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert two_stages.main(arguments(ports, "--plan", "--seeds", "3", "--use-4bit")) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("/")[1].split(".py")[0] for line in lines] == [
        "generate_questions", "split_selection_dataset", "build_index", "build_finetune_dataset",
        "build_finetune_dataset", "train_qwen_law_ft", *["evaluate_multiple_choice"] * 8, "compare_runs", "compare_runs",
        "cross_fit",
    ]  # fmt: skip
    # The real questions are kept out of the made ones, and out of the first stage.
    assert f"--exclude-questions {ports / 'ports.json'}" in lines[0]
    assert str(ports / "ports.json") not in "".join(lines[1:6])
    assert "--seeds 3" in lines[-1]
    assert f"--reading-test --index-dir {ports / 'study/index'}" in lines[-1]
    assert f"--init-adapter {ports / 'study/stage1'}" in lines[-1]
    assert all(("--use-4bit" in line) == (line.split()[1].endswith(("train_qwen_law_ft.py", "cross_fit.py"))) for line in lines)  # fmt: skip
    assert not (ports / "study").exists()


@pytest.mark.parametrize(("batch", "cut"), [(8, (2, 4)), (2, (2, 1)), (5, (1, 5)), (1, (1, 1))])
def test_a_step_has_as_many_questions_as_were_asked_for(
    ports: Path, capsys: pytest.CaptureFixture[str], batch: int, cut: tuple[int, int]
) -> None:
    assert two_stages.main(arguments(ports, "--plan", "--batch", str(batch))) == 0
    lines = capsys.readouterr().out.splitlines()
    trained = [line for line in lines if "train_qwen_law_ft.py" in line or "cross_fit.py" in line]
    assert len(trained) == 2
    assert all(f"--batch-size {cut[0]} --gradient-accumulation-steps {cut[1]} " in line for line in trained)
    assert cut[0] * cut[1] == batch


@pytest.mark.parametrize("batch", ["0", "-3", "2.5"])
def test_a_step_without_questions_is_wrong_usage(ports: Path, capsys: pytest.CaptureFixture[str], batch: str) -> None:
    with pytest.raises(SystemExit, match="2"):
        two_stages.main(arguments(ports, "--plan", f"--batch={batch}"))
    assert f"--batch: 1 以上の整数を指定してください（指定は {batch}）" in capsys.readouterr().err


def test_the_exam_and_the_letters_come_at_the_end(ports: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert two_stages.main(arguments(ports, "--plan")) == 0
    plain = capsys.readouterr().out.splitlines()
    assert two_stages.main(arguments(ports, "--plan", "--exam", "exam.jsonl", "--letters")) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[: len(plain)] == plain
    assert [(line.split("/")[1].split(".py")[0], "--hf-lora-path" in line) for line in lines[len(plain) :]] == [
        ("evaluate_multiple_choice", False), ("evaluate_multiple_choice", True), ("compare_runs", False),
    ] * 2  # fmt: skip
    exam, letters = lines[len(plain)], lines[len(plain) + 3]
    assert f"--data exam.jsonl --output {ports / 'study/base_exam.json'} --context rag" in exam
    assert "--scoring choice" in exam
    assert f"--output {ports / 'study/base_letters.json'} --context gold" in letters
    assert "--scoring letter" in letters


def test_cited_words_are_shown_in_every_step_that_asks_choice_by_choice(
    ports: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert two_stages.main(arguments(ports, "--plan", "--letters")) == 0
    plain = capsys.readouterr().out.splitlines()
    assert two_stages.main(arguments(ports, "--plan", "--letters", "--cited-words")) == 0
    lines = capsys.readouterr().out.splitlines()
    shown = [line for line in lines if "--cited-words" in line.split()]
    assert [line.replace(" --cited-words", "") for line in lines] == plain
    assert [line.split("/")[1].split(".py")[0] for line in shown] == [
        "build_finetune_dataset", "build_finetune_dataset", *["evaluate_multiple_choice"] * 8, "cross_fit",
    ]  # fmt: skip


def test_a_study_of_before_cited_words_had_none(ports: Path) -> None:
    study = ports / "study"
    two_stages.remember(study, two_stages.parser().parse_args(arguments(ports)))
    (study / "train.jsonl").touch()
    stored = read_json(study / "two_stages.json")
    assert stored.pop("cited_words") == "False"
    write_json(study / "two_stages.json", stored)
    with pytest.raises(ConfigError, match="--cited-words が違います"):
        two_stages.remember(study, two_stages.parser().parse_args(arguments(ports, "--cited-words")))
    two_stages.remember(study, two_stages.parser().parse_args(arguments(ports)))


def test_a_study_of_an_earlier_version_is_given_the_exam(ports: Path) -> None:
    study, plain = ports / "study", arguments(ports)

    def remembered(*more: str) -> dict[str, str]:
        two_stages.remember(study, two_stages.parser().parse_args([*plain, *more]))
        stored: dict[str, str] = read_json(study / "two_stages.json")
        return stored

    before = remembered()
    (study / "train.jsonl").touch()
    assert not {"exam", "letters"} & set(before)
    assert remembered("--exam", "exam.jsonl") == {**before, "exam": "exam.jsonl"}
    assert remembered("--letters") == remembered() == {**before, "exam": "exam.jsonl", "letters": "True"}
    with pytest.raises(ConfigError, match="--exam が違います"):
        remembered("--exam", "other.jsonl")


def test_another_exam_of_the_same_name_is_another_study(ports: Path) -> None:
    exam = ports / "exam.jsonl"
    exam.write_text("{}\n", "utf-8")

    def remember(place: str) -> None:
        two_stages.remember(ports / "study", two_stages.parser().parse_args([*arguments(ports), "--exam", place]))

    remember(str(exam))
    (ports / "study/train.jsonl").touch()
    remember(str(ports / "study" / ".." / "exam.jsonl"))  # another spelling of the same place
    exam.write_text("{} \n", "utf-8")
    with pytest.raises(ConfigError, match="--exam が違います"):
        remember(str(exam))


def test_what_a_step_prints_is_kept_whatever_the_consoles_encoding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "cp932")
    monkeypatch.setattr(two_stages, "process_words", lambda program: [sys.executable, "-c", "print('差 ①')"])
    two_stages.run(step("比べる", "compare_runs", tmp_path / "x.txt", keep=tmp_path / "x.txt"))
    assert (tmp_path / "x.txt").read_text("utf-8") == "差 ①\n"


@pytest.mark.parametrize(
    ("code", "keep", "message"),
    [
        ("", True, "「比べる」は終わりましたが、.*x.txt ができていません"),
        ("print('done')", False, "「比べる」は終わりましたが、.*x.txt ができていません"),
        ("import os; os.kill(os.getpid(), 9)", True, "「比べる」が終わりませんでした（シグナル 9 で止められました"),
    ],
)
def test_a_step_without_its_product_is_not_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, keep: bool, message: str
) -> None:
    monkeypatch.setattr(two_stages, "process_words", lambda program: [sys.executable, "-c", code])
    with pytest.raises(ConfigError, match=message):
        two_stages.run(step("比べる", "compare_runs", tmp_path / "x.txt", keep=tmp_path / "x.txt" if keep else None))
    assert not (tmp_path / "x.txt").exists()


def test_a_verdict_that_is_not_to_be_trusted_ends_with_3_every_time(
    ports: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kept, text = ports / "study/verdict.txt", "print('差'); raise SystemExit(3)"
    monkeypatch.setattr(two_stages, "process_words", lambda program: [sys.executable, "-c", text])
    monkeypatch.setattr(two_stages, "study", lambda arguments: [step("比べる", "compare_runs", kept, keep=kept)])
    for _ in range(2):
        assert two_stages.main(arguments(ports)) == 3
        captured = capsys.readouterr()
        assert "■ 比べる\n差" in captured.out
        assert "注意: 信用できない結果の判定があります（比べる）。理由は、それぞれの表示にあります。" in captured.err


def test_a_file_of_the_user_s_own_is_not_the_study_s(ports: Path) -> None:
    (ports / "study").mkdir()
    mine = ports / "study/two_stages.json"
    mine.write_text('{"mine": 1}', "utf-8")
    with pytest.raises(ConfigError, match=r"別のファイルがあります（two_stages\.json など）"):
        two_stages.main(arguments(ports))
    assert mine.read_text("utf-8") == '{"mine": 1}'


def test_laws_that_changed_in_place_are_another_study(ports: Path) -> None:
    laws = ports / "laws"
    shutil.copytree(ROOT / "sample/laws", laws)
    parsed = two_stages.parser().parse_args([*arguments(ports), "--laws", str(laws)])
    two_stages.remember(ports / "study", parsed)
    (ports / "study/train.jsonl").touch()
    two_stages.remember(ports / "study", parsed)
    shutil.rmtree(next(laws.iterdir()))
    with pytest.raises(ConfigError, match="--laws が違います"):
        two_stages.remember(ports / "study", parsed)
    # When questions and index are made, nothing reads them any more.
    for name in ("generated", "index"):
        (ports / "study" / name).mkdir()
        (ports / "study" / name / "manifest.json").touch()
    shutil.rmtree(laws)
    two_stages.remember(ports / "study", parsed)
    assert "laws_sha256" in read_json(ports / "study/two_stages.json")


def test_what_the_first_error_advised_can_be_followed(ports: Path) -> None:
    parse = two_stages.parser().parse_args
    two_stages.remember(ports / "study", parse(arguments(ports, "--holdout-laws", "40")))
    (ports / "study/generated").mkdir()
    two_stages.remember(ports / "study", parse(arguments(ports)))
    assert read_json(ports / "study/two_stages.json")["holdout_laws"] == "2"


def test_another_study_or_other_files_are_refused(ports: Path) -> None:
    study = ports / "study"
    study.mkdir()
    (study / "notes.txt").write_text("mine")
    with pytest.raises(ConfigError, match=r"別のファイルがあります（notes\.txt など）"):
        two_stages.main(arguments(ports))
    (study / "notes.txt").unlink()
    parsed = two_stages.parser().parse_args(arguments(ports))
    two_stages.remember(study, parsed)
    (study / "train.jsonl").touch()
    two_stages.remember(study, parsed)
    with pytest.raises(ConfigError, match="--count、--seeds が違います"):
        two_stages.main(arguments(ports, "--count", "31", "--seeds", "2"))


def test_an_adapter_of_the_environment_is_refused(ports: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LORA_PATH", "adapter")
    with pytest.raises(ConfigError, match="LORA_PATH=adapter があります"):
        two_stages.main(arguments(ports))
    assert not (ports / "study").exists()


def test_a_step_that_fails_stops_the_study_with_its_name(ports: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ConfigError, match="「法令から問題を作る」が終わりませんでした（終了コード 1）"):
        two_stages.main(arguments(ports, "--holdout-laws", "40"))
    assert "--holdout-laws を減らしてください" in capfd.readouterr().err


@pytest.mark.slow
def test_the_whole_study_on_the_sample(ports: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert two_stages.main(arguments(ports)) == 0
    printed = capsys.readouterr().out
    assert [line for line in printed.splitlines() if line.startswith("■")] == [
        "■ 学習に使わない法令から作った問題", "■ 実在の問題（正解の条文あり）、第一段",
        "■ 第二段: 実在の問題で仕上げ、交差適合で評価する",
    ]  # fmt: skip
    study = ports / "study"
    second = json.loads((study / "stage2/cross_fit.json").read_text())
    assert second["kind"] == "cross_fit"
    times = read_json(study / "times.json")
    # Everything is there: nothing runs again, and the same is printed.
    assert two_stages.main(arguments(ports)) == 0
    assert capsys.readouterr().out == printed
    assert read_json(study / "times.json") == times

    assert [row["context"] for row in second["comparisons"][0]["reading"]] == ["none", "removed"]
    # An exam and the letters are added to what is there.
    (study.parent / "exam.jsonl").write_text(
        '{"id": "e1", "year": 2024, "question": "正しいものはどれか。", "choices": ["港は開く。", "港は閉じる。"], "answer": [1]}\n'
    )
    assert two_stages.main(arguments(ports, "--exam", str(study.parent / "exam.jsonl"), "--letters")) == 0
    more = capsys.readouterr().out
    assert [line for line in more.splitlines() if line.startswith("■")][3:] == [
        "■ ほかの試験（検索した条文）、第一段", "■ 実在の問題（正解の条文あり）を文字で、第一段",
    ]  # fmt: skip
    assert {name: seconds for name, seconds in read_json(study / "times.json").items() if name in times} == times
    assert read_json(study / "stage1_letters.json")["run"]["plan"]["scoring"] == "letter"
    assert read_json(study / "base_exam.json")["run"]["plan"]["context"] == "rag"
