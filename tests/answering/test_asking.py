"""What the terminal shows: articles, answers as they are written, findings, choices; and what JSON holds."""

import json

import pytest

from app.answering.asking import NO_MODEL, Manner, ask_file, ask_question, ask_questions, check_text
from app.core.errors import ConfigError, DataError, UntrustworthyResult

QUESTION = "旅客名簿の保存はいつまでか"
ARTICLE = (
    "1. 渡船法 第9条（旅客名簿）\n"
    "   https://laws.e-gov.go.jp/law/503AC0000000001#Mp-At_9\n"
    "   【旅客名簿】は、航海の終わった日から一年間【保存】しなければならない。\n"
)


def test_an_answer_with_its_articles_and_its_check(session_with, model_of, capsys):
    assert ask_question(session_with(model_of(["一年", "間です[1]。"])), QUESTION, (), Manner()) == 0
    out = capsys.readouterr().out
    assert out.startswith(ARTICLE)
    assert out.endswith(
        "\n答え:\n一年間です[1]。\n\n確かめ: 引用 [1] は上に示した条文です。答えが条文と合うかは、条文で確かめてください。\n"
    )


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            "参照条文からは分かりません。",
            "確かめ: 条文からは分からない: 示した条文に答えがない、という答えです。",
        ),
        (
            "十年間です。",
            "確かめ: 条文からは分からない: 答えはどの条文も引いていません。示した条文による答えではありません。",
        ),
    ],
)
def test_what_the_articles_do_not_say_is_said(session_with, model_of, capsys, text, line):
    assert ask_question(session_with(model_of([text])), QUESTION, (), Manner()) == 0
    assert capsys.readouterr().out.splitlines()[-1] == line


def test_an_invented_citation_is_not_to_be_trusted(session_with, model_of):
    session = session_with(model_of(["十年間です[8]。民法第601条による。"]))
    with pytest.raises(UntrustworthyResult) as caught:
        ask_question(session, QUESTION, (), Manner())
    assert str(caught.value) == ("示していない条文を引いています: [8]、民法第601条。この答えは条文で確かめられません。")


def test_nothing_found(session_with, model_of, capsys):
    assert ask_question(session_with(model_of(["十年間です。"])), "zzz", (), Manner()) == 0
    assert capsys.readouterr().out == "\n\n確かめ: 条文からは分からない: 条文が見つかりません。\n"


def test_nothing_found_and_no_model(session_with, capsys):
    assert ask_question(session_with(), "zzz", (), Manner()) == 0
    assert capsys.readouterr().out == "条文が見つかりませんでした。\n"


def test_without_a_model_the_articles_are_shown(session_with, capsys):
    assert ask_question(session_with(), QUESTION, (), Manner()) == 0
    shown = capsys.readouterr()
    assert shown.out.startswith(ARTICLE)
    assert "答え" not in shown.out
    assert shown.err.splitlines()[-1] == NO_MODEL


def test_the_whole_article_with_the_nearest_sentence_marked(session_with, capsys):
    ask_question(session_with(), "知事は何日以内に許可をするか", (), Manner(full=True))
    assert capsys.readouterr().out.splitlines()[:5] == [
        "1. 渡船法 第5条第2項（許可）",
        "   https://laws.e-gov.go.jp/law/503AC0000000001#Mp-At_5",
        "   【知事】は、前項の【許可】の申請があったときは、三十【日以内に許可】をしなければならない。",
        "   │ 第1項　渡船を営もうとする者は、知事の許可を受けなければならない。",
        "   │ 第2項　【知事は、前項の許可の申請があったときは、三十日以内に許可をしなければならない。】",
    ]


def test_json_of_an_answer(session_with, model_of, capsys):
    ask_question(session_with(model_of(["一年間です[1]。"])), QUESTION, (), Manner(as_json=True))
    (line,) = capsys.readouterr().out.splitlines()
    value = json.loads(line)
    assert list(value) == ["question", "answer", "standing", "cited", "not_shown", "coverage", "notes", "articles"]
    assert (value["answer"], value["standing"], value["cited"], value["not_shown"]) == (
        "一年間です[1]。",
        "grounded",
        [1],
        [],
    )
    assert value["articles"][0]["number"] == 1
    assert value["articles"][0]["deciding"]["text"] == "旅客名簿は、航海の終わった日から一年間保存しなければならない。"


def test_json_without_a_model(session_with, capsys):
    ask_question(session_with(), QUESTION, (), Manner(as_json=True))
    assert json.loads(capsys.readouterr().out)["answer"] is None


def test_each_sentence_of_a_text_is_judged(session_with, model_of, capsys):
    text = "旅客名簿は、航海の終わった日から九年間保存しなければならない。許可の手数料は現金で納めるものとし、印紙は使えない。"
    assert check_text(session_with(model_of(odds=-2.0)), text, Manner()) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == [
        "旅客名簿は、航海の終わった日から九年間保存しなければならない。",
        "→ 条文に合わない　合う確率 12%",
        "   いちばん近い文は [1] 渡船法 第9条",
    ]
    assert "→ 条文からは分からない（この文の言葉が、見つかった条文にほとんどありません）" in lines


