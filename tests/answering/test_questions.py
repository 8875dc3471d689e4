"""Questions with choices: typed ones read, and asked as evaluation asks."""

import math
from dataclasses import replace

import pytest

from app.answering.questions import choose, has_choices, typed_question
from app.core.errors import DataError
from app.core.prompts import build_choice_prompt
from app.llm.backend import Judgement, LetterReading
from app.retrieval.showing.context_text import FormattedContext

CONTEXT = FormattedContext("[1] 渡船法 第5条\n許可は三十日以内にする。", (), ())


@pytest.mark.parametrize(
    ("text", "question", "choices"),
    [
        ("期限はどれか。\na 三日\nb 五日", "期限はどれか。", ["三日", "五日"]),
        ("期限は\nどれか。\nａ　三日\nｂ．五日\nC) 七日\n", "期限は\nどれか。", ["三日", "五日", "七日"]),
        ("どれか。\na: 三日\n ただし休日を除く\nb: 五日", "どれか。", ["三日\n ただし休日を除く", "五日"]),
        ("b 社の届出はどれか。\na 三日\nb 五日", "b 社の届出はどれか。", ["三日", "五日"]),
    ],
)
def test_typed_choices(text, question, choices):
    found = typed_question(text)
    assert (found.question, list(found.choices.values())) == (question, choices)
    assert list(found.choices) == list("abcdef"[: len(choices)])
    assert has_choices(text)


def test_choices_given_apart_leave_the_text_alone():
    found = typed_question("どれか。\na 三日", ["甲", "乙"])
    assert (found.question, found.choices) == ("どれか。\na 三日", {"a": "甲", "b": "乙"})
    assert (found.polarity, found.correct, found.source) == ("other", "a", "")


@pytest.mark.parametrize(
    ("text", "choices", "words"),
    [
        ("どれか。", [], "選択肢が 0 個"),
        ("どれか。\na 三日", [], "選択肢が 1 個"),
        ("どれか。", list("甲乙丙丁戊己庚"), "選択肢が 7 個"),
        ("a 三日\nb 五日", [], "問題の文がありません"),
        ("どれか。", ["甲", "甲 "], "同じもの"),
        ("どれか。", ["甲", " "], "空のもの"),
    ],
)
def test_what_is_no_question(text, choices, words):
    with pytest.raises(DataError, match=words):
        typed_question(text, choices)


@pytest.mark.parametrize("text", ["a", "a は何か", "どれか。\nb 三日\nc 五日", ""])
def test_what_has_no_choices(text):
    assert not has_choices(text)


class Judge:
    """Judges by a table, and keeps what it was asked."""

    def __init__(self, odds):
        self.odds = iter(odds)
        self.prompts = []

    def judge(self, prompts):
        self.prompts += prompts
        return [Judgement(next(self.odds), 1.0, 1) for _ in prompts]


def test_each_choice_is_judged_by_itself_and_compared():
    question = typed_question("誤っているものはどれか。", ["三日", "五日", "七日"])
    judge = Judge([2.0, -1.0, 1.0])
    found = choose(judge, question, CONTEXT, "choice")
    assert found.chosen == "b"  # what fits least, since what is wrong is asked for
    assert found.probabilities == pytest.approx({"a": 0.0420, "b": 0.8438, "c": 0.1142}, abs=1e-4)
    assert judge.prompts == [
        build_choice_prompt(question.question, one, CONTEXT.text) for one in question.choices.values()
    ]


def test_cited_words_are_those_of_the_articles_that_were_found():
    found = FormattedContext("[1] 渡船法 第4条\n登録の有効期間は、五年とする。", CONTEXT.used, ())
    question = typed_question("有効期間を定める条文はどれか。", ["渡船法第4条", "渡船法第5条"])
    for wanted, words in ((True, "登録の有効期間は、五年とする。"), (False, None)):
        judge = Judge([1.0, 0.0])
        choose(judge, question, found, "choice", cited_words=wanted)
        assert judge.prompts == [
            build_choice_prompt(question.question, "渡船法第4条", found.text, words),
            build_choice_prompt(question.question, "渡船法第5条", found.text),
        ]


def test_the_letter_is_asked_for_in_all_orders():
    class Letters:
        """Holds the choice that stands second to be right, whatever it is, and 丁 twice as much wherever it stands."""

        def read_letters(self, prompts, letters, *, reasonings=None, alike=False):
            assert (len(prompts), tuple(letters), reasonings, alike) == (4, ("a", "b", "c", "d"), None, True)
            found = []
            for prompt in prompts:
                shown = [
                    next(line[2:] for line in prompt.splitlines() if line.startswith(f"{one} ")) for one in letters
                ]
                weights = [1 + (place == 1) + 2 * (text == "丁") for place, text in enumerate(shown)]
                found.append(LetterReading(tuple(math.log(one / sum(weights)) for one in weights), 1.0, 1))
            return found

    found = choose(Letters(), typed_question("どれか。", list("甲乙丙丁")), CONTEXT, "letter")
    assert found.chosen == "d"
    assert sum(found.probabilities.values()) == pytest.approx(1.0)
    assert found.probabilities["d"] == pytest.approx(13 / 28)  # 3/7 in three orders, 4/7 where it stands second


class Both(Judge):
    """Judges by a table, and holds 丁 to be right wherever it stands."""

    def read_letters(self, prompts, letters, *, reasonings=None, alike=False):
        places = [
            [next(line[2:] for line in prompt.splitlines() if line.startswith(f"{one} ")) for one in letters].index(
                "丁"
            )
            for prompt in prompts
        ]
        return [
            LetterReading(tuple(math.log(0.7 if place == found else 0.1) for place in range(4)), 1.0, 1)
            for found in places
        ]


def test_both_forms_are_pooled():
    question = typed_question("どれか。", list("甲乙丙丁"))
    found = choose(Both([math.log(4), 0.0, 0.0, 0.0]), question, CONTEXT, "both")
    weights = [
        math.sqrt(one * other) for one, other in zip((4 / 7, 1 / 7, 1 / 7, 1 / 7), (0.1, 0.1, 0.1, 0.7), strict=True)
    ]
    assert found.probabilities == pytest.approx(
        {letter: one / sum(weights) for letter, one in zip("abcd", weights, strict=True)}
    )
    assert found.chosen == "d"


def test_several_right_answers_are_not_asked_both_ways():
    question = replace(typed_question("どれか。", list("甲乙丙丁")), correct="ab")
    with pytest.raises(
        DataError,
        match=r"typed: 正解が 2 つある問題なので、二つの形では尋ねられません。.*--form both.*を外し、choice の形で",
    ):
        choose(judge := Both([1.0, 0.0, 0.0, 0.0]), question, CONTEXT, "both")
    assert judge.prompts == []  # before the model is asked


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"correct": "ab"}, "正解が 2 つある問題"),
        ({"choices": {"a": "甲は届出を要する。"}, "correct": ""}, "一つの記述の正誤を問う問題"),
    ],
)
def test_what_no_letter_answers_is_not_asked_by_letter(changes, what):
    question = replace(typed_question("どれか。", list("甲乙丙丁")), **changes)
    with pytest.raises(DataError) as error:
        choose(judge := Both([1.0, 0.0, 0.0, 0.0]), question, CONTEXT, "letter")
    assert str(error.value) == (
        f"typed: {what}なので、文字では答えられません。--form choice を付けて、選択肢ごとに判断させてください。"
    )
    assert judge.prompts == []
