"""A day held against a deadline, an amount against a ceiling and a threshold."""

from __future__ import annotations

import random

from app.data.generation.claims.cases import ceiling, deadline, threshold
from tests.data.generation.read_rules import read

RANDOM = random.Random(1)


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
