"""The ways in which a rule can be said."""

from __future__ import annotations

from dataclasses import replace

from app.data.generation.law.wordings import force, wordings
from tests.data.generation.read_rules import read


def test_of_a_provision_there_is_a_case_and_no_time() -> None:
    rule, _ = read("灯台守は、第二項の場合には、灯台の鐘を鳴らさなければならない")
    texts = wordings(rule, digits=True)
    assert any("第2項の場合には、" in text for text in texts)
    assert not any("第2項のとき" in text for text in texts)


def test_what_a_subject_points_to_comes_first() -> None:
    rule = replace(read("灯台守は、灯火を消したときは、届け出なければならない")[0], subject="当該灯台守")
    assert {text.split("、")[0] for text in wordings(rule, digits=False)} == {
        "灯火を消したときは", "灯火を消した場合には", "灯火を消した場合は",
    }  # fmt: skip


def test_a_prohibition_unless_is_worded_in_the_statutes_way_only() -> None:
    assert force("届け出なければ、灯火を消す", "must_not") == ("届け出なければ、灯火を消してはならない",)
    assert len(force("灯火を消す", "must_not")) == 4


def test_several_cases_are_called_cases_alike() -> None:
    rule, _ = read("灯台守は、灯火を消したとき、又は鐘を壊したときは、港湾大臣に届け出なければならない")
    assert {text.split("、港湾")[0] for text in wordings(rule, digits=False) if text.startswith("灯台守は")} == {
        "灯台守は、灯火を消したとき、又は鐘を壊したときは",
        "灯台守は、灯火を消した場合、又は鐘を壊した場合には",
        "灯台守は、灯火を消した場合、又は鐘を壊した場合は",
    }


def test_only_who_can_act_has_an_obligation() -> None:
    assert any("義務が" in text for text in wordings(read("灯台守は、灯火を点検しなければならない")[0], digits=False))
    for keeper in ("県知事", "監事", "船医を兼ねる医師", "灯台守（見習を除く。）"):
        rule = replace(read("灯台守は、灯火を点検しなければならない")[0], subject=keeper)
        assert any("義務が" in text for text in wordings(rule, digits=False)), keeper
    assert not any("義務が" in text for text in force("灯台守が選ばれる", "duty"))
    for sentence in ("点検の手続は、港湾省令に準じて行わなければならない", "灯火は、夜間に点検されなければならない"):
        texts = wordings(read(sentence)[0], digits=False)
        assert texts
        assert not any("義務が" in text for text in texts)


def test_what_a_definition_leaves_out_is_said_in_one_way() -> None:
    assert force("古い灯台が含まれる", "plain_not") == ("古い灯台が含まれない",)


def test_a_subject_that_the_case_names_again_comes_after_it() -> None:
    rule, _ = read("灯台組合は、灯台組合が灯台守に対してする通知が到達しない場合には、通知をすることを要しない")
    assert {text.split("、")[0] for text in wordings(rule, digits=False)} == {
        f"灯台組合が灯台守に対してする通知が到達しない{case}" for case in ("ときは", "場合には", "場合は")
    }


def test_what_nobody_has_to_bear_is_denied_in_the_statutes_way_only() -> None:
    assert force("灯台守であることを理由として、不利益な取扱いを受ける", "plain_not") == (
        "灯台守であることを理由として、不利益な取扱いを受けない",
    )
