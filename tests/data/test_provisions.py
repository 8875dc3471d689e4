"""Headings of contexts: articles, branch numbers, paragraphs, items, guidelines, retrieved passages."""

import pytest

from app.core.questions import ArticleRef
from app.data.provisions import gold_articles, law_key, parse_provisions, section_label


def labels(context: str) -> list[tuple[str, str]]:
    return [(provision.law, provision.label) for provision in parse_provisions(context)]


@pytest.mark.parametrize(
    ("headings", "label", "article"),
    [
        ("### 第27条の2", "第27条の2", "27_2"),
        ("### 第２７条の２の３", "第27条の2の3", "27_2_3"),
        ("### 第二十七条の二", "第27条の2", "27_2"),
        ("### 第1８条の２", "第18条の2", "18_2"),
        ("#### 第1条の３", "第1条の3", "1_3"),
        ("### 第5条（届出）", "第5条", "5"),
        ("### 第十九条から第二十一条まで 削除", "第19条から第21条まで", "19:21"),
        ("### 第5条\n#### 第６項\n##### 第2号", "第5条第6項第2号", "5"),
        ("### 第72条\n##### 第２号の３", "第72条第2号の3", "72"),
        ("### 第23条の25\n#### 第２項\n##### 第3号\n###### イ", "第23条の25第2項第3号イ", "23_25"),
        ("### 附則\n#### 第1項", "附則第1項", "附則"),
        ("### 附則第3条", "附則第3条", "附則3"),
        ("### B 基本ガイドライン\n#### ４－17", "4-17", "4-17"),
        ("### （問１２）\n### (答)", "問12", "問12"),
        ("### Q&A\n#### Q9\n##### A9", "Q9", "Q9"),
        ("### Ⅲ．総論\n#### Ⅲ－２ 適切性\n##### Ⅲ－２－４ 管理態勢\n###### （２）個人情報", "III-2-4", "III-2-4"),
        ("### 第1章　金融商品取引法\n#### 金商法第2条（定義）関係\n##### ２－２－２", "2-2-2", "2-2-2"),
        ("### 第4\n#### 12 不快な広告\n##### (1) 表現", "第4 12", "第4 12"),
        ("##### 別表第一\n###### 81", "別表第1", "別表第1"),
        ("### 附属の説明", "附属の説明", "附属の説明"),
        ("", "", "本文"),
    ],
)
def test_headings(headings: str, label: str, article: str) -> None:
    provisions = parse_provisions(f"## ある法律\n{headings}\n本文である。")
    assert [(one.label, one.article, one.text) for one in provisions] == [(label, article, "本文である。")]


def test_a_new_article_forgets_paragraph_and_item() -> None:
    context = "## 甲法\n### 第1条\n#### 第2項\n##### 第3号\n一。\n### 第2条\n二。\n## 乙令\n三。"
    assert labels(context) == [("甲法", "第1条第2項第3号"), ("甲法", "第2条"), ("乙令", "")]


def test_texts_stand_in_the_context_where_they_say() -> None:
    context = "## 甲法\n\n### 第1条\n  一行目。\n二行目。\n\n### 第2条\n終わり"
    for provision in parse_provisions(context):
        assert context[provision.start : provision.start + len(provision.text)] == provision.text


def test_an_article_named_by_its_heading_only_is_still_gold() -> None:
    assert gold_articles("## 甲法\n### 第1条\n### 第2条\n本文。") == (ArticleRef("甲法", "1"), ArticleRef("甲法", "2"))


def test_gold_articles_are_each_named_once() -> None:
    context = "## 甲法\n### 第1条\n#### 第1項\nあ。\n#### 第1項\nい。"
    assert gold_articles(context) == (ArticleRef("甲法", "1", "1"),)
    assert gold_articles(None) == gold_articles("") == ()


def test_retrieved_passages_are_read_with_their_paragraphs_and_items() -> None:
    context = (
        "[1] 甲法 第27条の2第3項（届出）\n第1項　あ。\n第3項　い。\n　一　う\n　二の二　え\n\n[2] 乙令 附則第3条\nお。"
    )
    assert labels(context) == [
        ("甲法", "第27条の2第1項"), ("甲法", "第27条の2第3項"), ("甲法", "第27条の2第3項第1号"),
        ("甲法", "第27条の2第3項第2号の2"), ("乙令", "附則第3条"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("title", "key"),
    [
        ("留意事項について（企業内容等開示ガイドライン）", "留意事項について"),
        ("株券等の公開買付けに関するＱ＆A", "株券等の公開買付けに関するＱ&A"),
        ("金融商品取引法〔第7版〕", "金融商品取引法〔第7版〕"),
        ("（かっこだけ）", "(かっこだけ)"),
    ],
)
def test_law_key(title: str, key: str) -> None:
    assert law_key(title) == key


def test_section_label() -> None:
    assert [section_label(article) for article in ("27_2", "19:21", "附則1", "附則", "問12", "本文")] == [
        "第27条の2", "第19条から第21条まで", "附則第1条", "附則", "問12", "本文"
    ]  # fmt: skip
