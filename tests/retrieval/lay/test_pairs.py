from __future__ import annotations

import json

import pytest

from app.core.errors import DataError
from app.data.provisions import law_key
from app.retrieval.index.building import build_index
from app.retrieval.lay.pairs import (
    MAX_QUESTION,
    PROMPT,
    SAME_CAPTION,
    Captioned,
    Pair,
    by_model,
    captioned_articles,
    excluded_articles,
    questions_of,
    read_pairs,
)
from app.retrieval.lay.today import TodaysArticle, by_name, judged, todays_articles
from app.retrieval.store.store import Store


def opened(index_dir):
    store = Store(next(index_dir.glob("gen-*/store.sqlite")), writable=True)
    store.connection.execute("UPDATE laws SET law_type='CabinetOrder' WHERE law_id='504CO0000000002'")
    return store


def drawn(store, count, lay=(), exams=()):
    articles = todays_articles(store)
    return captioned_articles(store, articles, count, 1, judged(articles, lay, exams)[0])


def test_articles_of_acts_with_a_caption_that_says_something(index_dir):
    found = drawn(opened(index_dir), 10)
    # 第1条（目的）, 第2条（定義） and （政令への委任） say nothing; 市場法 has no captions; the 施行令 is no Act.
    assert sorted((one.law, one.article, one.caption) for one in found) == [
        ("渡船法", "5", "許可"),
        ("渡船法", "5_2", "許可の取消し"),
    ]
    assert next(one for one in found if one.article == "5").text == (
        "渡船法 第5条 （許可）\n渡船を営もうとする者は、次に掲げる事項を記載した申請書を知事に提出しなければならない。\n"
        "1　氏名\n2　航路の起点及び終点\n知事は、三十日以内に許可をしなければならない。"
    )
    assert len(drawn(opened(index_dir), 1)) == 1
    assert drawn(opened(index_dir), 10) == found


def test_of_many_articles_with_one_caption_a_few_are_taken(tmp_path, make_law):
    articles = {str(number): ["（検査）", f"第{number}の検査は、毎日行う。"] for number in range(1, 9)}
    folder = tmp_path / "laws" / "503AC0000000001_20230401_000000000000000"
    folder.mkdir(parents=True)
    (folder / f"{folder.name}.xml").write_text(make_law("検査法", "令和三年法律第一号", articles), encoding="utf-8")
    build_index(tmp_path / "laws", tmp_path / "index")
    assert len(drawn(opened(tmp_path / "index"), 10)) == SAME_CAPTION


def test_articles_of_questions_that_are_judged_are_kept_away_from(index_dir, tmp_path):
    lay = tmp_path / "lay.jsonl"
    lay.write_text(json.dumps({"id": "n1", "query": "渡し船を始めたい", "gold": [["渡船法", "5"]]}) + "\n", "utf-8")
    exam = tmp_path / "exam.json"
    sample = {
        "ファイル名": "渡船法_1", "問題文": "正しいものはどれか。", "選択肢": "a 甲\nb 乙\nc 丙\nd 丁", "output": "a",
        "コンテキスト": "## 渡船法\n### 第5条の2\n知事は、許可を取り消すことができる。",
    }  # fmt: skip
    exam.write_text(json.dumps({"samples": [sample]}, ensure_ascii=False), "utf-8")
    keys, exams = excluded_articles([lay, exam])
    assert keys == {("渡船法", "5")}
    assert [one.articles for one in exams] == [1]
    assert [one.article for one in drawn(opened(index_dir), 10, keys)] == ["5_2"]
    assert [one.article for one in drawn(opened(index_dir), 10, (), exams)] == ["5"]
    assert drawn(opened(index_dir), 10, keys, exams) == []


def test_a_file_that_names_no_article_is_refused(tmp_path):
    lay = tmp_path / "lay.jsonl"
    lay.write_text(json.dumps({"query": "q", "gold": []}) + "\n", "utf-8")
    with pytest.raises(DataError, match=r"lay\.jsonl: 条文を示す問題がないので、避ける条文が分かりません"):
        excluded_articles([lay])


def test_a_law_is_known_by_its_former_title_too(index_dir):
    store = opened(index_dir)
    (law_id,) = store.connection.execute("SELECT law_id FROM revisions WHERE title='渡船法'").fetchone()
    store.connection.execute(
        "INSERT INTO aliases (alias, law_id, kind, from_law) VALUES ('渡し船法', ?, 'former', ?)", (law_id, law_id)
    )
    found = drawn(store, 10, {("渡し船法", "5")})
    assert [(one.law, one.article) for one in found] == [("渡船法", "5_2")]


def test_only_the_text_in_force_is_taken(index_dir):
    store = opened(index_dir)
    store.connection.execute("UPDATE revisions SET valid_from='2999-01-01' WHERE title='渡船法'")
    assert drawn(store, 10) == []


