"""Every wording of a request is read by the programs as what it asks for."""

from __future__ import annotations

import re

import pytest

from app.core.requests import read_request
from app.data.generation.kinds.drafts import Wants
from app.data.generation.kinds.requests import (
    Told,
    article_requests,
    blank_requests,
    content_requests,
    list_requests,
    pair_requests,
    statement_requests,
)

TOPICS = ("灯台法", "灯台法第3条の規定", "灯火の届出")
THINGS = ("灯台法第3条第1項各号に掲げる事項", "港湾大臣が登録を取り消すことができる場合", "「灯台守は、［　　］を届け出なければならない」という規定の［　　］に入る事項")  # fmt: skip


@pytest.mark.parametrize("request_", statement_requests(TOPICS, "correct") + list_requests(THINGS, "correct"))
def test_requests_for_what_is_right_are_positive(request_: str) -> None:
    read = read_request(request_)
    assert (read.sign, read.told) == (1, True)


@pytest.mark.parametrize("request_", statement_requests(TOPICS, "incorrect") + list_requests(THINGS, "incorrect"))
def test_requests_for_what_is_wrong_are_negative_and_can_be_made_positive(request_: str) -> None:
    read = read_request(request_)
    assert (read.sign, read.told) == (-1, True)
    assert read_request(read.positive).sign == 1


@pytest.mark.parametrize("of", ["", "灯台法の"])
@pytest.mark.parametrize(
    ("told", "what", "number"),
    [
        ("noun", "灯台守が届け出なければならないこと", 6),
        ("sentence", "灯台守は、灯火を消したときは、届け出なければならない", 4),
        ("about", "灯台の鐘を預かる灯台守", 2),
        ("lists", "灯台の図面に記載する事項の一つとして「門の位置」を挙げている", 4),
    ],
)
def test_requests_for_an_article_are_told_and_positive(of: str, told: Told, what: str, number: int) -> None:
    requests = article_requests(what, of, told)
    assert len(requests) == number - (of != "" and told == "noun")
    for request in requests:
        assert (read_request(request).sign, read_request(request).told) == (1, True)


@pytest.mark.parametrize("wants", ["correct", "incorrect"])
def test_requests_for_a_provision_and_its_content_are_told_and_turned(wants: Wants) -> None:
    requests = pair_requests("灯台法", wants) + content_requests("灯台法第2条第1項", wants)
    assert len(requests) == {"correct": 16, "incorrect": 31}[wants]
    for request in requests:
        read = read_request(request)
        assert (read.sign, read.told) == (1 if wants == "correct" else -1, True), request
        assert read_request(read.positive).sign == 1


def test_requests_for_a_blank_hold_its_sentence() -> None:
    for request in blank_requests(["灯台守は、［　　］以内に届け出る必要がある"], "期間"):
        assert request.endswith("\n灯台守は、［　　］以内に届け出る必要がある。")
        assert (read_request(request).sign, read_request(request).told) == (1, True)


def test_a_request_names_its_topic_where_the_candidates_do_not() -> None:
    assert all(
        "灯台法に定める灯台守" in text
        for text in statement_requests(["灯台法に定める灯台守"], "correct", must_name=True)
    )


@pytest.mark.parametrize(
    ("topic", "held_against"),
    [
        ("灯台法", True), ("灯台法施行規則", True), ("灯台法第三条", True), ("灯台法第3条の2", True), ("灯台法第3条の規定", True),
        ("灯火の届出", False), ("河川管理者", False), ("当該違反行為をした者", False), ("灯台法に定める灯火の届出", False),
    ],
)  # fmt: skip
def test_statements_are_held_against_rules_only(topic: str, held_against: bool) -> None:
    assert any("照らして" in text for text in statement_requests([topic], "correct")) == held_against


def test_a_caption_that_names_an_act_is_what_a_provision_is_about() -> None:
    assert article_requests("定款の変更", "", "about") == (
        "定款の変更について記載した条文を一つ選んでください。",
        "定款の変更について定めている条文として、正しいものを選んでください。",
    )


def test_a_whole_sentence_is_no_ground_and_stands_before_its_request() -> None:
    assert article_requests("登記すべき事項は、登記の後でなければ、対抗することができない", "灯台法の", "sentence") == (
        "登記すべき事項は、登記の後でなければ、対抗することができないと定めている灯台法の条文はどれですか。",
        "登記すべき事項は、登記の後でなければ、対抗することができない旨を規定した灯台法の条文は、次のうちどれか。",
        "登記すべき事項は、登記の後でなければ、対抗することができない旨を定めた灯台法の条文を一つ選んでください。",
        "登記すべき事項は、登記の後でなければ、対抗することができないと規定している灯台法の条文として、正しいものを選んでください。",
    )


def test_a_list_that_names_one_of_its_items() -> None:
    assert article_requests("灯台の図面に記載する事項の一つとして「門の位置」を挙げている", "", "lists") == (
        "灯台の図面に記載する事項の一つとして「門の位置」を挙げている条文はどれですか。",
        "次のうち、灯台の図面に記載する事項の一つとして「門の位置」を挙げている条文はどれか。",
        "灯台の図面に記載する事項の一つとして「門の位置」を挙げている条文を一つ選んでください。",
        "灯台の図面に記載する事項の一つとして「門の位置」を挙げている条文として、正しいものを選んでください。",
    )


def test_the_number_and_the_content_of_a_provision_correspond() -> None:
    assert pair_requests("灯台法", "correct")[-1] == (
        "灯台法の条文の番号とその内容の対応について、次の記述のうち、適当なものはどれか。"
    )
    assert not any("照らして" in one for wants in ("correct", "incorrect") for one in pair_requests("灯台法", wants))


@pytest.mark.parametrize("wants", ["correct", "incorrect"])
def test_no_request_asks_for_the_right_statement_among_statements(wants: Wants) -> None:
    requests = statement_requests(["灯台守"], wants)
    for word in ("記述", "説明", "次の文"):
        assert any(word in request for request in requests)
    assert not any(len(re.findall("記述|説明|次の文", request)) > 1 for request in requests)
    assert not any("灯台守の説明" in request for request in requests)  # which a keeper gives
