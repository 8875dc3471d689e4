"""Lists: which items may be candidates, and what the members of a list are called."""

from __future__ import annotations

import random

import pytest

from app.data.generation.kinds.bases import basis_draft
from app.data.generation.kinds.drafts import Draft
from app.data.generation.kinds.lists import list_draft, of_its_noun, things_by_effect, things_listed
from app.data.generation.law.book import Book, read_book
from tests.data.generation.laws import article, law, paragraph


def book(*articles: tuple[str, tuple[str, ...]]) -> Book:
    """A law of one list an article."""
    return read_book(
        law(*(article(str(number), paragraph("1", lead, items)) for number, (lead, items) in enumerate(articles, 1)))
    )


REFUSED = (
    "港湾大臣は、灯台を設けようとする者が次の各号のいずれかに該当するときは、その登録を拒否しなければならない。",
    ("三年以内に登録を取り消された者", "日誌を偽った者", "灯火の色が港湾省令で定める色に適合しないとき", "水先人の同意を得ていないとき"),
)  # fmt: skip
ORDERED = (
    "港湾大臣は、次に掲げる場合には、灯台守に対し、灯火の点検を命ずることができる。",
    ("浮標が流されたとき", "海図が改められた場合", "暗礁が見つかったとき", "船が座礁したとき"),
)
ENDED = (
    "灯台守の代理人の権限は、次に掲げる事由によっては、消滅しない。",
    ("本人の死亡", "本人の辞任", "灯台の閉鎖", "組合の解散"),
)


def drafts(one: Book) -> list[Draft]:
    found = (
        list_draft(one, listing, wants, random.Random(seed), max_chars=700, count=3)
        for listing in one.listings
        for wants in ("correct", "incorrect")
        for seed in range(20)
    )
    return [draft for draft in found if draft]


def test_among_cases_stand_cases_only() -> None:
    found = drafts(book(REFUSED, ORDERED))
    assert {text for draft in found for option in draft.options for text in option.texts} == {
        "灯火の色が港湾省令で定める色に適合しないとき", "水先人の同意を得ていないとき", *ORDERED[1],
    }  # fmt: skip
    assert [item[0] for item in of_its_noun(book(REFUSED).listings[0])] == ["3", "4"]


def test_a_list_of_events_is_none_of_cases() -> None:
    assert [listing.noun for listing in book(ENDED, ORDERED).listings] == ["事由", "場合"]
    assert drafts(book(ENDED, ORDERED)) == []


def test_no_person_is_listed_as_a_case() -> None:
    one = book((REFUSED[0].replace("その登録", "灯台の登録"), REFUSED[1]), ORDERED)
    found = (basis_draft(one, "1", "correct", random.Random(seed), max_chars=700, count=2) for seed in range(60))
    requests = {request for draft in found if draft for request in draft.requests}
    assert any("水先人の同意を得ていないとき」を挙げている" in request for request in requests)
    assert not any("場合の一つとして「日誌を偽った者」" in request for request in requests)


@pytest.mark.parametrize(
    ("lead", "called"),
    [
        ("灯台守は、灯火を消そうとするときは、その都度次に掲げる事項を港湾大臣に届け出なければならない。", "灯火を消そうとする場合に灯台守がその都度港湾大臣に届け出なければならない事項"),
        ("二以上の組合が合併をする場合には、合併契約において、次に掲げる事項を定めなければならない。", "二以上の組合が合併をする場合に合併契約において定めなければならない事項"),
        ("灯台を設けようとする者は、次に掲げる事項を記載した申請書を港湾大臣に提出しなければならない。", "灯台を設けようとする者が港湾大臣に提出しなければならない申請書に記載する事項"),
        ("灯台守は、船長に対し、次に掲げる事項を通知するものとする。", "灯台守が、船長に対し、通知する事項"),
        ("次に掲げる事項は、灯台委員会の議決を経なければならない。", "灯台委員会の議決を経なければならない事項"),
        ("海図には、次に掲げる事項を記載しなければならない。", "海図に記載しなければならない事項"),
        ("港湾大臣は、灯台組合が次の各号のいずれかに該当するときは、その登録を取り消すことができる。", "港湾大臣が灯台組合の登録を取り消すことができる場合"),
        ("次の各号のいずれかに該当する場合には、当該違反行為をした者は、三十万円以下の罰金に処する。", "違反行為をした者が三十万円以下の罰金に処せられる場合"),
        ("港湾大臣は、灯台組合が次の各号のいずれかに該当するときは、当該灯台組合の登録を取り消すことができる。", None),
        ("組合の長は、灯台守が次の各号のいずれかに該当するときは、その灯台守を解任することができる。", "組合の長が灯台守を解任することができる場合"),
        ("組合は、次に掲げる行為をする場合には、当該行為に係る契約の承認を受けなければならない。", None),
        ("灯台守は、次に掲げる事項を船長に知らせた上で、灯火を消さなければならない。", None),
        ("港湾大臣は、灯台守が次に掲げる事項を届け出たときは、灯台を検査しなければならない。", None),
    ],
)  # fmt: skip
def test_a_list_is_named_by_its_lead_or_not_at_all(lead: str, called: str | None) -> None:
    items = ("灯火を消したとき", "鐘を壊したとき") if "該当する" in lead else ("灯火の色", "鐘の重さ")
    one = book((lead, items), ("灯台守は、日誌を毎日書かなければならない。", ()), ("船長は、海図を常に備えなければならない。", ()))  # fmt: skip
    assert [*things_listed(one.listings[0]), None][0] == called
    found = [basis_draft(one, "1", "correct", random.Random(seed), max_chars=700, count=2) for seed in range(60)]
    requests = {request for draft in found if draft for request in draft.requests}
    assert not any("次に掲げ" in request or "次に挙げ" in request for request in requests)
    assert called or not any("の一つとして" in request for request in requests)


