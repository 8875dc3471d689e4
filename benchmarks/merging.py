"""What a 4-bit adapter becomes when it is merged: onto the dequantised base, onto the original one, in 16 and in 32 bits.

    python benchmarks/merging.py --lora-path runs/direct_rag --data results/split/test.json --output benchmarks/results/merging_tiny.json

Every variant is asked what the adapter on its 4-bit base is asked, in float32 arithmetic, by token ids.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from app.core.cli import log
from app.core.files import sha256_file, write_json
from app.core.manifests import run_header
from app.llm.export.job import Source
from tools.pages.parts import markdown_table

# Name → whether the update goes onto the dequantised base, and the type of the sum.
VARIANTS: dict[str, tuple[bool, str]] = {
    "4bit から戻した重みへ、float32": (True, "float32"),
    "4bit から戻した重みへ、bfloat16": (True, "bfloat16"),
    "元の重みへ、float32": (False, "float32"),
    "元の重みへ、bfloat16": (False, "bfloat16"),
}
FORMS = {"letter": "文字", "choice": "肢"}


def merged_model(source: Source, *, dequantise: bool, dtype: str) -> Any:
    """The base model with the adapter merged as the variant says, computing in float32."""
    from app.llm.export.merging import merged_tensor
    from app.llm.loading import load_base_model

    model = load_base_model(str(source.base.folder), quantization=None, dtype="float32", device="cpu")
    parameters = dict(model.named_parameters())
    quantization = source.quantization if dequantise else None
    for tensor in source.base.tensors:
        value = merged_tensor(source.base, tensor, source.update, quantization=quantization, dtype=dtype)
        if tensor.name in parameters:  # a tied head is stored by some and has no parameter of its own
            parameters[tensor.name].data.copy_(value)
    return model


def measure(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """One row a variant and a form of asking."""
    from app.data.few_shot import BUILTIN
    from app.data.lawqa import load_questions
    from app.evaluation.running.evaluate import pick_questions
    from app.llm.export.asking import Reference
    from app.llm.export.job import ExportJob, questions_asked, read_source
    from app.llm.export.recheck import TorchScorer, ask_scores, differences

    questions = pick_questions(load_questions(arguments.data), arguments.samples, arguments.seed)
    job = ExportJob(
        adapter=arguments.lora_path, output=Path(), name="m", model_name=arguments.hf_model_name, dtype="auto", gguf=(),
        ollama=False, questions=tuple(questions), few_shot=BUILTIN, results=lambda weights: [], device="cpu", header={},
    )  # fmt: skip
    source = read_source(job)
    asked = questions_asked(job, source, source.tokenizer, source.chat_format)
    reference = Reference(job, source, asked).ask()
    rows = []
    for name, (dequantise, dtype) in VARIANTS.items():
        log(name)
        model = merged_model(source, dequantise=dequantise, dtype=dtype)
        found = differences(asked, reference, ask_scores(TorchScorer(model), asked))
        rows += [{"variant": name, **asdict(one)} for one in found]
    return rows


def table(rows: Sequence[dict[str, Any]]) -> str:
    """The rows as Markdown."""
    return markdown_table(
        ("統合の仕方", "尋ね方", "差の中央値", "最大の差", "答えが変わった問題"),
        [
            (
                row["variant"], FORMS[row["form"]], f"{row['median']:.4f}", f"{row['largest']:.4f}",
                f"{row['flips']}/{row['questions']}",
            )
            for row in rows
        ],
    )  # fmt: skip


def main(argv: Sequence[str]) -> None:
    """Measure, write the JSON, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lora-path", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--hf-model-name")
    parser.add_argument("--samples", type=int, default=None)
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args(argv)
    rows = measure(arguments)
    if arguments.output:
        write_json(
            arguments.output,
            {
                "run": run_header(argv),
                "adapter": sha256_file(arguments.lora_path / "adapter_model.safetensors"),
                "rows": rows,
            },
        )
    print(table(rows))


if __name__ == "__main__":
    main(sys.argv[1:])
