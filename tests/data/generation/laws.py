"""Invented laws for the tests of the generator."""

from __future__ import annotations

from app.data.egov.law import Article, Law, Paragraph, Part, Provisions
from app.data.generation.law.book import Book, read_book


def paragraph(number: str, text: str, items: tuple[str, ...] = ()) -> Paragraph:
    """A paragraph with items 一, 二, 三 …"""
    parts = tuple(
        Part(str(index), "一二三四五六七八"[index - 1], item, ()) for index, item in enumerate(items, start=1)
    )
    return Paragraph(number, "", "", text, parts)


def article(number: str, *paragraphs: Paragraph, caption: str = "", deleted: bool = False) -> Article:
    """An article with its paragraphs."""
    return Article(number, "", f"（{caption}）" if caption else "", (), paragraphs, "", deleted)


def law(*articles: Article, title: str = "灯台法", law_id: str = "400AC0000000001") -> Law:
    """A law of these articles."""
    main = Provisions("main", "", None, articles)
    return Law(
        law_id, f"{law_id}_20250401_000000000000000", title, "", (), "", "Act", None, None, main, None, (), (), ()
    )


LIGHTHOUSE = law(
    article(
        "1",
        paragraph("1", "灯台守は、灯火を消したときは、二週間以内に、その旨を港湾大臣に届け出なければならない。ただし、濃霧のときは、この限りでない。"),
        paragraph("2", "港湾大臣は、前項の届出があつた場合において、必要があると認めるときは、灯台守に対し、灯火の点検を命ずることができる。"),
        caption="灯火の届出",
    ),
    article(
        "2",
        paragraph("1", "何人も、正当な理由がないのに、灯台の鐘を鳴らしてはならない。"),
        paragraph("2", "灯台守は、水先大臣の許可を受けなければ、灯台を閉鎖してはならない。"),
        caption="禁止行為",
    ),
    article(
        "3",
        paragraph(
            "1",
            "灯台を設けようとする者は、次に掲げる事項を記載した申請書を港湾大臣に提出しなければならない。",
            ("氏名又は名称及び住所", "灯台の位置", "灯火の色", "その他港湾省令で定める事項"),
        ),
        paragraph(
            "2",
            "港湾大臣は、次の各号のいずれかに該当するときは、灯台の登録を取り消すことができる。",
            ("偽りの手段により登録を受けたとき。", "一年以上灯火をともさないとき。"),
        ),
        paragraph("3", "第一項第二号に掲げる事項を変更した者は、遅滞なく、その旨を港湾大臣に届け出なければならない。"),
        caption="登録",
    ),
    article(
        "4",
        paragraph("1", "水先大臣は、次に掲げる事項を水路図に記載しなければならない。", ("暗礁の深さ", "潮の流れ", "浮標の数")),
        caption="水路図",
    ),
)  # fmt: skip


def lighthouse() -> Book:
    """The lighthouse law, read."""
    return read_book(LIGHTHOUSE)


# An Act that leaves things to its order, and the order.
PILOTAGE = law(
    article(
        "1",
        paragraph("1", "水先人は、帳簿を備え、水先に関し港湾省令で定める事項を記載しなければならない。"),
        paragraph("2", "水先人は、政令で定める軽微な変更については、届出を要しない。"),
        caption="帳簿",
    ),
    article(
        "2",
        paragraph("1", "政令で定める者は、水先人となることができない。"),
        paragraph("2", "水先人は、政令で定める期間ごとに、講習を受けなければならない。"),
        caption="欠格",
    ),
    article("3", paragraph("1", "組合の定款には、次に掲げる事項を記載しなければならない。", ("名称", "その他港湾省令で定める記載事項"))),
    article("4", paragraph("1", "何人も、航路標識（政令で定めるものを除く。）を動かしてはならない。")),
    article("5", paragraph("1", "水先料は、政令で定める割合を超えて上げてはならない。")),
    title="水先法",
    law_id="400AC0000000002",
)  # fmt: skip
PILOTAGE_ORDER = law(
    article("1", paragraph("1", "法第一条第二項の政令で定める軽微な変更は、船名の変更とする。")),
    article("2", paragraph("1", "法第二条第一項に規定する政令で定める者は、次に掲げる者とする。",
                           ("二年以内に講習を受けない者", "法第九条の許可を取り消された者", "その他港湾大臣が定める者"))),
    article("3", paragraph("1", "法第二条第二項（法第九条において準用する場合を含む。）の政令で定める期間は、五年とする。")),
    article("4", paragraph("1", "法第四条の政令で定めるものは、浮標とする。")),
    title="水先法施行令",
    law_id="400CO0000000002",
)  # fmt: skip
PILOTAGE_RULES = law(
    article("1", paragraph("1", "法第一条第一項の港湾省令で定める事項は、次のとおりとする。",
                           ("船の名称", "水先をした年月日", "第三条の記録に関する事項", "水先の区間"))),
    article("2", paragraph("1", "法第三条第二号の港湾省令で定める記載事項は、次に掲げる事項とする。", ("役員の任期", "組合員の資格", "水先約款"))),
    article("3", paragraph("1", "法第一条第一項の証票は、別表のとおりとする。")),
    title="水先法施行規則",
    law_id="400M00000000002",
)  # fmt: skip


def pilotage() -> Book:
    """The pilotage Act, read with its orders."""
    return read_book(PILOTAGE, (PILOTAGE_ORDER, PILOTAGE_RULES))
