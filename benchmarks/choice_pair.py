"""Which two words a model should answer with in the choice form: ○ and ×, or another pair of single tokens.

    python scripts/split_selection_dataset.py --lawqa-path ../shared/data/lawqa_jp/selection_open100.json --output-dir /tmp/split
    python benchmarks/choice_pair.py --model MODEL --data /tmp/split/train.json /tmp/split/dev.json \
        --output benchmarks/results/choice_pair_0.5b.json

Every question is asked with its gold articles, once with each pair: the same prompts but for the two words that the
instruction names. Never run on the questions that a result is judged on: what is chosen here is kept.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from app.core.chat import PAIR_SPELLINGS
from app.core.cli import log
from app.core.files import sha256_file, write_json
from app.core.manifests import run_header
from app.core.prompts import CHOICE_INSTRUCTION, FITS, FITS_NOT

# The usual spelling first: it stands in the instruction; the tokens of all are counted.
PAIRS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "○/×": PAIR_SPELLINGS,
    "正/誤": (("正",), ("誤",)),
    "はい/いいえ": (("はい",), ("いいえ",)),
}


def instruction_with(pair: str) -> str:
    """The instruction of the choice form with the words of ``pair`` in place of ○ and ×."""
    (fits, *_), (fits_not, *_) = PAIRS[pair]
    return CHOICE_INSTRUCTION.replace(f"「{FITS}」", f"「{fits}」").replace(f"「{FITS_NOT}」", f"「{fits_not}」")


class PairBackend:
    """A loaded model that is asked for one pair."""

    def __init__(self, model: Any, tokenizer: Any, pair: str) -> None:
        from app.core.chat import single_tokens
        from app.llm.letters import KeptPrefix

        self.model, self.tokenizer, self.instruction = model, tokenizer, instruction_with(pair)
        self.ids = single_tokens(tokenizer, PAIRS[pair])
        self.kept = KeptPrefix()

    def judge(self, prompts: Sequence[str]) -> list[Any]:
        """The judgement of each prompt, asked with the pair's words."""
        from app.core.chat import encode_prompt
        from app.llm.backend import Judgement
        from app.llm.letters import score_letters_shared_prefix

        asked = [prompt.replace(CHOICE_INSTRUCTION, self.instruction, 1) for prompt in prompts]
        rows = [encode_prompt(self.tokenizer, prompt) for prompt in asked]
        scores = score_letters_shared_prefix(self.model, rows, self.ids, kept=self.kept)
        odds = (scores.logprobs[:, 0] - scores.logprobs[:, 1]).tolist()
        return [Judgement(*one) for one in zip(odds, scores.mass.tolist(), map(len, rows), strict=True)]


def measure(backend: Any, questions: Sequence[Any]) -> dict[str, Any]:
    """Accuracy, log-probability of the right answer, AUC of single choices and mass, with the questions' own articles."""
    from app.data.context import Context
    from app.evaluation.results.summary import outcome_summary
    from app.evaluation.running.asking import ask
    from app.evaluation.running.plan import EvaluationPlan

    plan = EvaluationPlan(context="gold", top_k=0, scoring="choice", orders=1)
    outcomes = []
    for number, question in enumerate(questions, start=1):
        outcomes += ask(backend, [(question, Context(question.context))], plan)
        log(f"{number}/{len(questions)}")
    summary = outcome_summary(outcomes, context="gold", top_k=0)
    return {
        "questions": len(outcomes),
        "correct": summary["correct"],
        "gold_logprob": summary["gold_logprob"],
        "auc": summary["statements"]["auc"],
        "auc_ci95": summary["statements"]["auc_ci95"],
        "said_to_fit": summary["statements"]["said_to_fit"],
        "choices": summary["statements"]["total"],
        "mass": summary["label_mass"]["mean"],
        "log_odds": {outcome.id: outcome.answers[0].log_odds for outcome in outcomes},
    }


def main() -> None:
    """Ask with every pair, store and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="folder of the model")
    parser.add_argument("--data", type=Path, nargs="+", required=True, help="questions with their gold context")
    parser.add_argument("--samples", type=int, help="questions, drawn with seed 42 (all)")
    parser.add_argument("--pairs", nargs="+", choices=list(PAIRS), default=list(PAIRS), help="pairs to ask with (all)")
    parser.add_argument("--output", type=Path, required=True, help="JSON of the summaries and every log-odds")
    options = parser.parse_args()

    from app.core.errors import ModelError
    from app.data.lawqa import load_questions
    from app.evaluation.running.evaluate import pick_questions
    from app.llm.loading import load_base_model, load_tokenizer

    questions = [question for path in options.data for question in load_questions(path) if question.context]
    questions = pick_questions(questions, options.samples, 42)
    tokenizer = load_tokenizer(options.model)
    model = load_base_model(options.model, quantization=None, device="cpu")
    found: dict[str, Any] = {}
    for pair in options.pairs:
        try:
            backend = PairBackend(model, tokenizer, pair)
        except ModelError as error:
            found[pair] = {"refused": str(error)}
            log(f"{pair}: {error}")
            continue
        found[pair] = measure(backend, questions)
        value = {name: one for name, one in found[pair].items() if name != "log_odds"}
        print(f"{pair}: {value}", flush=True)
    write_json(
        options.output,
        {
            "run": run_header(sys.argv[1:]), "data_sha256": [sha256_file(path) for path in options.data], "pairs": found,
        },
    )  # fmt: skip


if __name__ == "__main__":
    main()
