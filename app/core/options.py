"""A settings dataclass as a command line: each field says once what it is; options, help and refusals follow from it.

    @dataclass(frozen=True, kw_only=True)
    class Settings:
        lora_r: int = field(default=16, metadata=option("LoRA のランク", least=1))

The annotation decides the kind of option: bool is a flag that can be said and unsaid (``--bf16``, ``--no-bf16``), Literal
the allowed values, a tuple several words, and ``X | None`` may be left out. A field of ``part`` holds settings that other
programs share. Defaults are those of the dataclass; nothing here knows one of its own.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Sequence
from dataclasses import MISSING, Field, dataclass, field, fields, replace
from functools import cache
from pathlib import Path
from types import NoneType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from .errors import ConfigError, UsageError

_KEY, _PART = "option", "part"
_TYPE_NAMES = {
    int: "整数", float: "数", bool: "する（true）か、しない（false）", str: "文字列", Path: "パス", tuple: "名前の並び",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """What a field's option says and refuses.

    help        the effect, in Japanese; the default is added to it
    group       heading under which this option and those after it stand; None: as the one before
    name        the option where it is not the field's own name with hyphens
    metavar     what stands for the value in the help
    rivals      name of a set of flags of which only one may be given
    least, above, below   bounds of a number: at least, more than, less than
    read        how a word becomes a value where the annotation does not say
    """

    help: str
    group: str | None = None
    name: str | None = None
    metavar: str | None = None
    rivals: str | None = None
    least: float | None = None
    above: float | None = None
    below: float | None = None
    read: Callable[[str], Any] | None = None


def option(text: str, /, **more: Any) -> dict[str, Any]:
    """The metadata of a field; ``more`` are fields of ``Option``."""
    return {_KEY: Option(help=text, **more)}


def like(owner: type, name: str, /, **changes: Any) -> Any:
    """A field with the default and the description that ``owner`` gives the field ``name``, apart from ``changes``.

    It stands under no heading of its own.
    """
    known = next(one for one in fields(owner) if one.name == name)
    return field(default=known.default, metadata={_KEY: replace(known.metadata[_KEY], **{"group": None, **changes})})


def part(kind: type) -> dict[str, Any]:
    """The metadata of a field that holds settings of ``kind``, whose options stand among those of its owner."""
    return {_PART: kind}


@cache
def _annotations(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def settings_fields(kind: type) -> list[tuple[Field[Any], Option]]:
    """The fields that are options, in order."""
    return [(one, one.metadata[_KEY]) for one in fields(kind) if _KEY in one.metadata]


def option_name(kind: type, name: str) -> str:
    """``--lora-r`` for the field ``lora_r``."""
    known = next((one.metadata.get(_KEY) for one in fields(kind) if one.name == name), None)
    return known.name if known is not None and known.name else "--" + name.replace("_", "-")


def value_type(kind: type, name: str) -> tuple[Any, bool]:
    """The annotation of a field without ``None``, and whether None is allowed."""
    annotation = _annotations(kind)[name]
    inside = [one for one in get_args(annotation) if one is not NoneType]
    optional = NoneType in get_args(annotation)
    return (inside[0] if optional else annotation), optional


def choices_of(kind: type, name: str) -> tuple[Any, ...] | None:
    """The values that a field's Literal allows; None for another type."""
    annotation, _ = value_type(kind, name)
    return get_args(annotation) if get_origin(annotation) is Literal else None


def add_options(
    parser: argparse._ActionsContainer, kind: type, *, only: Iterable[str] | None = None, unset: bool = False
) -> None:
    """Add the options of ``kind``. With ``unset`` each is None unless it was given, and none has to be (the help still
    says the default)."""
    group: Any = parser
    rivals: dict[str, Any] = {}
    wanted = None if only is None else set(only)
    for one in fields(kind):
        if _PART in one.metadata:
            add_options(parser, one.metadata[_PART], only=only, unset=unset)
        if _KEY not in one.metadata:
            continue
        said: Option = one.metadata[_KEY]
        if said.group is not None:
            group = parser.add_argument_group(said.group)
        if wanted is None or one.name in wanted:
            place = group
            if said.rivals is not None:
                place = rivals.setdefault(said.rivals, None) or group.add_mutually_exclusive_group()
                rivals[said.rivals] = place
            _add(place, kind, one, said, unset=unset)


def _add(group: Any, kind: type, one: Field[Any], said: Option, *, unset: bool) -> None:
    annotation, _ = value_type(kind, one.name)
    more: dict[str, Any] = {"dest": one.name, "help": said.help + _shown_default(one, said)}
    if one.default is MISSING:
        more["required"] = not unset
    else:
        more["default"] = None if unset else list(one.default) if isinstance(one.default, tuple) else one.default
    if annotation is bool:
        bare = option_name(kind, one.name).startswith("--no-")
        more["action"] = "store_true" if bare else argparse.BooleanOptionalAction
    else:
        choices = choices_of(kind, one.name)
        more |= {"choices": choices} if choices else {}
        more |= {"nargs": "+"} if get_origin(annotation) is tuple else {}
        more |= {"metavar": said.metavar} if said.metavar else {}
        more["type"] = said.read or _reader(annotation, choices)
    action = group.add_argument(option_name(kind, one.name), **more)
    if unset and one.default is not MISSING:
        action.shown_default = one.default  # for the documents' table


