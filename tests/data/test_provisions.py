"""Headings of contexts: articles, branch numbers, paragraphs, items, guidelines, retrieved passages."""

import pytest

from app.core.questions import ArticleRef
from app.data.clusters import cluster_keys
from app.data.provisions import article_key, gold_articles, law_key, parse_provisions, section_label


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
        ("### 第27条の2第1項", "第27条の2第1項", "27_2"),
        ("### 第27条の2（見出し） 第1項", "第27条の2第1項", "27_2"),
        ("### 第２７条の２（見出し（公開買付け））第１項（届出）", "第27条の2第1項", "27_2"),
        ("### 第二十七条の二第一項第三号の二イ", "第27条の2第1項第3号の2イ", "27_2"),
        ("### 第27条の2第3号ロ", "第27条の2第3号ロ", "27_2"),
        ("### 第27条の2第1項ただし書", "第27条の2第1項", "27_2"),
        ("### 第27条の2第1項\n##### 第3号", "第27条の2第1項第3号", "27_2"),
        ("### 第27条の2第1項\n#### 第2項", "第27条の2第2項", "27_2"),
        ("### ある法律第27条の2", "第27条の2", "27_2"),
        ("### ある法律 第27条の2（見出し）第1項", "第27条の2第1項", "27_2"),
        ("### ある法律附則第3条", "附則第3条", "附則3"),
        ("### 附則第2条第3項", "附則第2条第3項", "附則2"),
        ("### 附則（令和元年法律第1号）第2条（経過措置）第3項第1号", "附則第2条第3項第1号", "附則2"),
        ("### 附則第2条（経過措置）", "附則第2条", "附則2"),
        ("### 第27条の2関係", "第27", "第27"),
        ("### 第27条の2第1項関係", "第27", "第27"),
        ("### ある法律第27条の2関係", "ある法律第27条の2関係", "ある法律第27条の2関係"),
        ("### 別の法律第27条の2第1項", "別の法律第27条の2第1項", "別の法律第27条の2第1項"),
        ("### B 基本ガイドライン\n#### ４－17", "4-17", "4-17"),
        ("### （問１２）\n### (答)", "問12", "問12"),
        ("### Q&A\n#### Q9\n##### A9", "Q9", "Q9"),
        ("### Ⅲ．総論\n#### Ⅲ－２ 適切性\n##### Ⅲ－２－４ 管理態勢\n###### （２）個人情報", "III-2-4", "III-2-4"),
        ("### 第1章　金融商品取引法\n#### 金商法第2条（定義）関係\n##### ２－２－２", "2-2-2", "2-2-2"),
        ("### 第4\n#### 12 不快な広告\n##### (1) 表現", "第4 12", "第4 12"),
        ("##### 別表第一\n###### 81", "別表第1", "別表第1"),
        ("### 別表1", "別表第1", "別表第1"),
        ("### 別表第一ノ二　課税物件表（第2条関係）", "別表第1の2", "別表第1の2"),
        ("### 別表", "別表", "別表"),
        ("### 別記様式第一号の二（第3条関係）", "別記様式第1号の2", "別記様式第1号の2"),
        ("### 第一号様式", "第1号様式", "第1号様式"),
        ("### 第27条の2 関係", "第27", "第27"),
        ("### 第4条 （届出 又は売出し）関係", "第4", "第4"),
        ("### 第4条（届出）関係", "第4", "第4"),
        ("### 附則 別表第一", "附則 別表第一", "附則 別表第一"),
        ("### 附則 抄", "附則", "附則"),
        ("### 附則第3条 経過措置", "附則第3条", "附則3"),
        ("### 第27条の2　第1項 届出", "第27条の2第1項", "27_2"),
        ("### 27条の2　親族関係", "第27条の2", "27_2"),
        ("### ある法律 第27条の2 届出", "第27条の2", "27_2"),
        ("### 27条1項3号", "第27条第1項第3号", "27"),
        ("### 第27条\n#### 第1項 届出", "第27条第1項", "27"),
        ("### 第27条\n#### 第1項及び第2項", "第27条", "27"),
        ("### 第27条\n#### 第1項\n##### 第2号、第3号", "第27条第1項", "27"),
        ("### 第27条第1項、第2項", "第27条", "27"),
        ("### 第1節\n#### 第1項 総則", "第1節 第1", "第1節 第1"),
        ("### 附属の説明", "附属の説明", "附属の説明"),
        ("", "", "本文"),
    ],
)
def test_headings(headings: str, label: str, article: str) -> None:
    provisions = parse_provisions(f"## ある法律\n{headings}\n本文である。")
    assert [(one.label, one.article, one.text) for one in provisions] == [(label, article, "本文である。")]