@pytest.mark.parametrize(
    ("lead", "called"),
    [
        # 「その登録」 is of him whom the case names.
        ("港湾大臣は、灯台守が次の各号のいずれかに該当するときは、その登録を取り消すことができる。", None),
        ("港湾大臣は、次の各号のいずれかに該当するときは、その職員に灯台を検査させることができる。", "港湾大臣がその職員に灯台を検査させることができる場合"),
        ("港湾大臣は、灯台守が次の各号のいずれかに該当するときは、その旨を公示することができる。", "港湾大臣がその旨を公示することができる場合"),
        ("港湾大臣は、次に掲げる場合には、当該組合の解散を命ずることができる。", None),
        ("次の各号のいずれかに該当するときは、その違反行為をした灯台守は、五万円以下の過料に処する。", None),
        ("次の各号のいずれかに該当するときは、灯台を預かる組合の役員は、五万円以下の過料に処する。", "灯台を預かる組合の役員が五万円以下の過料に処せられる場合"),
        ("港湾大臣は、次に掲げる場合には、理由を付した書面で、登録の申請を却下することができる。", "港湾大臣が、理由を付した書面で、登録の申請を却下することができる場合"),
    ],
)  # fmt: skip
def test_the_cases_of_an_effect(lead: str, called: str | None) -> None:
    (listing,) = book((lead, ("灯火を消したとき", "鐘を壊したとき"))).listings
    assert (things_by_effect(listing) or [None])[0] == called


def test_a_quoted_provision_keeps_its_numbers() -> None:
    lead = "次の各号のいずれかに該当する者は、三月以下の拘禁刑又は三十万円以下の罰金に処する。"
    fee = "次に掲げる者は、二千円の手数料を納めなければならない。"
    found = drafts(
        book(
            (lead, ("灯火を消した者", "日誌を偽った者", "浮標を動かした者")), (fee, ("登録を受けようとする者", "水路図の写しを求める者"))
        )
    )  # fmt: skip
    quoted = {request for draft in found for request in draft.requests if "という規定" in request}
    assert any("「［　　］は、三月以下の拘禁刑又は三十万円以下の罰金に処する」という規定" in one for one in quoted)
    assert not any("か月" in one for one in quoted)


def test_no_thing_of_another_list_speaks_of_what_only_its_own_lead_names() -> None:
    kept = (
        "灯台計画においては、灯台ごとに、次に掲げる事項を定めるものとする。",
        ("灯火の色", "灯台守の数", "浮標の位置", "暗礁の深さ"),
    )
    other = (
        "港湾大臣は、浮標を置こうとするときは、次に掲げる事項を公示しなければならない。",
        ("当該浮標の維持に関する事項", "浮標の運営に関し重要な事項", "その色に関する事項", "その都度必要となる経費"),
    )  # fmt: skip
    found = drafts(book(kept, other))
    outside = {
        text
        for one in found
        for option in one.options
        if option.place[0] == "2" and not option.true
        for text in option.texts
    }
    assert outside == {"浮標の運営に関し重要な事項", "その都度必要となる経費"}


def test_a_sentenced_person_is_not_said_to_be_none_of_the_sentenced() -> None:
    barred = (
        "次の各号のいずれかに該当する者は、灯台組合の役員になることができない。",
        (
            "破産手続開始の決定を受けて復権を得ない者",
            "拘禁刑以上の刑に処せられ、五年を経過しない者",
            "日誌を偽った者",
            "港湾省令で定める試験に落ちた者",
        ),
    )
    helped = (
        "灯台守は、次に掲げる者に対し、必要な助言をしなければならない。",
        (
            "刑の一部の執行猶予の期間中の者",
            "罰金の言渡しを受けた者",
            "刑事上の手続の相手方である者",
            "灯台の見習をしている者",
        ),
    )
    outside = {
        text
        for one in drafts(book(barred, helped))
        for option in one.options
        if one.main == "1" and option.place[0] == "2"
        for text in option.texts
    }
    assert outside == {"刑事上の手続の相手方である者", "灯台の見習をしている者"}


def test_a_breach_of_one_provision_is_a_breach_of_the_law() -> None:
    revoked = (
        "港湾大臣は、灯台組合が次の各号のいずれかに該当するときは、登録を取り消すことができる。",
        ("不正の手段により登録を受けたとき", "灯台法の規定に違反したとき", "灯台を閉じたとき", "破産したとき"),
    )
    fined = (
        "次の各号のいずれかに該当するときは、灯台守を十万円以下の過料に処する。",
        (
            "第九条の規定に違反したとき",
            "第十条の規定による記載をせず、又は日誌に虚偽の記載をしたとき",
            "旗を下ろすとき",
            "鐘を売り払つたとき",
        ),
    )
    outside = {
        text
        for one in drafts(book(revoked, fined))
        for option in one.options
        if one.main == "1" and option.place[0] == "2"
        for text in option.texts
    }
    assert outside == {"旗を下ろすとき", "鐘を売り払ったとき"}
