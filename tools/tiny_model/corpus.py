"""Generated rules: sentences of invented ordinances, which the tiny model learns to read.

A rule is kept as parts; a part with a kind (number, authority, noun, modality …) can be replaced by another of its kind,
which makes a false statement (``tools.tiny_model.statements``). None of this is taken from ``sample/``, whose questions test
the model.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass

from tools.tiny_model.names import fill_slot


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a rule."""

    text: str
    kind: str = ""  # "" for fixed wording; otherwise what it may be exchanged with
    optional: int = 0  # parts with the same number > 0 can be left out together without changing what the rule says


Rule = tuple[Part, ...]

# {kind} is a slot, [...] may be left out of a true statement.
TEMPLATES = (
    "{subject}は、{event}の日から{days}以内に[、{noun}の定めるところにより]、{authority}に{object}の{verb}{modal}。",
    "{subject}は、{event}の{days}前までに、{object}を{authority}に提出しなければならない。",
    "{authority}は、{subject}が{noun}に違反したときは、{object}の{verb}{modal}。",
    "{authority}は、{object}について、{years}ごとに{verb}{modal}。",
    "{object}の有効期間は、{event}の日から{years}{end}。",
    "{object}の手数料の額は、一件につき{yen}{end}。",
    "{object}の{measure}は、{length}{compare}{end2}。",
    "{council}は、{people}以内の委員をもって組織する。",
    "{council}の委員の任期は、{years}{end}[。ただし、再任を妨げない]。",
    "{council}は、委員の{fraction}以上の出席がなければ、会議を開くことができない。",
    "{subject}は、{place}において、{object}の{verb}をしてはならない。",
    "{subject}は、[あらかじめ、]{authority}の{permit}を受けなければならない。",
    "{subject}は、{object}を{years}間保存しなければならない。",
    "{subject}は、毎年{month}末日までに、{object}を{authority}に報告しなければならない。",
    "{noun}の規定に違反した{subject}は、{yen}以下の{penalty}に処する。",
    "{authority}は、{event}があったときは、[遅滞なく、]{authority2}の意見を聴かなければならない。",
    "{place}の開館時間は、午前{hour}時から午後{hour2}時まで{end}。",
    "{place}の休業日は、{weekday}及び{month}{day}{end}。",
    "{object}の{verb}は、{authority}が行う。",
    "{subject}は、{percent}の{noun}を{authority}に納付しなければならない。",
    "{authority}は、{days}以内の期間を定めて、{object}の{verb}を命ずることができる。",
    "この条例において「{noun}」とは、{place}に設ける{object}をいう。",
    "{place}には、{people}以上の{subject}を置かなければならない。",
    "{subject}は、{object}を{place}に備え付けなければならない[。ただし、{authority}が認めたときは、この限りでない]。",
    "{authority}は、{object}の{verb}をしたときは、[速やかに、]その旨を{subject}に通知{modal2}。",
    "{subject}が{event}をしたときは、{object}は、その効力を失う。",
    "{noun}の額は、{place}の{measure}に応じ、{yen}を超えない範囲で{authority}が定める。",
    "{object}は、{subject}に限り、これを{verb2}{modal2}。",
    "{place}で{object}を{verb2}しようとする者は、{permit}の申請書に{noun}を添えなければならない。",
    "{authority}は、{weekday}に{place}の{verb}{modal}。",
    "この{law}において「{noun}」とは、{item}、{item}、{item}{and}{item}をいう。",
    "「{noun}」とは、{place}のうち{measure}が{length}{compare}のものをいい、{item}{and}{item}{include}。",
    "{authority}は、{item}、{item}{and}{item}その他の{noun}に関する事務を行う。",
    "市に{person}を置き、{authority}が任期を{years}として{appoint}する。",
    "{person}は、{item}の{verb}、{item}の{verb}その他{place}の管理に関する事務を行う。",
    "{person}は、{object}を備え、{item}{and}{item}を{often}記載しなければならない。",
    "{council}は、{item}の代表{people}、{item}の代表{people}{and}学識経験のある者{people}で組織する。",
    "{subject}は、{item}、{item}{or}{item}を{verb2}{modal2}。",
    "{place}を使用しようとする者は、使用の{days}前までに、{item}{and}{item}を記載した{object}を{authority}に提出し、その{permit}を受けなければならない。",
    "{authority}は、前項の{permit}の申請があったときは、{days}以内に、{permit}をするかどうかを決定し、{subject}に通知しなければならない。",
    "{noun}に関する{item}は、{person}が受け付け、受け付けた日から{days}以内に処理の結果を{subject}に通知しなければならない。",
    "前条の規定は、{item}{or}{item}については、適用しない。",
    "{place}に{object}を設ける場合は、{item}から{length}以上離し、かつ、{measure}を{length2}{compare}としなければならない。",
    "{noun}は、{yen}に{item}の{measure}一{unit}につき{yen2}を加えた額とする。",
    "{subject}であって{years}以上{item}に従事したものは、{event}の日から{days}を経過する日までの間に限り、{object}の{verb}をすることができる。",
    "{event}をした者が{days}以内に{object}を{verb2}しないときは、{authority}は、その{permit}を取り消すことができる。",
    "{place}の利用は、一回につき{hours}以内とし、{weekday}から{weekday}までとする。",
    "{person}の定数は、{people}とし、そのうち{people2}は、{subject}のうちから{authority}が{appoint}する。",
    "{item}を{verb2}した{subject}には、{noun}として{yen}を支給する。",
    "{authority}は、次に掲げる{noun}について、{object}を{verb2}{modal2}。",
    "{noun}の期間は、{item}にあっては{days}、{item}にあっては{days2}、{place}にあっては{years}を超えることができない。",
    "{object}の{measure}は、{item}にあっては{length}{compare}、その他の{item}にあっては{length2}{compare}とする。",
    "{noun}の額は、{item}の場合は{yen}、{item}の場合は{yen2}とする。",
    "{place}は、{item}、{item}、{item}{and}{item}とする。",
    "{place}の{measure}は{length}{compare}、{item}は{percent}{compare}に保たなければならない。",
)
# Lines of a list under a rule (号).
ITEM_TEMPLATES = (
    "{item}の{verb}をした者　{yen}以下の{penalty}",
    "{item}{and}{item}",
    "{place}の{measure}が{length}{compare}であるもの",
    "{subject}で{years}以上{item}に従事したもの",
    "{item}を{verb2}するとき　{yen}",
    "{object}の{verb}に関すること",
    "{event}の日から{days}を経過しない者",
    "第{article}条の規定に違反して{item}を{verb2}した者",
    "{item}",
    "{item}　{fraction}",
    "{item}の{measure}が{length}を超えるとき",
)

