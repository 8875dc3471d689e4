"""Changes of a rule and the truth that each claims, on the invented lighthouse law."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from app.data.generation.claims import edits, exceptions
from app.data.generation.claims.surroundings import Surroundings
from app.data.generation.words.references import kanji
from tests.data.generation.read_rules import of, read, said

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


def test_no_minister_is_a_prefectures() -> None:
    around = Surroundings("", (), (), ("水先大臣",))
    plain, _ = read("灯台守は、港湾大臣に届け出なければならない")
    assert [claim.now for claim in edits.party(plain, around, RANDOM)] == ["水先大臣"]
    local = replace(plain, action="都道府県の港湾大臣に届け出る")
    assert list(edits.party(local, around, RANDOM)) == []


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


@pytest.mark.parametrize(
    ("text", "values"),
    [
        (
            "灯台守の指定は、五年以上十年以内において港湾省令で定める期間ごとに、更新を受けるものとする",
            (7, 8, 15, 20, 30, 4, 3, 2, 1, 6),
        ),
        ("灯火を消した者は、五年以下の拘禁刑又は五百万円以下の罰金に処する", (1, 2, 3, 4, 6, 7, 8, 10)),
        ("灯台を壊した者は、三年以上五年以下の拘禁刑に処する", (4, 6, 7, 8, 10)),
    ],
)
def test_a_number_leaves_a_range_and_a_penalty_that_there_can_be(text: str, values: tuple[int, ...]) -> None:
    rule, around = read(text)
    found = {
        claim.now
        for seed in range(200)
        for claim in edits.number(rule, around, random.Random(seed))
        if claim.was == "五年"
    }
    assert found
    assert found <= {f"{kanji(value)}年" for value in values}
    upper = {
        claim.now
        for seed in range(200)
        for claim in edits.number(rule, around, random.Random(seed))
        if claim.was == "十年"
    }
    assert not upper & {"一年", "二年", "三年", "四年", "五年"}


def test_nobody_but_its_governor_speaks_of_that_prefecture() -> None:
    rule, _ = read("都道府県知事は、港湾大臣に対し、当該都道府県について指定を行うよう要請することができる")
    around = Surroundings("", (), (), ("灯台諮問委員会", "水先大臣"))
    assert {claim.was for claim in edits.party(rule, around, RANDOM)} == {"港湾大臣"}


@pytest.mark.parametrize(
    ("own", "denied"),
    [
        ("", True),
        ("灯台を譲る者は、証明書の交付に代えて、承諾を得て、記録を提供することができる。", False),
        ("証明書は、要しない。", True),
        ("交付を要しない。", False),
    ],
)
def test_a_duty_that_its_article_lifts_elsewhere_is_not_denied(own: str, denied: bool) -> None:
    rule, _ = read("灯台を譲る者は、証明書を譲受人に交付しなければならない")
    around = Surroundings(own, (rule,), (rule,), ())
    assert [claim.now for claim in edits.modality(rule, around, RANDOM)] == (["need_not"] if denied else [])
    assert [claim.now for claim in exceptions.discretion(rule, around, RANDOM)] == (["no_duty"] if denied else [])
    assert [claim.edit for claim in exceptions.absolute(rule, around, RANDOM)] == (["not_always"] if denied else [])


def test_beside_the_officers_stands_none_of_them() -> None:
    rule, _ = read("灯台組合の役員又は会計監査人は、その任務を怠つたときは、損害を賠償する責任を負う")
    assert list(edits.party(rule, Surroundings("", (), (), ("理事長", "監事")), RANDOM)) == []
