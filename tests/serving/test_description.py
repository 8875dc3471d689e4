"""The endpoint's description: what it names, and that the page for people says the same as the one for programs."""

from __future__ import annotations

from typing import Any

from app.serving.description import Property, described, properties

from .test_pages import Page


def test_the_description_names_what_there_is(page: Any) -> None:
    value = page().get("/openapi.json").json()
    assert value == described()
    assert list(value["paths"]) == ["/v1/chat/completions", "/v1/models"]
    assert set(value["components"]["schemas"]) == {"ChatRequest", "Message", "Part"}
    for schema in value["components"]["schemas"].values():
        assert not schema["description"].isascii()
        assert all(not one["description"].isascii() for one in schema["properties"].values())


def test_the_page_says_the_same(page: Any) -> None:
    client = page()
    found = Page(client.get("/api").text)
    assert found.harmless()
    assert not [tag for tag, _ in found.tags if tag == "script"]
    value = client.get("/openapi.json").json()
    for path, methods in value["paths"].items():
        for method, operation in methods.items():
            assert f"{method.upper()} {path}" in found.text
            for code, answer in operation["responses"].items():
                assert code in found.text
                assert answer["description"] in found.text
    for name, schema in value["components"]["schemas"].items():
        assert ("h2", {"id": name}) in found.tags
        for field, one in schema["properties"].items():
            assert field in found.text
            assert one["description"] in found.text
    links = [a["href"] for tag, a in found.tags if tag == "a" and a["href"].startswith("#")]
    assert set(links) == {"#main", "#ChatRequest", "#Message", "#Part"}
    assert "http://127.0.0.1/v1/chat/completions" in found.text


def test_fields_as_they_are_told() -> None:
    schemas = described()["components"]["schemas"]
    told = {one.name: one for one in properties(schemas["ChatRequest"])}
    assert (told["messages"].kind, told["messages"].schema, told["messages"].needed) == (
        "Message の並び（1 個以上、100 個以下）", "Message", "必須",
    )  # fmt: skip
    assert (told["max_tokens"].kind, told["max_tokens"].needed) == (
        "整数（1 以上、32,768 以下） か null",
        "既定 null",
    )
    assert told["model"] == Property("model", "文字列", "", '既定 "horei"', "horei だけがあります")
    message = {one.name: one for one in properties(schemas["Message"])}
    assert (message["content"].kind, message["content"].schema) == ("文字列 か Part の並び", "Part")
    assert message["role"].kind == '"system" か "developer" か "user" か "assistant"'
