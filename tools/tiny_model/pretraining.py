"""Pretraining of the tiny model: a seeded loop over batches of exercises that can be stopped and resumed.

The losses of ``tools.tiny_model.batches`` are added, each a mean over its own tokens.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from app.core.errors import ConfigError
from app.core.files import read_json, replace_file, write_json
from tools.tiny_model.batches import (
    AGREES,
    ANSWERS,
    DEPARTS,
    DIFFERS,
    ROLES,
    batch_losses,
    encode_exercises,
    make_batches,
)
from tools.tiny_model.exercises import Exercise, draw_exercise, trial_exercises
from tools.tiny_model.model import TinyShape, build_model
from tools.tiny_model.start import WIRED_LAYERS, prepare


@dataclass(frozen=True, slots=True)
class PretrainConfig:
    """What one run of pretraining is determined by."""

    seed: int = 1
    steps: int = 1400
    step_characters: int = 5000  # text of one step, in characters (about 1.6 to a token)
    micro_batch_tokens: int = 3000  # places, padding included, that go through the model at once
    matrix_rate: float = 0.01  # learning rate of the weight matrices (Muon)
    wired_rate: float = (
        5e-4  # the same for the layers that start wired: faster and the circuit is gone before it is used
    )
    other_rate: float = 5e-4  # learning rate of embeddings and norms (AdamW)
    probe_rate: float = 1e-2  # learning rate of the probes (AdamW)
    warmup_steps: int = 30
    decay_from: float = 0.7  # share of the run after which the rates fall linearly to 5 %
    copy_weight: float = 0.1  # weight of predicting restated text
    copy_share: float = 0.25  # share of the restated tokens that are predicted: the head is the dearest part of a step
    probe_weight: float = 1.0
    point_layer: int = 3  # the probe for the first difference reads the states after this many layers
    course_layer: int = 4  # the probe for "has departed by now" reads the states after this many layers
    norm_start: float = 2.0  # starting weight of the query and key norms: sharper attention from the start
    eval_every: int = 200
    save_every: int = 100


def skill(model: Any, probes: Any, tokenizer: Any, config: PretrainConfig) -> dict[str, float]:
    """Share of right answers on fixed trial exercises that no step draws, by trial and role.

    ``course`` is the probe's share, departed and agreeing tokens weighing the same (0.5 is chance).
    """
    import torch

    found: dict[str, float] = {}
    with torch.no_grad():
        for name, exercises in trial_exercises().items():
            right: dict[str, list[Any]] = {role: [] for role in (*ANSWERS, "agrees", "held", "departed")}
            for batch in make_batches(encode_exercises(tokenizer, exercises), max_tokens=8000, pad=0):
                losses = batch_losses(
                    model, probes, batch, layers=(config.point_layer, config.course_layer), copy_share=1.0
                )
                for role in (*ANSWERS, "agrees"):
                    right[role].append(losses.correct[losses.roles == ROLES.index(role)])
                right["held"].append(losses.course_correct[losses.restated == AGREES])
                right["departed"].append(losses.course_correct[losses.restated != AGREES])
            shares = {role: float(torch.cat(pieces).float().mean()) for role, pieces in right.items() if len(torch.cat(pieces))}  # fmt: skip
            if "departed" in shares:
                shares["course"] = (shares.pop("held") + shares.pop("departed")) / 2
            found |= {f"{name}/{role}": round(share, 4) for role, share in shares.items()}
    return found


class Pretraining:
    """Model, optimizers and history of one run: ``run`` does the steps that are left."""

    def __init__(self, config: PretrainConfig, shape: TinyShape, tokenizer: Any) -> None:
        import torch

        self.config, self.shape, self.tokenizer = config, shape, tokenizer
        self.model = build_model(shape, tokenizer, seed=config.seed)
        # Eager attention is twice as fast as the fused kernel on a CPU at these sizes.
        self.model.set_attn_implementation("eager")
        self.probes = torch.nn.ModuleList(torch.nn.Linear(shape.hidden_size, 1) for _ in range(2))
        prepare(self.model, norm=config.norm_start, newline_id=tokenizer.convert_tokens_to_ids("\u010a"))
        matrices: dict[bool, list[Any]] = {False: [], True: []}
        self.others: list[Any] = []
        for name, weight in self.model.named_parameters():
            if weight.ndim != 2 or "embed" in name:
                self.others.append(weight)
            else:
                matrices[int(name.split(".")[2]) < WIRED_LAYERS].append(weight)
        decay = {"weight_decay": 0.01, "adjust_lr_fn": "original"}
        self.rates = (config.matrix_rate, config.wired_rate, config.other_rate, config.probe_rate)
        self.optimizers = (
            torch.optim.Muon(matrices[False], lr=config.matrix_rate, **decay),
            torch.optim.Muon(matrices[True], lr=config.wired_rate, **decay),
            torch.optim.AdamW(self.others, lr=config.other_rate, betas=(0.9, 0.95), weight_decay=0.0),
            torch.optim.AdamW(self.probes.parameters(), lr=config.probe_rate, betas=(0.9, 0.95), weight_decay=0.0),
        )
        self.step = 0
        self.seconds = 0.0
        self.tokens = 0
        self.history: list[dict[str, Any]] = []

    def rate(self, step: int) -> float:
        """Factor of the learning rates at ``step``: up over the warm-up, flat, then down to 5 %."""
        config = self.config
        done = step / config.steps
        rise = min(1.0, (step + 1) / config.warmup_steps)
        return rise * (1.0 if done < config.decay_from else max(0.05, (1 - done) / (1 - config.decay_from)))

    def one_step(self) -> dict[str, float]:
        """Train on the exercises of the next step, which follow from seed and step alone; returns the mean losses."""
        import torch

        config = self.config
        rng = random.Random(f"{config.seed}/{self.step}")  # noqa: S311  # reproducible, no secret
        generator = torch.Generator().manual_seed(config.seed * 1_000_003 + self.step)
        exercises: list[Exercise] = []
        while sum(len(exercise.text) for exercise in exercises) < config.step_characters:
            exercises.append(draw_exercise(rng, self.step / config.steps))
        rows = encode_exercises(self.tokenizer, exercises)
        count = [max(1, sum(marks.count(role) for _, marks in rows)) for role in range(len(ROLES))]
        means = dict.fromkeys(("copy", "point", "course", *ANSWERS), 0.0)
        for batch in make_batches(rows, max_tokens=config.micro_batch_tokens, pad=0):
            self.tokens += int((batch.ids != 0).sum())
            losses = batch_losses(
                self.model,
                self.probes,
                batch,
                layers=(config.point_layer, config.course_layer),
                copy_share=config.copy_share,
                generator=generator,
            )
            parts = {role: losses.token[losses.roles == ROLES.index(role)].sum() / count[ROLES.index(role)] for role in ANSWERS}  # fmt: skip
            parts["copy"] = losses.token[losses.roles == AGREES].sum() / (count[AGREES] * config.copy_share)
            # First differences are rare: they weigh as much as all the agreeing tokens together.
            parts["point"] = losses.point[losses.restated == AGREES].sum() / count[AGREES] / 2
            parts["point"] = parts["point"] + losses.point[losses.restated == DEPARTS].sum() / count[DEPARTS] / 2
            parts["course"] = losses.course.sum() / sum(count[AGREES : DIFFERS + 1])
            weights = {
                "stop": 0.1,
                "copy": config.copy_weight,
                "point": config.probe_weight,
                "course": config.probe_weight,
            }
            torch.stack([weights.get(name, 1.0) * loss for name, loss in parts.items()]).sum().backward()
            for name, loss in parts.items():
                means[name] += float(loss.detach())
        torch.nn.utils.clip_grad_norm_(self.others, 1.0)
        for optimizer, base in zip(self.optimizers, self.rates, strict=True):
            for group in optimizer.param_groups:
                group["lr"] = base * self.rate(self.step)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        self.step += 1
        return means

    def run(self, *, report: Callable[[dict[str, Any]], None], state_dir: Path | None = None) -> None:
        """Do the steps that are left; ``report`` gets every history entry, ``state_dir`` a checkpoint now and then."""
        config = self.config
        while self.step < config.steps:
            started = time.monotonic()
            losses = self.one_step()
            self.seconds += time.monotonic() - started
            last = self.step == config.steps
            if self.step % config.eval_every == 0 or last:
                entry: dict[str, Any] = {"step": self.step, "seconds": round(self.seconds, 1), "tokens": self.tokens}
                entry["losses"] = {name: round(value, 4) for name, value in losses.items()}
                entry["skill"] = skill(self.model, self.probes, self.tokenizer, config)
                self.history.append(entry)
                report(entry)
            if state_dir is not None and (self.step % config.save_every == 0 or last):
                self.save(state_dir)

    def _identity(self) -> dict[str, Any]:
        return {"config": asdict(self.config), "shape": asdict(self.shape), "vocabulary": len(self.tokenizer)}

    def _tensors(self) -> dict[str, Any]:
        tensors = {f"model.{name}": weight for name, weight in self.model.state_dict().items() if name != "lm_head.weight"}  # fmt: skip
        tensors |= {f"probes.{name}": weight for name, weight in self.probes.state_dict().items()}
        for number, optimizer in enumerate(self.optimizers):
            for index, state in optimizer.state_dict()["state"].items():
                tensors |= {f"optimizer.{number}.{index}.{key}": value for key, value in state.items()}
        return tensors

    def save(self, state_dir: Path) -> None:
        """Write a checkpoint (two files; the JSON, written last, names the weights file it belongs to)."""
        from safetensors.torch import save

        state_dir.mkdir(parents=True, exist_ok=True)
        weights = f"state-{self.step}.safetensors"
        with replace_file(state_dir / weights) as file:
            file.write(save({name: tensor.contiguous() for name, tensor in self._tensors().items()}))
        facts = {"step": self.step, "seconds": self.seconds, "tokens": self.tokens, "history": self.history}
        write_json(state_dir / "state.json", {**self._identity(), **facts, "weights": weights})
        for old in state_dir.glob("state-*.safetensors"):
            if old.name != weights:
                old.unlink()

    def load(self, state_dir: Path) -> None:
        """Go on from a checkpoint. Raises ConfigError if it belongs to a run with other settings."""
        from safetensors.torch import load_file

        facts = read_json(state_dir / "state.json")
        for key, value in self._identity().items():
            if facts.get(key) != value:
                raise ConfigError(f"{state_dir}: 別の設定（{key}）の途中経過です。--state-dir を変えるか、フォルダを消してください。")  # fmt: skip
        tensors = load_file(state_dir / facts["weights"])
        self.model.load_state_dict(
            {name[6:]: value for name, value in tensors.items() if name.startswith("model.")}, strict=False
        )
        self.model.tie_weights()
        self.probes.load_state_dict({name[7:]: value for name, value in tensors.items() if name.startswith("probes.")})
        for number, optimizer in enumerate(self.optimizers):
            state: dict[int, dict[str, Any]] = {}
            for name, value in tensors.items():
                if name.startswith(f"optimizer.{number}."):
                    _, _, index, key = name.split(".", 3)
                    state.setdefault(int(index), {})[key] = value
            optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
        self.step, self.seconds, self.tokens = facts["step"], facts["seconds"], facts["tokens"]
        self.history = facts["history"]
