"""What a model's rewording must not change, and that it is done to all candidates or to none."""

from __future__ import annotations

import pytest

from app.data.generation.kinds.drafts import Draft, Option
from app.data.generation.rewording import cleaned, reworded, survives
from app.data.generation.settling import Settled

OLD = "灯台守は、第3条第1項の届出をした日から30日以内に、その旨を港湾大臣に報告しなければならない"


@pytest.mark.parametrize(
    ("new", "kept"),
    [
        ("灯台守には、第3条第1項の届出の日から30日以内に、港湾大臣へその旨を報告する義務がある", True),
        (
            "灯台守は、第三条第一項の届出をした日から三十日以内に港湾大臣に報告しなければならない",
            True,
        ),  # numerals alone
        ("灯台守は、第3条第1項の届出をした日から20日以内に、その旨を港湾大臣に報告しなければならない", False),  # number
        (
            "灯台守は、第3条第2項の届出をした日から30日以内に、その旨を港湾大臣に報告しなければならない",
            False,
        ),  # citation
        ("灯台守は、第3条第1項の届出をした日から30日以内に、その旨を水先大臣に報告しなければならない", False),  # party
        ("灯台守は、第3条第1項の届出をした日から30日以内に、その旨を港湾大臣に報告する必要はない", False),  # negation
        ("灯台守は、第3条第1項の届出をした日から30日以内に、その旨を港湾大臣に報告することができる", False),  # force
        ("報告する義務がある", False),  # half of it gone
        (OLD + "。\n以上です", False),
    ],
)
def test_what_survives_rewording(new: str, kept: bool) -> None:
    assert survives(OLD, new) is kept


@pytest.mark.parametrize(
    ("old", "new", "kept"),
    [
        ("三月以内に届け出なければならない", "3日以内に届け出なければならない", False),
        ("三月以内に届け出なければならない", "3か月以内に届出をしなければならない", True),
        ("百分の三以上を有する者は、閲覧できる", "100分の3未満を有する者は、閲覧できる", False),
        ("百分の三以上を有する者は、閲覧できる", "100分の3以上を持つ者は、閲覧できる", True),
        ("あらかじめ届け出なければならない", "事後に届け出なければならない", False),
        ("あらかじめ届け出なければならない", "事前に届け出なければならない", True),
        ("直ちに届け出なければならない", "速やかに届け出なければならない", False),
        ("都道府県知事は、市町村長に報告する", "市町村長は、都道府県知事に報告する", False),
        ("都道府県知事は、市町村長に報告する", "都道府県知事が市町村長に対し報告する", True),
        ("都道府県知事は、市町村長に報告する", "都道府県知事は、市町村長から報告を受ける", False),
        ("都道府県知事の許可を受けて行う", "都道府県知事から許可を受けて行う", True),
        ("三月以内に届け出なければならない", "3ヵ月以内に届け出なければならない", True),
        ("三年度以内に返済する義務がある", "3年以内に返済する義務がある", False),
        ("三メートル以上離す義務がある", "3キロメートル以上離す義務がある", False),
        ("五人超の者を置くことができる", "五人の者を置くことができる", False),
        ("五人を超える者を置くことができる", "五人超の者を置くことができる", True),
        ("二年を経過した者は届け出る", "2年が過ぎた者は届け出る", True),
        ("あらかじめ届け出なければならない", "前もって届け出なければならない", True),
        ("総会の三日前までに届け出る", "総会の3日後までに届け出る", False),
        ("施行の日以後に届け出る", "施行の日以前に届け出る", False),
        ("施行の日以後に届け出る", "施行の日以降に届け出る", True),
        ("三人以上五人以下とし、十人以下に限る", "3人以上5人以下とし、10人以上に限る", False),
        ("あらかじめ届け出て、あらかじめ公告する", "あらかじめ届け出て、公告する", False),
    ],
)
def test_what_makes_a_statement_false_does_not_survive(old: str, new: str, kept: bool) -> None:
    assert survives(old, new) is kept


def test_a_models_answer_is_cleaned() -> None:
    assert cleaned("\n書き直し：灯台守は報告する。\n（補足）") == "灯台守は報告する"
    assert cleaned("「灯台守は報告する。」") == "灯台守は報告する"
    assert cleaned("") == ""


def settled(kind: str, *texts: str) -> Settled:
    options = tuple(Option((text,), index == 0, "as_is", ("1", "1", None)) for index, text in enumerate(texts))
    draft = Draft(kind, ("正しいものはどれですか。",), "correct", options, "", "灯台法", "400AC1", (), "1")
    return Settled(draft, "正しいものはどれですか。", texts, 0.0, 0.0)


def test_all_candidates_of_a_question_are_reworded_or_none() -> None:
    answers = {
        "灯台守は届け出る必要がある": "灯台守には届出の必要がある",
        "灯台守は届け出る必要はない": "灯台守に届出の必要はない",
        "灯台守は鐘を鳴らしてよい": "灯台守は鐘を鳴らしてはならない",
        "灯台守は灯火を消してよい": "灯台守は灯火を消してもよい",
    }
    asked: list[str] = []

    def ask(prompts: list[str]) -> list[str]:
        texts = [prompt.rsplit("\n", 1)[1] for prompt in prompts]
        asked.extend(texts)
        return [answers[text] for text in texts]

    first = settled("statement", "灯台守は届け出る必要がある", "灯台守は届け出る必要はない")
    second = settled("statement", "灯台守は灯火を消してよい", "灯台守は鐘を鳴らしてよい")
    blank = settled("blank", "二週間", "三週間")
    done = list(reworded([first, blank, second], ask, batch=3))  # type: ignore[arg-type]
    assert [one.reworded for one in done] == [True, False, False]
    assert done[0].texts == ("灯台守には届出の必要がある", "灯台守に届出の必要はない")
    assert done[1:] == [blank, second]
    assert "二週間" not in asked
