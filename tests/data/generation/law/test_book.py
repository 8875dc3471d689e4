"""A law read for questions: rules, lists, cited items, and what is passed over."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.data.egov.law import Paragraph, Part
from app.data.generation.law.book import Listing, composed, put_in, read_book
from app.data.generation.law.passages import has_lost_its_levels
from tests.data.generation.laws import article, law, lighthouse, paragraph


def test_rules_of_the_lighthouse_law() -> None:
    rules = {rule.place: rule for rule in lighthouse().rules if rule.also is None}
    duty = rules["1", "1", None]
    assert (duty.subject, duty.condition, duty.modality, duty.exception) == ("灯台守", "灯火を消した", "duty", "濃霧の")
    assert duty.action == "二週間以内に、その旨を港湾大臣に届け出る"
    assert rules["1", "2", None].condition == "第一条第一項の届出があった場合において、必要があると認める"
    assert rules["3", "2", "2"].condition == "一年以上灯火をともさない"
    assert rules["3", "1", "2"].action == "灯台の位置を記載した申請書を港湾大臣に提出する"
    assert ("3", "1", "4") not in rules  # その他…: what it is stands in an order


def test_what_cannot_be_asked_about_is_counted() -> None:
    book = read_book(
        law(
            article("1", paragraph("1", "第二条の規定は、水路図について準用する。")),
            article("2", paragraph("1", "第二条中「灯台」とあるのは、「浮標」とする。")),
            article("3", paragraph("1", "燈臺守ハ燈火ヲ消シタルトキハ二週間内ニ届出ツヘシ")),
            article("4", paragraph("1", "「灯台」とは、港湾法第二条に規定する灯台をいう。")),
            article("5", paragraph("1", "削除"), deleted=True),
            article("6:8", paragraph("1", "削除")),
            article("9", paragraph("1", "灯台に関し必要な事項は、港湾省令で定める。")),
            article(
                "10",
                paragraph("1", "前条の灯台（次条の灯台（木造に限る。）を除く。）は、これを閉鎖しなければならない。"),
            ),
            article("11", paragraph("1", "灯台の区分は、次のとおりとする。", ("大型", "小型"))),
        )
    )
    assert book.passed_over == {
        "準用": 1, "読替え": 1, "片仮名書き": 1, "引用による定義": 1, "条番号がない・削除": 2, "文の形が決まらない": 1,
        "限定の括弧が長い・参照が決まらない": 1, "列記を読めない": 1,
    }  # fmt: skip
    assert book.rules == ()


def unnumbered(*items: str) -> Paragraph:
    """A paragraph of a law whose structure was inferred: its items have numbers, but none is printed."""
    parts = tuple(Part(str(number), "", item, ()) for number, item in enumerate(items, start=1))
    return Paragraph("1", "", "", "灯台守は、次に掲げる書類を港湾大臣に提出しなければならない。", parts)


@pytest.mark.parametrize(
    ("items", "lost"),
    [
        (
            (
                "灯火の記録を記載した書類",
                "次のイ又はロに掲げる場合の区分に応じ、当該イ又はロに定める書類",
                "灯台がある場合",
                "図面を記載した書類",
            ),
            True,
        ),
        (("灯火の記録を記載した書類", "次に掲げる事項を記載した書類", "所在地", "面積"), True),
        (("灯火の記録を記載した書類", "前号イからハまでに掲げる事項を記載した書類"), True),
        (("灯火の記録を記載した書類", "ガイドに掲げる図面を記載した書類"), False),  # a word that ends in ド
        (("灯火の記録を記載した書類", "灯台の図面を記載した書類"), False),
    ],
)
def test_a_list_that_has_lost_its_levels_is_passed_over(items: tuple[str, ...], lost: bool) -> None:
    paragraph = unnumbered(*items)
    assert has_lost_its_levels(paragraph) is lost
    book = read_book(law(article("1", paragraph)))
    assert (book.passages == ()) is lost
    assert book.passed_over.get("号とその下のイ・ロの区別がない", 0) == lost
    titled = replace(paragraph, parts=tuple(replace(one, title="一") for one in paragraph.parts))
    assert not has_lost_its_levels(titled)  # e-Gov's own files print every number


def test_a_time_that_is_put_in_becomes_a_case_where_the_lead_goes_on_so() -> None:
    lead = "組合は、次に掲げる場合においては、港湾大臣の承認を受けて、金銭を取り戻すことができる。"
    book = read_book(law(article("1", paragraph("1", lead, ("損害の賠償を終えたとき。", "灯台を廃止した場合")))))
    assert [put_in(book.listings[0], one) for one in ("損害の賠償を終えたとき", "灯台を廃止した場合")] == [
        "組合は、損害の賠償を終えた場合においては、港湾大臣の承認を受けて、金銭を取り戻すことができる",
        "組合は、灯台を廃止した場合においては、港湾大臣の承認を受けて、金銭を取り戻すことができる",
    ]


def test_an_item_is_put_into_the_place_of_the_list_where_it_fits() -> None:
    listing = next(one for one in lighthouse().listings if one.paragraph == "2" and one.article == "3")
    assert (listing.marker, listing.noun) == ("次の各号のいずれかに該当する", "とき")
    assert (
        put_in(listing, "一年以上灯火をともさないとき")
        == "港湾大臣は、一年以上灯火をともさないときは、灯台の登録を取り消すことができる"
    )
    assert put_in(listing, "灯台の位置") is None
    assert [rule.item for rule in composed(listing)] == ["1", "2"]


@pytest.mark.parametrize(
    "after", ["を除き", "を除くほか", "以外の場合には", "のほか", "でなければ", "に限り", "がない限り", "のみ"]
)
def test_one_of_several_exceptions_is_not_what_is_left_out(after: str) -> None:
    lead = f"組合は、次に掲げる場合{after}、その組合員の持分を取得してはならない"
    listing = Listing("3", "2", lead, "次に掲げる", "場合", (("1", "権利の実行のため必要な場合"), ("2", "合併の場合")))
    assert composed(listing) == []


def test_a_case_takes_the_place_of_what_a_case_falls_under() -> None:
    lead = "港湾大臣は、次の各号に掲げる場合のいずれかに該当するときは、灯台の登録を取り消すことができる"
    listing = Listing("3", "2", lead, "次の各号に掲げる", "場合", (("1", "灯台守が灯火を消したとき"),))
    assert (
        put_in(listing, "灯台守が灯火を消したとき")
        == "港湾大臣は、灯台守が灯火を消したときは、灯台の登録を取り消すことができる"
    )


@pytest.mark.parametrize(
    ("item", "fits"),
    [
        ("灯火に関し不正の行為があったとき", False),  # two subjects: 灯台守が … 行為が
        ("灯火の保守が困難であると認めるとき", False),  # it is not the keeper who finds it so
        ("灯台を閉鎖するおそれがあるとき", True),
        ("正当な理由がないのに灯火を消したとき", True),
    ],
)
def test_an_item_with_a_subject_of_its_own_is_not_put_after_another(item: str, fits: bool) -> None:
    lead = "灯台守が次の各号のいずれかに該当するときは、灯台の登録を取り消すことができる"
    listing = Listing("3", "2", lead, "次の各号のいずれかに該当する", "とき", (("1", item),))
    put = f"灯台守が{item}は、灯台の登録を取り消すことができる"
    assert put_in(listing, item) == (put if fits else None)


def test_a_definition_gives_rules_by_its_brackets() -> None:
    book = read_book(
        law(
            article(
                "2",
                paragraph(
                    "1", "この法律において「灯台」とは、航路を示す灯火を備えた施設（木造のものを除く。）をいう。"
                ),
                paragraph("2", "この法律において「水路」とは、船舶の通路（凍結した河川を含む。）をいう。"),
                paragraph(
                    "3", "この法律において「浮標」とは、水面に浮かべた標識（次条に規定するものを除く。）をいう。"
                ),
            )
        )
    )
    assert [(rule.subject, rule.action, rule.modality) for rule in book.rules] == [
        ("「灯台」に", "木造の施設が含まれる", "plain_not"),
        ("「水路」に", "凍結した河川が含まれる", "plain"),
    ]


def test_one_item_is_not_one_of_several() -> None:
    lead = "灯台守が、次の各号に掲げる場合のいずれかに該当するときは、その意に反して、これを免職することができる"
    listing = Listing("3", "2", lead, "次の各号に掲げる", "場合", (("1", "灯火を消した場合"),))
    assert put_in(listing, "灯火を消した場合") == (
        "灯台守が、灯火を消したときは、その意に反して、これを免職することができる"
    )


def test_deleted_items_are_not_shown() -> None:
    lead = "次に掲げる者は、手数料を納めなければならない。"
    deleted = Part("2:4", "二から四まで", "削除", ())
    items = (Part("1", "一", "登録を受けようとする者", ()), deleted, Part("5", "五", "削除", ()))
    (passage,) = read_book(law(article("1", replace(paragraph("1", lead), parts=items)))).passages
    assert passage.items == (("1", "登録を受けようとする者"),)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("役員（監事を除く。）は、灯台に住む。", [("第三条第一項の「役員」に", "監事が含まれる", "plain_not")]),
        ("灯台（建設中のものを含む。以下同じ。）に灯火をつける。", [("第三条第一項の「灯台」に", "建設中の灯台が含まれる", "plain")]),
        ("料金（夜間に収受するものに限る。）を定める。", [("第三条第一項の「料金」に", "夜間に収受する料金以外の料金が含まれる", "plain_not")]),
        ("施設（灯台（木造のものを除く。）に附属するものを除く。）を設ける。", [("第三条第一項の「灯台」に", "木造の灯台が含まれる", "plain_not")]),
        # What points elsewhere, stands after the same word twice, limits twice, or says who it is of "当該".
        ("船舶（次に掲げるものを除く。）を繋ぐ。", []),
        ("船舶（漁船を除く。）を他の船舶（帆船を除く。）に繋ぐ。", []),
        ("業者（個人に限り、未成年者を含む。）は、届け出る。", []),
        ("当該船舶（漁船を除く。）を繋ぐ。", []),
    ],
)  # fmt: skip
def test_what_brackets_take_in_or_leave_out(text: str, expected: list[tuple[str, str, str]]) -> None:
    book = read_book(law(article("3", paragraph("1", text), paragraph("2", "灯台守は、灯台に住む。"))))
    assert [(one.subject, one.action, one.modality) for one in book.bracketed] == expected
    assert book.bracketed_in(book.passages[:1]) == list(book.bracketed)
    assert book.bracketed_in(book.passages[1:]) == []


def test_brackets_of_an_item_are_the_items() -> None:
    text = ("船名（旧名を除く。）", "船長")
    (rule,) = read_book(law(article("3", paragraph("1", "次に掲げる事項を記載する。", text)))).bracketed
    assert (rule.subject, rule.action, rule.place) == ("第三条第一号の「船名」に", "旧名が含まれる", ("3", "1", "1"))


def test_items_that_were_struck_out_are_not_shown() -> None:
    items = ("船名", "―――", "削除", "船長")
    (passage,) = read_book(law(article("3", paragraph("1", "次に掲げる事項を記載する。", items)))).passages
    assert passage.items == (("1", "船名"), ("4", "船長"))
