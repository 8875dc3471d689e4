"""Fixed forms of statutes in other words of the same meaning, for true and false statements alike."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

from .inflection import ANOTHER_ACT

_NOT_HELD = r"(?<!権を)(?<!職務を)(?<!裁判を)"  # those are held and done, not carried out
# Both sides mean the same wherever the pattern matches; what would need a reading is left out of the table.
_FORMS: tuple[tuple[re.Pattern[str], tuple[str, ...]], ...] = tuple(
    (re.compile(pattern), texts)
    for pattern, texts in (
        (r"の規定により(?=[一-龥、])", ("に基づき", "に基づいて")),
        # 「第二項等の規定」 is a term of its own.
        (r"(?<!等)の規定による(?=[一-龥])", ("に基づく", "による")),
        (r"あらかじめ、", ("事前に", "前もって")),
        (r"遅滞なく、", ("遅れることなく", "遅滞なく")),
        (r"直ちに、", ("すぐに", "直ちに")),
        (r"速やかに、", ("すみやかに", "速やかに")),
        (r"その旨を", ("そのことを", "その旨を")),
        # Only as a part of its own: 「条例又は規則で定めるところにより」 would be cut in the middle.
        (
            r"(?:(?<=、)|^)(?:[一-龥]{2,5}省令|内閣府令|政令|規則|条例)[での]定めるところにより、(?![^、]*方法により)",
            ("", "所定の方法により"),
        ),
        (r"に対し、", ("に対して", "に対し")),
        (r"に関し、", ("に関して", "について")),
        (r"ついては、", ("ついては",)),
        # Not the end of 「特別の必要がある」, 「保護する必要がある」.
        (r"(?<![のうくぐすつぬぶむる])必要があると認める", ("必要と認める", "必要であると認める")),
        (rf"{_NOT_HELD}(?:行なう|行う)(?=こと|必要|義務|者)", ("実施する", "行う")),
        (rf"{_NOT_HELD}(?:行なわなければ|行わなければ)", ("実施しなければ", "行わなければ")),
        (r"かつ、", ("かつ",)),
        (r"すべて", ("全て",)),
    )
)
_IN_KANA = {"若しくは": "もしくは", "又は": "または", "及び": "および", "並びに": "ならびに"}
_CONJUNCTIONS = re.compile("|".join(_IN_KANA))
_IN_KANJI = {kana: kanji for kanji, kana in _IN_KANA.items()}
_OF_KANA = re.compile("|".join(_IN_KANJI))
_PERMIT = r"(許可|認可|承認|登録|認定|免許|検査|確認|指定|同意|議決)を(?:受け|得|経)"
# Endings that say what is needed by the thing itself: 許可を受けなければならない → 許可が必要である.
_NEEDS: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        re.compile(
            _PERMIT + r"(?:なければならない|る必要がある|る義務がある|ることを要する|ることが義務付けられている)$"
        ),
        r"\1が必要である",
    ),
    (
        re.compile(_PERMIT + r"(?:る必要はない|ることを要しない|なくても差し支えない|ることは義務付けられていない)$"),
        r"\1は必要でない",
    ),
    (
        re.compile(
            r"その旨を([^、を]{2,16})に(届け出|報告し|通知し|申請し)(?:なければならない|る必要がある|る義務がある|ることを要する)$"
        ),
        r"\1への\2が必要である",
    ),
)
_NOUNS = {"届け出": "届出", "報告し": "報告", "通知し": "通知", "申請し": "申請"}
# Says when or how it is done, and 「あらかじめ、認可が必要である」 has nothing that is done.
_WHEN_DONE = re.compile(r"(?:あらかじめ|事前に|前もって|直ちに|すぐに|速やかに|すみやかに|遅滞なく)、?[^、]*$")
_TOPICS = re.compile("[はも]、")
SHARE = 0.5  # of the places where a form could be changed, that are
AS_PRINTED = 0.3  # of the texts, whose forms all stay: a quarter of the open 100's true choices are as printed


def in_kana(random_: random.Random) -> bool:
    """Whether all candidates of a question are to write 又は, 及び … in kana: one alone would show where it was changed."""
    return random_.random() < SHARE


def paraphrase(text: str, random_: random.Random, *, kana: bool, titles: Sequence[str] = ()) -> str:
    """The text with some of its fixed forms in other words; quoted and bracketed words and the laws' ``titles`` stay as
    they are. ``kana`` writes 又は, 及び … in kana."""
    share = 0.0 if random_.random() < AS_PRINTED else SHARE
    if random_.random() < share:
        text = needs(text)
    kept = "|".join(map(re.escape, sorted(titles, key=len, reverse=True)))
    pieces = re.split(rf"(「[^」]*」|（[^）]*）{'|' + kept if kept else ''})", text)
    return "".join(piece if index % 2 else _reworded(piece, random_, kana, share) for index, piece in enumerate(pieces))


def conjunctions_in_kanji(text: str) -> str:
    """The text as a statute writes it, to compare the two: 又は for または."""
    return _OF_KANA.sub(lambda one: _IN_KANJI[one.group()], text)


def needs(text: str) -> str:
    """The text with its ending naming what is needed, where it is of that form."""
    for pattern, ending in _NEEDS:
        # 「写しを添えて、大臣への届出が必要である」: the other act has lost the one that it goes with.
        match = pattern.search(text)
        if match is None or _WHEN_DONE.search(text[: match.start()]):
            continue
        if not ANOTHER_ACT.search(_TOPICS.split(text[: match.start()])[-1] + "、"):
            return text[: match.start()] + re.sub(
                "|".join(_NOUNS), lambda one: _NOUNS[one.group()], match.expand(ending)
            )
    return text


def _reworded(text: str, random_: random.Random, kana: bool, share: float) -> str:
    if kana:
        text = _CONJUNCTIONS.sub(lambda one: _IN_KANA[one.group()], text)
    for pattern, texts in _FORMS:
        if random_.random() < share:
            text = pattern.sub(random_.choice(texts), text)
    return text
