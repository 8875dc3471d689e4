from __future__ import annotations

import pytest

from app.retrieval.showing.hits_text import bold, bracketed, mark


@pytest.mark.parametrize(
    ("text", "query", "marked"),
    [
        ("市場の休業日は、水曜日とする。", "市場の休業日", "【市場の休業日】は、水曜日とする。"),
        ("三十日以内に届け出る。", "30日以内", "【三十日以内】に届け出る。"),
        ("３０日以内", "三十日", "【３０日】以内"),
        ("第二十七条の二", "第27条の2", "【第二十七条の二】"),
        ("することができる", "することができる", "することができる"),
        ("ＴＯＢの規制", "tob規制", "ＴＯＢの【規制】"),
        ("無関係", "市場", "無関係"),
        ("書類を提出により", "届出により", "書類を提出により"),
        ("", "市場", ""),
    ],
)
def test_matched_words_are_marked(text, query, marked):
    assert mark(text, query, bracketed) == marked


def test_on_a_terminal_words_are_bold():
    assert mark("休業日", "休業日", bold) == "\x1b[1;33m休業日\x1b[0m"
