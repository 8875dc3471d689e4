"""The evaluation benchmark: its sums, and each of its own sides on a tiny model. The harness is a package apart."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.core.chat import encode_prompt, letter_token_ids
from app.core.files import write_json
from app.core.questions import ORDERS
from app.data.lawqa import load_questions
from app.evaluation.running.asking import prompts_of
from app.evaluation.running.evaluate import pick_questions
from app.evaluation.running.plan import EvaluationPlan
from app.llm.letters import common_prefix_length, score_letters
from app.llm.loading import load_base_model, load_tokenizer
from benchmarks import evaluation, evaluation_case

SAMPLE = Path(__file__).resolve().parents[2] / "sample" / "selection.json"


def side(seconds: float, questions: int, **more: Any) -> dict[str, Any]:
    return {"seconds": seconds, "cpu_seconds": 2 * seconds, "questions": questions, "peak_rss_bytes": 2**30, **more}


def answer(seconds: float, new_tokens: int) -> dict[str, Any]:
    return {"seconds": seconds, "cpu_seconds": 2 * seconds, "new_tokens": new_tokens, "status": "ok"}


ROUNDS = [
    {
        "usual": side(3.0, 2, answers=[answer(1.0, 2), answer(2.0, 8)]),
        "loop": side(6.0, 1, answers=[answer(6.0, 8)]),
        "lm_eval": side(8.0, 4),
        "one": side(1.0, 4, prompt_tokens=40, computed_tokens=44),
        "four": side(2.0, 4, prompt_tokens=160, computed_tokens=70),
        "choice": side(1.5, 4, prompt_tokens=80, computed_tokens=30),
    },
    {"lm_eval": side(12.0, 4), "one": side(2.0, 4), "four": side(2.4, 4)},
    {"lm_eval": side(10.0, 4), "four": side(1.6, 4)},
]


def test_speeds_are_medians_over_the_rounds_a_side_ran_in() -> None:
    table = evaluation.summarize(ROUNDS)
    assert list(table) == ["usual", "loop", "lm_eval", "one", "four", "choice"]
    assert table["lm_eval"] == {
        "seconds_per_question": 2.5, "lowest": 2.0, "highest": 3.0, "rounds": 3, "questions": 4,
        "cpu_seconds_per_question": 5.0, "peak_rss_gib": 1.0,
    }  # fmt: skip
    assert table["one"]["seconds_per_question"] == 0.375
    assert table["one"]["tokens"] == [40, 44]
    assert table["usual"]["new_tokens"] == [2, 8]


def test_ratios_are_taken_within_a_round() -> None:
    found = evaluation.ratios(ROUNDS, budget=8)
    assert found["lm_eval / four"] == 5.0  # 4, 5, 6.25
    assert found["four / one"] == pytest.approx(1.6)  # 2 and 1.2
    assert found["usual / one"] == 6.0
    assert found["choice / four"] == pytest.approx(0.75)
    # Two answers reached the budget (2 s and 6 s); ours took 0.375 s and 0.5 s in the middle.
    assert found["looping answer / one"] == pytest.approx(4 / 0.375)
    assert found["looping answer / four"] == pytest.approx(4 / 0.5)
    assert evaluation.ratios(ROUNDS, 8, "cpu_seconds") == pytest.approx(found)


def test_the_table_names_tokens_and_leaves_out_what_did_not_run() -> None:
    table = {name: row for name, row in evaluation.summarize(ROUNDS).items() if name in ("usual", "four")}
    assert evaluation.as_markdown(table, {"four / one": 1.6}, {"four / one": 1.5}).splitlines()[2:] == [
        "| (a) write and parse | 2 | 1 | 1.500 (1.500–1.500) | 3.000 | 2 8 written | 1.00 |",
        "| (c) ours, four orders | 4 | 3 | 0.500 (0.400–0.600) | 1.000 | 160 in prompts, 70 computed | 1.00 |",
        "",
        "four / one: 1.60 (processor time 1.50)",
    ]


def test_agreement_compares_probabilities_among_the_letters() -> None:
    ours = {"q": {"abcd": [0.0, 0.0, -1e9, -1e9], "dcba": [-3.0, -1.0, -2.0, -4.0]}}
    # A constant added to all four changes nothing; in the first order another letter is ahead by little.
    theirs = {"q": {"dcba": [-8.0, -6.0, -7.0, -9.0], "abcd": [-1.0, -1.0 + 4e-2, -1e9, -1e9]}}
    found = evaluation.agreement(ours, theirs)
    assert (found["compared"], found["same_letter"]) == (2, 1)
    assert found["largest_difference"] == pytest.approx(1e-2, rel=1e-3)
    assert found["by_question"] == {"q": found["largest_difference"]}


@pytest.mark.parametrize("theirs", [{}, {"p": {"abcd": [0.0] * 4}}, {"q": {"dcba": [0.0] * 4}}])
def test_other_questions_or_orders_are_not_compared(theirs: Any) -> None:
    with pytest.raises(ValueError, match="different questions"):
        evaluation.agreement({"q": {"abcd": [0.0] * 4}}, theirs)


def test_a_round_made_in_pieces_is_one_round() -> None:
    rounds: list[dict[str, Any]] = []
    evaluation.next_round(rounds, ["one"])["one"] = 1
    evaluation.next_round(rounds, ["four"])["four"] = 2
    evaluation.next_round(rounds, ["one", "four"])["one"] = 3
    assert rounds == [{"one": 1, "four": 2}, {"one": 3}]


def test_rounds_of_other_settings_are_not_mixed(tmp_path: Path) -> None:
    output = tmp_path / "measured.json"
    fresh = evaluation.earlier(output, {"samples": 3}, "hash")
    assert fresh == {"settings": {"samples": 3}, "data_sha256": "hash", "runs": [], "rounds": [], "agreement": {}}
    write_json(output, {**fresh, "rounds": ROUNDS})
    assert evaluation.earlier(output, {"samples": 3}, "hash")["rounds"] == ROUNDS
    for settings, data in (({"samples": 4}, "hash"), ({"samples": 3}, "other")):
        with pytest.raises(SystemExit, match="other settings"):
            evaluation.earlier(output, settings, data)


def case(model: Path, name: str) -> Namespace:
    return Namespace(
        side=name, model=str(model), data=SAMPLE, context="gold", samples=3, seed=0, written=1, budget=5,
        dtype="float32", lm_eval_batch=1,
    )  # fmt: skip


def test_four_orders_are_the_scores_of_single_rows(tiny_model_dir: Path) -> None:
    measured = evaluation_case.run(case(tiny_model_dir, "four"))
    tokenizer, model = load_tokenizer(str(tiny_model_dir)), load_base_model(str(tiny_model_dir), quantization=None)
    prompt_tokens, computed, before = 0, 0, []
    for question in pick_questions(load_questions(SAMPLE), 3, 0):
        prompts = prompts_of(question, question.context, EvaluationPlan(context="gold", top_k=0))
        rows = [encode_prompt(tokenizer, prompt) for prompt in prompts]
        scores = score_letters(model, rows, letter_token_ids(tokenizer))
        got = [measured["logprobs"][question.id][order] for order in ORDERS]
        np.testing.assert_allclose(got, scores.logprobs, atol=1e-5)
        shared = common_prefix_length(rows)
        prompt_tokens += sum(map(len, rows))
        computed += shared - common_prefix_length([rows[0][:shared], before])
        computed += 4 * (max(map(len, rows)) - shared)  # the ends run side by side, padded to the longest
        before = rows[0][:shared]
    assert (measured["questions"], measured["prompt_tokens"]) == (3, prompt_tokens)
    assert measured["computed_tokens"] == computed


def test_one_order_and_one_spelling_are_parts_of_four(tiny_model_dir: Path) -> None:
    four, one, spelled = (
        evaluation_case.run(case(tiny_model_dir, name))["logprobs"] for name in ("four", "one", "spelled")
    )
    assert list(four) == list(one) == list(spelled)
    for name in four:
        np.testing.assert_allclose(one[name]["abcd"], four[name]["abcd"], atol=1e-5)
        assert (np.array([spelled[name][order] for order in ORDERS]) < [four[name][order] for order in ORDERS]).all()


def test_choices_by_themselves_are_timed_as_they_are_evaluated(tiny_model_dir: Path) -> None:
    measured = evaluation_case.run(case(tiny_model_dir, "choice"))
    four = evaluation_case.run(case(tiny_model_dir, "four"))
    assert measured["questions"] == 3
    assert all(len(one["abcd"]) == 4 for one in measured["logprobs"].values())
    assert measured["computed_tokens"] < 0.7 * four["computed_tokens"]


@pytest.mark.parametrize("name", ["usual", "loop"])
def test_a_written_answer_stays_in_the_budget_and_a_looping_one_fills_it(tiny_model_dir: Path, name: str) -> None:
    measured = evaluation_case.run(case(tiny_model_dir, name))
    (written,) = measured["answers"]
    assert measured["questions"] == 1
    assert written["id"] == pick_questions(load_questions(SAMPLE), 3, 0)[0].id
    assert measured["seconds"] == written["seconds"] > 0
    assert written["new_tokens"] == 5 if name == "loop" else 1 <= written["new_tokens"] <= 5
