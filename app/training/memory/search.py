"""The largest setting that fits a card, with the reason for each choice, and what to change when one does not fit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import chain
from typing import Any

from .model_sizes import ModelSizes, read_model_sizes, shipped_names
from .plan import GIB, MemoryPlan, plan, weight_bytes
from .savings import FEWER_ROWS, LENGTHS, walk_down
from .setting import MemorySetting

BATCHES = (1, 2, 3, 4, 6, 8)
# Two lengths that give the straight lines in tokens. The first is also the shortest row worth training on: law questions
# with their articles are seldom shorter, so other things are given up before it.
_PROBES = (512, 2048)
# Plain weights are worth it only where rows of this length fit beside them.
_PLAIN_LENGTH = 1024


@dataclass(frozen=True, slots=True)
class Choice:
    """The plan of the setting found, and one line a choice."""

    plan: MemoryPlan
    reasons: tuple[str, ...]


@dataclass(slots=True)
class Card:
    """A card to fit into, and the plans made for it."""

    sizes: ModelSizes
    vram_gib: float
    desktop_gib: float
    told: Callable[[MemorySetting], None] = lambda _: None  # what is about to be simulated
    _made: dict[MemorySetting, MemoryPlan] = field(default_factory=dict)

    def plan(self, setting: MemorySetting) -> MemoryPlan:
        """The simulated plan of ``setting``; each is simulated once."""
        if setting not in self._made:
            self.told(setting)
            self._made[setting] = plan(self.sizes, setting, vram_gib=self.vram_gib, desktop_gib=self.desktop_gib)
        return self._made[setting]

    @property
    def probes(self) -> tuple[int, int]:
        """Two lengths within the model's limit."""
        limit = self.sizes.max_position_embeddings
        return min(_PROBES[0], max(limit // 2, 2)), min(_PROBES[1], limit)

    def need(self, made: MemoryPlan) -> float:
        """GiB of the card that ``made`` takes, the display included."""
        return made.required_gib + self.desktop_gib

    def probe(self, setting: MemorySetting, tokens: int) -> MemoryPlan:
        """The plan of one row of ``tokens``, other things as in ``setting``."""
        positions = _capped(setting.label_positions, self.probes[0])
        return self.plan(replace(setting, max_seq_length=tokens, batch_size=1, label_positions=positions))

    def needs(self, setting: MemorySetting) -> Callable[[int], float]:
        """GiB needed (display included) as a function of the tokens in a batch, other things as in ``setting``.

        Each phase is a line of its own. The allocator's gaps are not; the larger of the two seen is taken.
        """
        first, second = self.probes
        short, long = self.probe(setting, first), self.probe(setting, second)
        beside = max(made.required_gib - made.peak_gib for made in (short, long)) + self.desktop_gib

        def need(tokens: int) -> float:
            steps = (tokens - first) / (second - first)
            phases = (low + steps * (long.phases[phase] - low) for phase, low in short.phases.items())
            return max(phases) + beside

        return need


def largest_setting(card: Card, wanted: MemorySetting, fixed: Mapping[str, Any]) -> Choice:
    """The longest rows, then the largest batch, that fit; other fields named in ``fixed`` stay as in ``wanted``.

    When nothing fits, the plan of the smallest setting is returned. Raises ConfigError for a card that is smaller than
    the weights in any setting.
    """
    reasons: list[str] = []
    setting = _choose_quantization(card, wanted, fixed, reasons)
    setting = _choose_savings(card, setting, fixed, reasons)
    made = _choose_size(card, setting, reasons)
    return Choice(_choose_checkpointing(card, made, fixed, reasons), tuple(reasons))


def _choose_quantization(
    card: Card, setting: MemorySetting, fixed: Mapping[str, Any], reasons: list[str]
) -> MemorySetting:
    if "quantization" in fixed:
        return setting
    plain = weight_bytes(card.sizes, "none") / GIB
    unquantized = replace(setting, quantization="none")
    long_enough = card.sizes.max_position_embeddings >= _PLAIN_LENGTH
    if plain < card.vram_gib - card.desktop_gib and long_enough and card.probe(unquantized, _PLAIN_LENGTH).fits:
        reasons.append(
            f"quantization none: 16bit の重み {plain:.1f} GiB でも 1,024 トークンが入るので、量子化の誤差を避ける"
        )
        return unquantized
    packed = weight_bytes(card.sizes, "nf4") / GIB
    reasons.append(f"quantization nf4: 16bit では重みだけで {plain:.1f} GiB。4bit なら {packed:.1f} GiB")
    return replace(setting, quantization="nf4")


# What is given up before rows get shorter than the shortest; the rest of the table is chosen by itself here.
_BEFORE_SHORT_ROWS = ("embedding_device", "optimizer", "lora_dtype", "lm_head_4bit", "lora_r", "target_modules")


def _choose_savings(card: Card, setting: MemorySetting, fixed: Mapping[str, Any], reasons: list[str]) -> MemorySetting:
    tried, made = setting, card.probe(setting, card.probes[0])
    ways = walk_down(setting, lambda one: card.probe(one, card.probes[0]), only=_BEFORE_SHORT_ROWS, fixed=fixed)
    while not made.fits and (step := next(ways, None)) is not None:
        _, tried, made = step
    given_up = [
        f"{name}={value if not isinstance(value, tuple) else ' '.join(value)}"
        for name, value in asdict(tried).items()
        if value != getattr(setting, name)
    ]
    if not given_up:
        reasons.append(f"lora_r {tried.lora_r}・{' '.join(tried.target_modules)}: 標準の大きさで入る")
    else:
        reasons.append(
            f"{'、'.join(given_up)}: 標準のままでは {card.probes[0]} トークンも入らない"
            f"（こうすると {card.need(made):.2f} GiB）。LoRA は r={tried.lora_r}・{' '.join(tried.target_modules)}"
        )
    return tried


def _choose_size(card: Card, setting: MemorySetting, reasons: list[str]) -> MemoryPlan:
    needs = card.needs(setting)
    limit = card.sizes.max_position_embeddings
    lengths = [length for length in LENGTHS if length <= limit] or [limit]
    length = _largest(lengths, lambda tokens: needs(tokens) <= card.vram_gib)
    rows = _largest(BATCHES, lambda count: needs(count * length) <= card.vram_gib)
    refused: dict[int, float] = {}  # tokens in the batch -> GiB, by simulation
    while True:
        positions = _capped(setting.label_positions, length)
        made = card.plan(replace(setting, max_seq_length=length, batch_size=rows, label_positions=positions))
        # The lines in tokens leave out what many label positions cost; the simulation has the last word.
        if made.fits or (rows == BATCHES[0] and length == lengths[0]):
            break
        refused[rows * length] = card.need(made)
        if rows > BATCHES[0]:
            rows = BATCHES[BATCHES.index(rows) - 1]
        else:
            length = lengths[lengths.index(length) - 1]

    def why(larger: int | None, tokens: int) -> str:
        return (
            "候補のうち最大" if larger is None else f"{larger} では {refused.get(tokens) or needs(tokens):.2f} GiB 必要"
        )

    longer = next((value for value in lengths if value > length), None)
    wider = next((value for value in BATCHES if value > rows), None)
    reasons.append(f"max_seq_length {length}: 長い条文を切らずに済むよう、まず長さを取る（{why(longer, longer or 0)}）")
    reasons.append(
        f"batch_size {rows}: 残りで入る最大（{why(wider, (wider or 0) * length)}）。"
        "学習の結果は gradient_accumulation_steps との積で決まる"
    )
    return made


def _choose_checkpointing(card: Card, made: MemoryPlan, fixed: Mapping[str, Any], reasons: list[str]) -> MemoryPlan:
    if "checkpointing" in fixed or not made.setting.checkpointing:
        return made
    # Without it every layer keeps what one layer shows at the peak: a simulation is only worth it when that may fit.
    layers = card.sizes.num_hidden_layers
    needed = made.required_gib + card.desktop_gib + (layers - 1) * made.items.get("activations", 0.0)
    if needed < 1.3 * card.vram_gib:
        without = card.plan(replace(made.setting, checkpointing=False))
        needed = without.required_gib + card.desktop_gib
        if without.fits:
            reasons.append(f"checkpointing off: なくても {needed:.1f} GiB で入り、計算し直さない分だけ速い")
            return without
    reasons.append(f"checkpointing on: 使わないと約 {needed:.0f} GiB 必要")
    return made


def _largest(values: Sequence[int], fits: Callable[[int], bool]) -> int:
    return max([value for value in values if fits(value)], default=values[0])


def _capped(positions: int | None, length: int) -> int | None:
    return None if positions is None else min(positions, length - 1)


def advise(sizes: ModelSizes, made: MemoryPlan, *, alone: MemorySetting | None = None) -> list[str]:
    """Changes that lower the need, each added to those before it, until it fits; one line each with the need after it.

    ``alone`` is the setting of a single question where ``made`` has several one after the other in a sequence: that is
    the first change, since a limit of the length is each question's own. Empty when the plan fits or names no card.
    """
    if made.fits is not False or made.vram_gib is None:
        return []
    card = Card(sizes, made.vram_gib, made.desktop_gib)
    first = [] if alone is None else [(FEWER_ROWS, card.plan(alone))]
    rest = ((way.words, now) for way, _, now in walk_down(alone or made.setting, card.plan))
    lines: list[str] = []
    for words, now in chain(first, rest):
        lines.append(f"{words} → {card.need(now):.2f} GiB" + ("（入ります）" if now.fits else ""))
        if now.fits:
            return lines
    smaller = _smaller_model(sizes, made)
    return [*lines, f"モデルを小さくする: {smaller}" if smaller else "もっと大きい GPU を使う"]


def _smaller_model(sizes: ModelSizes, made: MemoryPlan) -> str | None:
    # By weights alone: leave 2 GiB for everything else. The user plans the model that is named here again.
    room = (made.vram_gib or 0) - made.desktop_gib - 2
    family = [read_model_sizes(name) for name in shipped_names()]
    fitting = [
        other for other in family
        if other.model_type == sizes.model_type and weight_bytes(other, "nf4") < min(weight_bytes(sizes, "nf4"), room * GIB)
    ]  # fmt: skip
    return max(fitting, key=lambda other: weight_bytes(other, "nf4")).name if fitting else None
