"""Invented laws for the tests of the generator."""

from __future__ import annotations

from app.data.egov.law import Article, Law, Paragraph, Part, Provisions
from app.data.generation.book import Book, read_book


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
