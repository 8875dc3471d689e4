"""What a server answers with, as JSON objects: one, or the pieces of a stream (server-sent events, or a line each).

Some servers stream though nobody asked for it, and some put an error into an answer with status 200; both are read here.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from ..core.redaction import hide

# The fields of server-sent events (a comment has an empty name).
_FIELDS = frozenset({b"", b"data", b"event", b"id", b"retry", b"error"})
# Written on from piece to piece; everything else is said once, and the last word counts.
_GROWING = frozenset({"content", "text", "reasoning", "reasoning_content", "thinking"})


async def objects_of(chunks: AsyncIterator[bytes]) -> AsyncIterator[dict[str, Any]]:
    """Every JSON object of an answer, as soon as it is there. Raises ValueError, one Japanese phrase, for anything else."""
    held, in_lines, found = b"", None, False
    async for chunk in chunks:
        held += chunk
        if in_lines is False or b"\n" not in chunk:
            continue
        *lines, held = held.split(b"\n")
        for place, line in enumerate(lines):
            if not line.strip():
                continue
            if in_lines is None:
                in_lines = _is_event(line)
            if not in_lines:  # one object over several lines
                held = b"\n".join([*lines[place:], held])
                break
            if (value := _event(line)) is not None:
                found = True
                yield value
    if in_lines is False:
        yield _object(held)
        return
    last = _event(held) if held.strip() else None
    if last is not None:
        yield last
    elif not found:
        raise ValueError("応答が空です")


def _event(line: bytes) -> dict[str, Any] | None:
    """The object of a line of a stream, None where it holds none. Raises ValueError for half an object."""
    name, colon, rest = line.strip().partition(b":")
    if not colon or name not in _FIELDS:
        return _object(line)
    if name == b"error":  # llama.cpp's own way of telling one
        return {"error": _object(rest)}
    if name != b"data" or rest.strip() in (b"", b"[DONE]"):
        return None
    return _object(rest)


def _is_event(line: bytes) -> bool:
    try:
        _event(line)
    except ValueError:
        return False
    return True


def _object(text: bytes) -> dict[str, Any]:
    try:
        value = json.loads(text.decode("utf-8"))
    except (ValueError, RecursionError):  # UnicodeDecodeError and JSONDecodeError; nested too deeply
        raise ValueError("応答が JSON ではありません") from None
    if not isinstance(value, dict):
        raise ValueError("応答が JSON のオブジェクトではありません")
    return value


def error_inside(value: Mapping[str, Any]) -> tuple[int | None, str] | None:
    """Code and words of an error that came with status 200, as gateways send it; None for an answer."""
    error = value.get("error")
    if not error or "choices" in value or "message" in value:
        return None
    code = error.get("code", error.get("status")) if isinstance(error, dict) else None
    words = error.get("message", error) if isinstance(error, dict) else error
    number = int(code) if isinstance(code, int) or (isinstance(code, str) and code.isdecimal()) else None
    return number, whole_characters(hide(" ".join(f"{'' if code is None else code} {words}".split()))[:200])


def whole_answer(events: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """One object of the pieces of a stream, in the form it has without streaming; a single answer as it is."""
    if len(events) == 1 and "delta" not in str(events[0].get("choices", "")):
        whole = events[0]
    else:
        whole = {}
        for event in events:
            _grow(whole, event)
    try:
        json.dumps(whole, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        mended: dict[str, Any] = _mended(whole)
        return mended
    return whole


def whole_characters(text: str) -> str:
    """``text`` with the halves of characters that stand side by side put together, and U+FFFD for one that stands alone:
    servers that write token by token cut characters beyond U+FFFF, and no file or page can hold half of one."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _mended(value: Any) -> Any:
    if isinstance(value, dict):
        return {whole_characters(name): _mended(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_mended(one) for one in value]
    return whole_characters(value) if isinstance(value, str) else value


def checked_pieces(
    events: Iterable[dict[str, Any]],
    piece: Callable[[dict[str, Any]], str],
    check: Callable[[dict[str, Any]], object],
) -> Iterator[str]:
    """The text of each event of a stream; after the last, ``check`` is given the whole answer and may raise.

    What is wrong with an answer (a prompt that was cut, another shape) often shows only at its end. The first half of a
    character waits for the event that brings the second.
    """
    seen, held = [], ""
    for event in events:
        seen.append(event)
        text = held + piece(event)
        held = text[-1:] if "\ud800" <= text[-1:] <= "\udbff" else ""
        yield whole_characters(text.removesuffix(held))
    if held:
        yield whole_characters(held)
    check(whole_answer(seen))


def _grow(whole: dict[str, Any], piece: Mapping[str, Any]) -> None:
    for name, value in piece.items():
        if name == "delta":  # a stream in which nothing was written has no content
            name = "message"
            if isinstance(message := whole.setdefault(name, {}), dict):
                message.setdefault("content", "")
        if name == "choices" and isinstance(value, list):
            _grow_choices(whole.setdefault("choices", []), value)
        elif isinstance(value, dict) and isinstance(whole.setdefault(name, {}), dict):
            _grow(whole[name], value)
        elif name in _GROWING and isinstance(value, str) and isinstance(whole.setdefault(name, ""), str):
            whole[name] += value
        elif value is not None or name not in whole:
            whole[name] = value


def _grow_choices(choices: list[Any], pieces: Sequence[Any]) -> None:
    for place, piece in enumerate(pieces):
        if isinstance(piece, dict):
            index = piece.get("index", place)
            while len(choices) <= index:
                choices.append({})
            _grow(choices[index], piece)
