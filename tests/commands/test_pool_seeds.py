"""``compare_runs.py --pool-seeds``: one training with several seeds as one answer, and what is not one refused."""

from __future__ import annotations

import json
from html import escape
from pathlib import Path
from typing import Any

import pytest

from app.core.files import sha256_file, write_json
from app.core.questions import Question
from app.evaluation.comparing.seeds import seeds_together
from app.evaluation.results.file import read_result, read_results, write_result
from app.evaluation.results.summary import summarize
from app.evaluation.running.plan import EvaluationPlan
from tests.commands.test_compare_runs import run, write

RIGHT = {42: "a" * 15 + "b" * 5, 43: "a" * 10 + "b" * 10, 44: "a" * 20}


def train(folder: Path, number: int, **changed: Any) -> Path:
    """An adapter's folder with what a training records of itself."""
    config = {"seed": number, "learning_rate": 2e-4, "lora_r": 16, "train_file": f"train{number}.jsonl"}
    manifest = {
        "kind": "adapter", "seed": number, "form": "choice", "generated": 80, "eval_file": None,
        "base_model": {"name": "m", "config_sha256": "c" * 64, "weights_sha256": "0" * 64},
        "chat": {"format": "auto", "template_sha256": "d" * 64, "thinking": False}, "init_adapter": None,
        "train_file": {"path": f"train{number}.jsonl", "sha256": f"{number:064d}", "records": 80, "questions": 20},
        "config": config,
    }  # fmt: skip
    config.update(changed.pop("config", {}))
    write_json(folder / "run.json", {**manifest, **changed})
    return folder


def tuned(folder: Path, number: int, chosen: str | None = None, *, run_of: Any = None, **changed: Any) -> Path:
    """A result of the adapter that was trained with the seed ``number``."""
    adapter = train(folder / f"lora{number}", number, **changed)
    facts = {
        "path": str(adapter),
        "run_sha256": sha256_file(adapter / "run.json"),
        "weights_sha256": f"{number:064d}",
        "trained_on": {"by_id": [], "by_content": [], "dev": []},
    }
    return write(folder / f"seed{number}.json", chosen or RIGHT[number], **{"adapter": facts, **(run_of or {})})


def with_summary(path: Path) -> None:
    """Give a written result the summary that an evaluation writes, which a report needs."""
    result = read_result(path)
    questions = [
        Question(one.id, one.question, dict(one.choices), one.correct, None, (), one.cluster, "correct", "s", one.law)
        for one in result.outcomes
    ]
    summary = summarize(result.outcomes, questions, EvaluationPlan(context="none"))
    write_result(path, run=result.run, summary=summary, outcomes=result.outcomes)


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return write(tmp_path / "base.json", "a" * 5 + "b" * 15)


