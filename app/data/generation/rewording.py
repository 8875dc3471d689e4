"""Candidates said again by a model, kept only where everything that decides about their truth is still there.

All candidates of a question are reworded or none, so that no candidate stands out by its wording.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from ..folding import fold_text
from .claims.surroundings import ACTOR
from .settling import Settled

Ask = Callable[[Sequence[str]], Sequence[str]]  # prompts to answers, in their order

KINDS = ("statement", "act")  # whose candidates are sentences; half of those of an order are names of things
PROMPT = (
    "次の文を、意味を変えずに、別の言い回しの一文に書き直してください。数、期限、否定、義務か任意かの別、だれがだれに対してするか、"
    "法令名と条・項・号の番号は、そのまま残してください。書き直した文だけを答えてください。\n\n{text}"
)
# A number with what it counts: 3月 and 3日 are two terms, 100分の3 is one number.
_NUMBER = re.compile(
    r"(\d+(?:\.\d+)?)([かカヵヶケ箇]月間?|年度|[月日週年]間?|時間?|分の?|秒|(?:平方|立方)?[ァ-ヶー]{2,}|[a-z%]+"
    r"|[割倍円人名歳才回度件台棟戸株口票条項号])?"
)
_UNIT = {"週間": "週", "日間": "日", "年間": "年", "名": "人", "才": "歳", "度": "回"} | {
    f"{counted}月{length}": "月" for counted in ("", *"かカヵヶケ箇") for length in ("", "間")
}
_NEGATIONS = re.compile(r"ない|なく|なけれ|ず(?=に|、|と)|ません|なし|不要|禁|限らな")
_FORCES = {
    "duty": re.compile(r"なければなら|必要が?あ|義務|要する|べき|ねばなら"),
    "may": re.compile(r"でき|可能|認められ|許さ|差し支え|よい"),
    "effort": re.compile(r"努め"),
    "deemed": re.compile(r"みなさ|みなす"),
    "absolute": re.compile(r"常に|必ず|例外なく|いかなる|一切|のみ|限り|限られ|問わず|かかわらず"),
    "even": re.compile(r"ても|でも"),
}
# Counted: of two limits or orders in a sentence, one that turns round leaves the other. In folded text っ is つ.
_LIMITS = {
    "at least": re.compile(r"以上"),
    "at most": re.compile(r"以下"),
    "within": re.compile(r"以内"),
    "under": re.compile(r"未満"),
    "over": re.compile(r"超"),
    "elapsed": re.compile(r"経過|過ぎ"),
    "before": re.compile(r"あらかじめ|事前|前もつて|先[立だ]|以前|(?<![午人名])前(?=に|まで|から|日|、)"),
    "after": re.compile(r"以降|(?<![午今前背])後(?![見段記述続任者継遺期援発])"),
    "at once": re.compile(r"直ち|すぐ"),
    "without delay": re.compile(r"遅滞|遅れ"),
    "soon": re.compile(r"速やか|すみやか"),
}
_DUTY = re.compile(
    r"なければなら(?:ない|ず)|ねばならない|なくてはならない"
)  # no negation, though it is written with two
MIN_LENGTH, MAX_LENGTH = 0.5, 1.6  # of the text as it was


def survives(old: str, new: str) -> bool:
    """Whether ``new`` keeps the numbers, citations, authorities, negations and forces of ``old``."""
    if "\n" in new or not MIN_LENGTH * len(old) <= len(new) <= MAX_LENGTH * len(old):
        return False
    one, other = fold_text(old), fold_text(new)
    return (
        _amounts(one) == _amounts(other)
        and all(len(pattern.findall(one)) == len(pattern.findall(other)) for pattern in _LIMITS.values())
        and _parties(old) == _parties(new)
        and len(_NEGATIONS.findall(_DUTY.sub("", one))) == len(_NEGATIONS.findall(_DUTY.sub("", other)))
        and all(bool(pattern.search(one)) == bool(pattern.search(other)) for pattern in _FORCES.values())
        and sorted(re.findall("「[^」]*」", old)) == sorted(re.findall("「[^」]*」", new))
    )


def _amounts(text: str) -> Counter[tuple[str, str]]:
    return Counter((number, _UNIT.get(unit, unit)) for number, unit in _NUMBER.findall(text))


def _parties(text: str) -> Counter[tuple[str, str]]:
    """The authorities, and what each does: 「知事は市町村長に」 is neither 「市町村長は知事に」 nor 「知事は市町村長から」."""
    return Counter((match.group(), _role(text[match.end() : match.end() + 2])) for match in ACTOR.finditer(text))


def _role(particles: str) -> str:
    if particles[:1] in ("は", "が"):
        return "acts"
    if particles[:1] in ("に", "へ") and particles not in ("によ", "につ", "にお", "に係", "に関"):
        return "is addressed"
    return ""  # 「知事の許可を受けて」 may become 「知事から許可を受けて」


def cleaned(answer: str) -> str:
    """A model's answer as a candidate: its first line without quotes, a full stop or a heading."""
    line = next((line.strip() for line in answer.strip().split("\n") if line.strip()), "")
    line = re.sub(r"^(?:書き直し(?:た文)?|言い換え|回答)[：:]\s*", "", line)
    if line.startswith("「") and line.endswith(("」", "」。")) and line.count("「") == 1:
        line = line[1:].rstrip("。").removesuffix("」")
    return line.removesuffix("。")


def reworded(settled: Sequence[Settled], ask: Ask, batch: int = 8) -> Iterator[Settled]:
    """Every question in order, those whose candidates all survived in the model's words."""
    waiting: list[Settled] = []
    for one in settled:
        waiting.append(one)
        if sum(len(each.texts) for each in waiting if each.draft.kind in KINDS) >= batch:
            yield from _batch(waiting, ask)
            waiting = []
    yield from _batch(waiting, ask)


def _batch(waiting: Sequence[Settled], ask: Ask) -> Iterator[Settled]:
    texts = [text for one in waiting if one.draft.kind in KINDS for text in one.texts]
    answers = iter(ask([PROMPT.format(text=text) for text in texts]) if texts else ())
    for one in waiting:
        if one.draft.kind not in KINDS:
            yield one
            continue
        new = tuple(cleaned(next(answers)) for _ in one.texts)
        kept = len(set(new)) == len(new) and all(survives(old, text) for old, text in zip(one.texts, new, strict=True))
        yield replace(one, texts=new, reworded=True) if kept else one
