"""What a generated question must not share with questions kept for testing."""

from __future__ import annotations

from app.core.questions import Question
from app.data.generation.leaks import Excluded
from app.data.provisions import gold_articles

CONTEXT = "## 灯台法\n### 第1条\n#### 第2項\n灯台守は、灯火を消したときは、二週間以内に届け出なければならない。"


def excluded() -> Excluded:
    question = Question(
        id="灯台法_1",
        question="灯台守が灯火を消したときにしなければならないことを選びなさい。",
        choices={"a": "二週間以内の届出", "b": "翌日の正午までの報告", "c": "港湾大臣への電話", "d": "何もしない"},
        correct="a",
        context=CONTEXT,
        articles=gold_articles(CONTEXT),
        cluster="",
        polarity="other",
        source="test",
        law="灯台法",
    )
    return Excluded([question])


def test_articles_of_excluded_questions_are_known_whatever_the_paragraph() -> None:
    assert excluded().articles == 1
    assert excluded().holds_article("灯台法", "1")
    assert not excluded().holds_article("灯台法", "2")
    assert not excluded().holds_article("水路法", "1")


def test_thirteen_characters_in_a_row_are_shared_or_not() -> None:
    assert excluded().shared_run(["灯火を消したときにしなければならない"], "") != ""
    assert excluded().shared_run(["灯火を消したときにしなけ"], "") == ""  # twelve


def test_the_statutes_own_words_are_nobodys() -> None:
    run = "灯火を消したときにしなければならない"
    assert excluded().shared_run([run], f"### 第9条\n{run}。") == ""


def test_widths_and_numerals_do_not_hide_a_run() -> None:
    assert excluded().shared_run(["翌日の正午までの報告をすることと、２週間以内の届出"], "") == ""
    assert excluded().shared_run(["灯台守が灯火を消したときに（なければならない）"], "") == "灯台守が灯火を消したときに"


def test_similarity_names_the_nearest_question() -> None:
    same = excluded().similarity(["灯台守が灯火を消したときにしなければならないことを選びなさい。", "二週間以内の届出", "翌日の正午までの報告", "港湾大臣への電話", "何もしない"])  # fmt: skip
    assert (same.value, same.excluded) == (1.0, "灯台法_1")
    assert excluded().similarity(["水路図に暗礁の深さを記す。"]).value == 0.0
    assert Excluded([]).similarity(["水路図"]).excluded == ""
