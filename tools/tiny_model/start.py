"""Starting weights with which reading begins: a wired check of whether a token continues something read before.

Which parts a transformer needs to copy is known (Elhage et al. 2021, Olsson et al. 2022): heads that look one token back,
and a head in a later layer that finds where the present token stood before and reads what followed. From random weights
they have to appear together before any of them helps, which takes longer than the whole run we allow. So the first
three layers start with such a circuit, beside random weights, and everything is trained from there on:

layer 0   heads look 1, 1, 2 and 3 tokens back; 0 and 2 write down the code of the token they see
layer 1   heads 0 and 2 find where the last one and the last two tokens stood before, and write down the code of what
          followed there (the expected token); heads 1 and 3 find the same token
layer 2   heads 0 and 1 bring the expected code from the token before; gated units multiply it with the actual token's
          code and add the products up: large where the text goes on as it did before
layer 3   head 0 looks for the nearest token before that either does not go on so or ends a line; head 1 finds the token
          that began the line, where labels stand, and keeps its code at hand
layer 4   heads 0 and 1 name that first token, wherever they come to look
"""

from __future__ import annotations

import math
from typing import Any

WIRED_LAYERS = 3
# Coordinates of the residual stream: one that all tokens share, and five codes of equal length.
_CODE = 25
_TOKEN, _BEFORE, _TWO_BEFORE, _EXPECTED, _BROUGHT = (slice(1 + _CODE * n, 1 + _CODE * (n + 1)) for n in range(5))
_MATCH = 1 + _CODE * 5
_CONSTANT = 0.4  # value of the shared coordinate; gives the look-back heads a fixed query
_DEVIATION = 0.1  # of the token codes
_LOOK_BACK = (1, 1, 2, 3)  # offsets of the first layer's heads
_PAIR_WEIGHTS = (1.0, 0.8, 0.5, 0.3, 0.2)  # of the rotary pairs from the fastest on: together sharp and unambiguous
_RECENT = 3  # the rotary pair whose turn makes nearer tokens count more: over a sentence, not over a text
_NOISE = 0.1  # share of the usual random start that is kept where something is wired


