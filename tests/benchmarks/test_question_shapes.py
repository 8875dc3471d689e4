"""The shapes of questions: lengths, laws, and how much of a choice is the context's own wording."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.data.lawqa import load_questions, questions_from
from benchmarks.question_shapes import measure, wording

SAMPLE = Path(__file__).resolve().parents[2] / "sample/selection.json"
CONTEXT = "## 灯台法\n### 第1条\n灯台守は、灯火を消したときは、港湾大臣に届け出なければならない。\n## 灯台法施行令\n### 第2条\n法第一条の灯火（浮標を含む。）は、赤とする。"


@pytest.mark.parametrize(
    ("choice", "share"),
    [
        ("灯台守は、灯火を消したときは、港湾大臣に届け出なければならない", 1.0),
        ("灯台守は灯火を消したときは港湾大臣に届け出なければならない", 1.0),  # marks count for nothing
        ("船長は旗を降ろしてもよい", 0.0),
        ("港湾大臣に届け出る船長", 8 / 11),  # 港湾大臣に届け出 of 11 characters
        ("灯台", 0.0),  # shorter than a run
    ],
)
def test_the_wording_that_a_context_has(choice: str, share: float) -> None:
    assert wording(choice, CONTEXT) == pytest.approx(share)


def test_a_row() -> None:
    true, false = (
        "灯台守は、灯火を消したときは、港湾大臣に届け出なければならない",
        "船長は、旗を降ろしたときは、水先人に知らせなくてもよいものとされている",
    )
    entry = {"ファイル名": "灯台法_1", "コンテキスト": CONTEXT, "問題文": "誤っているものはどれですか。", "選択肢": f"a {true}\nb {false}\nc 赤\nd 青",
             "output": "b", "references": []}  # fmt: skip
    (question,) = questions_from({"samples": [entry]}, source="x")
    row = measure([question, question])
    assert row["context_chars"] == {"p10": len(CONTEXT), "median": len(CONTEXT), "p90": len(CONTEXT)}
    assert (row["several_laws"], row["articles_mean"], row["brackets_in_context"], row["items_in_context"]) == (
        100.0,
        2,
        100.0,
        0.0,
    )
    # Of the positive request (正しいもの) a fits; b, which is the answer, does not.
    assert row["in_the_contexts_words"] == {"fitting": 100.0, "others": 0.0}
    assert row["as_printed"] == {"fitting": 100.0, "others": 0.0}
    assert measure([question]) == {**row, "questions": 1}


def test_the_sample_can_be_measured() -> None:
    assert measure(load_questions(SAMPLE))["questions"] == 290
