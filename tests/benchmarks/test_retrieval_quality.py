from __future__ import annotations

from pathlib import Path

import pytest

from app.core.questions import ArticleRef, Question
from app.data.lawqa import load_questions
from app.retrieval.index.building import build_index
from app.retrieval.index.statute_index import PARTS, StatuteIndex
from app.retrieval.store.rows import NewPassage
from app.retrieval.text.passages import Passage, Provision
from benchmarks.retrieval_quality import (
    INDEXED,
    ROWS,
    asked_alone,
    gold_articles,
    markdown,
    quality,
    scores,
    sides_of,
    summary,
    widest,
)

SAMPLE = Path(__file__).resolve().parents[2] / "sample"


def _question(number: int, article: str, cluster: str) -> Question:
    refs = (ArticleRef("渡船法", article),)
    return Question(
        str(number), "次の\n問い", {"a": "甲", "b": "乙"}, "a", None, refs, cluster, "correct", "x", "渡船法"
    )


QUESTIONS = [_question(number, str(number), f"c{number}") for number in range(1, 9)]
GOLD = {question.id: {("L", question.id)} for question in QUESTIONS} | {"8": set()}


def test_only_the_development_half_unless_asked():
    dev = sides_of(QUESTIONS, GOLD, other_half=False)
    whole = sides_of(QUESTIONS, GOLD, other_half=True)
    assert list(dev) == ["dev"]
    assert list(whole) == ["dev", "other", "all"]
    assert dev["dev"] == whole["dev"] == widest(dev)
    assert widest(whole) == whole["all"] == QUESTIONS[:7]
    names = [{question.id for question in whole[side]} for side in ("dev", "other")]
    assert names[0] | names[1] == {question.id for question in QUESTIONS[:7]}
    assert not names[0] & names[1]
    assert abs(len(names[0]) - len(names[1])) == 1


def test_scores_look_at_the_first_three():
    gold = {"1": {("L", "1"), ("L", "9")}, "2": {("L", "2")}}
    found = [("L", "5"), ("L", "6"), ("L", "1"), ("L", "9"), ("L", "2")]
    assert scores(lambda _: found, QUESTIONS[:2], gold) == {"1": (0.5, 1.0), "2": (0.0, 0.0)}
    assert scores(lambda _: found, QUESTIONS[:2], gold, None) == {"1": (1.0, 1.0), "2": (1.0, 1.0)}


def test_summary_gives_paired_differences():
    sides = {"dev": QUESTIONS[:2]}
    row = summary({"1": (1.0, 1.0), "2": (0.5, 1.0)}, sides, {"1": (0.5, 1.0), "2": (0.5, 0.0)})
    assert row["dev"] == {"questions": 2, "recall_at_3": 0.75, "hit_at_3": 1.0}
    assert row["recall_difference"] == {"mean": 0.25, "low": 0.0, "high": 0.5}
    assert row["hit_difference"] == {"mean": 0.5, "low": 0.0, "high": 1.0}
    assert "recall_difference" not in summary({"1": (1.0, 1.0), "2": (0.5, 1.0)}, sides, None)


def test_the_question_alone_is_one_line():
    assert asked_alone(QUESTIONS[0]) == "次の 問い"


def test_rows_leave_out_one_part_each():
    assert ROWS["default"] == PARTS
    for part in PARTS:
        assert ROWS[f"without {part}"] == tuple(other for other in PARTS if other != part)


@pytest.mark.parametrize(
    ("row", "texts"),
    [
        ("whole", ["法 第1条 第1項\n柱\n1\n2\n3\n4\n5", "法 第1条 第1項\n柱\n1\n2\n3\n4", "法 第1条 第1項\n柱\n5"]),
        ("without lead", ["法 第1条 第1項\n1\n2\n3\n4\n5", "法 第1条 第1項\n1\n2\n3\n4", "法 第1条 第1項\n5"]),
        ("without header", ["柱\n1\n2\n3\n4\n5", "柱\n1\n2\n3\n4", "柱\n5"]),
        ("without groups of items", ["法 第1条 第1項\n柱\n1\n2\n3\n4\n5"]),
    ],
)
def test_what_each_index_holds(row, texts):
    lines = (("", "柱"), *((str(place), str(place)) for place in range(1, 6)))
    passage = Passage("1", "", "", lines)
    provision = Provision("main", 0, None, "1", "第一条", "", (), False, "Mp-At_1", (passage,))
    assert list(INDEXED[row]("法", NewPassage(1, provision, passage))) == texts


def test_a_paragraph_without_items_keeps_its_only_sentence():
    passage = Passage("1", "", "", (("", "柱"),))
    provision = Provision("main", 0, None, "1", "第一条", "", (), False, "Mp-At_1", (passage,))
    assert list(INDEXED["without lead"]("法", NewPassage(1, provision, passage))) == ["法 第1条 第1項\n柱"]


def test_every_row_on_the_sample(tmp_path):
    build_index(SAMPLE / "laws", tmp_path / "index")
    questions = load_questions(SAMPLE / "selection.json")
    result = quality(tmp_path / "index", questions, other_half=False)
    gold = gold_articles(StatuteIndex(tmp_path / "index"), questions)
    dev = sides_of(questions, gold, other_half=False)["dev"]
    assert result["gold_articles"] == sum(len(gold[question.id]) for question in dev)
    assert set(result["rows"]) >= {f"question+choices: {row}" for row in ROWS}
    assert all(next(iter(row)) == "dev" and "all" not in row for row in result["rows"].values())
    default = result["rows"]["question+choices: default"]["dev"]
    assert default["questions"] == len(dev)
    assert default["recall_at_3"] > result["rows"]["question: bm25 alone"]["dev"]["recall_at_3"]


def test_the_table_of_the_documents():
    values = {"questions": 2, "recall_at_3": 0.75, "hit_at_3": 1.0}
    difference = {"mean": -0.25, "low": -0.5, "high": 0.0}
    result = {
        "rows": {
            "question: default": {"dev": values},
            "question: with MMR 0.5": {
                "dev": values,
                "recall_difference": difference,
                "hit_difference": {"mean": 0.1, "low": 0, "high": 0.2},
            },
        }
    }
    assert markdown(result).split("\n") == [
        "|  | dev 2 問 | R@3 の差 | Hit@3 の差 |",
        "|---|---|---|---|",
        "| 問いだけ、既定 | .750 / 1.000 | — | — |",
        "| 問いだけ、MMR 0.5 | .750 / 1.000 | −.250 [−.500, 0] | +.100 [0, +.200] |",
    ]
