"""The endpoint described: as OpenAPI 3.1 for programs, and the same description as a page for people."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from .endpoint import MODEL, ChatRequest
from .view import render

TITLE = "エンドポイント"
_REF = "#/components/schemas/"
_TYPES = {
    "string": "文字列", "integer": "整数", "number": "数", "boolean": "true か false", "array": "並び", "object": "オブジェクト",
    "null": "null",
}  # fmt: skip
# Bounds of JSON Schema as a reader is told them.
_BOUNDS = (
    ("minimum", "{} 以上"), ("maximum", "{} 以下"), ("minItems", "{} 個以上"), ("maxItems", "{} 個以下"),
)  # fmt: skip


def described() -> dict[str, Any]:
    """The description (OpenAPI 3.1), built from the model that requests are checked with."""
    schema = ChatRequest.model_json_schema(ref_template=_REF + "{model}")
    parts = schema.pop("$defs", {})
    answer = {
        "200": "回答（OpenAI と同じ形。stream なら text/event-stream で、待つ間は順番をコメントで送る）。horei に、条文（articles）、"
        "引用を確かめた結果（standing、check）、使わなかった項目（not_used）",
        "400": "要求の形が違う、質問がない、長すぎる、モデルの指定がない",
        "404": f"model が {MODEL} でない",
        "503": "順番の列が一杯（Retry-After 秒の後に）、またはモデルが答えられない",
    }
    body = {"required": True, "content": {"application/json": {"schema": {"$ref": f"{_REF}ChatRequest"}}}}
    return {
        "openapi": "3.1.0",
        "info": {"title": "horei-ft", "version": "1", "description": "検索した条文を根拠に答える、OpenAI 互換の入口"},
        "paths": {
            "/v1/chat/completions": {
                "post": {
                    "summary": "検索した条文を根拠に答える",
                    "requestBody": body,
                    "responses": {code: {"description": words} for code, words in answer.items()},
                }
            },
            "/v1/models": {"get": {"summary": "モデルの一覧", "responses": {"200": {"description": "一覧"}}}},
        },
        "components": {"schemas": {"ChatRequest": schema, **parts}},
    }


@dataclass(frozen=True, slots=True)
class Property:
    """One field of a schema as the page shows it."""

    name: str
    kind: str
    schema: str  # the schema that it consists of; empty for plain values
    needed: str  # 必須, or the default
    words: str


def properties(schema: Mapping[str, Any]) -> list[Property]:
    """The fields of an object's schema."""
    required = schema.get("required", [])
    return [
        Property(
            name=name,
            kind=_kind(one),
            schema=next(_referred(one), ""),
            needed="必須" if name in required else f"既定 {json.dumps(one.get('default'), ensure_ascii=False)}",
            words=str(one.get("description", "")),
        )
        for name, one in schema.get("properties", {}).items()
    ]


def _kind(schema: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        return str(schema["$ref"]).removeprefix(_REF)
    if "anyOf" in schema:
        return " か ".join(_kind(one) for one in schema["anyOf"])
    if "const" in schema:
        return json.dumps(schema["const"], ensure_ascii=False)
    if "enum" in schema:
        return " か ".join(json.dumps(one, ensure_ascii=False) for one in schema["enum"])
    name = _TYPES.get(str(schema.get("type")), "値")
    if "items" in schema:
        name = f"{_kind(schema['items'])} の{name}"
    bounds = [words.format(f"{schema[key]:,}") for key, words in _BOUNDS if key in schema]
    return name + (f"（{'、'.join(bounds)}）" if bounds else "")


def _referred(schema: Mapping[str, Any]) -> Iterator[str]:
    """The schemas that a field's schema names, wherever in it."""
    if "$ref" in schema:
        yield str(schema["$ref"]).removeprefix(_REF)
    for inner in [*schema.get("anyOf", []), *([schema["items"]] if "items" in schema else [])]:
        yield from _referred(inner)


async def openapi(request: Request) -> Response:
    """The description for programs."""
    return JSONResponse(described())


async def page(request: Request) -> Response:
    """The description for people."""
    whole = described()
    operations = [
        (method.upper(), path, operation)
        for path, methods in whole["paths"].items()
        for method, operation in methods.items()
    ]
    schemas = [(name, one, properties(one)) for name, one in whole["components"]["schemas"].items()]
    address = str(request.base_url).rstrip("/")
    return HTMLResponse(
        render(
            "api.html", TITLE, "/status", about=whole["info"], operations=operations, schemas=schemas, address=address
        )
    )
