"""Changes of a rule and the truth that each claims, on the invented lighthouse law."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import replace

import pytest

from app.data.generation.claims import edits, exceptions
from app.data.generation.claims.cases import ceiling, deadline, threshold
from app.data.generation.claims.claim import Claim
from app.data.generation.claims.recombining import recombined
from app.data.generation.claims.surroundings import ACTOR, Surroundings, actors_of
from app.data.generation.law.checks import is_another_rule, is_known_party, says_same
from app.data.generation.law.rules import Rule, read_rule
from app.data.generation.law.wordings import force, wordings
from tests.data.generation.laws import lighthouse


def of(place: tuple[str, str, str | None]) -> tuple[Rule, Surroundings]:
    """A rule of the lighthouse law with what stands around it."""
    book = lighthouse()
    rule = next(one for one in book.rules if one.place == place)
    own = "\n".join(one.text for one in book.passages if one.article == rule.article)
    beside = tuple(one for one in book.rules if one.article == rule.article)
    return rule, Surroundings(own, book.rules, beside, actors_of(book))


def read(sentence: str) -> tuple[Rule, Surroundings]:
    """A rule that stands alone."""
    rule = read_rule(sentence, article="1", paragraph="1")
    assert rule is not None
    return rule, Surroundings(sentence, (rule,), (rule,), ())


def pair(one: str, other: str) -> tuple[Rule, Surroundings]:
    """The first of two rules that stand beside each other."""
    first = read_rule(one, article="1", paragraph="1")
    second = read_rule(other, article="2", paragraph="1")
    assert first is not None
    assert second is not None
    return first, Surroundings("", (first, second), (first, second), ())


def said(claims: Iterable[Claim]) -> list[tuple[bool, str]]:
    """Truth and first wording of each claim."""
    return [(claim.true, claim.texts(digits=False)[0]) for claim in claims]


RANDOM = random.Random(1)


def test_the_force_is_turned() -> None:
    rule, around = of(("1", "2", None))
    assert [(claim.true, claim.said.modality) for claim in edits.modality(rule, around, RANDOM)] == [
        (False, "cannot"),
        (False, "duty"),
    ]
    # With an exception 「要しない」 may be true of the exception's case.
    assert list(edits.modality(*of(("1", "1", None)), RANDOM)) == []


def test_a_number_that_only_narrows_what_is_allowed_is_no_false_statement() -> None:
    third = "組合員は、総組合員の三分の一以上の同意を得て、理事の解任を請求することができる"
    assert {claim.now for seed in range(9) for claim in edits.number(*read(third), random.Random(seed))} <= {
        "四分の一",
        "五分の一",
        "十分の一",
    }
    # A duty is another one with any other number.
    half = "組合は、その資本金の二分の一以上に相当する財産を管理しなければならない"
    assert {"三分の二", "四分の三"} & {
        claim.now for seed in range(9) for claim in edits.number(*read(half), random.Random(seed))
    }
    one = "灯台の取消しは、灯台守のうちの一人が異議を述べたときは、その効力を失う"
    assert list(edits.number(*read(one), RANDOM)) == []


def test_a_number_is_changed_to_one_that_the_article_does_not_have() -> None:
    (claim,) = edits.number(*of(("1", "1", None)), RANDOM)
    assert (claim.true, claim.was) == (False, "二週間")
    assert claim.now in ("一週間", "三週間", "四週間", "六週間")
    assert claim.said.action == f"{claim.now}以内に、その旨を港湾大臣に届け出る"


def test_limits_and_times_are_turned() -> None:
    within = [claim for claim in edits.limit(*of(("1", "1", None)), RANDOM) if claim.edit == "limit"]
    assert said(within) == [
        (False, "灯台守は、灯火を消したときは、二週間を経過した後に、その旨を港湾大臣に届け出なければならない")
    ]
    (time,) = edits.limit(*of(("3", "3", None)), RANDOM)
    assert (time.edit, time.was) == ("time", "遅滞なく")


def test_a_party_is_changed_to_one_that_the_article_does_not_name() -> None:
    (claim,) = edits.party(*of(("1", "1", None)), RANDOM)
    assert (claim.was, claim.now) == ("港湾大臣", "水先大臣")


def test_parties_that_may_be_the_same_are_never_exchanged() -> None:
    assert is_known_party("港湾大臣", "水先大臣")
    assert not is_known_party("主務大臣", "港湾大臣")
    assert not is_known_party("理事会", "港湾大臣")
    assert not is_known_party("地方委員会", "地方灯台委員会")
    assert not is_known_party("港湾大臣", "裁判所")


def test_a_procedure_is_changed_to_one_that_excludes_it() -> None:
    rule, around = read("灯台守は、灯台を閉鎖しようとするときは、港湾大臣の許可を受けなければならない")
    assert said(edits.procedure(rule, around, RANDOM)) == [
        (False, "灯台守は、灯台を閉鎖しようとするときは、港湾大臣に届け出なければならない")
    ]


@pytest.mark.parametrize(
    ("text", "changed"),
    [
        ("灯台守は、日誌を港湾大臣に提出し、その承認を受けなければならない", []),  # 「そに届け出る」
        ("灯台組合は、灯台を売るときは、規約を示して、その議決を経なければならない", []),
        ("灯台守は、船長に日誌を示して、港湾大臣の承認を受けなければならない", ["灯台守は、船長に日誌を示して、港湾大臣に届け出なければならない"]),
        ("港湾大臣は、灯台守があるときは、その申請により灯火の検査をしなければならない", ["港湾大臣は、灯台守があるときは、その申請によらず職権で灯火の検査をしなければならない"]),
        ("港湾大臣は、灯台守があるときは、その同意を得て灯火の検査をしなければならない", ["港湾大臣は、灯台守があるときは、その意見を聴いて灯火の検査をしなければならない"]),
        ("灯台守は、灯火を消すときは、申請書面により港湾大臣に知らせなければならない", []),
        ("灯台守は、灯火を消すときは、書面により港湾大臣に知らせなければならない", ["灯台守は、灯火を消すときは、口頭により港湾大臣に知らせなければならない"]),
        ("灯台守は、灯火を消すときは、理由を記載した書面により港湾大臣に知らせなければならない", []),  # 「記載した口頭」
        ("灯台守は、灯火を消すときは、前項の書面により港湾大臣に知らせなければならない", []),
        ("灯台守は、三年ごとに、更新の登録を受けなければならない", []),  # 「更新に届け出る」
        ("灯台組合は、総会の決議によつて、合併契約の承認を受けなければならない", []),  # 「合併契約に届け出る」
        ("灯台組合は、灯台を売るときは、あらかじめ、総会の承認を受けなければならない", ["灯台組合は、灯台を売るときは、あらかじめ、総会に届け出なければならない"]),
        ("灯台を守ろうとする者は、灯台守としての登録を受けなければならない", []),
        ("灯台守は、登記簿の全部事項を港湾大臣に知らせなければならない", []),
        ("灯台守は、日誌の全部を港湾大臣に知らせなければならない", ["灯台守は、日誌の二分の一を港湾大臣に知らせなければならない"]),
    ],
)  # fmt: skip
def test_no_procedure_is_changed_inside_a_word(text: str, changed: list[str]) -> None:
    assert [words for _, words in said(edits.procedure(*read(text), RANDOM))] == changed


def test_each_by_his_share_is_not_said_of_each_twice() -> None:
    rule, around = read("組合員は、各自が連帯して債務を弁済しなければならない")
    assert list(edits.procedure(rule, around, RANDOM)) == []
    rule, around = read("組合員は、連帯して債務を弁済しなければならない")
    assert [claim.now for claim in edits.procedure(rule, around, RANDOM)] == ["各自の持分に応じて"]


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


def test_of_a_provision_there_is_a_case_and_no_time() -> None:
    rule, _ = read("灯台守は、第二項の場合には、灯台の鐘を鳴らさなければならない")
    texts = wordings(rule, digits=True)
    assert any("第2項の場合には、" in text for text in texts)
    assert not any("第2項のとき" in text for text in texts)


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


def test_a_day_is_held_against_a_deadline() -> None:
    claims = list(
        deadline(*read("船長は、灯台を閉鎖した日から三十日以内に、その旨を港湾大臣に届け出なければならない"), RANDOM)
    )
    assert len(claims) == 4
    for claim in claims:
        inside = claim.now in ("十日", "十五日", "二十日")
        assert inside or claim.now in ("四十五日", "六十日", "九十日")
        (text,) = claim.texts(digits=False)
        assert text.startswith(
            f"船長が、灯台を閉鎖した日から{claim.now}を経過した日にその旨を港湾大臣に届け出たときは、"
        )
        assert claim.true == (inside == text.endswith("期間内に行ったことになる"))


def test_a_ceiling_and_a_threshold_are_applied() -> None:
    for claim in ceiling(*read("灯台守の任期は、三年を超えることができない"), RANDOM):
        years = {"一年": 1, "二年": 2, "六年": 6, "九年": 9}[claim.now]
        assert claim.true == ((years < 3) == (claim.said.modality == "may"))
    claims = list(threshold(*read("十人以上の船員を使用する船主は、航海日誌を備えなければならない"), RANDOM))
    assert {claim.true for claim in claims} == {True, False}
    for claim in claims:
        assert claim.true == (claim.now in ("十五人", "二十人", "三十人"))


def test_conditions_are_exchanged_only_between_rules_of_different_effect() -> None:
    one, around = pair(
        "灯台守は、灯火が消えたときは、港湾大臣に報告しなければならない",
        "船長は、暗礁を見つけたときは、水路図に印を付けなければならない",
    )
    _, other = around.rules
    texts = [claim.texts(digits=False)[0] for claim in recombined(one, around, random.Random(1))]
    assert "灯台守は、暗礁を見つけたときは、港湾大臣に報告しなければならない" in texts
    same = replace(other, action=one.action)
    assert says_same(same, one)
    assert list(recombined(one, replace(around, beside=(one, same)), random.Random(1))) == []


@pytest.mark.parametrize(
    ("condition", "exchanged"),
    [
        ("第一条第一項の協議が調わない", False),  # arises under the rule itself, which does not end with it
        ("第一条の協議が調わない", False),
        ("第一条第二項の協議が調わない", True),
        ("第一条の二の協議が調わない", True),
        ("第十一条第一項の協議が調わない", True),
    ],
)
def test_a_condition_that_speaks_of_the_rules_own_paragraph_is_not_put_into_it(condition: str, exchanged: bool) -> None:
    one, around = pair(
        "灯台守は、灯火が消えたときは、港湾大臣に報告しなければならない",
        "船長は、暗礁を見つけたときは、水路図に印を付けなければならない",
    )
    _, other = around.rules
    other = replace(other, condition=condition)
    texts = [
        claim.said.condition for claim in recombined(one, Surroundings("", (one, other), (one, other), ()), RANDOM)
    ]
    assert (condition in texts) is exchanged


def test_a_changed_rule_that_another_provision_lays_down_is_no_false_one() -> None:
    rule, around = of(("1", "1", None))
    elsewhere = replace(rule, article="9", condition="")
    assert is_another_rule(replace(rule, condition="嵐が近づいた"), (elsewhere,))
    assert not is_another_rule(replace(rule, condition="嵐が近づいた"), around.rules)


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


def test_what_a_subject_points_to_comes_first() -> None:
    rule = replace(read("灯台守は、灯火を消したときは、届け出なければならない")[0], subject="当該灯台守")
    assert {text.split("、")[0] for text in wordings(rule, digits=False)} == {
        "灯火を消したときは", "灯火を消した場合には", "灯火を消した場合は",
    }  # fmt: skip


def test_a_prohibition_unless_is_worded_in_the_statutes_way_only() -> None:
    assert force("届け出なければ、灯火を消す", "must_not") == ("届け出なければ、灯火を消してはならない",)
    assert len(force("灯火を消す", "must_not")) == 4


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


def test_after_a_time_nothing_is_left_undone() -> None:
    undone = "港湾大臣は、灯台守が一年以内に灯火をともさず、又は日誌を書かないときは、登録を取り消すことができる"
    assert list(edits.limit(*read(undone), RANDOM)) == []
    done = "港湾大臣は、灯台守が一年以内に灯火を消したときは、登録を取り消すことができる"
    assert [claim.now for claim in edits.limit(*read(done), RANDOM)] == ["一年を経過した後に"]


@pytest.mark.parametrize(
    ("text", "times"),
    [
        ("灯台守は、灯火を消そうとするときは、あらかじめ、港湾大臣に届け出なければならない", {"遅滞なく", "事後に"}),
        ("灯火を消そうとする者は、あらかじめ、港湾大臣に届け出なければならない", {"遅滞なく", "事後に"}),
        ("灯台守は、灯火を消そうとするときは、速やかに、港湾大臣に届け出なければならない", set()),
        ("灯火を消そうとする者は、嵐が近い場合には、直ちに、港湾大臣に届け出なければならない", set()),
        ("灯台守は、灯火を消すときは、あらかじめ、港湾大臣に届け出なければならない", {"遅滞なく", "事後に", "十日以内に", "二週間以内に"}),
    ],
)  # fmt: skip
def test_no_days_are_counted_from_what_has_not_happened(text: str, times: set[str]) -> None:
    assert {claim.now for seed in range(40) for claim in edits.limit(*read(text), random.Random(seed))} == times


def test_several_cases_are_called_cases_alike() -> None:
    rule, _ = read("灯台守は、灯火を消したとき、又は鐘を壊したときは、港湾大臣に届け出なければならない")
    assert {text.split("、港湾")[0] for text in wordings(rule, digits=False) if text.startswith("灯台守は")} == {
        "灯台守は、灯火を消したとき、又は鐘を壊したときは",
        "灯台守は、灯火を消した場合、又は鐘を壊した場合には",
        "灯台守は、灯火を消した場合、又は鐘を壊した場合は",
    }


def test_the_end_of_a_longer_name_is_no_authority() -> None:
    assert ACTOR.findall("日本ユネスコ国内委員会の委員及び灯台委員会") == ["灯台委員会"]


@pytest.mark.parametrize(
    ("text", "longer", "shorter"),
    [
        ("第一条の権利は、灯火が消えた時から三年間行わないときは、消滅する", False, True),
        ("港湾大臣は、灯台守が三年以内に灯火をともすことができないときは、登録を取り消さなければならない", False, True),
        ("港湾大臣は、灯台守が三年以内に灯火を消したときは、登録を取り消さなければならない", True, False),
        ("灯台守は、三年を経過した後でなければ、灯火を消すことができない", True, False),
        # It was done, and the reason was not there: two years are among the three.
        (
            "港湾大臣は、灯台守が三年以内に正当な理由がないのに灯火を消したときは、登録を取り消さなければならない",
            False,
            False,
        ),
    ],
)
def test_what_was_left_undone_for_long_was_left_undone_for_less(text: str, longer: bool, shorter: bool) -> None:
    years = {claim.now for seed in range(60) for claim in edits.number(*read(text), random.Random(seed))}
    assert bool({"四年", "五年", "六年", "七年", "八年", "十年"} & years) is longer
    assert bool({"一年", "二年"} & years) is shorter


@pytest.mark.parametrize(
    ("subject", "exchanged"),
    [
        ("船長", True),
        ("事故の当事者", False),  # the member may be one of them
        ("第三条に規定する者", False),
        ("利害関係人", False),
    ],
)
def test_a_subject_that_may_be_the_other_is_not_put_in_its_place(subject: str, exchanged: bool) -> None:
    rule, around = pair(
        "組合員は、港湾大臣に灯火の色を報告しなければならない", f"{subject}は、水路図に印を付けなければならない"
    )
    assert bool([claim for claim in recombined(rule, around, RANDOM) if claim.now == subject]) is exchanged


def test_no_minister_is_a_prefectures() -> None:
    around = Surroundings("", (), (), ("水先大臣",))
    plain, _ = read("灯台守は、港湾大臣に届け出なければならない")
    assert [claim.now for claim in edits.party(plain, around, RANDOM)] == ["水先大臣"]
    local = replace(plain, action="都道府県の港湾大臣に届け出る")
    assert list(edits.party(local, around, RANDOM)) == []


def test_nobody_else_makes_up_a_council_or_has_its_business() -> None:
    rule, around = pair("灯台委員会は、委員十人以内をもって組織する", "船長は、灯火を点検しなければならない")
    assert list(recombined(rule, around, RANDOM)) == []
    business, _ = read("委員長は、灯台委員会の会務を総理する")
    assert list(edits.party(business, Surroundings("", (), (), ("鐘楼委員会",)), RANDOM)) == []
    opinion, _ = read("委員長は、灯台委員会の意見を聴かなければならない")
    assert [one.now for one in edits.party(opinion, Surroundings("", (), (), ("鐘楼委員会",)), RANDOM)] == [
        "鐘楼委員会"
    ]


def test_an_act_that_the_effect_speaks_of_goes_with_its_condition() -> None:
    told = "通知があったときは、港湾大臣は、通知された事実を調べなければならない"
    rule, around = pair(told, "船長は、暗礁を見つけたときは、水路図に印を付けなければならない")
    assert [claim.was for claim in recombined(rule, around, RANDOM)] == ["港湾大臣"]
    plain, around = pair(
        told.replace("通知された", "灯火の"), "船長は、暗礁を見つけたときは、水路図に印を付けなければならない"
    )
    assert [claim.was for claim in recombined(plain, around, RANDOM)] == ["通知があった", "港湾大臣"]


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


@pytest.mark.parametrize(
    ("cited", "exchanged"),
    [
        ("第三条第一項", False),  # its cases are among those of the rule
        ("第三条第二項", False),
        ("第三条", False),
        ("第四条第一項", True),
    ],
)
def test_a_case_of_the_same_citation_is_not_another_case(cited: str, exchanged: bool) -> None:
    rule, around = pair(
        "灯台の鐘を鳴らすことについて第三条第一項及び第二項の規定による命令をしようとするときは、組合員は、聴聞を行わなければならない",
        f"暗礁の位置が明らかでないため船長から{cited}に基づく申出があったときは、組合員は、水路図を作ることができる",
    )
    changed = {claim.now for claim in recombined(rule, around, RANDOM)}
    assert any(cited in text for text in changed) is exchanged


def test_what_may_be_done_at_any_time_is_no_duty() -> None:
    rule, around = read("灯台守は、いつでも灯火を消すことができる")
    assert [claim.now for claim in edits.modality(rule, around, RANDOM)] == ["cannot"]
    assert list(exceptions.discretion(rule, around, RANDOM)) == []


def test_nothing_is_done_beforehand_that_has_been_done() -> None:
    done = "港湾大臣は、灯台守に命令をしたときは、遅滞なく、船長に知らせなければならない"
    news = {claim.now for seed in range(40) for claim in edits.limit(*read(done), random.Random(seed))}
    assert "あらかじめ" not in news
    assert "十日以内に" in news


@pytest.mark.parametrize(
    ("text", "changed"),
    [
        ("灯台守は、規約を公告しなければならない", ["灯台守は、規約を各別に通知しなければならない"]),
        ("灯台守は、規約を官報で公告しなければならない", []),
    ],
)
def test_nobody_is_told_by_the_gazette(text: str, changed: list[str]) -> None:
    assert [words for _, words in said(edits.procedure(*read(text), RANDOM))] == changed


def test_no_vote_is_taken_away_where_some_cases_need_none() -> None:
    rule, around = read("灯台守は、総会の議決を経て、灯台を売らなければならない")
    assert [claim.now for claim in edits.procedure(rule, around, RANDOM)] == ["に報告して"]
    small = replace(around, own=around.own + "この場合において、小さな灯台については、総会の決議を要しない。")
    assert list(edits.procedure(rule, small, RANDOM)) == []


def test_where_a_council_meets_nobody_else_does() -> None:
    rule, _ = read("委員長は、理事会において、会計の報告をしなければならない")
    around = Surroundings("", (), (), ("会計監査人", "総会"))
    assert [claim.now for claim in edits.party(rule, around, RANDOM)] == ["総会"]


def test_names_are_not_cut_out_of_longer_words() -> None:
    assert ACTOR.findall("その都度厚生労働大臣に") == []
    assert ACTOR.findall("こども家庭庁長官に") == []
    assert ACTOR.findall("その都度、厚生労働大臣に") == ["厚生労働大臣"]


def test_few_persons_are_not_less_than_themselves() -> None:
    rule, around = read("灯台守は、二人以上の船長があるときは、その旨を港湾大臣に届け出なければならない")
    assert list(edits.limit(rule, around, RANDOM)) == []
    other, around = read("組合は、四分の三以上の賛成がなければ、灯台を閉鎖してはならない")
    assert list(edits.limit(other, around, RANDOM)) == []


@pytest.mark.parametrize(
    ("text", "targets"),
    [
        ("灯台守の免許は、交付の日から三年間に限り、その効力を有する", []),  # 「限り、有しない」
        ("灯台守の免許は、交付の日から三年間、その効力を有する", ["plain_not"]),
        (
            "灯火を消した灯台守は、一年以下の拘禁刑若しくは罰金に処し、又はこれを併科する",
            [],
        ),  # 「処し、又は併科しない」
        ("灯台守の登録は、登録簿に氏名及び住所を記載してするものとする", []),  # 「記載してしない」
        ("港湾大臣は、閉鎖の前に限り、その許可を取り消すことができる", ["cannot", "duty"]),
    ],
)
def test_a_force_is_only_turned_where_the_denial_can_be_understood(text: str, targets: list[str]) -> None:
    assert [claim.now for claim in edits.modality(*read(text), RANDOM)] == targets


def test_nobody_comes_to_a_person_as_to_a_meeting() -> None:
    rule, around = read("准組合員は、定款で定めるところにより、総会に出席して意見を述べることができる")
    organs = replace(around, actors=("会計監査人", "監事"))
    assert list(edits.party(rule, organs, RANDOM)) == []
    (claim,) = edits.party(rule, replace(organs, actors=("会計監査人", "理事会")), RANDOM)
    assert (claim.was, claim.now) == ("総会", "理事会")
    voted, around = read("灯台組合の解散は、あらかじめ、総会の議決を経なければならない")
    assert list(edits.party(voted, replace(around, actors=("理事長", "監事")), RANDOM)) == []


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


def test_staff_are_not_made_to_send_their_own_staff() -> None:
    rule, around = pair(
        "港湾大臣は、必要な限度において、その職員に、灯台に立ち入り、帳簿を検査させることができる",
        "立入検査をする職員は、その身分を示す証明書を携帯しなければならない",
    )
    assert "立入検査をする職員" not in {claim.said.subject for claim in recombined(rule, around, RANDOM)}
