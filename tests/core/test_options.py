"""A settings dataclass as a command line and back; what a field does not allow is refused by its option's name."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import pytest

from app.core.errors import ConfigError
from app.core.options import add_options, as_words, faults, from_arguments, like, option, refuse


@dataclass(frozen=True, kw_only=True)
class Settings:
    name: str = field(metadata=option("名前", group="必須"))
    rank: int = field(default=16, metadata=option("ランク", least=1, group="数"))
    rate: float = field(default=2e-4, metadata=option("率", above=0, below=1))
    share: float = field(default=0.0, metadata=option("割合", least=0, below=1))
    steps: int | None = field(default=None, metadata=option("ステップ（既定: 1 周）", least=1))
    kind: Literal["nf4", "fp4"] = field(default="nf4", metadata=option("方式"))
    orders: Literal[1, 4] = field(default=1, metadata=option("並び"))
    layers: tuple[str, ...] = field(default=("all",), metadata=option("層"))
    path: Path | None = field(default=None, metadata=option("場所", name="--where", metavar="DIR"))
    spare: bool = field(default=True, metadata=option("節約"))
    bare: bool = field(default=False, metadata=option("素"))
    think: bool = field(default=False, metadata=option("思考"))
    hidden: int = 3  # no option


@dataclass(frozen=True, kw_only=True)
class Other:
    size: int = like(Settings, "rank", help="大きさ", least=2)


def parser(*, unset: bool = False) -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(exit_on_error=False)
    add_options(made, Settings, unset=unset)
    return made


@pytest.mark.parametrize(
    ("words", "changes"),
    [
        ([], {}),
        (["--rank", "8", "--rate", "0.5", "--share", "0.25", "--steps", "3"],
         {"rank": 8, "rate": 0.5, "share": 0.25, "steps": 3}),
        (["--kind", "fp4", "--orders", "4", "--layers", "q", "v"], {"kind": "fp4", "orders": 4, "layers": ("q", "v")}),
        (["--where", "a b", "--no-spare", "--bare", "--think"],
         {"path": Path("a b"), "spare": False, "bare": True, "think": True}),
    ],
)  # fmt: skip
def test_words_become_settings_and_settings_words(words: list[str], changes: dict[str, Any]) -> None:
    made = from_arguments(Settings, parser().parse_args(["--name", "m", *words]))
    assert made == replace(Settings(name="m"), **changes)
    assert as_words(made) == ["--name", "m", *words]
    assert as_words(made, always=("rank",), without=("name",)).count("--rank") == 1


def test_unset_options_are_none_until_given_and_their_help_says_the_default() -> None:
    made = parser(unset=True)
    assert vars(made.parse_args(["--name", "m", "--no-think"])) == {
        **dict.fromkeys(("rank", "rate", "share", "steps", "kind", "orders", "layers", "path", "spare", "bare")),
        "name": "m", "think": False,
    }  # fmt: skip
    text = made.format_help()
    for shown in (
        "ランク（既定: 16）",
        "割合（既定: 0.0）",
        "層（既定: all）",
        "節約（既定: する）",
        "ステップ（既定: 1 周）",
        "--where DIR",
    ):
        assert shown in text


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"rank": 0}, "--rank は 1 以上です（0）"),
        ({"rank": 1.5}, "--rank は整数です（1.5）"),
        ({"rank": True}, "--rank は整数です（True）"),
        ({"rate": 0.0}, "--rate は 0 より大きく 1 未満です（0.0）"),
        ({"rate": float("nan")}, "--rate は 0 より大きく 1 未満です（nan）"),
        ({"share": 1}, "--share は 0 以上 1 未満です（1）"),
        ({"steps": 0}, "--steps は 1 以上です（0）"),
        ({"kind": "int3"}, "--kind は nf4・fp4 のどれかです（int3）"),
        ({"orders": 2}, "--orders は 1・4 のどれかです（2）"),
        ({"path": "x"}, "--where はパスです（'x'）"),
        ({"layers": "q"}, "--layers は名前の並びです（'q'）"),
        ({"bare": None}, "--bare はする（true）か、しない（false）です（None）"),
        ({"name": None}, "--name は文字列です（None）"),
    ],
)
def test_each_fault_names_its_option(changes: dict[str, Any], fault: str) -> None:
    assert faults(replace(Settings(name="m"), **changes)) == [fault]


def test_like_takes_over_the_default_and_all_that_is_not_changed() -> None:
    assert Other().size == Settings(name="m").rank
    assert faults(Other(size=1)) == ["--size は 2 以上です（1）"]
    made = argparse.ArgumentParser()
    add_options(made, Other)
    assert "大きさ（既定: 16）" in made.format_help()


def test_faults_are_refused_together_and_nothing_else_is() -> None:
    refuse([])
    with pytest.raises(ConfigError, match=r"^設定に誤りがあります: 甲 ／ 乙$"):
        refuse(["甲", "乙"])
