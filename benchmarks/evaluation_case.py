"""One side of the evaluation benchmark, in a process of its own so that its peak memory is its own.

Started by ``benchmarks/evaluation.py``; writes one JSON object to stdout. The sides ask the same questions with the
same prompts of the same weights; loading the model is not part of the seconds:

usual    the way the documents describe: one question at a time, greedy, up to ``--budget`` tokens, then parse
loop     the same, and the tokens that end an answer are forbidden: what an answer costs that never ends
lm_eval  lm-evaluation-harness on the task that scripts/export_lm_eval.py writes, four orders
one      ours, letters by log-probability, the file's order
four     ours, four orders, what the orders share computed once
choice   ours, every choice judged by itself, what the choices share computed once
spelled  as four, but each letter in the one spelling that lm-evaluation-harness scores; for the comparison, not timed
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch

from app.core.answers import parse_answer
from app.core.chat import encode_prompt
from app.core.manifests import peak_rss_bytes
from app.core.prompts import build_mc_prompt_cot
from app.core.questions import LETTERS, ORDERS, Question
from app.data.context import Context
from app.data.lawqa import load_questions
from app.evaluation.running.asking import prompts_of
from app.evaluation.running.evaluate import pick_questions
from app.evaluation.running.plan import EvaluationPlan, Scoring
from app.evaluation.running.runner import run_questions
from app.llm.hf_llm import HFLLMConfig, HFLoRALLM
from app.llm.letters import score_letters_shared_prefix
from app.llm.loading import load_base_model, load_tokenizer

SIDES = ("usual", "loop", "lm_eval", "one", "four", "choice", "spelled")
WARM_UP = [[1] * 64]  # reads every weight once, so that no side pays for the disk
Logprobs = dict[str, dict[str, list[float]]]  # question id → order → the four letters as shown


def plan_of(case: argparse.Namespace, orders: int, scoring: Scoring = "letter") -> EvaluationPlan:
    return EvaluationPlan(context=case.context, top_k=0, orders=orders, scoring=scoring)


def context_of(case: argparse.Namespace, question: Question) -> str | None:
    return question.context if case.context == "gold" else None


def timed_scoring(case: argparse.Namespace, questions: Sequence[Question], plan: EvaluationPlan) -> dict[str, Any]:
    """The program's own evaluation, from questions to outcomes."""
    backend = HFLoRALLM(HFLLMConfig(case.model, device="cpu", load_in_4bit=case.dtype == "4bit"))
    if case.dtype != "4bit":
        backend.model.to(getattr(torch, case.dtype))
    backend.score_rows(WARM_UP)
    computed: list[int] = []
    backend.model.get_input_embeddings().register_forward_hook(
        lambda module, inputs, output: computed.append(inputs[0].numel())
    )
    started, busy = time.perf_counter(), time.process_time()
    outcomes = list(
        run_questions(
            backend, questions, lambda question: Context(context_of(case, question)), plan,
            on_outcomes=lambda _: None,
        )
    )  # fmt: skip
    seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - busy
    answers = [(outcome.id, answer) for outcome in outcomes for answer in outcome.answers]
    return {
        "seconds": seconds,
        "cpu_seconds": cpu_seconds,
        "prompt_tokens": sum(answer.prompt_tokens or 0 for _, answer in answers),
        "computed_tokens": sum(computed),
        "logprobs": _by_question((name, answer.order, list(answer.logprobs or ())) for name, answer in answers),
    }


def _by_question(lines: Any) -> Logprobs:
    table: Logprobs = {}
    for name, order, logprobs in lines:
        table.setdefault(name, {})[order] = logprobs
    return table


def spelled_letters(case: argparse.Namespace, questions: Sequence[Question]) -> dict[str, Any]:
    """Four orders with one spelling a letter, by the function that the program's own evaluation calls."""
    tokenizer = load_tokenizer(case.model)
    model = load_base_model(case.model, quantization=None, dtype=case.dtype, device="cpu")
    spelling = [tokenizer(letter, add_special_tokens=False)["input_ids"] for letter in LETTERS]
    lines = []
    for question in questions:
        prompts = prompts_of(question, context_of(case, question), plan_of(case, 4))
        scores = score_letters_shared_prefix(model, [encode_prompt(tokenizer, each) for each in prompts], spelling)
        lines += [(question.id, *line) for line in zip(ORDERS, scores.logprobs.tolist(), strict=True)]
    return {"logprobs": _by_question(lines)}


