"""The largest setting that fits a card, with the reason for each choice, and what to change when one does not fit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from app.training.memory import GIB, MemoryPlan, plan, weight_bytes
from app.training.memory_configs import ModelSizes, read_model_sizes, shipped_names
from app.training.memory_setting import MemorySetting

LENGTHS = (512, 768, 1024, 1280, 1536, 2048, 2560, 3072, 3584, 4096, 6144, 8192)
BATCHES = (1, 2, 3, 4, 6, 8)
# Two lengths that give the straight line in tokens; long enough for every label count that is tried.
_PROBES = (512, 1024)
# Below this length law questions with their articles do not fit, so the adapter shrinks first.
_SHORTEST = LENGTHS[0]


@dataclass(frozen=True, slots=True)
class Choice:
    """The plan of the setting found, and one line a choice."""

    plan: MemoryPlan
    reasons: tuple[str, ...]


@dataclass(slots=True)
class Card:
    """A card to fit into, and what has been simulated for it: memory is a straight line in tokens, so two lengths do."""

    sizes: ModelSizes
    vram_gib: float
    desktop_gib: float

    def plan(self, setting: MemorySetting) -> MemoryPlan:
        """The simulated plan of ``setting``."""
        return plan(self.sizes, setting, vram_gib=self.vram_gib, desktop_gib=self.desktop_gib)

    def needs(self, setting: MemorySetting) -> Callable[[int], float]:
        """GiB needed (display included) as a function of the tokens in a batch, other things as in ``setting``.

        Each phase is a line of its own. The allocator's gaps are not; the larger of the two seen is taken.
        """
        short, long = (self.plan(self._probe(setting, tokens)) for tokens in _PROBES)
        beside = max(made.required_gib - made.peak_gib for made in (short, long)) + self.desktop_gib

        def need(tokens: int) -> float:
            steps = (tokens - _PROBES[0]) / (_PROBES[1] - _PROBES[0])
            phases = (low + steps * (long.phases[phase] - low) for phase, low in short.phases.items())
            return max(phases) + beside

        return need

    @staticmethod
    def _probe(setting: MemorySetting, tokens: int) -> MemorySetting:
        positions = setting.label_positions
        return replace(
            setting,
            max_seq_length=tokens,
            batch_size=1,
            label_positions=None if positions is None else min(positions, _PROBES[0] - 1),
        )


def largest_setting(card: Card, wanted: MemorySetting, fixed: Mapping[str, Any]) -> Choice:
    """The longest rows, then the largest batch, that fit; other fields named in ``fixed`` stay as in ``wanted``.

    Raises ConfigError when the card does not hold the weights in 4 bits. When nothing fits, the smallest is returned.
    """
    reasons: list[str] = []
    setting = _choose_quantization(card, wanted, fixed, reasons)
    setting, needs = _choose_adapter(card, setting, fixed, reasons)
    setting = _choose_length(card, setting, needs, reasons)
    setting = _choose_batch(card, setting, needs, reasons)
    made = card.plan(setting)
    while not made.fits and (smaller := _one_smaller(setting)) is not None:
        # The line in tokens leaves out what many label positions cost; the simulation has the last word.
        setting = smaller
        made = card.plan(setting)
    return Choice(_choose_checkpointing(card, made, fixed, reasons), tuple(reasons))


def _choose_quantization(
    card: Card, setting: MemorySetting, fixed: Mapping[str, Any], reasons: list[str]
) -> MemorySetting:
    if "quantization" in fixed:
        return setting
    plain = weight_bytes(card.sizes, "none") / GIB
    free = card.vram_gib - card.desktop_gib
    if plain < free:
        unquantized = replace(setting, quantization="none", max_seq_length=1024, batch_size=1)
        unquantized = replace(unquantized, label_positions=_capped(setting.label_positions, 1024))
        if card.sizes.max_position_embeddings >= 1024 and card.plan(unquantized).fits:
            reasons.append(
                f"quantization none: 16bit の重み {plain:.1f} GiB でも 1,024 トークンが入るので、量子化の誤差を避ける"
            )
            return replace(setting, quantization="none")
    reasons.append(
        f"quantization {setting.quantization}: 16bit では重みだけで {plain:.1f} GiB。4bit なら"
        f" {weight_bytes(card.sizes, setting.quantization) / GIB:.1f} GiB"
    )
    return setting


def _choose_adapter(
    card: Card, setting: MemorySetting, fixed: Mapping[str, Any], reasons: list[str]
) -> tuple[MemorySetting, Callable[[int], float]]:
    for change in _adapters(setting, fixed):
        tried = replace(setting, **change)
        needs = card.needs(tried)
        if needs(_SHORTEST) <= card.vram_gib:
            break
    if not change:
        reasons.append(f"lora_r {tried.lora_r}・{' '.join(tried.target_modules)}: 標準の大きさで入る")
    else:
        reasons.append(
            f"lora_r {tried.lora_r}・{' '.join(tried.target_modules)}: 標準の r={setting.lora_r}（全線形層）では"
            f" {_SHORTEST} トークンが入らないので小さくした"
        )
    return tried, needs


def _adapters(setting: MemorySetting, fixed: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    yield {}
    if "lora_r" not in fixed and setting.lora_r > 8:
        yield {"lora_r": 8}
    if "target_modules" not in fixed:
        yield {"target_modules": ("q_proj", "v_proj"), **({} if "lora_r" in fixed else {"lora_r": 8})}


def _choose_length(
    card: Card, setting: MemorySetting, needs: Callable[[int], float], reasons: list[str]
) -> MemorySetting:
    limit = card.sizes.max_position_embeddings
    lengths = [length for length in LENGTHS if length <= limit] or [limit]
    best = _largest(lengths, lambda length: needs(length) <= card.vram_gib)
    over = next((length for length in lengths if length > best), None)
    why = f"{over} では {needs(over):.2f} GiB 必要" if over else "候補のうち最長"
    reasons.append(f"max_seq_length {best}: 長い条文を切らずに済むよう、まず長さを取る（{why}）")
    return replace(setting, max_seq_length=best, label_positions=_capped(setting.label_positions, best))


def _choose_batch(
    card: Card, setting: MemorySetting, needs: Callable[[int], float], reasons: list[str]
) -> MemorySetting:
    best = _largest(BATCHES, lambda rows: needs(rows * setting.max_seq_length) <= card.vram_gib)
    over = next((rows for rows in BATCHES if rows > best), None)
    why = f"{over} では {needs(over * setting.max_seq_length):.2f} GiB 必要" if over else "候補のうち最大"
    reasons.append(
        f"batch_size {best}: 残りで入る最大（{why}）。学習の結果は gradient_accumulation_steps との積で決まる"
    )
    return replace(setting, batch_size=best)


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


def _one_smaller(setting: MemorySetting) -> MemorySetting | None:
    rows = [value for value in BATCHES if value < setting.batch_size]
    if rows:
        return replace(setting, batch_size=rows[-1])
    lengths = [value for value in LENGTHS if value < setting.max_seq_length]
    if lengths:
        shorter = lengths[-1]
        return replace(setting, max_seq_length=shorter, label_positions=_capped(setting.label_positions, shorter))
    return None


def _largest(values: Sequence[int], fits: Callable[[int], bool]) -> int:
    return max([value for value in values if fits(value)], default=values[0])


def _capped(positions: int | None, length: int) -> int | None:
    return None if positions is None else min(positions, length - 1)


def advise(sizes: ModelSizes, made: MemoryPlan) -> list[str]:
    """Changes that lower the need, each added to those before it, until it fits; one line each with the need after it.

    Empty when the plan fits or names no card.
    """
    if made.fits is not False or made.vram_gib is None:
        return []
    card = Card(sizes, made.vram_gib, made.desktop_gib)
    lines: list[str] = []
    setting = made.setting
    for option, change in _savings(setting):
        setting = replace(setting, **change)
        now = card.plan(setting)
        need = now.required_gib + made.desktop_gib
        lines.append(f"{option} → {need:.1f} GiB" + ("（入ります）" if now.fits else ""))
        if now.fits:
            return lines
    smaller = _smaller_model(sizes, made)
    return [*lines, f"モデルを小さくする: {smaller}" if smaller else "もっと大きい GPU を使う"]


def _savings(setting: MemorySetting) -> Iterator[tuple[str, dict[str, Any]]]:
    if setting.upcast:
        yield "凍結した重みを fp32 にしない（このプログラムの学習はしません）", {"upcast": False}
    if setting.quantization == "none":
        yield "--use-4bit（--quantization nf4）", {"quantization": "nf4"}
    if setting.label_positions is None:
        positions = min(256, setting.max_seq_length - 1)
        yield "ラベルの位置だけで logits を計算する（このプログラムの学習の方法）", {"label_positions": positions}
    if not setting.checkpointing:
        yield "--activation-checkpointing", {"checkpointing": True}
    if setting.embedding_device == "gpu":
        yield "--embedding-device cpu（埋め込み表を主メモリに置く）", {"embedding_device": "cpu"}
    if setting.optimizer == "adamw":
        yield "--optimizer adamw_8bit", {"optimizer": "adamw_8bit"}
    if setting.batch_size > 1:
        yield "--batch-size 1（--gradient-accumulation-steps を増やせば結果は同じ）", {"batch_size": 1}
    if setting.checkpointing and not setting.offload and setting.max_seq_length >= 2048:
        yield "--activation-offload（各層の入力を主メモリに置く）", {"offload": True}
    length, positions_now = setting.max_seq_length, setting.label_positions or 256
    for shorter in reversed(LENGTHS):
        if shorter < length:
            yield f"--max-seq-length {shorter}", {
                "max_seq_length": shorter, "label_positions": min(positions_now, shorter - 1),
            }  # fmt: skip
    if setting.lora_r > 8:
        yield "--lora-r 8", {"lora_r": 8}


def _smaller_model(sizes: ModelSizes, made: MemoryPlan) -> str | None:
    # By weights alone: leave 2 GiB for everything else. The user plans the model that is named here again.
    room = (made.vram_gib or 0) - made.desktop_gib - 2
    family = [read_model_sizes(name) for name in shipped_names()]
    fitting = [
        other for other in family
        if other.model_type == sizes.model_type and weight_bytes(other, "nf4") < min(weight_bytes(sizes, "nf4"), room * GIB)
    ]  # fmt: skip
    return max(fitting, key=lambda other: weight_bytes(other, "nf4")).name if fitting else None
