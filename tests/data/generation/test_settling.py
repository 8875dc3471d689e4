"""Wordings chosen against habits, letters dealt evenly, entries as lawqa_jp writes them."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace

from app.data.generation.kinds.drafts import Draft, Option
from app.data.generation.settling import Balance, entries, reads_right, settle
from app.data.lawqa import questions_from
from app.evaluation.results.floors import overlap

CONTEXT = "## 灯台法\n### 第1条\n灯台守は、灯火を消したときは、二週間以内に届け出なければならない。"


def option(text: str, *, true: bool) -> Option:
    return Option((text,), true, "as_is" if true else "number", ("1", "1", None))


def draft(number: int = 0, wrong: int = 3) -> Draft:
    right = Option(("灯台守は、二週間以内に届け出なければならない", "届出は必要だ"), True, "as_is", ("1", "1", None))
    others = tuple(option(f"灯台守は、{index}日以内に届け出る", true=False) for index in range(number, number + wrong))
    return Draft("statement", ("次のうち、正しいものはどれですか。",), "correct", (right, *others), CONTEXT, "灯台法",
                 "400AC0000000001_20250401_000000000000000", (), "1")  # fmt: skip


def test_the_habit_of_taking_the_nearest_words_is_kept_down() -> None:
    random_, balance = random.Random(1), Balance()
    chosen = []
    for number in range(200):
        settled = settle(draft(number), balance, random_, overlap)
        assert settled is not None
        balance.add(settled.by_overlap, settled.by_length)
        chosen.append(settled)
    assert sum(one.by_overlap for one in chosen) / 200 < 0.35
    assert {one.texts[0] for one in chosen} == set(draft().options[0].texts)


def test_a_request_that_is_read_as_another_is_not_taken() -> None:
    wrong = replace(draft(), requests=("次のうち、誤っているものはどれですか。",))
    assert not reads_right(wrong.requests[0], wrong)
    assert settle(wrong, Balance(), random.Random(1), overlap) is None


def test_candidates_that_come_out_alike_are_no_question() -> None:
    alike = replace(draft(), options=(option("同じ", true=True), option("同じ", true=False)))
    assert settle(alike, Balance(), random.Random(1), overlap) is None


def test_letters_come_up_alike_and_every_entry_is_a_question() -> None:
    random_ = random.Random(1)
    settled = [settle(draft(number, 3 if number % 2 else 4), Balance(), random_, overlap) for number in range(40)]
    samples = entries([one for one in settled if one is not None], random_)
    questions = questions_from({"samples": samples}, source="questions.json")
    for size, share in ((4, 5), (5, 4)):
        letters = Counter(question.correct for question in questions if len(question.choices) == size)
        assert set(letters.values()) == {share}
    for sample, question in zip(samples, questions, strict=True):
        candidates = sample["generated"]["candidates"]
        assert [letter for letter, one in candidates.items() if one["true"]] == [question.correct]
        assert question.choices[question.correct] in draft().options[0].texts
        assert question.articles[0].article_key == ("灯台法", "1")
        assert question.law == "灯台法"
        assert sample["references"] == ["https://laws.e-gov.go.jp/law/400AC0000000001"]