def test_a_combined_heading_names_the_article_that_headings_of_their_own_name() -> None:
    combined = gold_articles("## 民法（明治二十九年法律第八十九号）\n### 民法第27条の2（見出し）第1項第3号\n本文。")
    assert combined == gold_articles("## 民法\n### 第27条の2\n#### 第1項\n##### 第3号\n本文。")
    assert combined == (ArticleRef("民法", "27_2", "1", "3"),)
    assert cluster_keys(combined, None, "問") == ("民法 第27条の2",)


@pytest.mark.parametrize(
    "heading",
    [
        "709条",
        "民法709条",
        "第709条 不法行為",
        "第七百九条　不法行為",
        "７０９条（不法行為）",
        "民法 第709条　不法行為",
        "709条1項",
        "第709条：不法行為",
        "第709条【不法行為】",
        "第709条［不法行為］第1項",
        "第709条以下",
    ],
)
def test_one_article_is_one_cluster_however_its_heading_is_written(heading: str) -> None:
    refs = gold_articles(f"## 民法\n### {heading}\n本文。")
    assert cluster_keys(refs, None, "問") == ("民法 第709条",)


@pytest.mark.parametrize(
    ("heading", "articles"),
    [
        ("第709条、第710条", ("709", "710")),
        ("709条,710条の2", ("709", "710_2")),
        ("第709条（不法行為）及び第710条（賠償）", ("709", "710")),
        ("第七百九条・第七百十条　不法行為", ("709", "710")),
        ("第709条第1項、第710条第2項", ("709", "710")),
        ("附則第1条及び第2条", ("附則1", "附則2")),
        ("第709条及び附則第2条", ("709", "附則2")),
        ("第709条から第711条まで", ("709", "710", "711")),
        ("第七百九条から第七百十一条まで（不法行為）", ("709", "710", "711")),
        ("第709条（不法行為）～第711条", ("709", "710", "711")),
        ("709条-710条", ("709", "710")),
        ("第27条の2から第27条の4まで", ("27_2", "27_3", "27_4")),
        ("第27条から第27条の4まで", ("27", "27_4")),
        ("第9条から第3条まで", ("9", "3")),
        ("第3条から第5条まで（第4条を除く。）", ("3", "5")),
        ("第1条から第100条まで", tuple(map(str, range(1, 101)))),
        ("第1条から第101条まで", ("1", "101")),
        ("第709条から第711条まで　削除", ("709:711",)),
        ("第709～711条", ("709", "710", "711")),
        ("第709・710条", ("709", "710")),
        ("第27条の2・28条", ("27_2", "28")),
        ("第709条ないし第711条", ("709", "710", "711")),
        ("第709条、第711条～第713条", ("709", "711", "712", "713")),
        ("第709条から第711条まで及び第715条", ("709", "710", "711", "715")),
        ("第709条第1項から第3項まで", ("709",)),
        ("附則第1条から第3条まで", ("附則1", "附則2", "附則3")),
    ],
)
def test_a_heading_of_several_articles_names_each(heading: str, articles: tuple[str, ...]) -> None:
    context = f"## 民法\n### {heading}\n本文。"
    assert gold_articles(context) == tuple(ArticleRef("民法", article) for article in articles)
    assert [(one.text, one.start) for one in parse_provisions(context)] == [("本文。", context.index("本文"))] * len(
        articles
    )


def test_a_list_of_articles_with_paragraphs_under_it_and_without_text() -> None:
    assert labels("## 民法\n### 第1条、第2条\n#### 第1項\nあ。\n### 第3条\nい。") == [
        ("民法", "第1条、第2条第1項"), ("民法", "第1条、第2条第1項"), ("民法", "第3条")
    ]  # fmt: skip
    assert gold_articles("## 民法\n### 第1条、第2条") == (ArticleRef("民法", "1"), ArticleRef("民法", "2"))


@pytest.mark.parametrize(
    ("heading", "label"),
    [
        ("第709条から第711条まで（不法行為）", "第709条から第711条まで"),
        ("第709～711条", "第709条から第711条まで"),
        ("第709条及び附則第2条", "第709条、附則第2条"),
        ("第709条、第711条から第713条まで", "第709条、第711条から第713条まで"),
        ("第27条から第27条の4まで", "第27条から第27条の4まで"),
    ],
)
def test_the_text_of_several_articles_is_said_to_be_no_single_one_s(heading: str, label: str) -> None:
    assert {one for _, one in labels(f"## 民法\n### {heading}\n本文。")} == {label}


