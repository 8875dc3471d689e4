"""A model named on the command line is run as the options say, with the defaults of an evaluation."""

from pathlib import Path

import pytest

from app.answering.opening import open_session
from app.commands import ask
from app.llm.ollama import OllamaLLM
from app.retrieval.index.building import build_index

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(("options", "num_ctx"), [([], 8192), (["--num-ctx", "4096"], 4096)])
def test_a_server_is_asked_with_the_context_of_the_options(tmp_path, monkeypatch, options, num_ctx):
    monkeypatch.chdir(tmp_path)  # no .env
    build_index(ROOT / "sample/laws", tmp_path / "index")
    words = ["質問", "--index-dir", str(tmp_path / "index"), "--llm-backend", "ollama", "--llm-model", "m", *options]
    session, trained = open_session(ask.parser().parse_args(words))
    backend = session.model.backend()
    assert trained is None
    assert isinstance(backend, OllamaLLM)
    assert (backend.config.model, backend.config.num_ctx, backend.config.think) == ("m", num_ctx, False)