def test_one_law_by_all_its_names(index_dir):
    store = opened(index_dir)
    (law_id,) = store.connection.execute("SELECT law_id FROM revisions WHERE title='渡船法'").fetchone()
    store.connection.execute(
        "UPDATE revisions SET title='令和三年法律第一号（渡船の安全に関する法律）' WHERE title='渡船法'"
    )
    store.connection.execute(
        "INSERT INTO aliases (alias, law_id, kind, from_law) VALUES ('渡し船法', ?, 'former', ?)", (law_id, law_id)
    )
    articles = todays_articles(store)
    (number,) = (number for number, one in articles.items() if one.law_id == law_id and one.article == "5_2")
    assert articles[number].names == (
        "令和三年法律第一号（渡船の安全に関する法律）",
        "渡船の安全に関する法律",
        "渡し船法",
    )
    assert articles[number].caption == "許可の取消し"
    known = by_name(articles)
    for name in articles[number].names:
        assert known[law_key(name), "5_2"] == number
        assert judged(articles, {(law_key(name), "5_2")}, ()) == ({number}, set())
    # 622の2 is no way an article is numbered here: it is said, not passed over.
    assert judged(articles, {("渡し船法", "5の2")}, ()) == (set(), {("渡し船法", "5の2")})


def test_a_name_that_two_laws_have_had_is_the_law_that_has_it():
    articles = {
        1: TodaysArticle("old", ("新しい法", "渡船法"), "1", ""),
        2: TodaysArticle("new", ("渡船法",), "1", ""),
        3: TodaysArticle("old", ("新しい法", "渡船法"), "2", ""),
    }
    assert by_name(articles) == {
        ("新しい法", "1"): 1,
        ("渡船法", "1"): 2,
        ("新しい法", "2"): 3,
        ("渡船法", "2"): 3,
    }
    assert by_name(dict(reversed(articles.items())))[("渡船法", "1")] == 2


def test_a_question_longer_than_is_read_at_once_is_one_line(tmp_path):
    path = tmp_path / "pairs.jsonl"
    rows = [{"law": "渡船法", "article": "5", "query": "敷" * size} for size in (MAX_QUESTION, MAX_QUESTION + 1)]
    path.write_text(json.dumps(rows[0]) + "\n", "utf-8")
    assert read_pairs(path) == [Pair("敷" * MAX_QUESTION, "渡船法", "5")]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    with pytest.raises(DataError, match=r"pairs\.jsonl: 2 行目の質問は 301 字あります。300 字までにしてください。"):
        read_pairs(path)


@pytest.mark.parametrize("gold", ["渡船法", [["渡船法"]], [["渡船法", 5]]])
def test_lay_questions_of_another_form_are_one_line(tmp_path, gold):
    path = tmp_path / "lay.jsonl"
    path.write_text(json.dumps({"query": "q", "gold": gold}) + "\n", "utf-8")
    with pytest.raises(DataError, match=r"lay\.jsonl: 1 行目の gold を"):
        excluded_articles([path])


ARTICLE = Captioned("渡船法", "5", "許可", "渡船法 第5条 （許可）\n渡船を営もうとする者は、許可を受ける。")


def test_what_a_model_writes_is_asked_in_batches_and_read_strictly():
    prompts = []

    def ask(some):
        prompts.append(list(some))
        return [
            "1. 渡し船の商売を始めるには何が要りますか？\n渡船法では何が要りますか？\n- 船で人を運んでもいいの?\n三つ目の質問はどうでしょう？"
        ] * len(some)

    found = list(by_model([ARTICLE] * 3, ask, batch=2))
    assert [len(some) for some in prompts] == [2, 1]
    assert prompts[0][0] == PROMPT.format(
        law="渡船法", caption="（許可）", text="渡船を営もうとする者は、許可を受ける。"
    )
    assert found[0] == [
        Pair("渡し船の商売を始めるには何が要りますか？", "渡船法", "5"),
        Pair("船で人を運んでもいいの?", "渡船法", "5"),
    ]
    assert questions_of("許可とは何ですか？\n\n", ARTICLE) == []
    told = "以下に、日常の言葉の質問を2つ挙げます。\n1. 車をぶつけたら誰が払う？\n2）「けがをさせたらどうなりますか。」"
    assert questions_of(told, ARTICLE) == ["車をぶつけたら誰が払う？", "けがをさせたらどうなりますか。"]
    marked = "**質問1**: 船に乗れないのはいつ？\n**質問2：** 荷物は誰が運ぶのか\nこの条文は届出を定めています。"
    assert questions_of(marked, ARTICLE) == ["船に乗れないのはいつ？", "荷物は誰が運ぶのか"]
    own = "① 「乗船」はいつからできるの？\n- 1.5倍の船賃は払うの？"
    assert questions_of(own, ARTICLE) == ["「乗船」はいつからできるの？", "1.5倍の船賃は払うの？"]
    headed = "### Q1: 『船に乗れないのはいつ？』\n1：「荷物は誰が運ぶのか。」。\n「船の」「持ち主は誰？」"
    assert questions_of(headed, ARTICLE) == ["船に乗れないのはいつ？", "荷物は誰が運ぶのか。"]
    assert questions_of("* \n" * 1000 + "船", ARTICLE) == []  # at once