def _reader(annotation: Any, choices: tuple[Any, ...] | None) -> Any:
    return type(choices[0]) if choices else _inside(annotation)


def _inside(annotation: Any) -> Any:
    """What stands in a tuple; any other type is itself."""
    return get_args(annotation)[0] if get_origin(annotation) is tuple else annotation


def _shown_default(one: Field[Any], said: Option) -> str:
    # 0 is a default to be shown, though it equals False.
    if one.default is None or one.default is False or one.default is MISSING or "（既定" in said.help:
        return ""
    if one.default is True:
        return "（既定: する）"
    if one.default == ():
        return ""
    return f"（既定: {' '.join(one.default) if isinstance(one.default, tuple) else one.default}）"


def from_arguments(kind: type[Any], arguments: argparse.Namespace, **more: Any) -> Any:
    """The settings that parsed arguments stand for; ``more`` are fields that do not come from them alone.

    Raises what the construction of ``kind`` raises.
    """
    values = {one.name: getattr(arguments, one.name) for one, _ in settings_fields(kind)}
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
    parts = {one.name: one.metadata[_PART] for one in fields(kind) if _PART in one.metadata}
    inner = {name: from_arguments(inner, arguments) for name, inner in parts.items()}
    return kind(**{**values, **inner, **more})


def typed_settings(parser: argparse.ArgumentParser, kind: type[Any], arguments: argparse.Namespace, **more: Any) -> Any:
    """``from_arguments`` of a program: options that cannot stand beside each other are its wrong usage."""
    try:
        return from_arguments(kind, arguments, **more)
    except UsageError as error:
        parser.error(str(error))


def as_values(settings: Any) -> dict[str, Any]:
    """Every setting by its field's name, those of its parts among them."""
    values: dict[str, Any] = {}
    for one in fields(settings):
        value = getattr(settings, one.name)
        values |= as_values(value) if _PART in one.metadata else {one.name: value} if _KEY in one.metadata else {}
    return values


def words_without(words: Sequence[str], option: str) -> list[str]:
    """The words without ``option`` and its value."""
    kept: list[str] = []
    skip = False
    for word in words:
        if not skip and word.partition("=")[0] != option:
            kept.append(word)
        skip = not skip and word == option
    return kept


def as_words(settings: Any, *, always: Iterable[str] = (), without: Iterable[str] = ()) -> list[str]:
    """The command line that gives ``settings``: what differs from the default, and the fields named in ``always``."""
    kind, words, always, without = type(settings), list[str](), set(always), set(without)
    for one in fields(kind):
        value = getattr(settings, one.name)
        if _PART in one.metadata:
            words += as_words(value, always=always, without=without)
        if _KEY not in one.metadata:
            continue
        if one.name in without or value is None or (value == one.default and one.name not in always):
            continue
        name = option_name(kind, one.name)
        if isinstance(value, bool):
            words.append(name if value else name.replace("--", "--no-", 1))
        else:
            words += [name, *map(str, value if isinstance(value, tuple) else (value,))]
    return words


def faults(settings: Any) -> list[str]:
    """What of the values their own fields do not allow, as ``--lora-r は 1 以上です（0）``."""
    kind, found = type(settings), list[str]()
    for one, said in settings_fields(kind):
        value, choices, name = getattr(settings, one.name), choices_of(kind, one.name), option_name(kind, one.name)
        annotation, optional = value_type(kind, one.name)
        if value is None and optional:
            continue
        if choices is not None and value not in choices:
            found.append(f"{name} は {'・'.join(map(str, choices))} のどれかです（{value}）")
        elif choices is None and not is_of(annotation, value):
            wanted = get_origin(annotation) or annotation
            found.append(f"{name} は{_TYPE_NAMES.get(wanted, wanted.__name__)}です（{value!r}）")
        elif not _within(value, said):
            found.append(f"{name} は {_bounds(said)}です（{value}）")
    return found


def is_of(annotation: Any, value: Any) -> bool:
    """Whether a value is what the annotation says; a whole number is a number too, but yes and no are none."""
    if annotation in (int, float):
        return isinstance(value, (int, annotation)) and not isinstance(value, bool)
    if get_origin(annotation) is tuple:
        return isinstance(value, tuple) and all(isinstance(one, _inside(annotation)) for one in value)
    return isinstance(value, annotation)


def _within(value: Any, said: Option) -> bool:
    # Said as what has to hold, so that no comparison with NaN lets it through.
    return (
        (said.least is None or value >= said.least)
        and (said.above is None or value > said.above)
        and (said.below is None or value < said.below)
    )


def _bounds(said: Option) -> str:
    words = [(said.least, "以上"), (said.above, "より大きく"), (said.below, "未満")]
    return " ".join(f"{bound} {word}" for bound, word in words if bound is not None)


def refuse(found: Iterable[str]) -> None:
    """Raise ConfigError with every fault in one line, if there is any."""
    if listed := list(found):
        raise ConfigError("設定に誤りがあります: " + " ／ ".join(listed))