@pytest.mark.parametrize(
    ("headings", "named"),
    [
        ("### 第1条\nあ。\n### 附則\n#### 第1条\nい。\n#### 第3条\nう。", ["第1条", "附則第1条", "附則第3条"]),
        ("### 第1条\nあ。\n### 附則\n### 第1条\nい。\n#### 第2項\nう。", ["第1条", "附則第1条", "附則第1条第2項"]),
        ("### 附則\n#### 第1条から第2条まで\nい。", ["附則第1条から第2条まで"]),
        ("### 附則（令和元年法律第1号）\n#### 第1条（施行期日）第1項\nい。", ["附則第1条第1項"]),
        (
            "### 附則\nこの法律は、公布の日から施行する。\n### 第1条\nあ。",
            ["附則", "第1条"],
        ),  # put before the law's own
        ("### 附則\n#### 第1項\nい。\n### 第1条\nあ。", ["附則第1項", "第1条"]),
        ("#### 附則\n##### 第1条\nい。\n### 第1条\nあ。\n##### 第2条\nう。", ["附則第1条", "第1条", "第2条"]),
        ("### 附則\n#### 第1条\nい。\n## 乙法\n### 第1条\nあ。", ["附則第1条", "第1条"]),
    ],
)
def test_articles_under_a_heading_of_the_supplement_are_its_own(headings: str, named: list[str]) -> None:
    found = [label for _, label in labels(f"## 甲法\n{headings}")]
    assert list(dict.fromkeys(found)) == named


@pytest.mark.parametrize(
    ("headings", "refs"),
    [
        ("# 民法\n## 第709条\n本文。", [("民法", "709")]),
        ("# 民法\n## 第3編　債権\n### 第709条\n本文。\n## 附則\n### 第1条\n本文。", [("民法", "709"), ("民法", "附則1")]),
        ("# 民法\n## 第709条\n#### 第1項\nあ。\n# 刑法\n## 第199条\nい。", [("民法", "709"), ("刑法", "199")]),
        ("## 民法第709条\n本文。", [("民法", "709")]),
        ("## 民法 第七百九条（不法行為）\n本文。", [("民法", "709")]),
        ("## 民法　附則第3条\n本文。", [("民法", "附則3")]),
        ("## 民法（明治29年法律第89号）第709条　不法行為\n本文。", [("民法", "709")]),
        ("# 参照条文\n## 民法\n### 第709条\n本文。", [("民法", "709")]),
        ("## 金融商品取引法第二条に規定する定義に関する内閣府令\n### 第1条\n本文。",
         [("金融商品取引法第二条に規定する定義に関する内閣府令", "1")]),
        ("## 第709条\n本文。", [("第709条", "本文")]),  # of no law
        ("## 附則第3条\n本文。", [("附則第3条", "本文")]),
    ],
)  # fmt: skip
def test_a_law_named_by_the_first_level_or_with_its_article(headings: str, refs: list[tuple[str, str]]) -> None:
    assert [one.article_key for one in dict.fromkeys(gold_articles(headings))] == refs


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


def test_a_retrieved_appendix_is_the_one_that_a_heading_names() -> None:
    retrieved = parse_provisions("[1] 印紙税法 別表第一　課税物件表（第二条関係）\n契約書")[0].ref
    named = parse_provisions("## 印紙税法\n##### 別表第1\n契約書")[0].ref
    assert retrieved == named == ArticleRef("印紙税法", "別表第1")


@pytest.mark.parametrize(
    ("part", "article", "title", "key"),
    [
        ("main", "27_2", "第27条の2第1項", "27_2"),
        ("preamble", "", "前文", ""),
        ("supplement", "", "附則第1項", "附則"),
        ("amendment", "3", "附則（令和元年法律第一号）第3条", "附則3"),
        ("appendix", "", "別表第一（第三条関係）", "別表第1"),
        ("appendix", "", "別表第一の二", "別表第1の2"),
        ("appendix", "", "様式第一号", "様式第1号"),
        ("appendix", "", "附則（令和元年法律第一号）の別表第一", "附則（令和元年法律第一号）の別表第一"),
    ],
)
def test_article_key(part: str, article: str, title: str, key: str) -> None:
    assert article_key("印紙税法（抄）", part, article, title) == ("印紙税法", key)


@pytest.mark.parametrize(
    ("title", "key"),
    [
        ("留意事項について（企業内容等開示ガイドライン）", "留意事項について"),
        ("株券等の公開買付けに関するＱ＆A", "株券等の公開買付けに関するQ&A"),
        ("⺠法　（抄）（明治二十九年法律第八十九号）", "民法"),
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
