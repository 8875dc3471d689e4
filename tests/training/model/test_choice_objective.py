"""The choice objective: choices compared within their question, whole questions only, the same whatever the batch."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from app.core.chat import encode_prompt, pair_token_ids
from app.core.choices import set_logprob
from app.core.errors import DataError
from app.core.prompts import FITS
from app.data.records import Record
from app.llm.loading import load_base_model
from app.training.config import TrainConfig
from app.training.dev_choice import build_choice_dev, evaluate_choice_dev, judged
from app.training.model.choice_loss import ChoiceObjective, choice_loss_sum, choice_objective, log_odds, question_losses
from app.training.model.lora import attach_lora, resolve_target_modules, trainable_parameters
from app.training.rows.audit import audit_batches
from app.training.rows.choice_groups import build_groups, fitting_choices, question_rows
from app.training.rows.examples import BuiltExamples, build_example, build_examples, check_form
from app.training.rows.prefix import PrefixCollator, PrefixGroup
from app.training.trainer import build_trainer
from app.training.trainer_arguments import training_arguments

COLLATE = PrefixCollator(name_questions=True)


def softplus(value: float) -> float:
    return math.log1p(math.exp(value))


def grouped(records: list[Record], tokenizer: Any) -> tuple[BuiltExamples, list[PrefixGroup]]:
    built = build_examples(records, tokenizer, max_seq_length=9999, answer_ids=pair_token_ids(tokenizer))
    return build_groups(built, "t.jsonl", max_tokens=9999, skip_long=False)


def objective(tokenizer: Any) -> ChoiceObjective:
    return choice_objective(pair_token_ids(tokenizer), [])


def test_the_loss_of_questions_by_hand() -> None:
    odds = torch.tensor([2.0, -1.0, 0.5, 3.0, -0.5, 1.5], requires_grad=True)
    fits = torch.tensor([True, False, False, True, True, False])
    # one of three fits; both fit; a single statement that does not
    questions = torch.tensor([0, 0, 0, 1, 1, 2])
    weighed = ChoiceObjective(((1,), (2,)), weight_fits=0.75, weight_others=1.5)
    expected = (
        (softplus(-1 - 2) + softplus(0.5 - 2)) / 2 + (softplus(-2) + (softplus(-1) + softplus(0.5)) / 2) / 2
        + 0.75 * (softplus(-3) + softplus(0.5)) / 2
        + 1.5 * softplus(1.5)
    )  # fmt: skip
    total = question_losses(odds, fits, questions, weighed)
    assert total.item() == pytest.approx(expected, rel=1e-6)
    total.backward()
    assert odds.grad is not None
    assert [float(value) < 0 for value in odds.grad] == fits.tolist()


@pytest.mark.parametrize(
    ("questions", "weights"),
    [
        ([[True, False], [False, True]], (1, 1)),
        ([[True], [True], [True], [False]], (4 / 6, 2)),  # three to one: both kinds weigh 2 together
        ([[True], [True]], (1, 1)),
        ([[True, True], [False], [True, False]], (1, 1)),
    ],
)
def test_questions_of_one_kind_are_balanced_over_the_file(
    questions: list[list[bool]], weights: tuple[float, float]
) -> None:
    made = choice_objective([[1], [2]], questions)
    assert (made.weight_fits, made.weight_others) == pytest.approx(weights)


def test_log_odds_are_those_of_the_full_softmax() -> None:
    logits = torch.randn(3, 20, generator=torch.Generator().manual_seed(2))
    shares = logits.softmax(-1)
    expected = torch.log((shares[:, 3] + shares[:, 11]) / shares[:, 5])
    torch.testing.assert_close(log_odds(logits, ((3, 11), (5,))), expected)


@pytest.mark.parametrize("chunk", [3, 100])
def test_a_shared_sequence_gives_the_loss_and_gradients_of_separate_prompts(
    tiny_model_dir: Path, tiny_tokenizer: Any, choice_maker: Any, with_adapter: Any, chunk: int
) -> None:
    records = choice_maker(3)
    _, groups = grouped(records, tiny_tokenizer)
    model = with_adapter(load_base_model(str(tiny_model_dir), quantization=None, device="cpu")).double().train()
    loss = choice_loss_sum(model, **COLLATE(groups), objective=objective(tiny_tokenizer), chunk_positions=chunk)
    loss.total.backward()
    shared = {name: value.grad.clone() for name, value in trainable_parameters(model).items()}
    model.zero_grad()
    odds = []
    for record in records:
        shares = model(torch.tensor([encode_prompt(tiny_tokenizer, record.input)])).logits[0, -1].softmax(-1)
        mass = [shares[ids].sum() for ids in pair_token_ids(tiny_tokenizer)]
        odds.append(torch.log(mass[0] / mass[1]))
    fits = torch.tensor([record.output == FITS for record in records])
    numbers = torch.tensor([number for number in range(3) for _ in range(4)])
    alone = question_losses(torch.stack(odds), fits, numbers, objective(tiny_tokenizer))
    alone.backward()
    assert loss.positions == 3
    assert loss.total.item() == pytest.approx(alone.item(), rel=1e-5)
    for name, value in trainable_parameters(model).items():
        torch.testing.assert_close(shared[name], value.grad, rtol=1e-4, atol=1e-5 * value.grad.abs().max().item())


def trained(
    folder: Path, model_dir: Path, records: list[Record], tokenizer: Any, batch: int
) -> tuple[Any, list[float]]:
    """Weights and losses of two steps of four questions each in float64, ``batch`` at a time."""
    config = TrainConfig(
        model_name=str(model_dir), train_file=folder / "t.jsonl", output_dir=folder, batch_size=batch,
        gradient_accumulation_steps=4 // batch, learning_rate=1e-2, warmup_ratio=0.0, objective="choice",
    )  # fmt: skip
    base = load_base_model(str(model_dir), quantization=None, device="cpu")
    modules = resolve_target_modules(base, ["all-linear"])
    model = attach_lora(base, r=4, alpha=8, dropout=0.0, target_modules=modules, bias="none", seed=1).double()
    built, groups = grouped(records, tokenizer)
    arguments = training_arguments(config, folder=folder, total_steps=2, epoch_steps=2, on_cpu=True, precision="stored")
    arguments.save_strategy = "no"
    choices = choice_objective(pair_token_ids(tokenizer), fitting_choices(built.records, groups, FITS))
    trainer = build_trainer(model, arguments, groups, COLLATE, precision="stored", choices=choices)
    trainer.train()
    weights = {name: value.detach().clone() for name, value in trainable_parameters(trainer.model).items()}
    return weights, [row["loss"] for row in trainer.state.log_history if "loss" in row]


def test_a_batch_of_4_equals_4_accumulated_batches_of_1(
    tmp_path: Path, tiny_model_dir: Path, tiny_tokenizer: Any, choice_maker: Any
) -> None:
    # Questions with two, four and one choice: a mean over choices would depend on who shares a pass.
    records = choice_maker(3) + choice_maker(3, first=3, letters="ab") + choice_maker(2, first=6, letters="a")
    runs = [trained(tmp_path / str(batch), tiny_model_dir, records, tiny_tokenizer, batch) for batch in (4, 2, 1)]
    assert len(runs[0][1]) == 2
    for weights, losses in runs[1:]:
        assert losses == pytest.approx(runs[0][1], rel=2**-22)
        for name, value in weights.items():
            torch.testing.assert_close(value, runs[0][0][name], rtol=1e-5, atol=1e-8)


def test_a_question_is_one_group_and_its_records_are_audited(tiny_tokenizer: Any, choice_maker: Any) -> None:
    first, second = choice_maker(1), choice_maker(1, first=1)
    # Interleaved, out of order, and the first question a second time.
    records = [first[2], second[0], first[0], *second[1:], first[3], first[1], *first]
    assert question_rows(records, "t") == [[2, 7, 0, 6], [1, 3, 4, 5], [8, 9, 10, 11]]
    built, groups = grouped(records, tiny_tokenizer)
    assert [group.rows for group in groups] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]
    assert [record.row_id for record in built.records[:4]] == ["q0/a", "q0/b", "q0/c", "q0/d"]
    summary = audit_batches(
        [[built.records[row] for row in group.rows] for group in groups],
        groups, tiny_tokenizer, COLLATE, batch_size=2, stops=False,
    )  # fmt: skip
    assert (summary.rows, summary.supervised, summary.most_supervised) == (12, 12, 1)
    assert summary.computed_tokens < 0.5 * summary.tokens
    assert summary.shown_row.endswith("<think>\n\n</think>\n\n⟦○⟧")


def test_the_audit_refuses_choices_compared_across_questions(tiny_tokenizer: Any, choice_maker: Any) -> None:
    built, groups = grouped(choice_maker(2), tiny_tokenizer)

    def mixing(units: Any) -> Any:
        batch = COLLATE(units)
        return batch | {"questions": torch.zeros_like(batch["questions"])}

    with pytest.raises(DataError, match="別の問題の選択肢を比べる列"):
        audit_batches([built.records[:4], built.records[4:]], groups, tiny_tokenizer, mixing, batch_size=2, stops=False)


def test_what_is_no_whole_question_is_refused(choice_maker: Any) -> None:
    records = choice_maker(2)
    with pytest.raises(
        DataError, match=r"t\.jsonl: 選択肢のレコードがそろわない問題が 1 問あります（最初は q1 の b、d）"
    ):
        question_rows([record for record in records if record.row_id not in ("q1/b", "q1/d")], "t.jsonl")
    other = replace(records[1], meta=records[1].meta | {"question": "別の問題"})
    with pytest.raises(DataError, match=r"meta\.group q0 のレコードが、別の問題や選択肢を示しています"):
        question_rows([records[0], other, *records[2:]], "t.jsonl")


def test_a_question_that_does_not_fit_is_refused_or_left_out_whole(tiny_tokenizer: Any, choice_maker: Any) -> None:
    records = choice_maker(3)
    built, groups = grouped(records, tiny_tokenizer)
    limit = max(group.tokens for group in groups) - 1  # the third question has the longest context
    with pytest.raises(
        DataError, match=rf"1 問の選択肢を並べた列が --max-seq-length {limit} トークンを超えます（最長は q2 の"
    ):
        build_groups(built, "t", max_tokens=limit, skip_long=False)
    kept, left = build_groups(built, "t", max_tokens=limit, skip_long=True)
    assert kept.too_long == [("q2", limit + 1)]
    assert [record.meta["group"] for record in kept.records] == ["q0"] * 4 + ["q1"] * 4
    assert [group.rows for group in left] == [[0, 1, 2, 3], [4, 5, 6, 7]]
    with pytest.raises(DataError, match="3 問の選択肢"):
        build_groups(built, "t", max_tokens=5, skip_long=True)


def test_forms_and_objectives_must_agree(choice_maker: Any, record_maker: Any) -> None:
    letters, choices = record_maker(2), choice_maker(1)
    check_form(letters, "letter", "t")
    check_form(letters, "text", "t")
    check_form(choices, "choice", "t")
    with pytest.raises(DataError, match=r"文字で答えるレコードが 2 件あります（最初は q0）。.*--form choice"):
        check_form(letters, "choice", "t")
    for name in ("letter", "text"):
        with pytest.raises(
            DataError, match=r"選択肢を一つずつ示すほかの形のレコードが 4 件.*最初は q0/a.*--objective choice"
        ):
            check_form([*letters, *choices], name, "t")  # type: ignore[arg-type]


def test_the_answer_is_one_token_of_its_side(tiny_tokenizer: Any, choice_maker: Any) -> None:
    record = choice_maker(1)[0]
    pair = pair_token_ids(tiny_tokenizer)
    row = build_example(record, tiny_tokenizer, answer_ids=pair)
    assert row.input_ids[:-1] == encode_prompt(tiny_tokenizer, record.input)
    assert row.input_ids[-1] in pair[0]
    assert row.labels == [-100] * (len(row.labels) - 1) + [row.input_ids[-1]]
    with pytest.raises(DataError, match="レコード q0/a: output '○○' が 1 トークンの「○」「×」ではありません"):
        build_example(replace(record, output="○○"), tiny_tokenizer, answer_ids=pair)


def test_dev_scores_equal_a_plain_softmax(tiny_model_dir: Path, tiny_tokenizer: Any, choice_maker: Any) -> None:
    records = (
        choice_maker(3) + choice_maker(2, first=3, letters="ab", negative=True) + choice_maker(1, first=5, letters="a")
    )
    model = load_base_model(str(tiny_model_dir), quantization=None, device="cpu").train()
    dev = build_choice_dev(records, tiny_tokenizer)
    result = evaluate_choice_dev(model, dev, max_batch_tokens=900)
    assert model.training
    model.eval()
    odds: list[float] = []
    mass = []
    for record in records:
        with torch.no_grad():
            ids = torch.tensor([encode_prompt(tiny_tokenizer, record.input)])
            shares = model(ids).logits[0, -1].softmax(-1)
        fits, other = (float(shares[spellings].sum()) for spellings in dev.pair_ids)
        odds.append(math.log(fits / other))
        mass.append(fits + other)
    parts = [odds[0:4], odds[4:8], odds[8:12], odds[12:14], odds[14:16], odds[16:17]]
    signs: Any = [1, 1, 1, -1, -1, 1]
    right = ["a", "b", "c", "b", "a", "a"]
    hits = 0
    for part, sign, letter in zip(parts, signs, right, strict=True):
        best = max(range(len(part)), key=lambda index: sign * part[index])
        hits += part[0] > 0 if len(part) == 1 else "abcd"[best] == letter
    logprobs = [set_logprob(part, sign, letter) for part, sign, letter in zip(parts, signs, right, strict=True)]
    assert result.accuracy == hits / 6
    assert result.gold_logprob == pytest.approx(sum(logprobs) / 6, abs=1e-5)
    assert result.mass == pytest.approx(sum(mass) / len(mass), rel=1e-4)
    assert (result.histogram, result.collapsed) == ({}, False)
    assert dev.correct == right
    truth = [record.output == FITS for record in records]
    assert result.statements == judged(odds, truth)


@pytest.mark.parametrize(
    ("odds", "fits", "accuracy", "auc"),
    [
        ([3, 1, -1], [True, True, False], 1.0, 1.0),
        ([-3, 1], [True, False], 0.0, 0.0),
        ([5, 4, 3, 2], [False, True, False, True], 0.5, 0.25),
        ([1, 1, 1], [True, False, True], 2 / 3, 0.5),  # ties count half
        ([2, 1, 1, 0], [True, True, False, False], 0.75, 0.875),
        ([1, -1], [True, True], 0.5, None),
    ],
)
def test_judgements_one_by_one(odds: list[float], fits: list[bool], accuracy: float, auc: float | None) -> None:
    made = judged(odds, fits)
    assert made.accuracy == pytest.approx(accuracy)
    assert made.auc == (None if auc is None else pytest.approx(auc))