def test_three_seeds_give_one_verdict(base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = [tuned(tmp_path, seed) for seed in RIGHT]
    assert run(base, *paths, "--pool-seeds") == 0
    lines = capsys.readouterr().out.splitlines()
    first, *others = read_results([base, *paths])
    assert lines[0] == "まとめた学習: 種 42、43、44、20 問（種ごとに別の学習データ）"
    assert lines[1] == "調整前: 25.0 %（20 問中 5 問、全並び 25.0 %）"
    assert lines[2].startswith("調整後（seed 42）: 75.0 %")
    assert (
        lines[5]
        == "正解の文字の対数確率の平均: 調整前 -1.816、seed 42 -0.843、seed 43 -1.330、seed 44 -0.357（一様なら -1.386）"
    )
    assert lines[6] == "seed 3 個の平均: 差 +50.0 ポイント、標準偏差 25.0 ポイント"
    assert lines[7] == seeds_together(first, others, seed=42).verdict


def test_the_object_holds_each_seed_and_all_of_them(
    base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = [tuned(tmp_path, seed) for seed in RIGHT]
    assert run(base, *paths, "--pool-seeds", "--json") == 0
    value = json.loads(capsys.readouterr().out)
    assert [one["seed"] for one in value["repeats"]] == [42, 43, 44]
    assert {one["questions"] for one in value["repeats"]} == {20}
    assert [pair["difference"] for pair in value["comparisons"]] == [0.5, 0.25, 0.75]
    # Seeds repeat one question, so nothing is adjusted for their number.
    assert all(max(pair["p_value"], pair["cluster_p_value"]) == pair["p_value_holm"] for pair in value["comparisons"])
    assert (value["together"]["seeds"], value["together"]["difference"]) == (3, pytest.approx(0.5))


def test_the_report_says_the_one_verdict_first(tmp_path: Path) -> None:
    for path in (write(tmp_path / "base.json", "b" * 20), *(tuned(tmp_path, seed) for seed in RIGHT)):
        with_summary(path)
    paths, report = (
        [tmp_path / name for name in ("base.json", "seed42.json", "seed43.json", "seed44.json")],
        tmp_path / "r.html",
    )
    assert run(*paths, "--pool-seeds", "--report", report) == 0
    first, *others = read_results(paths)
    assert escape(seeds_together(first, others, seed=42).verdict) in report.read_text(encoding="utf-8")


def test_one_file_for_all_seeds_is_called_so(base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = {"path": "train.jsonl", "sha256": "f" * 64, "records": 80, "questions": 20}
    assert run(base, *(tuned(tmp_path, seed, train_file=file) for seed in RIGHT), "--pool-seeds") == 0
    assert capsys.readouterr().out.startswith("まとめた学習: 種 42、43、44、20 問（同じ学習データ）\n")


def gone(paths: list[Path]) -> None:
    (paths[1].parent / "lora43" / "run.json").unlink()


def edited(paths: list[Path]) -> None:
    train(paths[1].parent / "lora43", 43, config={"learning_rate": 1e-4})


def folds(paths: list[Path]) -> None:
    value = json.loads(paths[1].read_text(encoding="utf-8"))
    value["run"]["adapter"]["path"] = ["fold_1", "fold_2"]
    paths[1].write_text(json.dumps(value), encoding="utf-8")


@pytest.mark.parametrize(
    ("second", "spoil", "message"),
    [
        ({"config": {"learning_rate": 1e-4}}, None, "種のほかも違う学習なので、--pool-seeds ではまとめられません（--learning-rate: 0.0002 → 0.0001）"),
        ({"form": "letter"}, None, "学習データの form"),
        ({"base_model": {"name": "m", "config_sha256": "c" * 64, "weights_sha256": "1" * 64}}, None, "ベースモデルの重みが変わっています"),
        ({"init_adapter": {"path": "x", "weights_sha256": "2" * 64}}, None, "--init-adapter のアダプタの重みが変わっています"),
        ({"processes": {"world_size": 4}}, None, "プロセスの数: 1 → 4"),
        ({"eval_file": {"path": "dev.jsonl"}}, None, "--eval-file の有無"),
        ({"generated": 0}, None, "作った問題で学習したか"),
        ({"train_file": {"sha256": "9" * 64, "questions": 23}}, None, "学習した問題の数: 20 → 23"),
        ({"train_file": {"sha256": "9" * 64}}, None, "questions の記録がなく"),
        ({"seed": 42}, None, "種 42 の学習が 2 回あります"),
        ({"run_of": {"plan": {"scoring": "letter", "few_shot": True}}}, None, "アダプタのほかに例題が違うので"),
        ({"run_of": {"adapter": None}}, None, "seed43.json: アダプタのない結果なので"),
        ({}, gone, "（run.json）がないか変わっていて"),
        ({}, edited, "がないか変わっていて"),
        ({}, folds, "交差適合の種は cross_fit.py --seeds がまとめます"),
    ],
)  # fmt: skip
def test_what_is_not_one_training_is_refused_in_one_line(
    base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], second: Any, spoil: Any, message: str
) -> None:
    paths = [tuned(tmp_path, 42), tuned(tmp_path, 43, **second), tuned(tmp_path, 44)]
    if spoil:
        spoil(paths)
    report = tmp_path / "pooled.html"
    assert run(base, *paths, "--pool-seeds", "--report", report) == 1
    captured = capsys.readouterr()
    assert (captured.out, captured.err.count("\n"), report.exists()) == ("", 1, False)
    assert message.replace("（run.json）", f"（{tmp_path / 'lora43' / 'run.json'}）") in captured.err


def test_one_seed_is_none_to_pool(base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(base, tuned(tmp_path, 42), "--pool-seeds") == 1
    assert "種を変えて学習した結果が 2 つ以上必要です" in capsys.readouterr().err


def test_the_first_result_is_the_untuned_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*(tuned(tmp_path, seed) for seed in RIGHT), "--pool-seeds") == 1
    assert "seed42.json: --pool-seeds の最初には、アダプタのないモデルの結果" in capsys.readouterr().err


def test_what_the_trainings_started_from_is_said(
    base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    initial = {"path": "runs/stage1", "weights_sha256": "2" * 64}
    assert run(base, *(tuned(tmp_path, seed, init_adapter=initial) for seed in RIGHT), "--pool-seeds") == 0
    first = capsys.readouterr().out.splitlines()[0]
    assert first == "まとめた学習: 種 42、43、44、20 問（種ごとに別の学習データ、--init-adapter runs/stage1 から）"


def test_a_collapsed_seed_ends_with_3_after_the_verdict(
    base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = [tuned(tmp_path, 42), tuned(tmp_path, 43, run_of={"distrust": ["COLLAPSED: 回答が a に偏っています"]})]
    assert run(base, *paths, "--pool-seeds") == 3
    captured = capsys.readouterr()
    assert "seed 2 個をまとめると" in captured.out
    assert "この比較は信用できません: seed43: COLLAPSED" in captured.err


@pytest.mark.parametrize("counts", [(20, 22, 18), (18, 20, 22), (22, 18, 20)])
def test_the_sizes_of_all_trainings_are_held_against_each_other(
    base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], counts: tuple[int, ...]
) -> None:
    """Each is within a tenth of the middle one, whichever stands first."""
    files = [{"path": "t", "sha256": f"{n:064d}", "records": 80, "questions": n} for n in counts]
    paths = [tuned(tmp_path, seed, train_file=file) for seed, file in zip(RIGHT, files, strict=True)]
    assert run(base, *paths, "--pool-seeds") == 1
    assert "（学習した問題の数: 18 → 22）" in capsys.readouterr().err
