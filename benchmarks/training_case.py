"""One side of the training benchmark, in a process of its own so that its peak memory is its own.

Started by ``benchmarks/training.py``; writes one JSON object to stdout. The sides train the same rows, in the same
order, with the same LoRA start, optimiser and learning rates; what differs is what each makes of the rows:

usual    the script as its documents describe it: pad every row to 1,024 tokens, DataCollatorForLanguageModeling
         (labels anew from the ids), logits and loss of every position
trl      TRL's SFTTrainer on prompt/completion rows with completion-only loss
ours     app.training: labels at the answer, padding to the longest row, output head at label positions only
shared   the same with the orders of a question on one prefix
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch
from transformers import (
    AutoModelForCausalLM,
    DataCollatorForLanguageModeling,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)

from app.core.chat import encode_prompt
from app.core.manifests import peak_rss_bytes
from app.data.records import read_records
from app.llm.loading import load_tokenizer
from app.training.model.lora import attach_lora, resolve_target_modules
from app.training.rows.collation import LabelCollator
from app.training.rows.examples import build_examples
from app.training.rows.prefix import PrefixCollator, group_examples
from app.training.trainer import LawTrainer

USUAL_LENGTH = 1024


class Clock(TrainerCallback):
    """Seconds, processor seconds and losses of each optimiser step."""

    def __init__(self) -> None:
        self.ends: list[float] = []
        self.losses: list[float] = []
        self.processor: list[float] = []
        self._processor = 0.0

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if not self.ends:
            self.ends.append(time.perf_counter())
        self._processor = time.process_time()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.ends.append(time.perf_counter())
        self.processor.append(time.process_time() - self._processor)

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        if logs and "loss" in logs:
            self.losses.append(float(logs["loss"]))


def lora_model(model_name: str, seed: int, dtype: str) -> Any:
    base = AutoModelForCausalLM.from_pretrained(model_name, local_files_only=True, dtype=dtype)
    base.activation_checkpointing_enable({"use_reentrant": False})
    return attach_lora(
        base, r=16, alpha=32, dropout=0.0, target_modules=resolve_target_modules(base, ["all-linear"]), bias="none",
        seed=seed,
    )  # fmt: skip


def common_arguments(case: argparse.Namespace, folder: str, rows: int) -> dict[str, Any]:
    return {
        "output_dir": folder, "per_device_train_batch_size": rows, "max_steps": case.steps, "learning_rate": 2e-4,
        "lr_scheduler_type": "linear", "logging_steps": 1, "save_strategy": "no", "seed": 1, "data_seed": 1,
        "use_cpu": True, "report_to": [], "disable_tqdm": True, "dataloader_pin_memory": False, "bf16": False,
    }  # fmt: skip


def run(case: argparse.Namespace) -> dict[str, Any]:
    """Train ``case.steps`` steps of ``case.batch`` rows and measure."""
    tokenizer = load_tokenizer(case.model)
    records = read_records(case.records)[: case.steps * case.batch]
    built = build_examples(records, tokenizer, max_seq_length=USUAL_LENGTH)
    examples = built.examples
    clock = Clock()
    model = lora_model(case.model, 1, case.dtype)
    # Rows in file order on every side, so that each step has the same rows and the four orders come together.
    ordered = {"train_sampling_strategy": "sequential", "remove_unused_columns": False}
    trainer: Trainer
    trl_version = "not used"
    if case.side == "usual":
        texts = [tokenizer.decode(example.input_ids) for example in examples]
        rows = tokenizer(texts, truncation=True, padding="max_length", max_length=USUAL_LENGTH)
        dataset = [
            {"input_ids": ids, "attention_mask": mask}
            for ids, mask in zip(rows["input_ids"], rows["attention_mask"], strict=True)
        ]
        trainer = Trainer(
            model=model, train_dataset=dataset, callbacks=[clock],
            args=TrainingArguments(**common_arguments(case, case.folder, case.batch), **ordered),
            data_collator=DataCollatorForLanguageModeling(tokenizer, mlm=False),
        )  # fmt: skip
        labels = sum(sum(mask) for mask in rows["attention_mask"])
    elif case.side == "trl":
        import trl  # type: ignore[import-not-found]  # only in the environment of the benchmark
        from datasets import Dataset
        from trl import SFTConfig, SFTTrainer

        trl_version = trl.__version__

        rows = [
            {
                "prompt": tokenizer.decode(encode_prompt(tokenizer, record.input)),
                "completion": record.output + "<|im_end|>",
            }
            for record in built.records
        ]
        trainer = SFTTrainer(
            model=model, train_dataset=Dataset.from_list(rows), callbacks=[clock], processing_class=tokenizer,
            args=SFTConfig(
                **common_arguments(case, case.folder, case.batch), train_sampling_strategy="sequential",
                completion_only_loss=True, max_length=USUAL_LENGTH, gradient_checkpointing=False,
            ),
        )  # fmt: skip
        labels = sum(label != -100 for example in examples for label in example.labels)
    else:
        units: list[Any] = list(examples)
        collate: Any = LabelCollator(int(tokenizer.pad_token_id))
        batch = case.batch
        if case.side == "shared":
            names = [str(record.meta["id"]) for record in built.records]
            units = list(group_examples(examples, names, max_tokens=10**9))
            collate, batch = PrefixCollator(), case.batch * len(units) // len(examples)
        trainer = LawTrainer(
            model=model, train_dataset=units, callbacks=[clock], data_collator=collate,
            args=TrainingArguments(**common_arguments(case, case.folder, batch), **ordered),
        )  # fmt: skip
        labels = sum(label != -100 for example in examples for label in example.labels)
    loaded_rss = peak_rss_bytes()
    trainer.train()
    seconds = [after - before for before, after in zip(clock.ends, clock.ends[1:], strict=False)]
    return {
        "side": case.side, "seconds_per_step": seconds, "losses": clock.losses, "rows_per_step": case.batch,
        "label_tokens": labels, "rows": len(examples), "peak_rss_bytes": peak_rss_bytes(), "loaded_rss_bytes": loaded_rss,
        "threads": torch.get_num_threads(), "processor_seconds": clock.processor, "trl": trl_version,
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", choices=("usual", "trl", "ours", "shared"), required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--records", type=Path, required=True)
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--dtype", required=True)
    parser.add_argument("--folder", required=True)
    print(json.dumps(run(parser.parse_args())))


if __name__ == "__main__":
    main()
