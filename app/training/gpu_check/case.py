"""One side of a check on random weights: load, train, score, measured part by part.

Imports torch at the top: import only in the process that measures.
"""

from __future__ import annotations

import math
import random
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from ...core.chat import IGNORE
from ...core.manifests import run_header
from ...llm.letters import KeptPrefix, score_letters, score_letters_shared_prefix
from ...llm.loading import quiet_libraries, resolve_device
from ..config import Precision, TrainConfig, compute_dtype_of
from ..memory.model_sizes import ModelSizes, read_model_sizes
from ..memory.plan import GIB
from ..model.setup import resolve_precision, tuned
from ..rows.collation import LabelCollator
from ..rows.examples import TrainingExample
from ..rows.prefix import PrefixCollator, group_examples
from .attention import chosen_kernels
from .cases import Case, Shape
from .meter import PhaseMeter, Probe, empty_card, probe_of
from .random_model import random_model

_DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32, "stored": torch.bfloat16}
_LETTERS = [[10], [11], [12], [13]]
Tell = Callable[[dict[str, Any]], None]


def measure(case: Case, folder: Path, tell: Tell) -> None:
    """Tell what each part of ``case`` measured, as soon as it is over; plain JSON values, bytes and seconds.

    A training is told after each of its steps too, ``unfinished``. The first part is the machine. Raises what the
    libraries raise; ModelError for a device that is not there.
    """
    quiet_libraries()
    device = resolve_device(case.device)
    probe = probe_of(device)
    tell({"part": "machine", "run": run_header([]), "measured_with": probe.what, **_card(device)})
    sizes = read_model_sizes(case.model)
    config = case.config(folder)
    precision = resolve_precision(config, device)
    if case.side in ("usual", "trl"):
        _peer(case, folder, _Bench(case.shape, sizes, config, device, precision, probe), tell)
    else:
        _ours(_Bench(case.shape, sizes, config, device, precision, probe), tell)


def _card(device: str) -> dict[str, Any]:
    if device == "cpu":
        return {}
    free, total = torch.cuda.mem_get_info(device)
    return {"gpu_free_gib": round(free / GIB, 2), "gpu_total_gib": round(total / GIB, 2)}


@dataclass(frozen=True, slots=True)
class _Bench:
    """What every part of a case works with."""

    shape: Shape
    sizes: ModelSizes
    config: TrainConfig
    device: str
    precision: Precision
    probe: Probe

    def base(self) -> Any:
        """The frozen model with random weights."""
        return random_model(
            self.sizes,
            self.device,
            dtype=_DTYPES[self.precision],
            compute_dtype=getattr(torch, compute_dtype_of(self.config, self.precision)),
            quant_type=self.config.bnb_4bit_quant_type,
            embedding_device=self.config.embedding_device,
        )

    def examples(self) -> list[TrainingExample]:
        """Rows of random ids, the rows of a question one after the other; letter and stop token are learned."""
        shape, draw = self.shape, random.Random(0)  # noqa: S311  # no secret

        def ids(count: int) -> list[int]:
            return [draw.randrange(self.sizes.vocab_size) for _ in range(count)]

        rows: list[TrainingExample] = []
        for question in range(shape.questions):
            shared = ids(shape.shared)
            for _ in range(shape.orders):
                # What follows differs, so that no two rows share more than they should.
                row = [*shared, len(rows) % self.sizes.vocab_size, *ids(shape.tokens - shape.shared - 1)]
                labels = [IGNORE] * (shape.tokens - shape.labels) + row[-shape.labels :]
                rows.append(TrainingExample(str(question), row, labels))
        return rows


def _ours(bench: _Bench, tell: Tell) -> None:
    meter, started = PhaseMeter(bench.probe), time.monotonic()
    meter.enter("load")
    loaded = tuned(bench.base(), {}, bench.config, bench.device, bench.precision)
    meter.enter(None)
    tell(_part("load", meter, started))
    examples = bench.examples()
    for shared in (False, True):
        if shared:  # the first training goes on from the loaded model's segments, as a user's does
            empty_card(bench.device)
        meter, started = PhaseMeter(bench.probe), time.monotonic()
        trainer = _our_trainer(bench, loaded, examples, shared=shared)
        _train("train_shared" if shared else "train", bench.shape, meter, trainer, started, tell)
        del trainer
    _score(bench, loaded.model, examples, tell)


