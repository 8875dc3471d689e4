"""CJK radicals as the characters that they look like.

Text copied from PDFs holds 「⺠法」 with U+2EA0 for 民. NFKC maps the Kangxi radicals (U+2F00…) but leaves the block CJK
Radicals Supplement as it is, so a search for it finds nothing and two copies of one question have two hashes. The pairs
are those of Unicode's EquivalentUnifiedIdeograph.txt whose right side is a character of Japanese text.
"""

from __future__ import annotations

_PAIRS = (
    "⺁厂 ⺅亻 ⺆冂 ⺉刂 ⺊卜 ⺌小 ⺍小 ⺎兀 ⺒巳 ⺓幺 ⺕彐 ⺖忄 ⺘扌 ⺙攵 ⺛旡 ⺝月 ⺞歺 ⺠民 ⺡氵 ⺢氺 ⺣灬 ⺤爫 ⺥爫 ⺦丬 "
    "⺧牛 ⺨犭 ⺩王 ⺪疋 ⺫罒 ⺬示 ⺭礻 ⺮竹 ⺯糹 ⺱罓 ⺲罒 ⺶羊 ⺷羊 ⺸羊 ⺹耂 ⺺肀 ⺻聿 ⺼肉 ⺽臼 ⺾艹 ⺿艹 ⻀艹 ⻁虎 ⻂衤 "
    "⻃覀 ⻄西 ⻆角 ⻇角 ⻊足 ⻌辶 ⻍辶 ⻎辶 ⻏阝 ⻑長 ⻒镸 ⻕阝 ⻖阝 ⻗雨 ⻘青 ⻝食 ⻞食 ⻟飠 ⻣骨 ⻤鬼 ⻨麦 ⻩黄 ⻫斉 "
    "⻭歯 ⻯竜 ⻱龜 ⻲亀"
)
RADICALS = {ord(pair[0]): pair[1] for pair in _PAIRS.split()}


def without_radicals(text: str) -> str:
    """``text`` with radicals written as the characters they stand for; one character for one."""
    return text.translate(RADICALS)
