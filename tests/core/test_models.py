"""What a message says of a value that does not fit its model."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, ValidationError

from app.core.models import first_misfit, misfits


class Leaf(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")

    size: int


class Tree(BaseModel):
    model_config = ConfigDict(strict=True)

    name: str
    leaves: list[Leaf] = []
    files: dict[str, str] = {}


@pytest.mark.parametrize(
    ("value", "places", "first"),
    [
        ({}, ["name"], "name がありません"),
        ({"name": 1, "leaves": 2}, ["name", "leaves"], "name 1"),
        ({"name": "x", "leaves": [{"size": 1}, {}]}, ["leaves[1].size"], "leaves[1].size がありません"),
        ({"name": "x", "files": {"a.json": 1}}, ["files"], "files 1"),
        (
            {"name": "x", "leaves": [{"size": 1, "more": 2}]},
            ["leaves[0].more"],
            "leaves[0].more という項目はありません",
        ),
        ({"name": ["x" * 99]}, ["name"], "name ['" + "x" * 38 + "…"),
        ([], [""], "[]"),
    ],
)
def test_the_place_is_named(value: Any, places: list[str], first: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Tree.model_validate(value)
    assert list(misfits(caught.value)) == places
    assert first_misfit(caught.value) == first
