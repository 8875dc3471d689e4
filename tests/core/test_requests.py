"""What a question asks for, and the same request made positive."""

from __future__ import annotations

import pytest

from app.core.questions import Question
from app.core.requests import Request, question_polarity, read_request, statement_truths

AS_WRITTEN = None


@pytest.mark.parametrize(
    ("question", "polarity", "positive"),
    [
        ("次のうち、正しいものを教えてください。", "correct", AS_WRITTEN),
        ("次のうち、誤っているものを教えてください。", "incorrect", "次のうち、正しいものを教えてください。"),
        ("次の記述のうち、誤つているものはどれか。", "incorrect", "次の記述のうち、正しいものはどれか。"),
        ("記述として誤りであるものはどれか。", "incorrect", "記述として正しいものはどれか。"),
        ("誤りを含むものを一つ選べ。", "incorrect", "正しいものを一つ選べ。"),
        ("次のうち、誤りはどれですか。", "incorrect", "次のうち、正しいものはどれですか。"),
        ("間違っているのはどれか。2つ選べ。", "incorrect", "正しいのはどれか。2つ選べ。"),
        ("体制の記載として正しくないものを教えてください。", "incorrect", "体制の記載として正しいものを教えてください。"),
        ("説明として適切でないものはどれか。", "incorrect", "説明として適切なものはどれか。"),
        ("最も不適切なものはどれか。", "incorrect", "最も適切なものはどれか。"),
        ("適当でないものを選びなさい。", "incorrect", "適当なものを選びなさい。"),
        ("「届出業者」に該当しないものを教えてください。", "not_applicable", "「届出業者」に該当するものを教えてください。"),
        ("事項を表示しなければならない行為に該当しないものを教えてください。", "not_applicable",
         "事項を表示しなければならない行為に該当するものを教えてください。"),
        ("撤回事由に該当しないものを教えてください。ただし、条件が付されていることを前提とします。", "not_applicable",
         "撤回事由に該当するものを教えてください。ただし、条件が付されていることを前提とします。"),
        ("規則第2条に掲げる権利とならないものを教えてください。", "not_applicable", "規則第2条に掲げる権利となるものを教えてください。"),
        ("当てはまらないものはどれか。", "not_applicable", "当てはまるものはどれか。"),
        ("施設に含まれないものはどれか。", "not_applicable", "施設に含まれるものはどれか。"),
        ("意見を聴く必要のないものを教えてください。", "not_applicable", "意見を聴く必要のあるものを教えてください。"),
        ("意見を聴く必要がない場合はどれか。", "not_applicable", "意見を聴く必要がある場合はどれか。"),
        ("責務が記載されていない者を教えて下さい。", "not_applicable", "責務が記載されている者を教えて下さい。"),
        ("同条に定められていないものはどれか。", "not_applicable", "同条に定められているものはどれか。"),
        ("根拠とは無関係の条文を教えてください。", "not_applicable", "根拠とは関係のある条文を教えてください。"),
        # A property that is itself negative stays, and so does what only looks like a request.
        ("届出を要しないものに該当するものを教えてください。", "correct", AS_WRITTEN),
        ("届出が要求されない場合に該当するものを教えてください。", "correct", AS_WRITTEN),
        ("該当しないものとして正しいものを教えてください。", "correct", AS_WRITTEN),
        ("行ってはならないとされるものを教えてください。", "other", AS_WRITTEN),
        ("届出を要しないものはどれか。", "other", AS_WRITTEN),
        ("名称を付することができないものを教えて下さい。", "other", AS_WRITTEN),
        ("届出による必要がないことの根拠となる条文を教えてください。", "other", AS_WRITTEN),
        ("届出業に該当することを定めている条文を教えてください。", "other", AS_WRITTEN),
        ("課徴金の額はいくらか、教えてください。", "other", AS_WRITTEN),
    ],
)  # fmt: skip
def test_request(question: str, polarity: str, positive: str | None) -> None:
    sign = -1 if polarity in ("incorrect", "not_applicable") else 1
    assert read_request(question) == Request(polarity, positive or question, sign, True)  # type: ignore[arg-type]
    assert question_polarity(question) == polarity


@pytest.mark.parametrize("question", ["届出の期限", "敷金について述べたもの。", ""])
def test_what_cannot_be_told_is_asked_as_written(question: str) -> None:
    assert read_request(question) == Request("other", question, 1, False)


@pytest.mark.parametrize(
    ("text", "correct", "truths"),
    [
        ("正しいものを教えてください。", "b", {"a": False, "b": True, "c": False}),
        ("誤っているものを教えてください。", "b", {"a": True, "b": False, "c": True}),
        ("誤っているものを2つ選べ。", "ac", {"a": False, "b": True, "c": False}),
    ],
)
def test_the_truth_of_each_choice(text: str, correct: str, truths: dict[str, bool]) -> None:
    question = Question(
        id="q", question=text, choices={"a": "甲", "b": "乙", "c": "丙"}, correct=correct, context=None, articles=(),
        cluster="x", polarity="other", source="s", law="架空法",
    )  # fmt: skip
    assert statement_truths(question) == truths


def test_a_single_statement_that_is_wrong() -> None:
    question = Question(
        id="q", question="次の文は正しいか。", choices={"a": "甲"}, correct="", context=None, articles=(),
        cluster="x", polarity="other", source="s", law="架空法",
    )  # fmt: skip
    assert statement_truths(question) == {"a": False}
