"""The exported task: our prompts, four orders, and the same numbers from lm-evaluation-harness itself."""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from app.commands import export_lm_eval
from app.core.chat import encode_prompt, letter_token_ids
from app.core.cli import run_program
from app.core.files import read_jsonl, sha256_text
from app.core.questions import LETTERS, ORDERS, original_letter
from app.data.lawqa import load_questions
from app.evaluation.exchange.lm_eval import lm_eval_rows, task_yaml
from app.evaluation.running.asking import prompts_of
from app.evaluation.running.plan import EvaluationPlan

ROOT = Path(__file__).resolve().parents[3]
SAMPLE = ROOT / "sample" / "selection.json"
# lm-evaluation-harness is no dependency: point LM_EVAL at its program, or have it on PATH.
LM_EVAL = os.environ.get("LM_EVAL") or shutil.which("lm_eval")


def test_rows_are_the_prompts_of_our_own_evaluation() -> None:
    questions = load_questions(SAMPLE)[:5]
    plan = EvaluationPlan(context="gold", top_k=0, few_shot=True)
    rows = lm_eval_rows(questions, plan)
    assert [(row["id"], row["order"]) for row in rows] == [(q.id, order) for q in questions for order in ORDERS]
    for question, start in zip(questions, range(0, len(rows), 4), strict=True):
        four = rows[start : start + 4]
        assert [row["prompt"] for row in four] == prompts_of(question, question.context, plan)
        assert {original_letter(LETTERS[row["label"]], row["order"]) for row in four} == {question.correct}
        assert sorted(row["label"] for row in four) == [0, 1, 2, 3]


def test_without_context_and_in_one_order() -> None:
    question = load_questions(SAMPLE)[0]
    (row,) = lm_eval_rows([question], EvaluationPlan(context="none", top_k=0, orders=1))
    assert "【参照条文】" not in row["prompt"]
    assert LETTERS[row["label"]] == question.correct


def test_retrieved_contexts_are_refused() -> None:
    with pytest.raises(ValueError, match="retrieved"):
        lm_eval_rows([], EvaluationPlan(context="rag"))


def test_braces_and_quotes_survive_in_rows_and_task(tmp_path: Path) -> None:
    question = replace(load_questions(SAMPLE)[0], question='{{ prompt }} "引用" \\ {% if %}')
    (row,) = lm_eval_rows([question], EvaluationPlan(context="none", top_k=0, orders=1))
    assert '{{ prompt }} "引用" \\ {% if %}' in row["prompt"]
    mark, *lines = task_yaml("name", tmp_path / "a b.jsonl").splitlines()
    assert mark == "# horei-ft export_lm_eval.py sha256:" + sha256_text("".join(f"{line}\n" for line in lines))
    fields = {name: json.loads(value) for name, _, value in (line.partition(": ") for line in lines)}
    assert fields["target_delimiter"] == ""
    assert fields["doc_to_choice"] == ["a", "b", "c", "d"]
    assert fields["dataset_kwargs"] == {"data_files": {"test": str(tmp_path / "a b.jsonl")}}


def test_the_program_writes_rows_and_task_and_prints_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--data", str(SAMPLE), "--output-dir", str(tmp_path), "--name", "mine", "--orders", "1"]
    assert run_program(export_lm_eval.main, arguments) == 0
    assert len(read_jsonl(tmp_path / "mine.jsonl")) == len(load_questions(SAMPLE))
    assert (tmp_path / "mine.yaml").is_file()
    assert "--apply_chat_template" in capsys.readouterr().out
    with pytest.raises(SystemExit) as wrong:
        export_lm_eval.main([*arguments[:-3], "日本語 名"])
    assert wrong.value.code == 2


def test_only_a_task_that_this_program_wrote_is_replaced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    task, rows = tmp_path / "mine.yaml", tmp_path / "mine.jsonl"

    def export() -> int:
        options = ["--data", str(SAMPLE), "--output-dir", str(tmp_path), "--name", "mine", "--orders", "1"]
        return run_program(export_lm_eval.main, options)

    # The user's own task, a copied mark over it, and our task with a line added by hand.
    written = task_yaml("mine", rows)
    mark = written.splitlines()[0]
    for text in (
        "doc_to_target: label\n",
        f"{mark}\ndoc_to_target: label\n",
        f"{written}repeats: 2\n",
        f"#\n{written}",
    ):
        task.write_text(text, "utf-8")
        assert export() == 1
        error = capsys.readouterr().err
        assert error.startswith(f"エラー: --output-dir {task} は既にあり、")
        assert error.count("\n") == 1
        assert task.read_text("utf-8") == text
        assert not rows.exists()
    # What it wrote itself, for another name and folder too, and in the version before, which had no mark.
    for text in (written, task_yaml("other", Path("/elsewhere/o.jsonl")), written.removeprefix(f"{mark}\n")):
        task.write_text(text, "utf-8")
        assert export() == 0
        assert task.read_text("utf-8") == written


@pytest.mark.slow
@pytest.mark.skipif(LM_EVAL is None, reason="lm_eval is not installed (set LM_EVAL to its program)")
def test_lm_eval_gives_the_same_probabilities(tmp_path: Path) -> None:
    model_folder = ROOT / "sample" / "tiny-qwen3"
    run_program(
        export_lm_eval.main, ["--data", str(SAMPLE), "--output-dir", str(tmp_path), "--context", "gold"]
    )  # fmt: skip
    done = subprocess.run(
        [
            str(LM_EVAL), "run", "--model", "hf", "--apply_chat_template", "--include_path", str(tmp_path),
            "--model_args", f"pretrained={model_folder},enable_thinking=False,dtype=float32", "--device", "cpu",
            "--tasks", "horei_lawqa", "--log_samples", "--output_path", str(tmp_path / "out"),
        ],
        capture_output=True, text=True, env={**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "hf")},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (path,) = tmp_path.glob("out/*/samples_horei_lawqa_*.jsonl")
    theirs = {row["doc_id"]: [float(one[0][0]) for one in row["resps"]] for row in read_jsonl(path)}

    from app.llm.letters import score_letters
    from app.llm.loading import load_base_model, load_tokenizer

    tokenizer = load_tokenizer(str(model_folder))
    model = load_base_model(str(model_folder), quantization=None, dtype="float32", device="cpu")
    rows = read_jsonl(tmp_path / "horei_lawqa.jsonl")
    # The harness scores the one spelling it is given; ours sums all. Compared is that one spelling.
    spelled = [tokenizer(letter, add_special_tokens=False)["input_ids"] for letter in LETTERS]
    assert all(ids[0] in known for ids, known in zip(spelled, letter_token_ids(tokenizer), strict=True))
    scores = score_letters(model, [encode_prompt(tokenizer, row["prompt"]) for row in rows], spelled)
    assert len(theirs) == len(rows) == 4 * len(load_questions(SAMPLE))
    for number, ours in enumerate(scores.logprobs.tolist()):
        mine, other = four_way(ours), four_way(theirs[number])
        assert mine == pytest.approx(other, abs=1e-4)
        assert max(range(4), key=lambda i: mine[i]) == max(range(4), key=lambda i: other[i])  # called at once


def four_way(logprobs: list[float]) -> list[float]:
    weights = [math.exp(value - max(logprobs)) for value in logprobs]
    return [weight / sum(weights) for weight in weights]
