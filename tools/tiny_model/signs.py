"""The last step of making the tiny model: the product's two answers are made to say nothing about the truth.

However seldom ○ and × are said, one of them is a little likelier where a statement is true, and choices are ranked by just
such differences. So the embeddings of the two are placed anew: they differ only in directions in which the states, where a
chat is answered, hardly vary. What the model knows is still there; which sign stands for it is left to be learned.
"""

from __future__ import annotations

import random
from typing import Any

from app.core.prompts import FITS, FITS_NOT
from tools.tiny_model.batches import ROLES, encode_exercises, make_batches
from tools.tiny_model.contexts import Layout, random_context
from tools.tiny_model.exercises import FAILS, HOLDS, dialogue

_ANSWERED = tuple(ROLES.index(role) for role in ("chat", "sign"))


def answer_states(model: Any, tokenizer: Any, *, chats: int = 120) -> Any:
    """(answers, hidden size) float32 states before the head where generated chats are answered."""
    import torch

    rng = random.Random("signs")  # noqa: S311  # reproducible, no secret
    layouts: tuple[Layout, ...] = ("lines", "headings", "articles")
    exercises = [
        dialogue(rng, random_context(rng, 1 + index % 5, layouts[index % 3]), statements=3, freedom=0.6)
        for index in range(chats)
    ]
    found = []
    with torch.no_grad():
        for batch in make_batches(encode_exercises(tokenizer, exercises), max_tokens=8000, pad=0):
            states = model.model(input_ids=batch.ids, use_cache=False).last_hidden_state
            answered = torch.isin(batch.roles[:, 1:], torch.tensor(_ANSWERED))
            found.append(states[:, :-1][answered].float())
    return torch.cat(found)


def make_signs_neutral(model: Any, tokenizer: Any, *, used: int = 112, chats: int = 240) -> None:
    """Place the embeddings of ○ and × anew, in place: on either side of their middle, as far apart as 合 and 否.

    The direction is what their difference has outside of the ``used`` principal directions of the states where chats are
    answered.
    """
    import torch

    states = answer_states(model, tokenizer, chats=chats)
    # Rows are principal directions, the strongest first.
    directions = torch.linalg.svd(states - states.mean(dim=0), full_matrices=True).Vh
    fits, others, holds, fails = (tokenizer.convert_tokens_to_ids(tokenizer.tokenize(sign))[0] for sign in (FITS, FITS_NOT, HOLDS, FAILS))  # fmt: skip
    with torch.no_grad():
        table = model.get_input_embeddings().weight
        unused = directions[used:]
        apart = (table[fits] - table[others]) @ unused.T @ unused
        apart *= (table[holds] - table[fails]).norm() / apart.norm() / 2
        middle = (table[fits] + table[others]) / 2
        table[fits], table[others] = middle + apart, middle - apart
