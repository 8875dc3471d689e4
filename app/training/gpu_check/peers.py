"""The trainers that people use, on the same random model and rows: transformers' own with peft's preparation, and TRL's.

Imports torch at the top: import only in the process that measures.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...core.chat import IGNORE
from ..config import TrainConfig
from ..model.lora import resolve_target_modules
from ..rows.examples import TrainingExample
from .cases import Shape


def usual_trainer(
    base: Any, examples: Sequence[TrainingExample], shape: Shape, config: TrainConfig, folder: Path, *, bf16: bool
) -> Any:
    """transformers' Trainer as its documents show QLoRA: k-bit preparation, every token learned, all logits."""
    from peft import get_peft_model, prepare_model_for_kbit_training
    from transformers import Trainer, TrainingArguments, default_data_collator

    lora = _lora(base, config)
    base = prepare_model_for_kbit_training(base, gradient_checkpointing_kwargs={"use_reentrant": False})
    rows = [{"input_ids": one.input_ids, "labels": one.input_ids} for one in examples]
    arguments = TrainingArguments(**_arguments(shape, config, folder, bf16=bf16))
    arguments._n_gpu = min(arguments.n_gpu, 1)
    return Trainer(
        model=get_peft_model(base, lora), args=arguments, train_dataset=rows, data_collator=default_data_collator
    )


def trl_trainer(
    base: Any, examples: Sequence[TrainingExample], shape: Shape, config: TrainConfig, folder: Path, *, bf16: bool
) -> Any:
    """TRL's SFTTrainer on rows that are tokens already, with completion-only loss."""
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    rows = [
        {"input_ids": one.input_ids, "completion_mask": [int(label != IGNORE) for label in one.labels]}
        for one in examples
    ]
    arguments = SFTConfig(
        **_arguments(shape, config, folder, bf16=bf16),
        completion_only_loss=True,
        max_length=shape.tokens,
        gradient_checkpointing=True,
        gradient_checkpointing_kwargs={"use_reentrant": False},
    )
    arguments._n_gpu = min(arguments.n_gpu, 1)
    return SFTTrainer(
        model=base,
        args=arguments,
        train_dataset=Dataset.from_list(rows),
        peft_config=_lora(base, config),
        processing_class=_no_tokenizer(),
    )


def _lora(base: Any, config: TrainConfig) -> Any:
    from peft import LoraConfig

    return LoraConfig(
        task_type="CAUSAL_LM",
        r=config.lora_r,
        lora_alpha=config.lora_alpha,
        lora_dropout=config.lora_dropout,
        target_modules=resolve_target_modules(base, config.target_modules),
    )


def _arguments(shape: Shape, config: TrainConfig, folder: Path, *, bf16: bool) -> dict[str, Any]:
    return {
        "output_dir": str(folder), "per_device_train_batch_size": shape.orders,
        "gradient_accumulation_steps": shape.accumulation, "max_steps": shape.steps,
        "learning_rate": config.learning_rate, "logging_steps": 1, "save_strategy": "no", "report_to": [],
        "optim": "adamw_torch", "disable_tqdm": True, "use_cpu": config.device == "cpu", "bf16": bf16,
        "dataloader_pin_memory": config.device != "cpu", "seed": config.seed,
    }  # fmt: skip


def _no_tokenizer() -> Any:
    # SFTTrainer wants one that has an end and a padding token, and never uses it for rows that are tokens already.
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from transformers import PreTrainedTokenizerFast

    words = Tokenizer(WordLevel({"<end>": 0, "<pad>": 1}, unk_token="<pad>"))  # noqa: S106  # a token of text
    return PreTrainedTokenizerFast(tokenizer_object=words, eos_token="<end>", pad_token="<pad>", unk_token="<pad>")  # noqa: S106
