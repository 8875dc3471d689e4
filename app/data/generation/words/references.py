"""References of a sentence that mean something only where it stands, made to mean the same everywhere: 前項 → 第五条第二項."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ...law_numbers import NUMBER

_UNRESOLVED = re.compile(
    r"前(?:[二三四五六七八九十]+[条項号]|各[条項号]|号)|次[二三四五六七八九十]+[条項]|この(?:編|章|節|款|目|項|号)|前(?:章|節|款)|次(?:章|節)|本(?:章|節)|当該各|同号|次号|各項|附則"
    rf"|(?<![条項令律則示])第{NUMBER}号"
)
_PARAGRAPH = re.compile(rf"第{NUMBER}項")
# Before a paragraph that is part of a longer citation or joined to one: 第三条第一項, 第三条の二（見出し）第一項, 第一項又は第二項.
_CITED_BEFORE = re.compile(
    rf"(?:条(?:の{NUMBER})*(?:（[^（）]*）)?の?|同条|法|令|規則|[条項号](?:から|及び|又は|若しくは|並びに|、))$"
)
_THIS_LAW = re.compile("この(?:法律|政令|省令|府令|規則)")
_DIGITS = "〇一二三四五六七八九"


def resolve(sentence: str, *, title: str, articles: Sequence[str], article: str, paragraph: str) -> str | None:
    """The sentence with 前項, 前条, この法律 … written out; None where one leads nowhere or spans several provisions."""
    here = kanji_article(article)
    place = articles.index(article)
    text = sentence
    number = int(paragraph) if paragraph.isdigit() else 0
    pair = re.compile("前二項")
    if pair.search(text):
        if number < 3:
            return None
        text = pair.sub(f"{here}第{kanji(number - 2)}項及び第{kanji(number - 1)}項", text)
    if "前項" in text:
        if number < 2:
            return None
        text = text.replace("前項", f"{here}第{kanji(number - 1)}項")
    if "次項" in text:
        if number < 1:
            return None
        text = text.replace("次項", f"{here}第{kanji(number + 1)}項")
    for word, step in (("前条", -1), ("次条", 1)):
        if word in text:
            if not 0 <= place + step < len(articles):
                return None
            text = text.replace(word, kanji_article(articles[place + step]))
    # The commas of a title would be taken for the sentence's own: 「毒素兵器の開発、生産及び貯蔵の禁止」.
    if _UNRESOLVED.search(text) or ("、" in title and _THIS_LAW.search(text)):
        return None
    text = text.replace("この条", here)
    text = _THIS_LAW.sub(title, text)
    # A bare 第一項 belongs to its own article; in 「第三条第一項及び第二項」 it is joined to one that is named.
    text = _PARAGRAPH.sub(
        lambda match: match.group() if _CITED_BEFORE.search(text, 0, match.start()) else here + match.group(), text
    )
    return text


def kanji_numbers(label: str) -> str:
    """``第13条第2項`` → ``第十三条第二項``."""
    return re.sub(r"\d+", lambda match: kanji(int(match.group())), label)


def kanji_article(key: str) -> str:
    """``27_2`` → ``第二十七条の二``."""
    first, *branches = key.split("_")
    return f"第{kanji(int(first))}条" + "".join(f"の{kanji(int(branch))}" for branch in branches)


def kanji(value: int) -> str:
    """``27`` → ``二十七``, ``15000000`` → ``千五百万``; below 10,000 兆."""
    text = ""
    for unit, name in ((10**12, "兆"), (10**8, "億"), (10**4, "万")):
        digit, value = divmod(value, unit)
        if digit:
            text += kanji(digit) + name
    if not value and text:
        return text
    for unit, name in ((1000, "千"), (100, "百"), (10, "十")):
        digit, value = divmod(value, unit)
        if digit:
            text += (_DIGITS[digit] if digit > 1 else "") + name
    return text + (_DIGITS[value] if value or not text else "")
