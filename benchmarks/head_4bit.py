"""What storing the output head in 4 bits does to the answers of a real model.

    python benchmarks/head_4bit.py --model MODEL --data ../shared/data/lawqa_jp/selection_open100.json --samples 45 \
        --output benchmarks/results/head_4bit_0.5b.json

Each question is read once with its gold articles, in bfloat16. The hidden state at the answer slot then goes through the
head as stored and through ``app.training.model.tiled_head.TiledHead``, so that the head's rounding is all that differs.
``loss`` is the negative log-probability (nats) of the right letter over the whole vocabulary, what training minimises;
the other columns are of the four letters, what evaluation reads.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from app.core.cli import log
from app.core.files import sha256_file, write_json
from app.core.manifests import run_header
from app.core.questions import LETTERS

HEADS = ("bf16", "nf4")


def read_both(model: Any, head: Any, rows: Sequence[Sequence[int]], letter_ids: Sequence[Sequence[int]]) -> Any:
    """(rows, 2, letters) log-probabilities of the letters by the stored head and by ``head``."""
    import torch

    from app.llm.letters import letter_logprobs

    seen: list[Any] = []
    hook = model.get_output_embeddings().register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0][:, -1]))
    lines = []
    with torch.no_grad():
        for number, row in enumerate(rows, start=1):
            seen.clear()
            logits = model(input_ids=torch.tensor([list(row)]), use_cache=False, logits_to_keep=1).logits[:, -1]
            lines.append(torch.cat([letter_logprobs(each, letter_ids) for each in (logits, head(seen[0]))]))
            log(f"{number}/{len(rows)}")
    hook.remove()
    return torch.stack(lines)


def summarize(logprobs: Any, gold: Sequence[int]) -> dict[str, Any]:
    """What the rounding changed, from (questions, 2, letters) log-probabilities and the right letters' places."""
    losses = [[-float(line[side][place]) for line, place in zip(logprobs, gold, strict=True)] for side in (0, 1)]
    changes = [after - before for before, after in zip(*losses, strict=True)]
    shares = logprobs.softmax(dim=-1)
    chosen = logprobs.argmax(dim=-1)
    moved = (shares[:, 0] - shares[:, 1]).abs()
    return {
        "questions": len(gold),
        "loss": dict(zip(HEADS, map(mean, losses), strict=True)),
        "loss_change": mean(changes),
        "loss_change_sd": stdev(changes),
        "same_letter": int((chosen[:, 0] == chosen[:, 1]).sum()),
        "right": {name: sum(int(line[side]) == place for line, place in zip(chosen, gold, strict=True)) for side, name in enumerate(HEADS)},
        "letter_probability_change": {"mean": float(moved.mean()), "largest": float(moved.max())},
    }  # fmt: skip


def main() -> None:
    """Read, compare, store and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="folder of the model")
    parser.add_argument("--data", type=Path, required=True, help="questions with their gold context")
    parser.add_argument("--samples", type=int, default=45, help="questions, drawn with seed 42 (45)")
    parser.add_argument("--output", type=Path, required=True, help="JSON of the summary and every log-probability")
    options = parser.parse_args()

    from app.core.chat import encode_prompt, letter_token_ids
    from app.data.lawqa import load_questions
    from app.evaluation.running.asking import prompts_of
    from app.evaluation.running.evaluate import pick_questions
    from app.evaluation.running.plan import EvaluationPlan
    from app.llm.loading import load_base_model, load_tokenizer
    from app.training.model.tiled_head import TiledHead

    plan = EvaluationPlan(context="gold", top_k=0, orders=1)
    questions = pick_questions(load_questions(options.data), options.samples, 42)
    tokenizer = load_tokenizer(options.model)
    rows = [encode_prompt(tokenizer, prompts_of(one, one.context, plan)[0]) for one in questions]
    model = load_base_model(options.model, quantization=None, dtype="bfloat16", device="cpu")
    weight = model.get_output_embeddings().weight
    head = TiledHead(weight, compute_dtype=weight.dtype).eval()
    logprobs = read_both(model, head, rows, letter_token_ids(tokenizer))
    summary = summarize(logprobs, [LETTERS.index(one.correct) for one in questions])
    write_json(
        options.output,
        {
            "run": run_header(sys.argv[1:]), "data_sha256": sha256_file(options.data), "summary": summary,
            "questions": [one.id for one in questions], "logprobs": logprobs.tolist(),
        },
    )  # fmt: skip
    for name, value in summary.items():
        print(f"{name}: {value}")


if __name__ == "__main__":
    main()
