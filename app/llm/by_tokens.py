"""Models asked by token ids: the prompt is training's, token for token, wherever the model runs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..core.chat import ChatFormat, encode_prompt, letter_token_ids, pair_token_ids, stop_token_id
from ..core.errors import ModelError
from ..core.prompts import Form
from ..core.questions import LETTERS
from .backend import Judgement, LetterReading
from .letters import LetterScores

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class AskedByTokens(ABC):
    """Letters and choices read from the next token. What runs the model adds ``score_ids``."""

    def __init__(self, tokenizer: Any, chat_format: ChatFormat, form: Form) -> None:
        """Raises ModelError when the tokenizer has no single tokens for the answers of ``form``, or no stop token, or

        its template loses the question or leaves a thought open: before a model is loaded or a server is asked.
        """
        self.tokenizer = tokenizer
        self.chat_format: ChatFormat = chat_format
        self._letter_ids: dict[tuple[str, ...], list[list[int]]] = {}
        self._pair_ids: list[list[int]] = []
        if form == "choice":
            self._pair_ids = pair_token_ids(tokenizer)
        else:
            self.ids_of(LETTERS)
        self._stop_id = stop_token_id(tokenizer, chat_format=chat_format)
        self.encode("問い")

    @abstractmethod
    def score_ids(
        self, rows: Sequence[Sequence[int]], answers: Sequence[Sequence[int]], *, shared_prefix: bool
    ) -> LetterScores:
        """Scores of the ``answers`` (the ids of each one's spellings) after each row of token ids.

        ``shared_prefix`` says that the rows begin alike.
        """

    def encode(self, prompt: str) -> list[int]:
        """Token ids of one prompt, chat markers included, thinking off."""
        return encode_prompt(self.tokenizer, prompt, chat_format=self.chat_format)

    def ids_of(self, letters: Sequence[str]) -> list[list[int]]:
        """The ids of every single-token spelling of each letter."""
        key = tuple(letters)
        if key not in self._letter_ids:
            self._letter_ids[key] = letter_token_ids(self.tokenizer, key)
        return self._letter_ids[key]

    def choice_logprobs(self, prompts: Sequence[str]) -> NDArray[np.float32]:
        """Log-probability (n, 4) of each letter as the first token of the answer."""
        return self.score_rows([self.encode(prompt) for prompt in prompts]).logprobs

    def score_rows(
        self, rows: Sequence[Sequence[int]], *, shared_prefix: bool = False, letters: Sequence[str] = LETTERS
    ) -> LetterScores:
        """Scores of the ``letters`` after each row of token ids.

        ``shared_prefix`` runs what the rows have in common once, and what they share with the last such call not at all.
        """
        return self.score_ids(rows, self.ids_of(letters), shared_prefix=shared_prefix)

    def read_letters(
        self,
        prompts: Sequence[str],
        letters: Sequence[str],
        *,
        reasonings: Sequence[str] | None = None,
        alike: bool = False,
    ) -> list[LetterReading]:
        """What the next token says of the letters, after each prompt or after its reasoning and ``Answer:``.

        What prompts that begin ``alike`` have in common runs once.
        """
        if reasonings is None:
            rows = [self.encode(prompt) for prompt in prompts]
        else:
            rows = [
                self.forced_answer_row(prompt, reasoning, letters)
                for prompt, reasoning in zip(prompts, reasonings, strict=True)
            ]
        scores = self.score_rows(rows, shared_prefix=alike, letters=letters)
        return [
            LetterReading(tuple(values), mass, len(row))
            for values, mass, row in zip(scores.logprobs.tolist(), scores.mass.tolist(), rows, strict=True)
        ]

    def judge(self, prompts: Sequence[str]) -> list[Judgement]:
        """Whether each prompt's candidate fits; what the prompts have in common runs once.

        Raises ModelError when the tokenizer has no single tokens for the two answers.
        """
        self._pair_ids = self._pair_ids or pair_token_ids(self.tokenizer)
        rows = [self.encode(prompt) for prompt in prompts]
        scores = self.score_ids(rows, self._pair_ids, shared_prefix=True)
        odds = (scores.logprobs[:, 0] - scores.logprobs[:, 1]).tolist()
        return [Judgement(*one) for one in zip(odds, scores.mass.tolist(), map(len, rows), strict=True)]

    def forced_answer_row(self, prompt: str, reasoning: str, letters: Sequence[str] = LETTERS) -> list[int]:
        """Token ids of the prompt, the reasoning and ``Answer:``, up to the place where the letter stands.

        The place is found by writing every answer and taking what their tokens share, so the letter is scored at
        exactly the token that training supervised, whatever the tokenizer does to the space before it.
        """
        head = f"{reasoning.strip()}\nAnswer: "
        written = [list(self.tokenizer(head + letter, add_special_tokens=False)["input_ids"]) for letter in letters]
        shared = 0
        while all(len(ids) > shared for ids in written) and len({ids[shared] for ids in written}) == 1:
            shared += 1
        for ids, spellings in zip(written, self.ids_of(letters), strict=True):
            if len(ids) <= shared or ids[shared] not in spellings:
                raise ModelError(
                    "トークナイザが「Answer: 」の後の文字を単独のトークンにしません。--use-cot は使えません。"
                )
        return self.encode(prompt) + written[0][:shared]
