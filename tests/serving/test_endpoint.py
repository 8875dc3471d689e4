"""The endpoint as other programs see it."""

import json

import pytest

from app.core.errors import BackendError, DataError
from app.retrieval.grounds import Turn
from app.serving.endpoint import Message, conversation

QUESTION = "旅客名簿の保存はいつまでか"
ASKED = {"messages": [{"role": "user", "content": QUESTION}]}


def test_the_models(page):
    assert page().get("/v1/models").json() == {
        "object": "list",
        "data": [{"id": "horei", "object": "model", "owned_by": "local"}],
    }


def test_a_whole_answer(page, model_of):
    model = model_of(["一年", "間です[1]。"])
    value = page(model).post("/v1/chat/completions", json={**ASKED, "max_tokens": 9, "temperature": 0.5}).json()
    assert value["object"] == "chat.completion"
    assert value["choices"] == [
        {"index": 0, "message": {"role": "assistant", "content": "一年間です[1]。"}, "finish_reason": "stop"}
    ]
    about = value["horei"]
    assert (about["standing"], about["cited"], about["not_shown"], about["not_used"]) == (
        "grounded",
        [1],
        [],
        ["temperature"],
    )
    assert about["articles"][0]["title"] == "第9条第1項"
    assert model.budgets == [9]


def test_an_answer_in_pieces(page, model_of):
    answer = page(model_of(["一年", "間です[1]。"])).post("/v1/chat/completions", json={**ASKED, "stream": True})
    assert answer.headers["content-type"].startswith("text/event-stream")
    *events, end, rest = answer.text.split("\n\n")
    assert (end, rest) == ("data: [DONE]", "")
    values = [json.loads(event.removeprefix("data: ")) for event in events]
    assert [value["choices"][0]["delta"] for value in values] == [
        {"role": "assistant", "content": ""}, {"content": "一年"}, {"content": "間です[1]。"}, {},
    ]  # fmt: skip
    assert [value["choices"][0]["finish_reason"] for value in values] == [None, None, None, "stop"]
    assert values[-1]["horei"]["check"].startswith("引用 [1] は")


@pytest.mark.parametrize(
    "body",
    [
        '{"\\ud842": 1, "messages": [{"role": "user", "content": "旅客名簿"}]}',
        '{"messages": [{"role": "user", "content": "旅客名簿\\ud842"}]}',
        '{"messages": [{"role": "user", "content": "旅客名簿", "\\ud842": 1}]}',
    ],
)
def test_half_a_character_is_refused(page, model_of, body):
    answer = page(model_of(["はい"])).post("/v1/chat/completions", content=body.encode())
    assert answer.status_code == 400
    assert "文字の半分だけ" in answer.json()["error"]["message"]


def test_nothing_found_is_said_without_asking(page, model_of):
    model = model_of(["でたらめ"])
    value = page(model).post("/v1/chat/completions", json={"messages": [{"role": "user", "content": "zzz"}]}).json()
    assert value["choices"][0]["message"]["content"] == "条文からは分からない: 条文が見つかりません。"
    assert value["horei"]["standing"] == "no_articles"
    assert model.prompts == []


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({**ASKED, "model": "gpt"}, 404, "モデル 'gpt' はありません"),
        ({}, 400, "messages"),
        ({"messages": []}, 400, "messages"),
        ({"messages": [{"role": "robot", "content": "x"}]}, 400, "messages.0.role"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": "x"}]}]}, 400, "messages.0.content"),
        ({"messages": [{"role": "assistant", "content": "x"}]}, 400, "最後を"),
        ({"messages": [{"role": "user", "content": " "}]}, 400, "最後を"),
        ({"messages": [{"role": "user", "content": "長" * 4001}]}, 400, "4,001 文字"),
        ({**ASKED, "max_tokens": 0}, 400, "max_tokens"),
        ([], 400, "本文"),
    ],
)  # fmt: skip
def test_refusals_have_openai_s_form(page, model_of, body, status, words):
    answer = page(model_of(["はい"])).post("/v1/chat/completions", json=body)
    assert answer.status_code == status
    assert words in answer.json()["error"]["message"]


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[" * 100_000, b"NaN"])
def test_what_is_no_json(page, model_of, content):
    answer = page(model_of()).post("/v1/chat/completions", content=content)
    assert answer.status_code == 400
    assert "error" in answer.json()


def test_without_a_model(page):
    answer = page().post("/v1/chat/completions", json=ASKED)
    assert answer.status_code == 400
    assert "モデルが指定されていません" in answer.json()["error"]["message"]


@pytest.mark.parametrize("stream", [False, True])
def test_a_model_that_fails(page, model_of, stream):
    class Broken(model_of):
        def stream(self, prompt, **_):
            yield "一"
            raise BackendError("http://user:secret@host: 接続できません")

    client = page(Broken())
    answer = client.post("/v1/chat/completions", json={**ASKED, "stream": stream})
    assert answer.status_code == (200 if stream else 503)
    assert "接続できません" in answer.text
    assert "secret" not in answer.text
    assert client.app.state.desk.line.length == 0
    shown = client.post("/ask", data={"question": QUESTION}).text
    assert "接続できません" in shown
    assert "secret" not in shown
    assert shown.endswith("</html>")


@pytest.mark.parametrize(
    ("messages", "question", "turns"),
    [
        ([("user", "甲")], "甲", ()),
        ([("system", "s"), ("user", "甲"), ("assistant", "乙"), ("user", " 丙 ")], "丙", (Turn("甲", "乙"),)),
        ([("user", "甲"), ("user", "丙")], "丙", ()),
    ],
)
def test_conversations(messages, question, turns):
    assert conversation([Message(role=role, content=text) for role, text in messages]) == (question, turns)


def test_parts_of_a_message_are_joined():
    parts = [{"type": "text", "text": "甲"}, {"type": "text", "text": "乙"}]
    assert conversation([Message(role="user", content=parts)])[0] == "甲乙"
    with pytest.raises(DataError):
        conversation([Message(role="system", content="甲")])
