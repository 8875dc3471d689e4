"""A conversation on the terminal: question after question, each asked with what was said before."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ..core.errors import UserError
from ..retrieval.grounds import Turn

ANEW, END = "/新規", "/終了"
HELP = f"質問を入力してください。続けて聞けます。話題を変えるときは {ANEW}、終わるときは {END} か Ctrl-D。"


def converse(
    lines: Iterator[str],
    answer: Callable[[str, tuple[Turn, ...]], str],
    tell: Callable[[str], None],
) -> None:
    """Answer line after line until they end; ``answer`` shows an answer and returns its text.

    A question that fails is told and forgotten: the conversation goes on.
    """
    tell(HELP)
    turns: tuple[Turn, ...] = ()
    for line in lines:
        question = line.strip()
        if question == END:
            return
        if question == ANEW:
            turns = ()
            tell("新しい話題です。")
        elif question:
            try:
                turns = (*turns, Turn(question, answer(question, turns)))
            except UserError as error:
                tell(f"エラー: {' '.join(str(error).split())}")


def typed_lines(prompt: str) -> Iterator[str]:
    """What a person types, until the input ends."""
    while True:
        try:
            yield input(prompt)
        except EOFError:
            return
