"""What of a text that is still being written may be shown already."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..core.answers import without_thoughts

# A mark of a thought that is only half written (<thi) must not be shown; the longest is <|channel|>analysis<|message|>.
_OPENS = "<[◁"
_LONGEST_MARK = 32


def visible(pieces: Iterable[str]) -> Iterator[str]:
    """The pieces of an answer without what was thought, each as soon as it is known to be no thought.

    Closing it closes ``pieces``, so that nobody goes on writing what nobody reads.
    """
    written, shown = "", ""
    try:
        for piece in pieces:
            written += piece
            text = without_thoughts(_settled(written))[0].lstrip()
            if text.startswith(shown):
                if len(text) > len(shown):
                    yield text[len(shown) :]
                shown = text
        text = without_thoughts(written)[0].lstrip()
        if text.startswith(shown) and len(text) > len(shown):
            yield text[len(shown) :]
    finally:
        close = getattr(pieces, "close", None)
        if close is not None:
            close()


def _settled(written: str) -> str:
    """The text up to where a mark may be half written."""
    start = max(written.rfind(sign) for sign in _OPENS)
    if start < 0 or len(written) - start > _LONGEST_MARK or any(end in written[start:] for end in ">]▷"):
        return written
    return written[:start]
