"""The one meaning of collapse: a model answers with one letter whatever it is asked, as training and evaluation see it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

# Where the right letters are balanced (2 bits is even; lawqa_jp's own order has 1.95), one letter on more than this share
# of the answers, or an entropy below this many bits, is a collapse …
BALANCED_BITS = 1.9
COLLAPSE_SHARE = 0.6
COLLAPSE_BITS = 1.0
# … elsewhere an entropy below this share of the right letters' own …
COLLAPSE_PART = 0.5
# … once there are enough answers for it not to be chance (20 fair answers exceed 60 % on one letter 7 times in 10,000).
COLLAPSE_ANSWERS = 20


@dataclass(frozen=True, slots=True)
class Collapse:
    """Whether answers have collapsed to one letter, and the numbers that say so.

    collapsed     None when it cannot be judged: too few answers, or most answers one letter where the right letters are
                  unbalanced too
    most          place of the letter that was answered most often
    share         its part of the answers, 0–1
    bits          entropy of the answers
    right_bits    entropy of the right letters
    """

    collapsed: bool | None
    most: int
    share: float
    bits: float
    right_bits: float


def collapse_of(answered: Sequence[int], right: Sequence[int]) -> Collapse:
    """How far answers have collapsed; ``answered`` and ``right`` count each letter, in one order, as it was shown."""
    total = sum(answered)
    most = max(range(len(answered)), key=lambda place: answered[place])
    share = answered[most] / total if total else 0.0
    bits, right_bits = entropy_bits(answered), entropy_bits(right)
    return Collapse(_collapsed(total, share, bits, right_bits), most, share, bits, right_bits)


def _collapsed(answers: int, share: float, bits: float, right_bits: float) -> bool | None:
    if answers < COLLAPSE_ANSWERS:
        return None
    if right_bits >= BALANCED_BITS:
        return share > COLLAPSE_SHARE or bits < COLLAPSE_BITS
    if bits < COLLAPSE_PART * right_bits:
        return True
    return None if share > COLLAPSE_SHARE else False


def entropy_bits(counts: Sequence[int]) -> float:
    """Shannon entropy of a histogram in bits; 0 for an empty one."""
    total = sum(counts)
    return -sum(count / total * math.log2(count / total) for count in counts if count) + 0.0
