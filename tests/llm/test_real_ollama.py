"""A real Ollama, from the Modelfile that the export writes, says what the local model says.

It is started here where ``ollama`` is on PATH, with a model folder and a home of its own. Written against its documented
API (docs/api.md, docs/modelfile.md and docs/faq.md of ollama/ollama).
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from app.core.errors import BackendError
from app.core.questions import LETTERS
from app.llm.export.modelfile import go_template, modelfile, read_pieces
from app.llm.hf_llm import HFLLMConfig, HFLoRALLM
from app.llm.loading import load_tokenizer
from app.llm.ollama import OllamaConfig, OllamaLLM
from tests.llm.sample_prompts import CHOICE_PROMPTS, LETTER_PROMPTS
from tests.real_server import free_port, running

pytestmark = pytest.mark.ollama

ROOT = Path(__file__).resolve().parents[2]
# It keeps keys and values in 16 bits, and the rarest spellings are not among its 20 tokens.
TOLERANCE = 0.1


@pytest.fixture(scope="module")
def ollama(sample_float32: Path, sample_gguf: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OllamaLLM]:
    program = shutil.which("ollama")
    if program is None:
        pytest.skip("no ollama on PATH")
    place, tokenizer = tmp_path_factory.mktemp("ollama"), load_tokenizer(str(sample_float32))
    shutil.copy(sample_gguf, place / "tiny.gguf")
    template = go_template(read_pieces(tokenizer, "auto"))
    (place / "Modelfile").write_text(modelfile("tiny.gguf", template, tokenizer, "auto", context_tokens=2048), "utf-8")
    address = f"127.0.0.1:{free_port()}"
    environ = {"OLLAMA_HOST": address, "OLLAMA_MODELS": str(place / "models"), "HOME": str(place)}
    with running([program, "serve"], f"http://{address}/api/version", place / "log.txt", seconds=120, environ=environ):
        made = subprocess.run(
            [program, "create", "tiny", "-f", "Modelfile"], cwd=place, env={**os.environ, **environ},
            capture_output=True, text=True, timeout=300,
        )  # fmt: skip
        assert made.returncode == 0, made.stderr[-2000:]
        yield OllamaLLM(OllamaConfig("tiny", f"http://{address}", num_ctx=2048, tokenizer=str(sample_float32)))


@pytest.fixture(scope="module")
def local(sample_float32: Path) -> HFLoRALLM:
    """The same model here."""
    return HFLoRALLM(HFLLMConfig(str(sample_float32), load_in_4bit=False, device="cpu"))


def test_the_prompt_has_trainings_length(ollama: OllamaLLM, local: HFLoRALLM) -> None:
    assert ollama.facts()["same_prompt"] is True
    mine, theirs = (llm.generate(LETTER_PROMPTS, max_new_tokens=2) for llm in (local, ollama))
    assert [one.prompt_tokens for one in theirs] == [one.prompt_tokens for one in mine]
    assert [one.text for one in theirs] == [one.text for one in mine]
    assert "".join(ollama.stream(LETTER_PROMPTS[0], max_new_tokens=2)) == theirs[0].text


def test_choices_and_letters_are_those_of_the_local_model(ollama: OllamaLLM, local: HFLoRALLM) -> None:
    for one, other in zip(local.judge(CHOICE_PROMPTS), ollama.judge(CHOICE_PROMPTS), strict=True):
        assert other.prompt_tokens == one.prompt_tokens
        if not other.outside:
            assert other.log_odds == pytest.approx(one.log_odds, abs=TOLERANCE)
    for one, other in zip(
        local.read_letters(LETTER_PROMPTS, LETTERS), ollama.read_letters(LETTER_PROMPTS, LETTERS), strict=True
    ):
        assert int(np.argmax(other.logprobs)) == int(np.argmax(one.logprobs))
        if not other.outside:
            np.testing.assert_allclose(other.logprobs, one.logprobs, atol=TOLERANCE)


def test_a_prompt_that_does_not_fit_is_refused(ollama: OllamaLLM) -> None:
    with pytest.raises(BackendError):
        ollama.invoke("届出は二週間以内にする。" * 2000, max_new_tokens=2)
