"""What is found in the folders of experiments, what its pages show, and what they refuse as the comparison does."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.evaluation.results.file import write_result
from app.serving.curves import curves_of
from app.serving.experiments import experiments

from .conftest import PLAN, TRAINED, make_outcome, make_question, result, write
from .test_pages import HOSTILE, Page


def test_what_is_listed(page: Any, root: Path, tmp_path: Path) -> None:
    write(root / "elsewhere/run.json", {"base_model": None, "training": {"verdict": {"better": "start", "reasons": ["collapsed"]}}})  # fmt: skip
    write(root / "eval/broken.json", "{")
    write(root / "eval/list.json", [1])
    write(root / "eval/others.json", {"summary": {}, "results": []})
    edited = json.loads((root / "eval/base.json").read_text(encoding="utf-8"))
    edited["results"][0]["predicted"] = "c"
    write(root / "eval/edited.json", edited)
    result(root / ".hidden/tuned.json", 9)
    result(root / "a/b/c/d/e/tuned.json", 9)
    (root / "link.json").symlink_to(root / "eval/tuned.json")
    trainings, evaluations = experiments([root, tmp_path / "nowhere"])
    by_folder = {Path(one.folder).name: one for one in trainings}
    one = by_folder["adapter"]
    assert (one.base, one.form, one.questions, one.steps, one.caution) == (
        "tiny",
        "choice",
        "7 問、28 レコード",
        "3",
        "",
    )
    assert "答えが一つの文字に偏っています" in by_folder["elsewhere"].caution
    found = {Path(each.file).name: each for each in evaluations}
    assert set(found) == {"base.json", "tuned.json", "edited.json"}
    assert found["tuned.json"].accuracy == "95.0 %（95 % 区間 76.4 %〜99.1 %）"
    assert (found["tuned.json"].adapter, found["tuned.json"].context) == ("adapter", "正解の条文")
    assert "食い違っています" in found["edited.json"].trouble
    assert found["edited.json"].accuracy == ""
    assert [(a.file, b.file if b else None) for a, b in one.evaluated(evaluations)] == [
        (found["tuned.json"].file, found["base.json"].file)
    ]
    client = page(runs=[root])
    refused = client.get("/runs/compare", params={"base": found["base.json"].file, "tuned": found["edited.json"].file})
    assert (refused.status_code, "食い違っています" in refused.text) == (400, True)
    # A file that changes is read anew.
    result(root / "eval/base.json", 10)
    again = {Path(each.file).name: each for each in experiments([root])[1]}
    assert again["base.json"].accuracy.startswith("50.0 %")


def test_curves_and_their_numbers() -> None:
    losses = [{"step": 2, "loss": 1.0}, {"step": 1, "loss": 2.0}]
    dev = [{"step": 0, "accuracy": 0.25}, {"step": 4, "accuracy": 0.5, "gold_logprob": -0.5}]
    curves = curves_of(losses, dev, 4)
    assert (curves.loss, curves.dev_line, curves.top) == ("75.0,0.0 150.0,100.0", "0.0,150.0 300.0,100.0", "2.00")
    assert [(row.steps, row.value) for row in curves.rows] == [("1", "2.0000"), ("2", "1.0000")]
    assert [(row.step, row.accuracy, row.logprob, row.kept) for row in curves.dev] == [
        (0, "25.0%", "", False), (4, "50.0%", "-0.500", True),
    ]  # fmt: skip
    assert curves.facts == "損失は 2.00 から 1.00、dev の正答率は 25.0% から 50.0%"
    many = curves_of([{"step": step, "loss": step % 2} for step in range(1, 401)], [], None)
    assert len(many.rows) == 200
    assert (many.rows[0].steps, many.rows[0].value) == ("1〜2", "0.5000")


@pytest.mark.parametrize(
    ("losses", "dev"),
    [
        (None, None),
        ("", {}),
        ([1, None, {"step": 1}, {"step": "1", "loss": 1}, {"step": 1, "loss": "x"}], [{"step": 1, "accuracy": 7}]),
        ([{"step": 1, "loss": float("nan")}, {"step": -1, "loss": 1}, {"step": True, "loss": 1}], [{"accuracy": 1}]),
    ],
)
def test_what_is_no_curve(losses: Any, dev: Any) -> None:
    curves = curves_of(losses, dev, None)
    assert (curves.loss, curves.rows, curves.dev) == ("", (), ())


def test_the_page_of_experiments(page: Any, root: Path) -> None:
    found = Page(page(runs=[root]).get("/runs").text)
    assert found.harmless()
    pictures = [a["aria-label"] for tag, a in found.tags if tag == "svg"]
    assert pictures == [
        f"{root}/adapter の学習の損失、3 ステップ。損失は 3.00 から 1.00、dev の正答率は 25.0% から 75.0%。",
        f"{root}/adapter の dev の正答率、2 回。損失は 3.00 から 1.00、dev の正答率は 25.0% から 75.0%。",
    ]
    chosen = [a["value"] for tag, a in found.tags if tag == "option" and "selected" in a]
    assert chosen == [f"{root}/eval/base.json", f"{root}/eval/tuned.json"]
    assert "正解の条文: 95.0 %（95 % 区間 76.4 %〜99.1 %）、20 問" in found.text


def test_a_comparison_and_a_question_in_it(page: Any, root: Path) -> None:
    client = page(runs=[root])
    names = {"base": f"{root}/eval/base.json", "tuned": f"{root}/eval/tuned.json"}
    shown = Page(client.get("/runs/compare", params=names).text)
    assert shown.harmless()
    assert "調整後は 70.0 ポイント高く、偶然とは考えにくい差です（20 問、正答 5 → 19 問" in shown.text
    assert "正解になった問題（14 問）" in shown.text
    assert "どちらも不正解の問題（1 問）" in shown.text
    assert "a → c（正解 c）" in shown.text
    one = Page(client.get("/runs/question", params={**names, "id": "q2"}).text)
    assert one.harmless()
    cells = " ".join(one.text.split())
    assert "× a 不正解○ c 正解" in cells
    assert "問2の選択肢A本文 → 70% 10%" in cells
    assert "c（正解） 問2の選択肢C本文 10% → 70%" in cells
    assert "2 / 20 問目" in cells
    assert client.get("/runs/question", params={**names, "id": "q99"}).status_code == 404


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (
            {"adapter": {"path": "x", "trained_on": {**TRAINED, "by_id": ["q1"]}}, "distrust": ["TRAINED: 1 問"]},
            "モデルが学習した問題 1 問で採点しています",
        ),
        ({"questions": 19}, "問題が違います"),
        ({"question": {"choices": {letter: f"別{letter}" for letter in "abcd"}}}, "同じ ID で中身の違う問題が 20 問"),
    ],
)  # fmt: skip
def test_what_may_not_be_compared_shows_no_number(page: Any, root: Path, other: dict[str, Any], words: str) -> None:
    name = result(root / "eval/other.json", 18, **other)
    client = page(runs=[root])
    for path in ("/runs/compare", "/runs/question"):
        answer = client.get(path, params={"base": f"{root}/eval/base.json", "tuned": name, "id": "q1"})
        assert answer.status_code == 400
        text = Page(answer.text).text
        assert words in text
        assert "ポイント" not in text
        assert "70%" not in text


def test_a_result_that_doubts_itself_says_so_everywhere(page: Any, root: Path) -> None:
    name = result(root / "eval/doubt.json", 18, distrust=["COLLAPSED: 一文字"])
    client = page(runs=[root])
    assert "信用できない結果（COLLAPSED）" in client.get("/runs").text
    compared = client.get("/runs/compare", params={"base": f"{root}/eval/base.json", "tuned": name}).text
    assert "「doubt」は信用できない結果です（COLLAPSED）。" in compared


@pytest.mark.parametrize("file", ["", "/etc/passwd", "results/../eval/base.json", "adapter/run.json"])
def test_only_listed_results_are_read(page: Any, root: Path, file: str) -> None:
    client = page(runs=[root])
    named = str(root / file) if file.startswith("adapter") else file
    answer = client.get("/runs/compare", params={"base": f"{root}/eval/base.json", "tuned": named})
    assert answer.status_code == 404


def test_a_name_that_no_page_can_show_is_passed_over(page: Any, root: Path) -> None:
    listed = page(runs=[root]).get("/runs").text
    (good,) = (path for path in root.rglob("*.json") if path.name == "base.json")
    Path(os.fsdecode(os.fsencode(root) + b"/\xff.json")).write_bytes(good.read_bytes())
    answer = page(runs=[root]).get("/runs")
    assert (answer.status_code, answer.text) == (200, listed)


def test_hostile_results_stay_text(page: Any, root: Path) -> None:
    asked = make_question(1, question=f"問 {HOSTILE}", choices={letter: f"{HOSTILE}{letter}" for letter in "abcd"})
    names = []
    for name, chosen in (("one", "a"), ("two", "c")):
        row = replace(make_outcome(asked, chosen * 4), id=f"q{HOSTILE}", context=f"## {HOSTILE}\n### 第1条\n{HOSTILE}")
        run = {"prompt_version": "1", "plan": PLAN, "adapter": None, "distrust": [f"{HOSTILE}: x"], "model": {"model": HOSTILE}}  # fmt: skip
        path = root / f"eval/{name}.json"
        write_result(path, run=run, summary={"total": 1, "correct": int(chosen == "c")}, outcomes=[row])
        names.append(str(path))
    write(root / "bad/run.json", {"base_model": {"name": HOSTILE}, "form": HOSTILE, "training": {"steps": HOSTILE}})
    client = page(runs=[root])
    query = {"base": names[0], "tuned": names[1], "id": f"q{HOSTILE}"}
    for answer in (
        client.get("/runs"),
        client.get("/runs/compare", params=query),
        client.get("/runs/question", params=query),
    ):
        assert answer.status_code == 200, Page(answer.text).text
        assert Page(answer.text).harmless()
        assert "\u202e" not in answer.text
        assert HOSTILE.replace("\u202e", "\\u202e") in Page(answer.text).text
