"""The demo's table and closing words say what the numbers show, whichever way they came out."""

from __future__ import annotations

from typing import Any

import pytest

from tools.demo import closing_words, row, table


def result(correct: int) -> dict[str, Any]:
    share = correct / 80
    return {
        "summary": {
            "accuracy": share, "ci95": [share - 0.1, share + 0.1], "correct": correct, "total": 80,
            "statements": {"auc": 0.5}, "floors": {"chance": 0.25, "lexical_overlap": {"accuracy": 0.8}},
        }
    }  # fmt: skip


def rows(before: int, after: int, conclusion: str, p_value: float, without: int = 20) -> list[dict[str, Any]]:
    none = {"verdict": "差があるとは言えません（区間）", "p_value": 0.5, "conclusion": "undecided"}
    gold = {"verdict": "言い切ります（区間）", "p_value": p_value, "conclusion": conclusion}
    return [row("文脈なし", result(20), result(without), none), row("正解の条文", result(before), result(after), gold)]


def test_the_table_shows_accuracy_interval_verdict_and_p() -> None:
    text = table(rows(20, 68, "better", 0.0001))
    assert "80 問での正解率（選択肢を一つずつ判定" in text
    (line,) = [line for line in text.splitlines() if "正解の条文" in line]
    assert [cell.strip() for cell in line.strip("│").split("│")] == [
        "正解の条文", "25.0% [15%–35%]", "85.0% [75%–95%]", "言い切ります",
    ]  # fmt: skip
    assert "p < 0.001" in text
    assert "p = 0.500" in text


@pytest.mark.parametrize(
    ("after", "conclusion", "words"),
    [(68, "better", "LoRA が見本の問題で教えました"), (24, "undecided", "教えたとは言えません"), (10, "worse", "教えたとは言えません")],
)  # fmt: skip
def test_the_closing_words_follow_the_verdict(after: int, conclusion: str, words: str) -> None:
    text = closing_words(rows(20, after, conclusion, 0.01))
    assert words in text
    assert f"{(after - 20) / 80 * 100:+.1f} ポイント" in text
    assert "文字の重なりだけでも 80% 解けます" in text


@pytest.mark.parametrize(("without", "said"), [(20, True), (28, True), (29, False)])
def test_chance_without_articles_is_said_only_where_the_interval_holds_it(without: int, said: bool) -> None:
    text = closing_words(rows(20, 68, "better", 0.0001, without))
    assert ("条文なしでは調整後も偶然" in text) is said