def written_answers(case: argparse.Namespace, questions: Sequence[Question]) -> dict[str, Any]:
    """Generate and parse, question after question, with nothing but transformers."""
    tokenizer = load_tokenizer(case.model)
    model = load_base_model(case.model, quantization=None, dtype=case.dtype, device="cpu")
    with torch.no_grad():
        model(torch.tensor(WARM_UP))
    never_end = {"min_new_tokens": case.budget} if case.side == "loop" else {}
    answers = []
    for question in questions:
        started, busy = time.perf_counter(), time.process_time()
        prompt = build_mc_prompt_cot(question.question, question.choices, context_of(case, question))
        inputs = tokenizer.apply_chat_template(
            [{"role": "user", "content": prompt}], add_generation_prompt=True, enable_thinking=False,
            return_tensors="pt", return_dict=True,
        )  # fmt: skip
        with torch.no_grad():
            output = model.generate(
                **inputs, max_new_tokens=case.budget, do_sample=False, pad_token_id=tokenizer.pad_token_id, **never_end
            )
        new = output[0, inputs["input_ids"].shape[1] :]
        parsed = parse_answer(tokenizer.decode(new, skip_special_tokens=True), cut_off=len(new) == case.budget)
        answers.append({
            "id": question.id, "seconds": time.perf_counter() - started,
            "cpu_seconds": time.process_time() - busy, "prompt_tokens": inputs["input_ids"].shape[1],
            "new_tokens": len(new), "letter": parsed.letter, "status": parsed.status,
        })  # fmt: skip
    return {name: sum(answer[name] for answer in answers) for name in ("seconds", "cpu_seconds")} | {"answers": answers}


def lm_eval_letters(case: argparse.Namespace, questions: Sequence[Question]) -> dict[str, Any]:
    """The harness on the exported task; only its scoring is timed, not how it builds tasks and requests."""
    import lm_eval
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager

    from app.commands import export_lm_eval

    class Timed(HFLM):  # type: ignore[misc]
        seconds = cpu_seconds = 0.0

        def loglikelihood(self, requests: Any, disable_tqdm: bool = True) -> Any:
            started, busy = time.perf_counter(), time.process_time()
            result = super().loglikelihood(requests, disable_tqdm=True)
            self.seconds += time.perf_counter() - started
            self.cpu_seconds += time.process_time() - busy
            return result

    with tempfile.TemporaryDirectory() as folder:
        export_lm_eval.main(["--data", str(case.data), "--output-dir", folder, "--context", case.context])
        model = Timed(case.model, device="cpu", dtype=case.dtype, batch_size=case.lm_eval_batch, enable_thinking=False)
        with torch.no_grad():
            model.model(torch.tensor(WARM_UP))
        wanted = {question.id for question in questions}
        places = [place for place, each in enumerate(load_questions(case.data)) if each.id in wanted]
        result = lm_eval.simple_evaluate(
            model=model, tasks=["horei_lawqa"], task_manager=TaskManager(include_path=folder), apply_chat_template=True,
            samples={"horei_lawqa": [4 * place + order for place in places for order in range(4)]},
            log_samples=True, bootstrap_iters=0,
        )  # fmt: skip
    rows = result["samples"]["horei_lawqa"]
    lines = ((row["doc"]["id"], row["doc"]["order"], [float(each[0][0]) for each in row["resps"]]) for row in rows)
    return {
        "seconds": model.seconds, "cpu_seconds": model.cpu_seconds, "logprobs": _by_question(lines),
        "lm_eval": lm_eval.__version__,
    }  # fmt: skip


def run(case: argparse.Namespace) -> dict[str, Any]:
    """Measure the side of ``case``."""
    questions = pick_questions(load_questions(case.data), case.samples, case.seed)
    if case.side == "lm_eval":
        measured = lm_eval_letters(case, questions)
    elif case.side == "spelled":
        measured = spelled_letters(case, questions)
    elif case.side in ("one", "four", "choice"):
        plans = {"one": plan_of(case, 1), "four": plan_of(case, 4), "choice": plan_of(case, 1, "choice")}
        measured = timed_scoring(case, questions, plans[case.side])
    else:
        # Spread over the same questions: writing takes so much longer that only a few are asked.
        measured = written_answers(case, questions[:: -(-len(questions) // case.written)])
    return {
        "side": case.side, "questions": len(measured.get("logprobs") or measured["answers"]), **measured,
        "threads": torch.get_num_threads(), "peak_rss_bytes": peak_rss_bytes(),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", choices=SIDES, required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--context", choices=("none", "gold"), required=True)
    parser.add_argument("--samples", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--written", type=int, required=True)
    parser.add_argument("--budget", type=int, required=True)
    parser.add_argument("--dtype", choices=("float32", "bfloat16", "4bit"), required=True)
    parser.add_argument("--lm-eval-batch", type=int, required=True)
    parser.add_argument("--threads", type=int, required=True)
    case = parser.parse_args()
    torch.set_num_threads(case.threads)
    print(json.dumps(run(case)))


if __name__ == "__main__":
    main()
