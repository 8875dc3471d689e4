"""A small statute book indexed once, and a model that says what it is told to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from app.answering.session import LazyModel, Session
from app.core.rag_config import load_config
from app.llm.backend import Generation, Judgement
from app.retrieval.index.building import build_index
from app.retrieval.rag_pipeline import RAGPipeline

LAW = """<Law Era="Reiwa" Lang="ja" LawType="Act" Num="1" Year="3" PromulgateMonth="1" PromulgateDay="2"><LawNum>令和三年法律第一号</LawNum>
<LawBody><LawTitle>渡船法</LawTitle><MainProvision>
<Article Num="5"><ArticleCaption>（許可）</ArticleCaption><ArticleTitle>第五条</ArticleTitle>
<Paragraph Num="1"><ParagraphNum/><ParagraphSentence><Sentence>渡船を営もうとする者は、知事の許可を受けなければならない。</Sentence></ParagraphSentence></Paragraph>
<Paragraph Num="2"><ParagraphNum>２</ParagraphNum><ParagraphSentence><Sentence>知事は、前項の許可の申請があったときは、三十日以内に許可をしなければならない。</Sentence></ParagraphSentence></Paragraph></Article>
<Article Num="9"><ArticleCaption>（旅客名簿）</ArticleCaption><ArticleTitle>第九条</ArticleTitle>
<Paragraph Num="1"><ParagraphNum/><ParagraphSentence><Sentence>旅客名簿は、航海の終わった日から一年間保存しなければならない。</Sentence></ParagraphSentence></Paragraph></Article>
</MainProvision></LawBody></Law>"""


class ScriptedModel:
    """A backend that streams the pieces and judges with the log-odds it was given."""

    def __init__(self, pieces: Sequence[str] = (), odds: float = 0.0) -> None:
        self.pieces = list(pieces)
        self.odds = odds
        self.prompts: list[str] = []
        self.budgets: list[int | None] = []
        self.closed = 0

    def stream(self, prompt: str, *, max_new_tokens: int | None = None) -> Iterator[str]:
        self.prompts.append(prompt)
        self.budgets.append(max_new_tokens)
        try:
            yield from self.pieces
        finally:
            self.closed += 1

    def judge(self, prompts: Sequence[str]) -> list[Judgement]:
        self.prompts += prompts
        return [Judgement(self.odds, 0.9, 10) for _ in prompts]

    def invoke(self, prompt: str, **_: Any) -> str:
        self.prompts.append(prompt)
        return "".join(self.pieces)

    def generate(self, prompts: Sequence[str], **_: Any) -> list[Generation]:
        self.prompts += prompts
        return [Generation("".join(self.pieces), 10, 5, False) for _ in prompts]

    def facts(self) -> dict[str, Any]:
        return {"backend": "scripted"}


@pytest.fixture(scope="session")
def ferry_index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index of two articles of an invented law."""
    folder = tmp_path_factory.mktemp("ferry")
    law = folder / "laws" / "503AC0000000001_20230401_000000000000000"
    law.mkdir(parents=True)
    (law / f"{law.name}.xml").write_text(LAW, encoding="utf-8")
    build_index(folder / "laws", folder / "index")
    return folder / "index"


@pytest.fixture
def model_of() -> type[ScriptedModel]:
    return ScriptedModel


@pytest.fixture
def session_with(ferry_index: Path) -> Callable[..., Session]:
    """A session on the ferry law with a scripted model, or none."""

    def made(model: ScriptedModel | None = None, **settings: Any) -> Session:
        lazy = LazyModel(None if model is None else lambda: model)
        config = load_config(env_file=None, **{"retriever_index_dir": ferry_index, **settings})
        return Session(RAGPipeline(config, llm=lazy), lazy)

    return made
