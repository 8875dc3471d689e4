"""The pair benchmark: only the two words of the instruction change, and ○ × is what evaluation itself asks."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.core.prompts import CHOICE_INSTRUCTION
from app.data.lawqa import load_questions
from app.llm.hf_llm import HFLLMConfig, HFLoRALLM
from benchmarks.choice_pair import PairBackend, instruction_with, measure

SAMPLE = Path(__file__).resolve().parents[2] / "sample/selection.json"


def test_the_words_of_the_instruction() -> None:
    assert instruction_with("○/×") == CHOICE_INSTRUCTION
    assert instruction_with("正/誤") == CHOICE_INSTRUCTION.replace("○", "正").replace("×", "誤")
    assert "「はい」" in instruction_with("はい/いいえ")


def test_circle_and_cross_are_judged_as_evaluation_judges(tiny_model_dir: Path) -> None:
    llm = HFLoRALLM(HFLLMConfig(str(tiny_model_dir), load_in_4bit=False, device="cpu"), form="choice")
    backend = PairBackend(llm.model, llm.tokenizer, "○/×")
    prompts = [f"{CHOICE_INSTRUCTION}\n\n【候補】\n{text}" for text in ("一", "二")]
    assert backend.judge(prompts) == llm.judge(prompts)
    questions = load_questions(SAMPLE)[:2]
    found = measure(backend, questions)
    assert (found["questions"], found["choices"], len(found["log_odds"])) == (2, 8, 2)
    assert 0 < found["mass"] < 1


def test_a_pair_without_single_tokens_is_refused(tiny_model_dir: Path) -> None:
    from app.core.errors import ModelError

    llm = HFLoRALLM(HFLLMConfig(str(tiny_model_dir), load_in_4bit=False, device="cpu"), form="choice")
    with pytest.raises(ModelError, match="「はい」を表す単独のトークンがありません"):
        PairBackend(llm.model, llm.tokenizer, "はい/いいえ")
