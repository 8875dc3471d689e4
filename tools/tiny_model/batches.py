"""Exercises as token batches, and the losses of a batch.

Losses are kept per token: naming the answers (verdicts and signs), predicting restated text that the context holds
(which makes the model look things up), and, on the states of middle layers, telling where a restated sentence first
departs from the context and whether it has departed by now. The last two are read by linear probes that are thrown away
afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tools.tiny_model.exercises import Exercise

ROLES = ("", "agrees", "departs", "differs", "judge", "chat", "stop", "sign")
ANSWERS = ("judge", "chat", "stop", "sign")
AGREES, DEPARTS, DIFFERS = (ROLES.index(role) for role in ("agrees", "departs", "differs"))


@dataclass(frozen=True, slots=True)
class Batch:
    """Token ids (rows, tokens), padded at the end, and the role of every token (index into ROLES; 0 for none)."""

    ids: Any
    roles: Any


def encode_exercises(tokenizer: Any, exercises: Sequence[Exercise]) -> list[tuple[list[int], list[int]]]:
    """(token ids, roles) of each exercise; a token has the role of the character it ends with.

    The token that holds the first differing character departs, wherever it ends.
    """
    rows = []
    encoded = tokenizer([each.text for each in exercises], add_special_tokens=False, return_offsets_mapping=True)
    for exercise, ids, offsets in zip(exercises, encoded["input_ids"], encoded["offset_mapping"], strict=True):
        role = bytearray(len(exercise.text))
        for mark in exercise.marks:
            role[mark.start : mark.end] = bytes([ROLES.index(mark.role)]) * (mark.end - mark.start)
        rows.append((ids, [DEPARTS if DEPARTS in role[start:end] else role[end - 1] for start, end in offsets]))
    return rows


def make_batches(rows: Sequence[tuple[list[int], list[int]]], *, max_tokens: int, pad: int) -> Iterator[Batch]:
    """The rows in padded batches of at most ``max_tokens`` places (one row at least), rows of like length together."""
    import torch

    ordered = sorted(rows, key=lambda row: len(row[0]))
    while ordered:
        longest = len(ordered[-1][0])
        count = max(1, max_tokens // longest)
        ordered, taken = ordered[:-count], ordered[-count:]
        ids = torch.full((len(taken), longest), pad)
        roles = torch.zeros((len(taken), longest), dtype=torch.long)
        for index, (tokens, marks) in enumerate(taken):
            ids[index, : len(tokens)] = torch.tensor(tokens)
            roles[index, : len(marks)] = torch.tensor(marks)
        yield Batch(ids, roles)


@dataclass(frozen=True, slots=True)
class Losses:
    """Per-token losses of a batch, not yet averaged, and whether the best guess was right."""

    roles: Any  # (predicted tokens,) role of each predicted token
    token: Any  # (predicted tokens,) cross entropy
    correct: Any  # (predicted tokens,)
    restated: Any  # (restated tokens,) role of each restated token
    point: Any  # (restated tokens,) binary cross entropy of "the first difference is here"; not for what follows it
    course: Any  # (restated tokens,) binary cross entropy of "has departed by now"
    course_correct: Any  # (restated tokens,)


def batch_losses(
    model: Any, probes: Any, batch: Batch, *, layers: tuple[int, int], copy_share: float, generator: Any = None
) -> Losses:
    """Losses of one batch; of the agreeing tokens a random ``copy_share`` is predicted.

    The two probes (first difference, course) read the states after ``layers``.
    """
    import torch
    from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, rms_norm

    with torch.autocast("cpu", torch.bfloat16):
        out = model.model(input_ids=batch.ids, use_cache=False, output_hidden_states=True)
        wanted = batch.roles[:, 1:]
        chosen = wanted > DIFFERS
        if copy_share:
            chosen |= (wanted == AGREES) & (torch.rand(wanted.shape, generator=generator) < copy_share)
        logits = model.lm_head(out.last_hidden_state[:, :-1][chosen]).float()
        places = (batch.roles >= AGREES) & (batch.roles <= DIFFERS)
        # Normalised as the next layer will see them.
        point, course = (
            probe(rms_norm(out.hidden_states[layer][places], (out.last_hidden_state.shape[-1],))).squeeze(-1).float()
            for probe, layer in zip(probes, layers, strict=True)
        )
    target = batch.ids[:, 1:][chosen]
    restated = batch.roles[places]
    departed = (restated != AGREES).float()
    return Losses(
        roles=wanted[chosen],
        token=cross_entropy(logits, target, reduction="none"),
        correct=logits.argmax(-1) == target,
        restated=restated,
        point=binary_cross_entropy_with_logits(point, departed, reduction="none") * (restated != DIFFERS),
        course=binary_cross_entropy_with_logits(course, departed, reduction="none"),
        course_correct=(course > 0) == (departed > 0),
    )