_PIECES = re.compile(r"\{(\w+)\}|\[|\]|[^\[\]{}]+")


def random_rule(rng: random.Random, templates: Sequence[str] = TEMPLATES) -> Rule:
    """A random rule: one of ``templates`` with its slots filled."""
    parts: list[Part] = []
    optional = group = 0
    for match in _PIECES.finditer(rng.choice(templates)):
        piece = match[0]
        if piece == "[":
            group += 1
            optional = group
        elif piece == "]":
            optional = 0
        elif match[1]:
            parts.append(Part(fill_slot(rng, match[1]), match[1], optional))
        else:
            parts.append(Part(piece, "", optional))
    return tuple(parts)


_PARTICLES = ("を", "に", "は、", "が", "から", "により", "の", "について", "において", "と", "で", "まで")
_JOINS = (
    "し、",
    "り、",
    "した後、",
    "するときは、",
    "したときは、",
    "る場合において、",
    "ないで",
    "する者は、",
    "した",
    "し、かつ、",
)
_VALUES = ("days", "years", "yen", "length", "people", "percent", "hours")


def free_rule(rng: random.Random) -> Rule:
    """A sentence of random words, values and endings: what it says is nothing, and no template gives any of it away."""
    parts: list[Part] = []
    clauses = rng.randint(1, 3)
    for clause in range(clauses):
        for _ in range(rng.randint(1, 3)):
            kind = rng.choice(_VALUES) if rng.random() < 0.25 else "word"
            parts += [Part(fill_slot(rng, kind), kind), Part(rng.choice(_PARTICLES))]
        parts.append(Part(fill_slot(rng, "stem"), "stem"))
        parts.append(Part(rng.choice(_JOINS)) if clause < clauses - 1 else Part(fill_slot(rng, "close"), "close"))
    return (*parts, Part("。"))


def any_rule(rng: random.Random) -> Rule:
    """A rule of a template, or now and then of random words."""
    return free_rule(rng) if rng.random() < 0.3 else random_rule(rng)


def rule_text(rule: Sequence[Part]) -> str:
    """The sentence."""
    return "".join(part.text for part in rule)
