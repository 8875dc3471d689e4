"""Text copied from PDFs means what it shows."""

from __future__ import annotations

import unicodedata

from app.core.questions import content_hash
from app.core.radicals import RADICALS, without_radicals
from app.data.folding import fold, fold_text
from app.retrieval.text.tokens import tokenize


def test_radicals_of_pdfs_are_the_characters_they_show() -> None:
    assert without_radicals("国⺠の祝日、期間の延⻑、⻘⻩⻲⻯") == "国民の祝日、期間の延長、青黄亀竜"
    assert without_radicals("民法第一条 𠮷 é") == "民法第一条 𠮷 é"


def test_the_table_maps_radicals_that_nfkc_leaves_to_ideographs() -> None:
    for radical, character in RADICALS.items():
        assert 0x2E80 <= radical <= 0x2EF3
        assert unicodedata.normalize("NFKC", chr(radical)) == chr(radical)
        assert unicodedata.name(character).startswith("CJK UNIFIED IDEOGRAPH")


def test_search_quotes_and_hashes_see_the_same_text() -> None:
    assert tokenize("国⺠の延⻑") == tokenize("国民の延長")
    assert fold_text("⺠法二条") == fold_text("民法2条")
    assert fold("延⻑二年").source_span(0, 2) == (0, 2)
    assert content_hash("⺠法とは", {"a": "⻑い"}) == content_hash("民法とは", {"a": "長い"})
