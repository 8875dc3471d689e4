"""What run.json says about where examples come from: the same words that evaluation compares."""

from __future__ import annotations

from typing import Any

import pytest

from app.training.run_manifest import few_shot_source


@pytest.mark.parametrize(
    ("metas", "source"),
    [
        ([{"few_shot": False, "few_shot_source": None}], None),
        ([{"few_shot": True, "few_shot_source": "builtin:1"}] * 2, "builtin:1"),
        # A cot record in the same file has no examples and says nothing about them.
        ([{"few_shot": True, "few_shot_source": "builtin:1"}, {"few_shot": False, "few_shot_source": None}], "builtin:1"),
        ([{"few_shot": True, "few_shot_source": source} for source in ("file:b:y", "file:a:x")], ["file:a:x", "file:b:y"]),
        ([{"few_shot": True}], None),  # records of an earlier version
    ],
)  # fmt: skip
def test_few_shot_source(metas: list[dict[str, Any]], source: Any) -> None:
    assert few_shot_source(metas) == source
