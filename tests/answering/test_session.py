"""A session: what is found, what the model is asked, and what its answer is worth."""

import pytest

from app.answering.questions import typed_question
from app.answering.statements import Decision
from app.core.errors import ConfigError, DataError
from app.retrieval.grounds import Turn

QUESTION = "旅客名簿の保存はいつまでか"


def test_a_question_is_asked_with_the_articles_found(session_with, model_of):
    model = model_of(["一年", "間です[1]。"])
    session = session_with(model)
    grounds = session.grounds(QUESTION)
    assert grounds.context.used[0].title == "第9条第1項"
    assert list(session.written(grounds, max_new_tokens=7)) == ["一年", "間です[1]。"]
    assert model.prompts == [grounds.prompt]
    assert model.budgets == [7]
    assert "【参照条文】\n[1] 渡船法 第9条第1項（旅客名簿）\n旅客名簿は、" in grounds.prompt
    assert grounds.prompt.endswith(f"\n\n【質問】\n{QUESTION}")
    answer = session.read("一年間です[1]。", grounds)
    assert (answer.standing, answer.cited, answer.unsupported, answer.unshown) == ("grounded", (1,), (), ())


def test_a_follow_up_is_searched_and_asked_with_what_was_said(session_with, model_of):
    session = session_with(model_of())
    grounds = session.grounds("では、いつから数えるか", [Turn(QUESTION, "一年間です[1]。")])
    assert grounds.context.used[0].title == "第9条第1項"
    assert (
        f"【これまでのやりとり】\n問: {QUESTION}\n答: 一年間です。\n\n【質問】\nでは、いつから数えるか"
        in grounds.prompt
    )


@pytest.mark.parametrize(
    ("text", "standing", "unsupported", "unshown"),
    [
        ("一年間です[1]。", "grounded", (), ()),
        ("一年間です［１］。", "grounded", (), ()),
        ("第9条により一年間です[1]。", "grounded", (), ()),
        ("渡船法第九条により一年間です[1]。", "grounded", (), ()),
        ("一年間です。", "uncited", (), ()),
        ("渡船法第9条により一年間です。", "grounded", (), ()),  # named instead of numbered
        ("参照条文からは分かりません。", "not_said", (), ()),
        ("参照条文だけではわかりません", "not_said", (), ()),
        ("条文からはわからないので、答えられません。", "not_said", (), ()),
        ("参照条文からは分かりません[7]。", "invented", (7,), ()),
        ("十年間です[9][1]。", "invented", (9,), ()),
        ("民法第601条により十年間です[1]。", "invented", (), ("民法第601条",)),
        ("第77条により十年間です[1]。", "invented", (), ("第77条",)),
        ("渡船法第77条により十年間です。", "invented", (), ("渡船法第77条",)),
        ("", "uncited", (), ()),
    ],
)
def test_what_an_answer_cites_is_checked(session_with, model_of, text, standing, unsupported, unshown):
    session = session_with(model_of())
    answer = session.read(text, session.grounds(QUESTION, top_k=2))
    assert (answer.standing, answer.unsupported, answer.unshown) == (standing, unsupported, unshown)


def test_nothing_found_is_not_asked(session_with, model_of):
    model = model_of(["でたらめです[1]。"])
    session = session_with(model)
    grounds = session.grounds("zzz qqq")
    assert grounds.context.used == ()
    assert list(session.written(grounds)) == []
    assert model.prompts == []


@pytest.mark.parametrize(
    ("statement", "odds", "decision"),
    [
        ("旅客名簿は、航海の終わった日から一年間保存しなければならない。", 2.0, Decision("fits", None)),
        ("旅客名簿は、航海の終わった日から九年間保存しなければならない。", -2.0, Decision("contradicts", None)),
        ("旅客名簿は、航海の終わった日から九年間保存しなければならない。", 0.1, Decision("unknown", "unsure")),
        ("許可の手数料は現金で納めるものとし、印紙は使えない。", 5.0, Decision("unknown", "not_reached")),
        ("zzz qqq", 5.0, Decision("unknown", "no_articles")),
    ],
)
def test_a_statement_is_held_against_what_is_found(session_with, model_of, statement, odds, decision):
    model = model_of(odds=odds)
    verdict = session_with(model).check(statement)
    assert verdict.decision == decision
    assert len(model.prompts) == (0 if decision.reason == "no_articles" else 1)


def test_without_a_model_the_articles_are_shown_and_nothing_is_claimed(session_with):
    session = session_with()
    verdict = session.check("旅客名簿は一年間保存する。")
    assert (verdict.decision, verdict.probability) == (None, None)
    assert verdict.passages[verdict.deciding - 1].title == "第9条第1項"
    choice = session.choose(typed_question("旅客名簿の保存はどれか。", ["一年間", "二年間"]))
    assert (choice.chosen, choice.probabilities) == (None, {})
    with pytest.raises(ConfigError, match="モデルが指定されていません"):
        session.model.backend()


def test_a_statement_that_is_too_long_is_refused(session_with):
    with pytest.raises(DataError, match="2,001 文字"):
        session_with().check("長" * 2001)


def test_the_model_is_loaded_when_it_is_first_asked(ferry_index, model_of):
    from app.answering.session import LazyModel, Session
    from app.core.rag_config import load_config
    from app.retrieval.rag_pipeline import RAGPipeline

    loads = []
    lazy = LazyModel(lambda: loads.append(1) or model_of(odds=1.0))
    session = Session(RAGPipeline(load_config(env_file=None, retriever_index_dir=ferry_index), llm=lazy), lazy)
    session.grounds(QUESTION)
    assert (loads, lazy.loaded) == ([], False)
    session.check("旅客名簿は一年間保存する。")
    session.check("旅客名簿は二年間保存する。")
    assert (loads, lazy.loaded) == ([1], True)
