"""The letter objective: the quantity that evaluation scores by, at the place where it scores, on every path."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from app.core.chat import encode_prompt, letter_token_ids
from app.core.errors import DataError
from app.core.questions import LETTERS
from app.data.records import Record
from app.llm.hf_llm import HFLLMConfig, HFLoRALLM
from app.llm.loading import Quantization, load_base_model
from app.training.dev_eval import build_dev_set, evaluate_dev
from app.training.model.host_embedding import keep_embedding_on_cpu
from app.training.model.lora import trainable_parameters
from app.training.model.loss import LetterLoss, head_loss_sum, label_loss_sum
from app.training.model.tiled_head import quantize_head
from app.training.rows.audit import audit_batches
from app.training.rows.collation import LabelCollator
from app.training.rows.examples import build_example, build_examples
from app.training.rows.prefix import PrefixCollator, group_examples


def rows_of(records: list[Record], tokenizer: Any) -> Any:
    return build_examples(records, tokenizer, max_seq_length=9999, answer_ids=letter_token_ids(tokenizer)).examples


def letter_loss(tokenizer: Any) -> LetterLoss:
    return LetterLoss(tuple(map(tuple, letter_token_ids(tokenizer))))


def by_definition(logits: torch.Tensor, letter_ids: Any, gold: list[int]) -> torch.Tensor:
    """−log of the right letter's share of the four letters' probability, summed over the rows."""
    total = logits.new_zeros(())
    for row, right in zip(logits.softmax(-1), gold, strict=True):
        mass = [sum(row[spelling] for spelling in ids) for ids in letter_ids]
        total = total - torch.log(mass[right] / sum(mass))
    return total


@pytest.mark.parametrize("chunk", [2, 5, 100])
def test_equals_its_definition_in_value_and_gradient(chunk: int) -> None:
    letter_ids = ((3, 11), (5,), (7, 2, 19), (0,))
    gold = [0, 2, 1, 3, 2, 0, 1]
    targets = torch.tensor([11, 2, 5, 0, 7, 3, 5])  # any spelling of the letter
    generator = torch.Generator().manual_seed(4)
    head = torch.nn.Linear(8, 20, bias=False)
    hidden = torch.randn(7, 8, generator=generator, requires_grad=True)
    loss = head_loss_sum(head, hidden, targets, chunk, LetterLoss(letter_ids))
    loss.total.backward()
    naive = hidden.detach().clone().requires_grad_()
    expected = by_definition(head(naive), letter_ids, gold)
    expected.backward()
    assert loss.positions == 7
    assert loss.total.item() == pytest.approx(expected.item(), rel=1e-6)
    torch.testing.assert_close(hidden.grad, naive.grad, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("shared", [False, True])
def test_the_slot_has_the_ids_that_evaluation_scores_after(
    tiny_model_dir: Path, tiny_tokenizer: Any, record_maker: Any, shared: bool
) -> None:
    records = record_maker(6)
    examples = rows_of(records, tiny_tokenizer)
    llm = HFLoRALLM(HFLLMConfig(str(tiny_model_dir), load_in_4bit=False, device="cpu"))
    dev = build_dev_set(records, tiny_tokenizer)
    for example, record, dev_ids in zip(examples, records, dev.prompt_ids, strict=True):
        places = [place for place, label in enumerate(example.labels) if label != -100]
        # position t predicts token t + 1: what is read is the output after the tokens before the label
        assert len(places) == 1
        assert example.input_ids[: places[0]] == llm.encode(record.input) == dev_ids
        assert example.labels[places[0]] in dev.letter_ids[LETTERS.index(record.meta["correct"])]
        assert len(example.input_ids) == places[0] + 1
    units: Any = group_examples(examples, ["one"] * 6, max_tokens=9999) if shared else examples
    collate: Any = PrefixCollator() if shared else LabelCollator(0)
    here = [records] if shared else [[record] for record in records]
    summary = audit_batches(here, units, tiny_tokenizer, collate, batch_size=6, stops=False)
    assert (summary.rows, summary.supervised, summary.most_supervised) == (6, 6, 1)
    assert summary.shown_row.endswith("<think>\n\n</think>\n\n⟦a⟧")


def test_the_untrained_loss_is_what_evaluation_and_dev_scoring_report(
    tiny_model_dir: Path, tiny_tokenizer: Any, record_maker: Any
) -> None:
    records = record_maker(6)
    model = load_base_model(str(tiny_model_dir), quantization=None, device="cpu")
    batch = LabelCollator(0)(rows_of(records, tiny_tokenizer))
    loss = label_loss_sum(model, **batch, position_loss=letter_loss(tiny_tokenizer))
    dev = evaluate_dev(model, build_dev_set(records, tiny_tokenizer), max_batch_tokens=500)
    assert loss.total.item() / loss.positions == pytest.approx(-dev.gold_logprob, rel=1e-6)
    llm = HFLoRALLM(HFLLMConfig(str(tiny_model_dir), load_in_4bit=False, device="cpu"))
    scores = llm.choice_logprobs([record.input for record in records]).astype(np.float64)
    shares = scores - np.logaddexp.reduce(scores, axis=1, keepdims=True)
    right = [shares[row, LETTERS.index(record.meta["correct"])] for row, record in enumerate(records)]
    assert loss.total.item() == pytest.approx(-sum(right), rel=1e-5)


def lora_model(folder: Path, with_adapter: Any, *, double: bool, head_4bit: bool = False, parked: bool = False) -> Any:
    four_bits = Quantization(compute_dtype="float32") if head_4bit else None
    base = load_base_model(str(folder), quantization=four_bits, device="cpu")
    if head_4bit:
        quantize_head(base, compute_dtype="float32", tile_rows=100)
    if parked:
        keep_embedding_on_cpu(base)
    model = with_adapter(base)
    return (model.double() if double else model).train()


@pytest.mark.parametrize(
    "options",
    [{"double": True}, {"double": False, "head_4bit": True}, {"double": False, "head_4bit": True, "parked": True}],
    ids=["float64", "4-bit head", "4-bit head, embedding on the CPU"],
)
def test_a_shared_prefix_gives_the_loss_and_gradients_of_separate_rows(
    tiny_model_dir: Path, tiny_tokenizer: Any, record_maker: Any, with_adapter: Any, options: dict[str, bool]
) -> None:
    examples = rows_of(record_maker(5), tiny_tokenizer)
    groups = group_examples(examples, ["p", "p", "p", "q", "q"], max_tokens=9999)
    runs = []
    for batch in (LabelCollator(0)(examples), PrefixCollator()(groups)):
        model = lora_model(tiny_model_dir, with_adapter, **options)
        loss = label_loss_sum(model, **batch, position_loss=letter_loss(tiny_tokenizer), chunk_positions=2)
        assert loss.positions == 5
        loss.total.backward()
        runs.append((loss.total.item(), {n: p.grad for n, p in trainable_parameters(model).items()}))
    assert runs[1][0] == pytest.approx(runs[0][0], rel=1e-5)
    for name, gradient in runs[0][1].items():
        torch.testing.assert_close(runs[1][1][name], gradient, rtol=1e-5, atol=1e-5 * gradient.abs().max().item())


def test_the_head_sees_one_position_a_row(tiny_model_dir: Path, tiny_tokenizer: Any, record_maker: Any) -> None:
    model = load_base_model(str(tiny_model_dir), quantization=None, device="cpu")
    seen: list[torch.Size] = []
    model.get_output_embeddings().register_forward_hook(lambda _, given, made: seen.append(given[0].shape))
    label_loss_sum(
        model, **LabelCollator(0)(rows_of(record_maker(3), tiny_tokenizer)), position_loss=letter_loss(tiny_tokenizer)
    )
    assert seen == [(3, 64)]


def test_only_direct_records_with_the_letter_alone(tiny_tokenizer: Any, record_maker: Any) -> None:
    direct, cot = record_maker(1)[0], record_maker(1, mode="cot")[0]
    letter_ids = letter_token_ids(tiny_tokenizer)
    with pytest.raises(
        DataError, match="レコード q0: --objective letter は direct のレコードだけに使えます（これは cot）"
    ):
        build_example(cot, tiny_tokenizer, answer_ids=letter_ids)
    for output in ("b", "a です"):
        with pytest.raises(
            DataError, match=rf"レコード q0: output '{output}' が正解の文字 a の 1 トークンではありません"
        ):
            build_example(replace(direct, output=output), tiny_tokenizer, answer_ids=letter_ids)


@pytest.mark.parametrize("spoil", ["letter", "prompt", "label"])
def test_the_audit_refuses_a_spoiled_letter_row(tiny_tokenizer: Any, record_maker: Any, spoil: str) -> None:
    records = record_maker(1)
    (example,) = rows_of(records, tiny_tokenizer)
    ids, labels = list(example.input_ids), list(example.labels)
    if spoil == "letter":
        ids[-1] = labels[-1] = letter_token_ids(tiny_tokenizer)[1][0]
    elif spoil == "prompt":
        ids[3] += 1
    else:
        labels[-2] = ids[-2]
    words = {"letter": "output と違います", "prompt": "推論のプロンプト", "label": "プロンプトの 1 トークンが損失に"}
    with pytest.raises(DataError, match=f"q0: .*{words[spoil]}"):
        audit_batches(
            [records], [replace(example, input_ids=ids, labels=labels)], tiny_tokenizer, LabelCollator(0), batch_size=1,
            stops=False,
        )  # fmt: skip


def test_the_prompt_ids_do_not_depend_on_the_objective(tiny_tokenizer: Any, record_maker: Any) -> None:
    record = record_maker(1)[0]
    text = build_example(record, tiny_tokenizer)
    letter = build_example(record, tiny_tokenizer, answer_ids=letter_token_ids(tiny_tokenizer))
    prompt = encode_prompt(tiny_tokenizer, record.input)
    assert text.input_ids[: len(prompt) + 1] == letter.input_ids
    assert text.labels[: len(prompt) + 1] == letter.labels