def test_json_of_a_finding(session_with, model_of, capsys):
    check_text(session_with(model_of(odds=2.0)), "旅客名簿は一年間保存しなければならない。", Manner(as_json=True))
    value = json.loads(capsys.readouterr().out)
    assert (value["finding"], value["reason"], value["nearest"], value["mass"]) == ("fits", None, 1, 0.9)
    assert value["probability"] == pytest.approx(0.8808, abs=1e-4)


@pytest.mark.parametrize(("text", "words"), [("。", "0 個"), ("届出は要る。" * 51, "51 個")])
def test_how_many_sentences(session_with, text, words):
    with pytest.raises(DataError, match=words):
        check_text(session_with(), text, Manner())


def test_typed_choices(session_with, model_of, capsys):
    ask_question(session_with(model_of(odds=1.0)), f"{QUESTION}、正しいものはどれか。", ["一年間", "二年間"], Manner())
    assert capsys.readouterr().out.splitlines()[:3] == [
        f"{QUESTION}、正しいものはどれか。",
        "→   50% a 一年間",  # equal odds: the first counts, as everywhere
        "　   50% b 二年間",
    ]


def _file(tmp_path):
    samples = [
        {
            "ファイル名": f"問題{number}", "コンテキスト": "", "指示": "", "問題文": f"{QUESTION}、正しいものを教えてください。（{number}）",
            "選択肢": "a 一年間\nb 二年間\nc 三年間\nd 四年間", "output": "a", "references": [],
        }
        for number in (1, 2)
    ]  # fmt: skip
    path = tmp_path / "q.json"
    path.write_text(json.dumps({"samples": samples}, ensure_ascii=False), encoding="utf-8")
    return path


def test_the_questions_of_a_file(session_with, model_of, tmp_path, capsys):
    session = session_with(model_of(odds=1.0))
    ask_file(session, _file(tmp_path), None, None, Manner(as_json=True))
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(row["id"], row["chosen"], row["correct"]) for row in rows] == [("問題1", "a", "a"), ("問題2", "a", "a")]
    ask_file(session, _file(tmp_path), "問題2", None, Manner())
    assert "正解: a" in capsys.readouterr().out
    with pytest.raises(DataError, match="問題 なし がありません（例 問題1）"):
        ask_file(session, _file(tmp_path), "なし", None, Manner())


def test_a_file_with_a_question_that_no_letter_answers_is_refused_before_the_first(session_with, model_of, tmp_path):
    path = _file(tmp_path)
    value = json.loads(path.read_text("utf-8"))
    value["samples"][1]["output"] = "a,c"
    path.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")
    session = session_with(model := model_of(odds=1.0))
    session.form = "letter"
    with pytest.raises(DataError, match="問題2: 正解が 2 つある問題なので、文字では答えられません。--form choice を"):
        ask_file(session, path, None, None, Manner())
    assert model.prompts == []


def test_a_question_that_was_trained_on_is_said_to_be(session_with, model_of, tmp_path, capsys):
    manifest = {"trained_question_ids": ["問題2"], "trained_question_hashes": []}
    ask_file(session_with(model_of(odds=1.0)), _file(tmp_path), None, manifest, Manner())
    notes = [line for line in capsys.readouterr().err.splitlines() if "学習" in line]
    assert notes == ["注意: 問題2 はこのアダプタの学習に使われた問題です。"]


def test_a_conversation_goes_on_after_a_failure_and_anew(session_with, model_of, capsys, monkeypatch):
    model = model_of(["はい[1]。"])
    typed = iter(["旅客名簿は？", "長" * 30_000, "いつから？", "/新規", "許可は？", "/終了", "来ない"])
    monkeypatch.setattr("builtins.input", lambda _: next(typed))
    assert ask_questions(session_with(model), QUESTION, Manner()) == 0
    assert [prompt.split("【質問】\n")[1] for prompt in model.prompts] == [
        QUESTION,
        "旅客名簿は？",
        "いつから？",
        "許可は？",
    ]
    assert ["【これまでのやりとり】" in prompt for prompt in model.prompts] == [False, True, True, False]
    assert "エラー: 検索する文が 30," in capsys.readouterr().err


def test_a_conversation_ends_with_its_input_and_needs_a_model(session_with, model_of, monkeypatch):
    def ended(_):
        raise EOFError

    monkeypatch.setattr("builtins.input", ended)
    assert ask_questions(session_with(model_of()), None, Manner()) == 0
    with pytest.raises(ConfigError, match="モデルが指定されていません"):
        ask_questions(session_with(), None, Manner())