def prepare(model: Any, *, norm: float, newline_id: int, max_distance: int = 400) -> None:
    """Overwrite some of the random weights of a ``Qwen3ForCausalLM`` in place.

    ``norm`` is the starting weight of the query and key norms (attention logits reach norm² · √head_dim). Matching heads
    use only rotary pairs that turn less than one radian over ``max_distance`` tokens. Raises ValueError if the model is
    too small to hold the circuit.
    """
    import torch

    config = model.config
    size, half = config.head_dim, config.head_dim // 2
    if (
        (config.num_attention_heads, config.num_key_value_heads) != (4, 4)
        or config.num_hidden_layers < 5
        or config.hidden_size <= _MATCH
        or size < _CODE
        or config.intermediate_size < 4 * _CODE
    ):
        raise ValueError("the starting circuit needs five layers, four heads and a hidden size of 127 or more")
    layers = model.model.layers
    rows = [slice(head * size, (head + 1) * size) for head in range(4)]
    same = torch.eye(size, _CODE)
    with torch.no_grad():
        embedding = model.model.embed_tokens.weight
        embedding.mul_(0.02 / embedding.std())
        embedding[:, _TOKEN].mul_(_DEVIATION / 0.02)
        embedding[:, _TOKEN.stop :] = 0
        embedding[:, 0] = _CONSTANT
        for layer in layers:
            attention = layer.self_attn
            attention.q_norm.weight.fill_(norm)
            attention.k_norm.weight.fill_(norm)
            # What is not wired begins silent.
            attention.o_proj.weight.zero_()
            layer.mlp.down_proj.weight.zero_()
            for projection in (attention.v_proj, layer.mlp.gate_proj, layer.mlp.up_proj):
                projection.weight[:, 0] = 0  # the shared coordinate says nothing
        look, find, compare = (layer.self_attn for layer in layers[:3])

        for head, offset in enumerate(_LOOK_BACK):
            _look_back(look, rows[head], offset, config)
        _carry(look, rows[0], _TOKEN, _BEFORE, same)
        _carry(look, rows[2], _TOKEN, _TWO_BEFORE, same)

        slow = _slow_rows(config, max_distance)
        for head in range(4):
            query, key = find.q_proj.weight[rows[head]], find.k_proj.weight[rows[head]]
            one, two = torch.zeros(2, size, _CODE)
            one[slow], two[slow] = key[slow, _TOKEN], key[slow, _BEFORE]
            query.mul_(_NOISE)
            key.mul_(_NOISE)
            if head % 2:
                query[:, _TOKEN] = key[:, _TOKEN] = one
                continue
            query[:, _TOKEN], key[:, _BEFORE] = one, one
            if head == 2:
                query[:, _BEFORE], key[:, _TWO_BEFORE] = two, two
            _carry(find, rows[head], _TOKEN, _EXPECTED, same)

        for head in (0, 1):
            _look_back(compare, rows[head], 1, config)
        _carry(compare, rows[0], _EXPECTED, _BROUGHT, same)
        mlp = layers[2].mlp
        for sign, start in ((1, 0), (-1, _CODE)):
            # silu(g)·u + silu(-g)·(-u) = g·u: two units together multiply exactly.
            units = slice(start, start + _CODE)
            for projection, code in ((mlp.gate_proj, _TOKEN), (mlp.up_proj, _BROUGHT)):
                projection.weight[units] = 0
                projection.weight[units, code] = sign * torch.eye(_CODE)
            mlp.down_proj.weight[:, units] = 0
            mlp.down_proj.weight[_MATCH, units] = 0.1

        judge, name = layers[3].self_attn, layers[4].self_attn
        newline = embedding[newline_id, _TOKEN] / embedding[newline_id, _TOKEN].norm()
        for head, pair, constant, code in ((0, _RECENT, 0.6, _TOKEN), (1, _RECENT + 1, -0.6, _BEFORE)):
            query, key = judge.q_proj.weight[rows[head]], judge.k_proj.weight[rows[head]]
            query.mul_(_NOISE)
            key.mul_(_NOISE)
            # The norm makes every key equally long: how much it points along the query's coordinate is what counts.
            query[pair, 0] = 1.0
            key[pair, 0], key[pair, code] = constant, 2.0 * newline
            key[half - 1, 0] = 0.6
        judge.k_proj.weight[_RECENT, _MATCH] = -1.0
        _carry(judge, rows[1], _TOKEN, _BROUGHT, 3.0 * same)
        for head in (0, 1):
            _carry(name, rows[head], _BROUGHT, _TOKEN, 2.0 * same)
        name.q_norm.weight.fill_(norm / 2)
        name.k_norm.weight.fill_(norm / 2)


def _look_back(attention: Any, rows: slice, offset: int, config: Any) -> None:
    # Query and key read the shared coordinate alone; the query is turned so that the product peaks ``offset`` back.
    query, key = attention.q_proj.weight[rows], attention.k_proj.weight[rows]
    query.mul_(_NOISE)
    key.mul_(_NOISE)
    half = config.head_dim // 2
    for pair, weight in enumerate(_PAIR_WEIGHTS):
        turn = config.rope_parameters["rope_theta"] ** (-pair / half)
        key[pair, 0] = weight
        query[pair, 0] = weight * math.cos(offset * turn)
        query[pair + half, 0] = -weight * math.sin(offset * turn)


def _carry(attention: Any, rows: slice, source: slice, target: slice, same: Any) -> None:
    # The head reads one code and writes it as another, about as long as it was.
    attention.v_proj.weight[rows] = 0
    attention.v_proj.weight[rows, source] = same
    attention.o_proj.weight[:, rows] = 0
    attention.o_proj.weight[target, rows] = same.T * _DEVIATION


def _slow_rows(config: Any, max_distance: int) -> list[int]:
    half = config.head_dim // 2
    theta = config.rope_parameters["rope_theta"]
    pairs = [pair for pair in range(half) if theta ** (-pair / half) * max_distance < 1]
    return [*pairs, *(pair + half for pair in pairs)]
