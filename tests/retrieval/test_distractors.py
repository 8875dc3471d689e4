"""Gold among distractors: places, the share without gold, and the same passages in the same form as retrieval's."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import ConfigError, DataError
from app.core.questions import ArticleRef, Question
from app.core.rag_config import load_config
from app.data.context import Context, ContextPlan
from app.data.finetune import build_records, build_statistics, describe
from app.data.lawqa import load_questions
from app.data.provisions import article_key, parse_provisions
from app.retrieval.distractors import among_distractors, own_passage, placed, withheld_ids
from app.retrieval.index.building import build_index
from app.retrieval.question_contexts import context_plan
from app.retrieval.rag_pipeline import RAGPipeline, search_query
from app.retrieval.showing.context_text import format_passages

SAMPLE = Path(__file__).resolve().parents[2] / "sample"
Builder = Callable[..., Callable[[Question], Context]]


@pytest.fixture(scope="module")
def questions() -> list[Question]:
    return load_questions(SAMPLE / "selection.json")[:40]


@pytest.fixture(scope="module")
def index_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("distractors") / "index"
    build_index(SAMPLE / "laws", folder)
    return folder


@pytest.fixture(scope="module")
def pipeline(index_dir: Path) -> RAGPipeline:
    return RAGPipeline(load_config(env_file=None, retriever_index_dir=index_dir, retriever_top_k=3))


@given(st.integers(0, 6), st.integers(0, 8), st.integers(1, 6), st.integers(0, 99))
def test_gold_is_placed_and_the_others_keep_their_order(gold: int, others: int, top_k: int, seed: int) -> None:
    right, wrong = [f"g{n}" for n in range(gold)], [f"d{n}" for n in range(others)]
    shown, places = placed(right, wrong, top_k, random.Random(seed))
    assert [shown[place] for place in places] == right[:top_k]
    assert [one for one in shown if one[0] == "d"] == wrong[: max(0, top_k - gold)]
    assert len(shown) == min(top_k, gold + others)


def test_every_place_is_equally_likely() -> None:
    places = Counter(placed(["g"], ["x", "y", "z"], 3, random.Random(seed))[1][0] for seed in range(3000))
    assert set(places) == {0, 1, 2}
    assert min(places.values()) > 920  # 1,000 each on average, standard deviation 26


@pytest.mark.parametrize(("share", "count"), [(0, 0), (0.2, 8), (0.21, 8), (0.2125, 9), (1, 40)])
def test_the_share_without_gold_is_exact(questions: list[Question], share: float, count: int) -> None:
    ids = withheld_ids(questions, share, 42)
    assert len(ids) == count
    assert ids == withheld_ids(list(reversed(questions)), share, 42)
    if 0 < count < 40:
        assert ids != withheld_ids(questions, share, 43)


@pytest.mark.parametrize("share", [-0.1, 1.01])
def test_a_share_that_is_none_is_refused(questions: list[Question], share: float) -> None:
    with pytest.raises(ConfigError, match=r"--without-gold .*: 0 から 1 の割合"):
        withheld_ids(questions, share, 42)


def test_contexts_are_those_of_retrieval_with_gold_at_a_random_place(
    questions: list[Question], pipeline: RAGPipeline
) -> None:
    context_of = among_distractors(pipeline, 3, questions, without_gold=0.2, seed=42)
    again = among_distractors(pipeline, 3, questions, without_gold=0.2, seed=42)
    withheld = withheld_ids(questions, 0.2, 42)
    for question in questions:
        reference = context_of(question)
        assert reference == again(question)
        assert reference.text is not None
        keys = {ref.article_key for ref in question.articles}
        provisions = [(one.ref.article_key, one.start) for one in parse_provisions(reference.text)]
        heads = [line for line in reference.text.split("\n") if re.match(r"\[\d\] ", line)]
        assert [head[:4] for head in heads] == ["[1] ", "[2] ", "[3] "]
        assert len(set(reference.doc_ids)) == 3
        held = list(dict.fromkeys(key for key, _ in provisions))
        places = tuple(number for number, key in enumerate(held, start=1) if key in keys)
        assert places == reference.gold_places
        assert len(places) == (0 if question.id in withheld else min(3, len(keys)))
        assert bool(reference.gold_places) == (question.id not in withheld)
        # Every passage that retrieval also shows is shown by the same words.
        shown = {one.id: one for one in pipeline.retrieve_documents(search_query(question), 3)}
        for name, head in zip(reference.doc_ids, heads, strict=True):
            if name in shown and article_key(shown[name].law_title, "main", shown[name].article) not in keys:
                piece = format_passages([shown[name]], 6000).text
                assert head[4:] == piece.split("\n")[0][4:]
                assert piece.split("\n", 1)[1] in reference.text


def test_gold_takes_the_places_that_there_are(questions: list[Question], pipeline: RAGPipeline) -> None:
    question = next(one for one in questions if len({ref.article_key for ref in one.articles}) == 2)
    reference = among_distractors(pipeline, 1, questions, without_gold=0, seed=42)(question)
    assert (reference.gold_articles, reference.gold_places, len(reference.doc_ids)) == (2, (1,), 1)
    assert (
        article_key(reference.shown[0].law_title, "main", reference.shown[0].article)
        == question.articles[0].article_key
    )


def test_a_gold_article_never_falls_out_of_the_budget(questions: list[Question], index_dir: Path) -> None:
    config = load_config(env_file=None, retriever_index_dir=index_dir, retriever_max_context_chars=200)
    narrow = RAGPipeline(config)
    context_of = among_distractors(narrow, 3, questions, without_gold=0, seed=42)
    for question in questions:
        reference = context_of(question)
        assert reference.text is not None
        assert len(reference.text) <= 200
        assert reference.gold_places
    assert any(len(context_of(question).doc_ids) < 3 for question in questions)


def test_what_the_index_does_not_hold_comes_from_the_questions_own_context(
    questions: list[Question], pipeline: RAGPipeline
) -> None:
    context = "## 留意事項 について（ガイドライン）\n### ４－２\n次の場合は該当しない。\n### 第3条\n#### 第1項\n甲とする。\n##### 第2号\n乙\n#### 第2項\n丙とする。"
    refs = (ArticleRef("留意事項について", "4-2"), ArticleRef("留意事項について", "3", "1"), ArticleRef("留意事項について", "3", "2"))  # fmt: skip
    asked = replace(questions[0], context=context, articles=refs)
    guideline = own_passage(asked, ("留意事項について", "4-2"), "問", 500)
    assert (guideline.law_title, guideline.title, guideline.text) == (
        "留意事項について（ガイドライン）", "4-2", "次の場合は該当しない。"
    )  # fmt: skip
    article = own_passage(asked, ("留意事項について", "3"), "問", 500)
    assert (article.title, article.text) == ("第3条第1項", "第1項　甲とする。\n　第2号　乙\n第2項　丙とする。")
    assert article.id == f"context:{asked.id}#3"
    reference = among_distractors(pipeline, 3, [asked], without_gold=0, seed=42)(asked)
    assert (reference.gold_from_context, len(reference.gold_places), len(reference.doc_ids)) == (2, 2, 3)
    assert reference.holds_gold("distractors")
    # A record's reasoning reads the guideline's heading in the context again.
    assert {("留意事項について", "4-2"), ("留意事項について", "3")} <= {
        one.ref.article_key for one in parse_provisions(reference.text or "")
    }


@pytest.mark.parametrize("without_gold", [0, 1])
def test_a_questions_own_appendix_is_no_distractor(
    questions: list[Question], pipeline: RAGPipeline, without_gold: float
) -> None:
    law = "汐凪市港湾条例"
    asked = replace(
        questions[0],
        question="汐凪市港湾条例の別表第一（第十条関係）の使用料の額はいくらか。",
        context=f"## {law}\n### 別表第一\n岸壁 一日",
        articles=(ArticleRef(law, "別表第1"),),
    )
    table = next(one for one in pipeline.retrieve_documents(search_query(asked), 3) if one.part == "appendix")
    reference = among_distractors(pipeline, 3, [asked], without_gold=without_gold, seed=42)(asked)
    others = [one.id for one in reference.passages if not one.gold]
    assert table.id not in others
    assert [one.id for one in reference.passages if one.gold] == ([] if without_gold else [table.id])
    assert len(others) == 3 - len(reference.gold_places) == (3 if without_gold else 2)


def test_a_question_that_names_no_article_is_refused(questions: list[Question], pipeline: RAGPipeline) -> None:
    bare = replace(questions[0], articles=())
    with pytest.raises(DataError, match="根拠条文を読めないので、--context distractors では作れません"):
        among_distractors(pipeline, 3, [bare], without_gold=0, seed=42)(bare)


@pytest.mark.parametrize("mode", ["direct", "cot"])
def test_records_without_gold_keep_the_right_letter_and_say_so(
    questions: list[Question], index_dir: Path, mode: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)  # no .env
    plan = context_plan("distractors", 3, index_dir, questions=questions, without_gold=0.2, seed=42)
    assert isinstance(plan, ContextPlan)
    built = build_records(questions, mode, plan, orders=4)
    withheld = withheld_ids(questions, 0.2, 42)
    assert len(built) == 160
    for one in built:
        meta = one.record.meta
        assert (meta["context_source"], meta["retriever_type"], meta["top_k"]) == ("distractors", "bm25", 3)
        assert meta["gold_in_context"] == (meta["id"] not in withheld)
        assert one.record.output.endswith(meta["correct"])
        if mode == "cot" and meta["id"] in withheld:
            # Nothing is quoted from another article, however alike it reads.
            assert one.record.output.partition("\n")[0].endswith("その文は手元の参照条文に含まれていない。")
            assert "「" not in one.record.output
    # The four orders of a question share the context, and have each letter once.
    for start in range(0, 160, 4):
        four = [one.record for one in built[start : start + 4]]
        assert len({record.input.partition("【選択肢】")[0] for record in four}) == 1
        assert sorted(record.meta["correct"] for record in four) == ["a", "b", "c", "d"]
    statistics = build_statistics(built, {one.id: one for one in questions})
    counts = statistics["distractors"]
    shown = sum(len({ref.article_key for ref in one.articles}) for one in questions if one.id not in withheld)
    assert isinstance(counts, dict)
    assert counts["questions_without_gold"] == 8
    assert counts["gold_articles"] == counts["gold_shown"] == sum(counts["gold_at_place"].values()) == shown
    assert counts["distractors_shown"] == 120 - shown
    assert counts["gold_from_own_context"] == counts["passages_left_out"] == 0
    assert "根拠条文を抜いた問題 8 問" in describe(statistics)
