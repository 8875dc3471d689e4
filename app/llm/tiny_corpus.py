"""Generated rules and statements about them: what the tiny model learns to read from.

A rule is a sentence of an invented ordinance, kept as parts; a part with a kind (number, authority, noun, modality …) can
be replaced by another of its kind, which makes a false statement. Names are random kanji and kana, so nothing can be
answered from memory: the model has to look the statement up in the text before it. None of this is taken from
``sample/``, whose questions test the model.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from app.llm.tiny_charset import KANJI, NOUNS, NUMERALS


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
)

_DIGITS = "〇一二三四五六七八九"
_FIXED: dict[str, tuple[str, ...]] = {
    "verb": ("届出", "申請", "報告", "検査", "点検", "公表", "登録", "変更", "廃止", "更新", "確認", "調査", "承認", "停止", "取消し", "交付", "返還", "撤去", "記録", "閲覧"),
    "verb2": ("使用", "譲渡", "製造", "販売", "貸与", "運搬", "保管", "設置", "加工", "展示", "輸入", "占用"),
    "modal": ("をしなければならない", "をすることができる", "をしてはならない", "をすることを要しない", "をするものとする", "をするよう努めなければならない"),
    "modal2": ("しなければならない", "することができる", "してはならない", "することを要しない", "するものとする"),
    "event": ("届出", "申請", "許可", "登録", "着工", "完成", "事故", "通知", "変更", "廃業", "承継", "公示", "交付", "開業", "休止", "指定", "採用", "解散", "決定", "受領"),
    "permit": ("許可", "認可", "承認", "登録", "指定", "確認", "同意", "免許", "検定"),
    "penalty": ("罰金", "過料", "科料", "加算金", "違約金"),
    "measure": ("高さ", "幅", "長さ", "面積", "深さ", "重さ", "厚さ", "容量", "距離"),
    "compare": ("以上", "以下", "未満", "以内"),
    "end": ("とする", "である", "とされている"),
    "end2": ("でなければならない", "とする", "とされている"),
    "law": ("条例", "規則", "法律", "要綱"),
    "and": ("及び", "並びに"),
    "or": ("又は", "若しくは"),
    "include": ("を含む", "を除く"),
    "appoint": ("任命", "委嘱", "指名", "選任"),
    "often": ("毎日", "毎週", "毎月", "毎年", "その都度"),
    "unit": ("平方メートル", "メートル", "時間", "日", "個", "台", "頭"),
    "weekday": tuple(f"{day}曜日" for day in "月火水木金土日"),
    "fraction": ("半数", "過半数", "三分の一", "三分の二", "四分の三", "五分の四"),
}  # fmt: skip
_FIXED["verb"] += _FIXED["verb2"]
_NEAR = 0.1  # how often a false statement borrows from the text around it, which makes it hard to see
_AUTHORITIES = ("市長", "町長", "村長", "知事", "区長", "市議会", "教育長", "消防長", "警察署長", "保健所長", "会計管理者", "監査委員", "農業委員会", "教育委員会", "選挙管理委員会", "審査会", "協議会", "理事会", "所長", "館長", "局長", "担当大臣")  # fmt: skip
_UNITS = {
    "days": ("日", "日", "日", "週間", "月", "時間"),
    "years": ("年", "年", "月", "箇月"),
    "yen": ("円", "万円", "千円"),
    "length": ("メートル", "センチメートル", "平方メートル", "キログラム", "リットル", "キロメートル"),
    "people": ("人", "名"),
    "percent": ("パーセント", "割"),
    "month": ("月",),
    "day": ("日",),
    "hour": ("",),
    "hours": ("時間", "分"),
    "article": ("",),
}
_PLACES = ("公園", "港", "市場", "図書館", "体育館", "公民館", "区域", "道路", "河川", "施設", "工場", "農園", "駅", "広場", "橋", "倉庫", "浴場", "墓地", "温泉", "水路")  # fmt: skip
_OBJECTS = ("許可証", "計画書", "帳簿", "届出書", "設備", "標識", "証明書", "機械", "薬品", "車両", "船舶", "看板", "台帳", "器具", "飼料", "補助金", "使用料", "負担金", "記録簿", "工作物")  # fmt: skip
_SUBJECTS = ("業者", "所有者", "管理者", "者", "組合員", "販売業者", "設置者", "使用人", "占有者", "受給者", "利用者", "事業者", "製造業者", "責任者", "団体", "法人")  # fmt: skip
_PERSONS = ("長", "主任", "監督員", "管理人", "調査員", "検査員", "保安員", "指導員", "相談員", "主事")
_COUNCILS = ("審議会", "委員会", "協議会", "審査会", "評議会", "調査会", "部会")
_WORDS = NOUNS.split()
_KATAKANA = "アイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホマミムメモヤユヨラリルレロワガギグゲゴザジズゼゾダデドバビブベボパピプペポ"
# Kinds whose exchange makes a statement false; an ending may be exchanged and the statement stays true.
_ENDINGS = ("end", "end2", "and", "or")


def random_name(rng: random.Random) -> str:
    """An invented name: everyday words, one to three random kanji, or two to four katakana."""
    if rng.random() < 0.1:
        return "".join(rng.choice(_KATAKANA) for _ in range(rng.randint(2, 4)))
    if rng.random() < 0.5:
        return rng.choice(_WORDS) + (rng.choice(_WORDS) if rng.random() < 0.3 else "")
    return "".join(rng.choice(KANJI) for _ in range(rng.choice((1, 2, 2, 2, 3))))


def kanji_number(value: int) -> str:
    """``32`` as ``三十二``; up to 9,999."""
    text = ""
    for unit, sign in ((1000, "千"), (100, "百"), (10, "十")):
        count, value = divmod(value, unit)
        text += ("" if count == 1 else _DIGITS[count]) + sign if count else ""
    return text + (_DIGITS[value] if value or not text else "")


def _number(rng: random.Random, kind: str) -> str:
    unit = rng.choice(_UNITS[kind.rstrip("2")])
    if kind in ("hour", "hour2") or kind == "month":
        value = rng.randint(1, 12)
    elif unit in ("円", "メートル", "キログラム", "平方メートル", "センチメートル"):
        value = rng.choice((rng.randint(1, 30), rng.randint(1, 90) * 10, rng.randint(1, 90) * 100))
    else:
        value = rng.choice((rng.randint(1, 12), rng.randint(2, 40), rng.choice((7, 10, 14, 15, 20, 30, 60, 90))))
    written = kanji_number(value)
    if rng.random() < 0.1:
        written = str(value) if rng.random() < 0.5 else "".join(chr(0xFF10 + int(digit)) for digit in str(value))
    return written + unit


def fill_slot(rng: random.Random, kind: str) -> str:
    """A random text for a slot of ``kind``."""
    if kind in _FIXED:
        return rng.choice(_FIXED[kind])
    if kind.rstrip("2") in _UNITS:
        return _number(rng, kind)
    if kind.startswith("authority"):
        return rng.choice(_AUTHORITIES) if rng.random() < 0.7 else random_name(rng) + rng.choice(("庁長官", "部長", "課長", "委員会", "大臣"))  # fmt: skip
    if kind == "subject":
        return random_name(rng) + rng.choice(_SUBJECTS) if rng.random() < 0.6 else f"{random_name(rng)}を{rng.choice(_FIXED['verb2'])}する者"  # fmt: skip
    if kind == "object":
        return random_name(rng) + rng.choice(_OBJECTS)
    if kind == "place":
        return random_name(rng) + rng.choice(_PLACES)
    if kind == "person":
        return random_name(rng) + rng.choice(_PERSONS)
    if kind == "item":
        return random_name(rng) + rng.choice(("", "", "", *_OBJECTS, *_PLACES))
    if kind == "council":
        return random_name(rng) + rng.choice(_COUNCILS)
    if kind == "noun":
        return random_name(rng) + rng.choice(("", "", "条例", "規則", "基準", "税", "料", "計画", "区域"))
    raise ValueError(f"no slot of kind {kind!r}")


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


def rule_text(rule: Sequence[Part]) -> str:
    """The sentence."""
    return "".join(part.text for part in rule)


@dataclass(frozen=True, slots=True)
class Statement:
    """A sentence that restates a rule, truly or not."""

    text: str
    true: bool
    altered: tuple[int, int] | None  # of a false one: from the first other character to the end of the exchanged part


def restate(rng: random.Random, rule: Rule, *, true: bool, others: Sequence[Rule], freedom: float) -> Statement:
    """A true or false statement of ``rule``, without the full stop.

    A false one has one part exchanged: for a part of the same kind in ``others`` (rules of the same text) now and
    then, else for a random one. ``freedom`` (0 to 1) is how often clauses are left out and endings put in other words,
    which decides nothing.
    """
    parts = list(rule)
    if rng.random() < freedom:
        parts = _shorten(rng, parts)
    parts = [
        replace(part, text=fill_slot(rng, part.kind)) if part.kind in _ENDINGS and rng.random() < freedom / 2 else part
        for part in parts
    ]
    if true:
        return Statement(rule_text(parts).rstrip("。、"), True, None)
    exchanged = rng.choices(range(len(parts)), [_weight(part) for part in parts])[0]
    old = parts[exchanged]
    if old.kind:
        parts[exchanged] = replace(old, text=_other(rng, old, others))
    else:
        # Fixed wording: one of its words gives way to another word.
        word = rng.choice(list(_FIXED_WORD.finditer(old.text)))
        new = rng.choice([each for each in _WORDS if each != word[0]])
        parts[exchanged] = replace(old, text=old.text[: word.start()] + new + old.text[word.end() :])
    before = len(rule_text(parts[:exchanged]))
    text = rule_text(parts).rstrip("。、")
    new = parts[exchanged].text
    same = next(
        (n for n, (a, b) in enumerate(zip(old.text, new, strict=False)) if a != b), min(len(old.text), len(new))
    )
    # Where the new part is the beginning of the old one, the next character is the first that differs.
    return Statement(text, False, (min(before + same, len(text) - 1), before + len(new)))


def _shorten(rng: random.Random, parts: Sequence[Part]) -> list[Part]:
    # Clauses are what stands between commas; what is left must hold a part that can be exchanged.
    clauses: list[list[Part]] = [[]]
    for part in parts:
        pieces = re.split(r"(?<=、)", part.text) if not part.kind else [part.text]
        for number, piece in enumerate(pieces):
            if number:
                clauses.append([])
            if piece:
                clauses[-1].append(replace(part, text=piece))
    kept = [clause for clause in clauses if rng.random() < 0.65] or [rng.choice(clauses)]
    if not any(_weight(part) for clause in kept for part in clause):
        return list(parts)
    return [part for clause in kept for part in clause]


# Two kanji or more that are no numerals.
_FIXED_WORD = re.compile(rf"[^\W\d_ぁ-んァ-ヶー{NUMERALS}]{{2,}}")


def _weight(part: Part) -> float:
    # Numbers and modality are what law questions turn on: drawn more often than names.
    if not part.kind:
        return 0.3 if _FIXED_WORD.search(part.text) else 0.0
    if part.kind in _ENDINGS:
        return 0.0
    return 1.0 if part.kind in ("subject", "object", "place", "noun", "item", "person", "council") else 2.0


_VALUE = r"[〇一二三四五六七八九十百千0-9０-９]"


def _family(kind: str) -> str:
    return kind if kind in _FIXED else kind.rstrip("2")


def _other(rng: random.Random, part: Part, others: Sequence[Rule]) -> str:
    near = {other.text for rule in others for other in rule if _family(other.kind) == _family(part.kind)}
    near.discard(part.text)
    if near and rng.random() < _NEAR:
        return rng.choice(sorted(near))
    while True:
        text = fill_slot(rng, part.kind)
        if part.kind.rstrip("2") in _UNITS and rng.random() < 0.7:
            # The unit stays: the number alone differs.
            text = re.sub(rf"[^{_VALUE[1:-1]}].*$", "", text) + re.sub(rf"^{_VALUE}+", "", part.text)
        if text != part.text:
            return text
