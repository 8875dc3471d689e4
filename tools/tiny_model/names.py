"""Invented names, numbers and other fillings for the slots of generated rules.

Names are everyday words, random kanji or katakana, so nothing can be answered from memory.
"""

from __future__ import annotations

import random

from tools.tiny_model.charset import KANJI, NOUNS

_DIGITS = "〇一二三四五六七八九"
FIXED: dict[str, tuple[str, ...]] = {
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
    "close": ("する", "しなければならない", "することができる", "してはならない", "するものとする", "とする", "することを要しない"),
    "weekday": tuple(f"{day}曜日" for day in "月火水木金土日"),
    "fraction": ("半数", "過半数", "三分の一", "三分の二", "四分の三", "五分の四"),
}  # fmt: skip
FIXED["verb"] += FIXED["verb2"]
_AUTHORITIES = ("市長", "町長", "村長", "知事", "区長", "市議会", "教育長", "消防長", "警察署長", "保健所長", "会計管理者", "監査委員", "農業委員会", "教育委員会", "選挙管理委員会", "審査会", "協議会", "理事会", "所長", "館長", "局長", "担当大臣")  # fmt: skip
UNITS = {
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
WORDS = NOUNS.split()
_KATAKANA = "アイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホマミムメモヤユヨラリルレロワガギグゲゴザジズゼゾダデドバビブベボパピプペポ"
# Kinds whose exchange makes a statement false; an ending may be exchanged and the statement stays true.
ENDINGS = ("end", "end2", "and", "or")


def random_name(rng: random.Random) -> str:
    """An invented name: everyday words, one to three random kanji, or two to four katakana."""
    if rng.random() < 0.1:
        return "".join(rng.choice(_KATAKANA) for _ in range(rng.randint(2, 4)))
    if rng.random() < 0.5:
        return rng.choice(WORDS) + (rng.choice(WORDS) if rng.random() < 0.3 else "")
    return "".join(rng.choice(KANJI) for _ in range(rng.choice((1, 2, 2, 2, 3))))


def kanji_number(value: int) -> str:
    """``32`` as ``三十二``; up to 9,999."""
    text = ""
    for unit, sign in ((1000, "千"), (100, "百"), (10, "十")):
        count, value = divmod(value, unit)
        text += ("" if count == 1 else _DIGITS[count]) + sign if count else ""
    return text + (_DIGITS[value] if value or not text else "")


def _number(rng: random.Random, kind: str) -> str:
    unit = rng.choice(UNITS[kind.rstrip("2")])
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
    if kind in FIXED:
        return rng.choice(FIXED[kind])
    if kind.rstrip("2") in UNITS:
        return _number(rng, kind)
    if kind.startswith("authority"):
        return rng.choice(_AUTHORITIES) if rng.random() < 0.7 else random_name(rng) + rng.choice(("庁長官", "部長", "課長", "委員会", "大臣"))  # fmt: skip
    if kind == "subject":
        return random_name(rng) + rng.choice(_SUBJECTS) if rng.random() < 0.6 else f"{random_name(rng)}を{rng.choice(FIXED['verb2'])}する者"  # fmt: skip
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
    if kind == "word":
        return random_name(rng)
    if kind == "stem":
        return "".join(rng.choice(KANJI) for _ in range(rng.choice((1, 1, 2))))
    raise ValueError(f"no slot of kind {kind!r}")
