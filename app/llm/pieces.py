"""A written answer in pieces, as a person reads along."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

_HALF = "\ufffd"  # what a decoder writes for bytes that are not yet a character


def pieces_of(tokens: Iterable[int], decode: Callable[[Sequence[int]], str]) -> Iterator[str]:
    """The text of tokens as they come, no piece ending in half a character; joined it is the whole text, trimmed."""
    return trimmed(_decoded(tokens, decode))


def _decoded(tokens: Iterable[int], decode: Callable[[Sequence[int]], str]) -> Iterator[str]:
    # The whole is decoded again for each token: what a tokenizer writes between two words depends on both.
    kept: list[int] = []
    given = 0
    for token in tokens:
        kept.append(token)
        text = decode(kept)
        if not text.endswith(_HALF) and len(text) > given:
            yield text[given:]
            given = len(text)
    if rest := decode(kept)[given:]:
        yield rest


def trimmed(pieces: Iterable[str]) -> Iterator[str]:
    """The pieces without white space before the first word and after the last, and without empty pieces."""
    held, begun = "", False
    for piece in pieces:
        text = held + piece
        if not begun:
            text = text.lstrip()
        body = text.rstrip()
        held = text[len(body) :]
        if body:
            begun = True
            yield body
