"""Why a result must not be trusted for its answers: one letter nearly always, no answer at all, or none that can be read.

Each reason begins with its code (``app.core.runs.Distrust``) and a colon.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from ...core.runs import Distrust
from .answers import collapse_reasons
from .outcomes import Outcome

# Unread answers count as wrong. At this share of them, what was not read can move the accuracy by more than the gains
# that fine-tuning on a hundred questions brings (ten points), so the number says more about the reading than the model.
MOST_UNREAD = 0.2
_NAMES = {"truncated": "途中で切れた", "empty": "空", "ambiguous": "複数の文字", "unparsed": "文字がない"}


def doubts(outcomes: Sequence[Outcome], summary: Mapping[str, Any]) -> tuple[str, ...]:
    """Every such reason of a result, the collapse first; empty for one that may be trusted."""
    found = (*collapse_reasons(summary), failed_reason(outcomes), unread_reason(outcomes))
    return tuple(reason for reason in found if reason is not None)


def unanswered_reason(outcomes: Sequence[Outcome]) -> str | None:
    """Why the share of right answers is not the model's: some it could not give, or too many cannot be read. None where
    it is."""
    return failed_reason(outcomes) or unread_reason(outcomes)


def failed_reason(outcomes: Sequence[Outcome]) -> str | None:
    """That the backend gave no answer to some questions, the first error with it; None where it gave all."""
    errors = [(outcome.id, answer.error) for outcome in outcomes for answer in outcome.answers if answer.error]
    if not errors:
        return None
    questions = len({name for name, _ in errors})
    name, error = errors[0]
    return (
        f"{Distrust.FAILED}: {len(outcomes)} 問のうち {questions} 問に答えが得られませんでした（最初は {name}: {error.rstrip('。')}）。"
        "--resume を付けると、その問題だけを尋ね直します"
    )


def unread_reason(outcomes: Sequence[Outcome]) -> str | None:
    """That too many written answers name no letter; None where they do, or where letters or choices were scored."""
    written = [
        answer
        for outcome in outcomes
        for answer in outcome.answers
        if answer.text is not None and answer.logprobs is None
    ]
    unread = Counter(str(answer.text_status) for answer in written if answer.text_letter is None)
    if not written or unread.total() <= MOST_UNREAD * len(written):
        return None
    kinds = "、".join(f"{_NAMES.get(status, status)} {count}" for status, count in unread.most_common())
    return (
        f"{Distrust.UNREAD}: {len(written)} 件の回答のうち {unread.total()} 件から答えを読み取れません（{kinds}）。"
        "長さの上限（--max-new-tokens、サーバーの設定）と、思考を書かせていないかを確かめてください"
    )
