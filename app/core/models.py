"""Where a value that was read does not fit its pydantic model, in the words of a message."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # programs that only show their help need it not
    from pydantic import ValidationError

_SHOWN = 40  # characters of a value that a message quotes


def misfits(error: ValidationError) -> dict[str, dict[str, Any]]:
    """The errors of pydantic by place, as ``answers[0].order``, the first of each place.

    A key that is no identifier, such as a file's name, is left out.
    """
    found: dict[str, dict[str, Any]] = {}
    for one in error.errors(include_url=False):
        place = ""
        for part in one["loc"]:
            if isinstance(part, int):
                place += f"[{part}]"
            elif part.isidentifier():
                place += f".{part}" if place else part
        found.setdefault(place, dict(one))
    return found


def first_misfit(error: ValidationError) -> str:
    """The first place, with what is wrong there."""
    place, one = next(iter(misfits(error).items()))
    if one["type"] == "missing":
        return f"{place} がありません"
    if one["type"] in ("unexpected_keyword_argument", "extra_forbidden"):
        return f"{place} という項目はありません"
    shown = repr(one["input"])
    return f"{place} {shown if len(shown) <= _SHOWN else shown[:_SHOWN] + '…'}".lstrip()
