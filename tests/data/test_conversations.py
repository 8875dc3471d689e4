"""Alpaca and ShareGPT rows become records of one prompt and one answer; anything else is refused in one line."""

import json
from pathlib import Path
from typing import Any

import pytest

from app.core.errors import DataError
from app.data.conversations import asked_within, read_training_file
from app.data.records import Record

ALPACA = {"instruction": "次の文を短くしてください。", "input": "港の使用には届出が要る。", "output": "港は届出制。"}
SHAREGPT = {"conversations": [{"from": "human", "value": "港とは。"}, {"from": "gpt", "value": "船の着く所。"}]}
MESSAGES = {
    "messages": [
        {"role": "system", "content": "短く答える。"},
        {"role": "user", "content": "港とは。"},
        {"role": "assistant", "content": "船の着く所。"},
    ]
}
RECORD = {"input": "問", "output": "a", "meta": {}}


def file_of(folder: Path, *rows: Any) -> Path:
    path = folder / "talk.jsonl"
    path.write_text(
        "\n".join(row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows),
        encoding="utf-8",
    )
    return path


@pytest.mark.parametrize(
    ("row", "shape", "prompt", "answer"),
    [
        (ALPACA, "alpaca", "次の文を短くしてください。\n\n港の使用には届出が要る。", "港は届出制。"),
        ({**ALPACA, "input": ""}, "alpaca", "次の文を短くしてください。", "港は届出制。"),
        ({"instruction": "港とは。", "output": " 船の着く所。\n"}, "alpaca", "港とは。", "船の着く所。"),
        ({**ALPACA, "input": "", "system": "短く。", "history": []}, "alpaca", "短く。\n\n次の文を短くしてください。", "港は届出制。"),
        (SHAREGPT, "sharegpt", "港とは。", "船の着く所。"),
        (MESSAGES, "sharegpt", "短く答える。\n\n港とは。", "船の着く所。"),
    ],
)  # fmt: skip
def test_a_row_is_one_prompt_and_one_answer(tmp_path: Path, row: Any, shape: str, prompt: str, answer: str) -> None:
    read = read_training_file(file_of(tmp_path, "", row))
    (record,) = read.records
    assert (read.shape, record.input, record.output, record.form) == (shape, prompt, answer, "chat")
    assert (record.row_id, record.meta["question"], record.meta["choices"]) == ("talk:2", prompt, {})
    assert read.with_system == int(prompt.startswith("短く"))


TWO_ROUNDS = {"conversations": SHAREGPT["conversations"] * 2}


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([ALPACA, SHAREGPT], "2 行目: ここまでの行はAlpaca 形式（instruction・input・output）なのに、この行はShareGPT 形式（conversations か messages）です。ファイルを分けてください。"),
        ([RECORD, ALPACA], "2 行目: ここまでの行は学習レコードなのに、この行はAlpaca 形式"),
        ([SHAREGPT, RECORD], "2 行目: ここまでの行はShareGPT 形式"),
        ([{"prompt": "x", "completion": "y"}], "1 行目: どの形でもありません（キーは prompt、completion）。読めるのは学習レコード、Alpaca 形式"),
        ([{**ALPACA, **SHAREGPT}], "1 行目: Alpaca 形式（instruction・input・output）とShareGPT 形式（conversations か messages）のどちらともとれます"),
        ([{**SHAREGPT, **MESSAGES}], "1 行目: conversations と messages の両方があります。"),
        ([ALPACA, "{"], "2 行目が JSON として読めません"),
        ([ALPACA, [1]], "2 行目: オブジェクトではありません（list）。"),
        ([{**ALPACA, "output": " "}], "1 行目: output が空です。"),
        ([{**ALPACA, "output": 3}], "1 行目: output が文字列ではありません（3）。"),
        ([{"instruction": "x"}], "1 行目: output が文字列ではありません（None）。"),
        ([{**ALPACA, "history": [["q", "a"]]}], "1 行目: history に前の会話があります。"),
        ([SHAREGPT, TWO_ROUNDS], "2 行目: 発言の並びが user→assistant→user→assistant です。"),
        ([{"messages": [MESSAGES["messages"][0]]}], "1 行目: 発言の並びが なし です。"),
        ([{"messages": []}], "1 行目: 会話が空でない配列ではありません。"),
        ([{"messages": ["x"]}], "1 行目: 1 番目の発言がオブジェクトではありません（str）。"),
        ([{"messages": [{"role": "tool", "content": "x"}]}], "1 行目: 1 番目の発言の話し手が 'tool' です"),
        ([{"messages": [{"role": "user", "content": None}]}], "1 行目: 1 番目の発言: content が文字列ではありません（None）。"),
        ([{**ALPACA, "input": 1}], "1 行目: input が文字列ではありません（1）。"),
    ],
)  # fmt: skip
def test_a_file_that_is_none_of_them_is_refused_in_one_line(tmp_path: Path, rows: list[Any], message: str) -> None:
    path = file_of(tmp_path, *rows)
    with pytest.raises(DataError) as caught:
        read_training_file(path)
    assert str(caught.value).startswith(f"{path}: {message}")
    assert "\n" not in str(caught.value)


def test_our_own_records_are_read_by_their_own_reader(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"1 件の誤りがあります。\n1 行目が JSON として読めません"):
        read_training_file(file_of(tmp_path, "not json"))
    with pytest.raises(DataError, match=r"1 行目: meta\.id がありません"):
        read_training_file(file_of(tmp_path, RECORD))


def test_half_a_character_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="1 行目に文字の半分だけが残っています"):
        read_training_file(file_of(tmp_path, '{"instruction": "\\ud842", "output": "x"}'))


def test_a_question_is_found_in_a_conversation_that_holds_all_of_it() -> None:
    talk = Record("【問】会長の任期は？\n１　一年\n２　二年", "二年です", {})
    asked = {
        "whole": ["会長の任期は?", "一年", "二 年"],
        "other choices": ["会長の任期は?", "一年", "三年"],
        "nothing": ["", " "],
    }
    assert asked_within([talk, talk], asked) == ["whole"]