def _our_trainer(bench: _Bench, loaded: Any, examples: list[TrainingExample], *, shared: bool) -> Any:
    from transformers.trainer_utils import SaveStrategy

    from ..trainer import build_trainer
    from ..trainer_arguments import training_arguments

    shape = bench.shape
    units: list[Any] = list(examples)
    if shared:
        units = list(group_examples(examples, [one.record_id for one in examples], max_tokens=10**9))
    arguments = training_arguments(
        bench.config,
        folder=bench.config.output_dir,
        total_steps=shape.steps,
        epoch_steps=shape.steps,
        on_cpu=bench.device == "cpu",
        precision=bench.precision,
    )
    arguments.per_device_train_batch_size = 1 if shared else shape.orders
    arguments.save_strategy = SaveStrategy.NO
    return build_trainer(
        loaded.model, arguments, units, PrefixCollator() if shared else LabelCollator(0), precision=bench.precision
    )


def _score(bench: _Bench, model: Any, examples: list[TrainingExample], tell: Tell) -> None:
    shape = bench.shape
    prompts = [example.input_ids[: -shape.labels] for example in examples]
    questions = [prompts[at : at + shape.orders] for at in range(0, len(prompts), shape.orders)]

    def apart() -> None:
        score_letters(model, prompts, _LETTERS)

    def together() -> None:
        for question in questions:
            score_letters_shared_prefix(model, question, _LETTERS, kept=KeptPrefix())

    for name, work in (("scoring", apart), ("scoring_shared", together)):
        empty_card(bench.device)
        begun = time.monotonic()
        meter = PhaseMeter(bench.probe)
        work()  # kernels and attention plans are made at the first use of a shape
        meter.enter(name)
        started = time.monotonic()
        work()
        meter.enter(None)  # waits for the card
        seconds = time.monotonic() - started
        figures = {
            "questions": len(questions),
            "prompt_tokens": sum(map(len, prompts)),
            "work_seconds": round(seconds, 4),
            "tokens_per_second": round(sum(map(len, prompts)) / seconds, 1),
        }
        tell(_part(name, meter, begun) | figures)


def _peer(case: Case, folder: Path, bench: _Bench, tell: Tell) -> None:
    from .peers import trl_trainer, usual_trainer

    meter, started = PhaseMeter(bench.probe), time.monotonic()
    meter.enter("load")
    base = bench.base()
    base.config.use_cache = False
    build = usual_trainer if case.side == "usual" else trl_trainer
    with _old_names():
        trainer = build(base, bench.examples(), bench.shape, bench.config, folder, bf16=bench.precision == "bf16")
    meter.enter(None)
    tell(_part("load", meter, started))
    with _old_names():
        _train("train", bench.shape, PhaseMeter(bench.probe), trainer, time.monotonic(), tell)


def _train(name: str, shape: Shape, meter: PhaseMeter, trainer: Any, started: float, tell: Tell) -> None:
    kernels: set[str] = set()

    def figures() -> dict[str, Any]:
        return _trained(name, shape, meter, trainer, started) | {"attention": sorted(kernels)}

    meter.enter(None)
    meter.watch(trainer, after_step=lambda: tell(figures() | {"unfinished": True}))
    # Asked in the first step only, which counts for no speed.
    with chosen_kernels(kernels, lambda: not meter.step_seconds):
        trainer.train()
    meter.enter(None)
    tell(figures())
    meter.unwatch()


@contextmanager
def _old_names() -> Iterator[None]:
    # peft and TRL ask for transformers' old names; nothing the user can do about it.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        yield


def _part(name: str, meter: PhaseMeter, started: float) -> dict[str, Any]:
    return {
        "part": name,
        "seconds": round(time.monotonic() - started, 3),
        "peak_bytes": dict(meter.peaks),
        "reserved_bytes": dict(meter.reserved_peaks),
        "retries": meter.retries(),
    }


def _trained(name: str, shape: Shape, meter: PhaseMeter, trainer: Any, started: float) -> dict[str, Any]:
    # The first step loads kernels and makes the optimiser's state.
    later = slice(1 if len(meter.step_seconds) > 1 else 0, None)
    seconds, computed = sum(meter.step_seconds[later]), sum(meter.step_tokens[later])
    rows = shape.rows_per_step * len(meter.step_seconds[later])
    return _part(name, meter, started) | {
        "shape": asdict(shape),
        "step_seconds": [round(one, 4) for one in meter.step_seconds],
        "step_tokens": list(meter.step_tokens),  # computed: a shared prefix once
        "losses": [_loss(row["loss"]) for row in trainer.state.log_history if "loss" in row],
        "computed_tokens_per_second": round(computed / seconds, 1),
        "row_tokens_per_second": round(rows * shape.tokens / seconds, 1),
    }


def _loss(value: Any) -> float | None:
    """A loss to four places; None for one that is no number, which JSON cannot hold."""
    return round(float(value), 4) if math.isfinite(float(value)) else None
