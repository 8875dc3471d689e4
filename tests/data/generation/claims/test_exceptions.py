"""What holds outside a rule: exceptions, unless, only-if, limits set aside."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from app.data.generation.claims import edits, exceptions
from app.data.generation.claims.surroundings import Surroundings
from app.data.generation.law.rules import read_rule
from tests.data.generation.read_rules import of, read, said

RANDOM = random.Random(1)


def test_an_exception_is_stated_rightly_and_wrongly() -> None:
    assert said(exceptions.exception(*of(("1", "1", None)), RANDOM)) == [
        (True, "灯台守は、灯火を消した場合において、濃霧のときは、二週間以内に、その旨を港湾大臣に届け出ることを要しない"),
        (False, "灯台守は、灯火を消した場合において、濃霧の場合であっても、二週間以内に、その旨を港湾大臣に届け出なければならない"),
    ]  # fmt: skip


def test_an_absolute_word_is_false_of_a_rule_with_an_exception_and_not_always_true() -> None:
    rule, around = of(("1", "1", None))
    assert [(claim.edit, claim.true) for claim in exceptions.absolute(rule, around, RANDOM)] == [
        ("absolute", False),
        ("not_always", True),
    ]
    strict = replace(rule, exception="", condition="", scope="")
    assert [(claim.edit, claim.true) for claim in exceptions.absolute(strict, around, RANDOM)] == [
        ("not_always", False)
    ]


def test_without_the_permission_that_a_rule_asks_for() -> None:
    claims = said(exceptions.unless(*of(("2", "2", None)), RANDOM))
    assert claims == [
        (True, "灯台守は、水先大臣の許可を受けずに灯台を閉鎖してはならない"),
        (False, "灯台守は、水先大臣の許可を受けずに灯台を閉鎖することは禁止されていない"),
        (True, "灯台守は、灯台を閉鎖するには、水先大臣の許可を受けなければならない"),
        (False, "灯台守は、灯台を閉鎖するには、水先大臣の許可を受けることを要しない"),
    ]


def test_a_good_reason_is_set_aside() -> None:
    assert said(exceptions.over_general(*of(("2", "1", None)), RANDOM)) == [
        (False, "何人も、正当な理由の有無にかかわらず、灯台の鐘を鳴らしてはならない")
    ]


def test_a_case_that_a_rule_leaves_out() -> None:
    claims = said(exceptions.left_out(*read("灯台守は、濃霧が発生した場合を除き、灯火を消してはならない"), RANDOM))
    assert claims == [
        (True, "灯台守は、濃霧が発生したときは、灯火を消すことは禁止されていない"),
        (False, "灯台守は、濃霧が発生した場合であっても、灯火を消してはならない"),
    ]


def test_only_if() -> None:
    claims = said(exceptions.only_if(*read("灯台守は、濃霧の場合に限り、灯台の鐘を鳴らすことができる"), RANDOM))
    assert claims == [
        (True, "灯台守は、濃霧の場合以外のときは、灯台の鐘を鳴らすことができない"),
        (False, "灯台守は、濃霧の場合以外の場合であっても、灯台の鐘を鳴らすことができる"),
    ]


def test_what_may_be_done_need_not_be_done() -> None:
    truths = {(claim.said.modality, claim.true) for claim in exceptions.discretion(*of(("1", "2", None)), RANDOM)}
    assert truths == {("duty", True), ("no_duty", True)}
    duty = read("灯台守は、港湾大臣に日誌を提出しなければならない")
    assert [(claim.said.modality, claim.true) for claim in exceptions.discretion(*duty, RANDOM)] == [("no_duty", False)]


def test_those_whom_a_bracket_leaves_out() -> None:
    claims = said(
        exceptions.restriction(*read("灯台守（見習の者を除く。）は、日誌を港湾大臣に提出しなければならない"), RANDOM)
    )
    assert claims == [
        (True, "見習の灯台守は、第一条第一項の規定により日誌を港湾大臣に提出することを要しない"),
        (False, "見習の灯台守は、第一条第一項の規定により日誌を港湾大臣に提出しなければならない"),
    ]


def test_not_always_stands_near_its_verb_and_is_said_of_no_plain_prohibition() -> None:
    rule, around = read("灯台守は、夜間においては、灯火を点検しなければならない")
    assert list(exceptions.absolute(rule, around, RANDOM)) == []
    for far in (
        "港湾省令で定めるところにより、灯火を点検",
        "船の安全のため、灯火を点検",
        "職権で、灯火を点検",
        "灯台の灯火と鐘と笛と旗と標識と浮標と霧の日に使う機械と道具を、夜が明けるまでに残らず点検",
    ):
        manner, around = read(f"灯台守は、{far}しなければならない")
        assert list(exceptions.absolute(manner, around, RANDOM)) == []
    near, around = read("灯台守は、灯火を点検しなければならない")
    assert [claim.edit for claim in exceptions.absolute(near, around, RANDOM)] == ["not_always"]
    assert list(exceptions.absolute(replace(near, modality="must_not"), around, RANDOM)) == []


def test_an_exception_that_points_back_opens_no_statement() -> None:
    rule, around = read("灯台守は、灯火を点検しなければならない")
    plain = replace(rule, exception="霧が出た")
    pointing = replace(rule, exception="その者が重い病気にかかった")
    assert [claim.true for claim in exceptions.exception(plain, around, RANDOM)] == [True, False]
    assert list(exceptions.exception(pointing, around, RANDOM)) == []


@pytest.mark.parametrize(
    "text",
    [
        "灯台守は、在任中、宿を営み、又は港湾大臣の許可のある場合を除くほか、他の職に就いてはならない",
        "灯台守は、灯火を保ち、濃霧の場合を除き、鐘を鳴らさなければならない",
        "灯台守は、船主となり、濃霧の場合を除き、鐘を鳴らしてはならない",
        "灯台守は、船長、届出をした者を相手方とする場合を除き、鐘を売ってはならない",
    ],
)
def test_a_case_left_out_of_one_act_is_not_said_of_all(text: str) -> None:
    assert list(exceptions.left_out(*read(text), RANDOM)) == []


def test_a_case_left_out_before_several_acts_is_left_out_of_all() -> None:
    text = "灯台守は、在任中、港湾大臣の許可のある場合を除くほか、宿を営み、又は他の職に就いてはならない"
    assert said(exceptions.left_out(*read(text), RANDOM))[0] == (
        True,
        "灯台守は、港湾大臣の許可のあるときは、在任中、宿を営み、又は他の職に就くことは禁止されていない",
    )


def test_what_need_not_always_be_done() -> None:
    may, _ = exceptions.discretion(*of(("1", "2", None)), RANDOM)
    (duty,) = exceptions.absolute(*read("灯台守は、灯火を点検しなければならない"), RANDOM)
    assert [text.split("、")[-1] for text in may.texts(digits=False)[::3]] == [
        "灯火の点検を命ずることを要しない",
        "灯火の点検を命ずる必要はない",
    ]
    assert (duty.true, duty.texts(digits=False)) == (
        False,
        ("灯台守は、必ずしも灯火を点検することを要しない", "灯台守は、必ずしも灯火を点検する必要はない"),
    )
    (cannot,) = exceptions.absolute(*read("灯台守は、夜の間に灯火を消すことができない"), RANDOM)
    sometimes = ("灯台守は、夜の間に灯火を消すことができる場合がある", "灯台守は、夜の間に灯火を消すことが認められている場合がある")  # fmt: skip
    assert (cannot.true, cannot.now, cannot.texts(digits=False)) == (False, "場合がある", sometimes)
    rule, around = read("灯台守は、夜の間に灯火を消してはならない")
    _, forbidden = exceptions.absolute(replace(rule, exception="霧が晴れた"), around, RANDOM)
    assert (forbidden.true, forbidden.edit, forbidden.texts(digits=False)) == (True, "not_always", sometimes)


def test_what_may_be_done_at_any_time_is_no_duty() -> None:
    rule, around = read("灯台守は、いつでも灯火を消すことができる")
    assert [claim.now for claim in edits.modality(rule, around, RANDOM)] == ["cannot"]
    assert list(exceptions.discretion(rule, around, RANDOM)) == []


def test_not_always_stands_before_no_only() -> None:
    rule, around = read("港湾大臣は、灯台の閉鎖の前に限り、その許可を取り消すことができる")
    assert list(exceptions.discretion(rule, around, RANDOM)) == []
    only, around = read("灯台守は、灯台を指定した一の知事に対してのみ、給付を請求することができる")
    assert list(exceptions.discretion(only, around, RANDOM)) == []  # 「のみ、請求する義務はない」
    free, around = read("港湾大臣は、灯台守に対し、その許可を取り消すことができる")
    assert [claim.now for claim in exceptions.discretion(free, around, RANDOM)] == ["必ずしも", "no_duty"]


def test_a_case_within_a_case_is_no_exception_to_state() -> None:
    rule, around = read("組合は、あらかじめ、灯台の計画を知事と協議しなければならない")
    plain = replace(rule, exception="小さな灯台について")
    assert [claim.said.condition for claim in exceptions.exception(plain, around, RANDOM)] == ["小さな灯台"] * 2
    nested = replace(rule, exception="町が当該申請をする場合には、当該町の長について")
    assert list(exceptions.exception(nested, around, RANDOM)) == []


def test_to_be_reappointed_is_nobodys_duty_to_deny() -> None:
    passive = read("灯台調停官は、任期を二年とし、再任されることができる")
    assert [claim.now for claim in exceptions.discretion(*passive, RANDOM)] == ["必ずしも"]
    active = read("灯台調停官は、任期を二年とし、灯台守を再任することができる")
    assert [claim.now for claim in exceptions.discretion(*active, RANDOM)] == ["必ずしも", "no_duty"]


def test_of_two_exceptions_neither_is_stated() -> None:
    exception = "嵐のときに灯火を移す"
    for saved, count in (("やむを得ない場合を除き、", 0), ("やむを得ない場合を除くほか、", 0), ("", 2)):
        rule = read_rule(
            f"灯台守は、{saved}港湾大臣の指示なく、灯火を移してはならない",
            article="1", paragraph="1", exception=exception,
        )  # fmt: skip
        assert rule is not None
        assert len(list(exceptions.exception(rule, Surroundings("", (rule,), (rule,), ()), RANDOM))) == count


def test_a_case_left_out_takes_no_subject_with_it() -> None:
    saved = read(
        "港湾大臣は、譲渡条件が、灯台の運営に支障を及ぼすおそれがあると認める場合を除き、認可をしなければならない"
    )
    assert list(exceptions.left_out(*saved, RANDOM)) == []
    whole = read("港湾大臣は、灯台の運営に支障を及ぼすおそれがあると認める場合を除き、認可をしなければならない")
    assert [claim.true for claim in exceptions.left_out(*whole, RANDOM)] == [True, False]


def test_not_always_denies_no_manner() -> None:
    by_vote = read("灯台委員は、灯台組合の理事会の決議によつて解職することができる")
    assert [claim.now for claim in exceptions.discretion(*by_vote, RANDOM)] == ["no_duty"]


def test_only_if_not_is_not_turned_round() -> None:
    free = read("組合を代表する理事は、定款で禁止されていないときに限り、代理を他人に委任することができる")
    assert list(exceptions.only_if(*free, RANDOM)) == []


def test_a_case_left_out_may_be_what_the_next_paragraph_forbids() -> None:
    by_sea = read_rule(
        "灯台守は、郵便物として送る場合を除き、灯火を港の外に持ち出してはならない", article="1", paragraph="1"
    )
    by_mail = read_rule(
        "灯台守は、小包でない郵便物としては、灯火を港の外に送つてはならない", article="1", paragraph="2"
    )
    assert by_sea is not None
    assert by_mail is not None
    alone, both = (Surroundings("", rules, rules, ()) for rules in ((by_sea,), (by_sea, by_mail)))
    assert [claim.true for claim in exceptions.left_out(by_sea, alone, RANDOM)] == [True, False]
    assert list(exceptions.left_out(by_sea, both, RANDOM)) == []
