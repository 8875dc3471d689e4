"""Questions made from the sample's invented laws: whatever comes out says of every candidate what the law says."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from app.core.errors import DataError
from app.core.questions import Question
from app.core.requests import statement_truths
from app.data.egov.law import Law
from app.data.egov.source import law_files, read_law
from app.data.generation.kinds.recipes import MIX, Recipe
from app.data.generation.law.sources import Family, LawSource, draw_laws, file_sources
from app.data.generation.leaks import Excluded
from app.data.generation.making import Made, make
from app.data.generation.settling import entries
from app.data.lawqa import questions_from
from app.evaluation.results.floors import overlap
from tests.data.generation.laws import LIGHTHOUSE, PILOTAGE, PILOTAGE_ORDER, PILOTAGE_RULES

SAMPLE = Path(__file__).resolve().parents[3] / "sample" / "laws"
LAWS = [read_law(file) for file in law_files(SAMPLE)]


def made(count: int, seed: int = 3, laws: list[Law] = LAWS, excluded: Excluded | None = None) -> Made:
    *_, last = make(map(Family, laws), Recipe(count, seed, 700), excluded or Excluded([]), overlap)
    return last


@pytest.fixture(scope="module")
def sixty() -> tuple[list[dict[str, Any]], list[Question]]:
    import random

    samples = entries(made(60).settled, random.Random(3))
    return samples, questions_from({"samples": samples}, source="questions.json")


def test_every_candidates_truth_is_what_the_programs_read_from_request_and_answer(sixty: Any) -> None:
    samples, questions = sixty
    for sample, question in zip(samples, questions, strict=True):
        told = {letter: one["true"] for letter, one in sample["generated"]["candidates"].items()}
        assert statement_truths(question) == told, question.id


def test_citations_stand_in_the_context(sixty: Any) -> None:
    samples, questions = sixty
    for sample, question in zip(samples, questions, strict=True):
        named = {ref.article_key for ref in question.articles}
        assert named
        for one in sample["generated"]["candidates"].values():
            assert any(one["place"].startswith(f"第{article.split('_')[0]}条") for _, article in named)


def test_true_candidates_are_never_false_ones_too(sixty: Any) -> None:
    samples, _ = sixty
    for sample in samples:
        texts = sample["選択肢"].split("\n")
        assert len({text[2:] for text in texts}) == len(texts)


def test_the_same_seed_makes_the_same_questions() -> None:
    first, second, other = made(20), made(20), made(20, seed=4)
    assert [one.texts for one in first.settled] == [one.texts for one in second.settled]
    assert [one.texts for one in first.settled] != [one.texts for one in other.settled]


def test_few_laws_are_gone_through_again_and_no_question_comes_twice() -> None:
    one_law = made(12, laws=[LIGHTHOUSE])
    assert one_law.rounds > 1
    assert len(one_law.settled) == 12
    assert len({(one.draft.context, one.texts[0]) for one in one_law.settled}) == 12


def test_no_article_of_an_excluded_question_is_shown() -> None:
    import random

    samples = entries(made(60).settled, random.Random(3))
    kept_away = questions_from({"samples": samples[:10]}, source="x")
    excluded = Excluded(kept_away)
    after = made(40, excluded=excluded)
    articles = {ref.article_key for question in kept_away for ref in question.articles}
    shown = {(passage.law, passage.article) for one in after.settled for passage in one.draft.passages}
    assert not articles & shown


def test_the_mix_is_met_where_the_laws_allow_it() -> None:
    assert sum(MIX.values()) == pytest.approx(1.0)
    quota = Recipe(1000, 1, 700).quota()
    assert quota == {
        "statement": 430,
        "delegated": 160,
        "list": 130,
        "basis": 110,
        "across": 90,
        "blank": 50,
        "act": 30,
    }
    assert sum(Recipe(7, 1, 700).quota().values()) == 7
    alone = Recipe(1000, 1, 700).quota(orders=False)
    assert alone == {"statement": 511, "list": 155, "basis": 238, "blank": 60, "act": 36}
    kinds = Counter(one.draft.kind for one in made(60).settled)
    assert set(kinds) == set(MIX) - {
        "delegated",
        "across",
    }  # these laws leave nothing to an order that is read with them


def test_laws_are_drawn_by_title_id_and_seed() -> None:
    sources = file_sources(SAMPLE)
    everything = [one.law.title for one in draw_laws(sources, (), "all", 1, SAMPLE)]
    assert sorted(everything) == sorted(law.title for law in LAWS)
    assert everything == [one.law.title for one in draw_laws(sources, (), "all", 1, SAMPLE)]
    assert everything != [one.law.title for one in draw_laws(sources, (), "all", 2, SAMPLE)]
    first = LAWS[0]
    assert [one.law.law_id for one in draw_laws(sources, [first.title], "act", 1, SAMPLE)] == [first.law_id]
    assert [one.law.law_id for one in draw_laws(sources, [first.law_id], "act", 1, SAMPLE)] == [first.law_id]


def test_laws_that_cannot_be_drawn_are_named() -> None:
    sources = file_sources(SAMPLE)
    with pytest.raises(DataError, match="法令「灯台法」がありません"):
        draw_laws(sources, ["灯台法"], "act", 1, SAMPLE)
    with pytest.raises(DataError, match="種類が ministerial の法令がありません"):
        draw_laws([], (), "ministerial", 1, SAMPLE)
    from dataclasses import replace

    empty = replace(LIGHTHOUSE, main=replace(LIGHTHOUSE.main, articles=()))
    source = LawSource(empty.revision_id, lambda: empty.title, lambda: empty)
    with pytest.raises(DataError, match="灯台法: 条のない法令"):
        list(draw_laws([source], ["灯台法"], "act", 1, SAMPLE))


def test_laws_that_only_amend_others_are_left_out_unless_named() -> None:
    from dataclasses import replace

    amending = replace(LIGHTHOUSE, title="灯台法の一部を改正する法律")
    source = LawSource(amending.revision_id, lambda: amending.title, lambda: amending)
    assert list(draw_laws([source], (), "act", 1, SAMPLE)) == []
    assert list(draw_laws([source], [amending.title], "act", 1, SAMPLE)) == [Family(amending)]


def source(law: Law) -> LawSource:
    return LawSource(law.revision_id, lambda: law.title, lambda: law)


def test_a_law_is_drawn_with_its_orders_and_comes_once() -> None:
    sources = [source(one) for one in (PILOTAGE, PILOTAGE_ORDER, PILOTAGE_RULES, LIGHTHOUSE)]
    drawn = {one.law.title: one.orders for one in draw_laws(sources, (), "act", 1, SAMPLE)}
    assert drawn == {"水先法": (PILOTAGE_ORDER, PILOTAGE_RULES), "灯台法": ()}
    for seed in range(8):  # whichever comes first, no law is shown twice
        families = list(draw_laws(sources, (), "all", seed, SAMPLE))
        titles = [law.title for one in families for law in (one.law, *one.orders)]
        assert sorted(titles) == sorted(one.title() for one in sources)
    named = list(draw_laws(sources, ["水先法施行令", "水先法"], "act", 1, SAMPLE))
    assert {one.law.title for one in named} == {"水先法施行令", "水先法"}


def test_what_an_order_fills_in_is_asked_about_in_its_share() -> None:
    families = [Family(PILOTAGE, (PILOTAGE_ORDER, PILOTAGE_RULES)), *map(Family, LAWS)]
    *_, last = make(families, Recipe(50, 5, 700), Excluded([]), overlap)
    delegated = [one.draft for one in last.settled if one.draft.kind == "delegated"]
    assert delegated
    assert all(one.beside and "## 水先法施行" in one.context for one in delegated)


def test_an_excluded_order_is_not_shown() -> None:
    import random

    families = [Family(PILOTAGE, (PILOTAGE_ORDER, PILOTAGE_RULES))]
    *_, last = make(families, Recipe(6, 5, 700), Excluded([]), overlap)
    shown = [one for one in last.settled if "## 水先法施行規則" in one.draft.context][:1]
    (asked,) = questions_from({"samples": entries(shown, random.Random(1))}, source="x")
    kept_away = {article for law, article in (ref.article_key for ref in asked.articles) if "規則" in law}
    *_, after = make(families, Recipe(6, 5, 700), Excluded([asked]), overlap)
    seen = {(one.law, one.article) for each in after.settled for one in each.draft.passages}
    assert kept_away
    assert not {("水先法施行規則", article) for article in kept_away} & seen


def test_lists_of_one_effect_are_never_held_against_each_other() -> None:
    import random

    from app.data.generation.kinds.lists import list_draft
    from app.data.generation.law.book import read_book
    from tests.data.generation.laws import article, law, paragraph

    same = "次の各号のいずれかに該当する者は、三万円以下の罰金に処する。"
    other = "次の各号のいずれかに該当する者は、灯台守となることができない。"
    first = paragraph("1", same, ("灯火を消した者", "鐘を鳴らした者", "暗礁を隠した者"))
    second = paragraph("1", same, ("水路図を破つた者", "浮標を流した者", "潮汐表を燃やした者"))
    third = paragraph("1", other, ("破産して復権を得ない者", "航路を知らない者", "潮を読めない者"))
    penalties = read_book(law(article("1", first), article("2", second)))
    assert list_draft(penalties, penalties.listings[0], "correct", random.Random(1), max_chars=700) is None
    mixed = read_book(law(article("1", first), article("2", third)))
    draft = list_draft(mixed, mixed.listings[0], "correct", random.Random(1), max_chars=700)
    assert draft is not None
    assert [option.true for option in draft.options] == [True, False, False, False]
    assert "三万円以下の罰金に処せられる者" in "".join(draft.requests) or "灯台法第1条各号" in "".join(draft.requests)
