"""Dev accuracy, the best step, early stopping and the collapse warning."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

from app.core.chat import encode_prompt
from app.core.errors import DataError
from app.llm.letters import score_letters
from app.training.dev_choice import ChoiceDev, DevQuestion
from app.training.dev_eval import DevSet, best_step, build_dev_set, collapse_warning, evaluate_dev, should_stop
from app.training.rows.examples import build_examples


def test_chance_is_what_guesses_come_to() -> None:
    assert DevSet([[1]] * 3, ["a", "b", "a"], [4, 2, 4], []).chance == (1 / 4 + 1 / 2 + 1 / 4) / 3

    def asked(right: str, choices: int) -> DevQuestion:
        return DevQuestion([[1]] * choices, [False] * choices, 1, right)

    # One of four, two of five, a single statement.
    dev = ChoiceDev([asked("c", 4), asked("be", 5), asked("a", 1)], [])
    assert dev.chance == (1 / 4 + 1 / 10 + 1 / 2) / 3


def row(step: int, accuracy: float, logprob: float = -1.0) -> dict[str, Any]:
    return {"step": step, "eval_accuracy": accuracy, "eval_gold_logprob": logprob}


@pytest.mark.parametrize(
    ("history", "best"),
    [
        ([], None),
        ([{"step": 1, "loss": 2.0}], None),
        ([row(0, 0.9)], None),  # the untuned model is no checkpoint
        ([row(0, 0.9, -0.1), row(2, 0.5, -1.3), row(4, 0.3, -1.1)], 4),  # accuracy does not decide
        ([row(2, 0.3), row(4, 0.5)], 4),
        ([row(2, 0.5), row(4, 0.5)], 2),
        ([row(2, 0.5, -1.2), row(4, 0.5, -0.9) | {"eval_collapsed": True}], 2),
        ([row(step, 0.5, logprob) | {"eval_collapsed": True} for step, logprob in ((2, -1.2), (4, -0.9))], 4),
    ],
)
def test_best_step(history: list[dict[str, Any]], best: int | None) -> None:
    assert best_step(history) == best


@pytest.mark.parametrize(
    ("history", "patience", "stop"),
    [
        ([row(2, 0.5), row(4, 0.4), row(6, 0.4)], 2, True),
        ([row(2, 0.5), row(4, 0.4)], 2, False),
        ([row(2, 0.4), row(4, 0.5), row(6, 0.4)], 2, False),
        ([row(0, 0.9), row(2, 0.4)], 1, False),
        ([row(2, 0.5), row(4, 0.4), row(6, 0.4)], None, False),
        ([], 1, False),
    ],
)
def test_should_stop(history: list[dict[str, Any]], patience: int | None, stop: bool) -> None:
    assert should_stop(history, patience) is stop


@pytest.mark.parametrize(
    ("counts", "correct", "warns"),
    [
        ((0, 0, 13, 7), "abcd" * 5, True),  # 65 %
        ((2, 2, 12, 4), "abcd" * 5, False),  # exactly 60 %
        ((10, 10, 0, 0), "abcd" * 5, False),  # exactly one bit
        ((11, 9, 0, 0), "abcd" * 5, True),  # less than one
        ((0, 0, 20, 0), "c" * 17 + "abd", True),  # the right answers are one-sided, but not that much
        ((0, 0, 20, 0), "c" * 20, False),  # they are: it cannot be told
        ((19, 0, 0, 0), "abcd" * 4 + "abc", False),  # too few to tell
    ],
)
def test_collapse_warning(counts: tuple[int, ...], correct: str, warns: bool) -> None:
    warning = collapse_warning(dict(zip("abcd", counts, strict=True)), list(correct))
    assert (warning is not None) is warns


def test_scores_equal_a_plain_softmax(tiny_model_dir: Any, tiny_tokenizer: Any, record_maker: Any) -> None:
    model = AutoModelForCausalLM.from_pretrained(tiny_model_dir).train()
    records = record_maker(5)
    dev = build_dev_set(records, tiny_tokenizer)
    result = evaluate_dev(model, dev, max_batch_tokens=400)
    assert model.training
    model.eval()
    hits, logprobs, masses = 0, [], []
    histogram = dict.fromkeys("abcd", 0)
    for record in records:
        ids = torch.tensor([encode_prompt(tiny_tokenizer, record.input)])
        with torch.no_grad():
            probabilities = model(ids).logits[0, -1].softmax(-1)
        letters = torch.stack([probabilities[spellings].sum() for spellings in dev.letter_ids])
        chosen = "abcd"[int(letters.argmax())]
        histogram[chosen] += 1
        hits += chosen == record.meta["correct"]
        logprobs.append((letters["abcd".index(record.meta["correct"])] / letters.sum()).log().item())
        masses.append(letters.sum().item())
    assert result.accuracy == hits / 5
    assert result.histogram == histogram
    assert result.gold_logprob == pytest.approx(sum(logprobs) / 5, abs=1e-5)
    assert result.mass == pytest.approx(sum(masses) / 5, rel=1e-4)


def test_a_question_of_three_choices_is_scored_among_its_own_letters(
    tiny_model_dir: Any, tiny_tokenizer: Any, record_maker: Any
) -> None:
    model = AutoModelForCausalLM.from_pretrained(tiny_model_dir)
    records = record_maker(4)
    whole = build_dev_set(records, tiny_tokenizer)
    for count in (2, 3):
        dev = replace(whole, choices=[count] * 4, correct=["a", "b", "a", "b"])
        result = evaluate_dev(model, dev, max_batch_tokens=400)
        columns = score_letters(model, dev.prompt_ids, dev.letter_ids).logprobs[:, :count]
        probabilities = np.exp(columns.astype(np.float64))
        right = probabilities[range(4), [0, 1, 0, 1]]
        assert result.histogram == {
            letter: int((columns.argmax(axis=1) == place).sum()) for place, letter in enumerate("abcd")
        }
        assert result.accuracy == (columns.argmax(axis=1) == [0, 1, 0, 1]).mean()
        assert result.gold_logprob == pytest.approx(np.log(right / probabilities.sum(axis=1)).mean(), abs=1e-6)
        assert result.mass == pytest.approx(probabilities.sum(axis=1).mean(), rel=1e-6)
    three = replace(
        records[0], meta={**records[0].meta, "choices": dict(zip("abc", "xyz", strict=True)), "order": "abc"}
    )
    assert build_dev_set([three], tiny_tokenizer).choices == [3]
    with pytest.raises(DataError, match=r"レコード q0: 選択肢が 3 個あります。--objective letter は 4 個の問題だけ"):
        build_examples([three], tiny_tokenizer, max_seq_length=2048, answer_ids=whole.letter_ids)


def test_cot_records_are_read_right_after_the_answer_mark(tiny_tokenizer: Any, record_maker: Any) -> None:
    direct, cot = build_dev_set(record_maker(1) + record_maker(1, mode="cot"), tiny_tokenizer).prompt_ids
    assert tiny_tokenizer.decode(cot).endswith("</think>\n\nAnswer:")
    assert tiny_tokenizer.decode(direct).endswith("</think>\n\n")


def test_letters_beyond_four_are_refused_by_name(record_maker: Any) -> None:
    record = record_maker(1)[0]
    choices = {letter: f"{letter} の文" for letter in "abcde"}
    five = replace(record, meta={**record.meta, "choices": choices, "order": "abcde"})
    with pytest.raises(DataError, match=r"レコード q0: 選択肢が 5 個あります。.*--form choice で作り"):
        build_dev_set([five], None)
