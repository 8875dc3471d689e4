"""What references to provisions look like in folded text, and what stands around them."""

from __future__ import annotations

import re

from ...data.law_numbers import ARTICLE_END, FOLDED_BRANCH, ITEM_END, PARAGRAPH_END, SUBITEM, YEAR

# 前2条, 次の3項 and 全1050条 count articles from where they stand or all of them: none of them is 第2条 or 第3項. 改正前709条
# is 第709条 as it was.
_NTH = r"(?:第|(?<=改正前)|(?<=施行前)|(?<![前次左右全\d])(?<!次の)(?<![条項号]の前の))"
# Statutes write 第 (or, by oversight, 法74条の4): 次に1条を加える is a count, 北1条 and 別表第4の44・03項 are other things.
_NTH_IN_STATUTE = "(?:第|(?<=法))"
_ARTICLE = rf"{_NTH}(?P<article>\d+)条(?P<branch>{FOLDED_BRANCH}){ARTICLE_END}"
_RELATIVE = r"(?P<relative>前条|次条|同条|本条|この条)"
_PARAGRAPH = rf"(?:{_NTH}(?P<paragraph>\d+)項{PARAGRAPH_END}|(?P<near_paragraph>前項|次項|同項|この項))"
_LONE = _PARAGRAPH.replace("(?P<", "(?P<lone_")
_SUBITEM = rf"(?P<subitem>{SUBITEM}(?![ァ-ヶー])(?:\(\d+\)(?:\([ivx]+\))?)?)"
_ITEM = rf"(?:{_NTH}(?P<item>\d+)号{ITEM_END}(?P<item_branch>{FOLDED_BRANCH}){_SUBITEM}?)"
NUMBER_IN = re.compile(rf"{YEAR}(?:\d+月\d+日)?[^()\d。、]{{1,14}}第?\d+号")
_AMENDING = rf"(?:(?<=\()[^()]*年[^()]*号[^()]*|{NUMBER_IN.pattern})"  # in a parenthesis, with or without more words
_SUPPLEMENT = rf"(?P<supplement>(?:改正)?附則)(?:\(?抄\)?)?(?:\(?(?P<amending>{_AMENDING})\)?)?(?:\(?抄\)?)?の?"
_LONE_ITEM = rf"{_NTH}(?P<lone_item>\d+)号{ITEM_END}(?P<lone_item_branch>{FOLDED_BRANCH})"
_ONLY_PEOPLE = (
    "dashed dashed_unit preamble appendix table_amending row bare bare_branch lone_item lone_item_branch loose"
)
_NEVER = "".join(f"(?P<{name}>(?!))?" for name in _ONLY_PEOPLE.split())
# 第1項 right after 前2条 is not one of the article that it stands in.
STATUTE = re.compile(
    rf"(?:{_SUPPLEMENT})?(?:(?:{_ARTICLE.replace(_NTH, _NTH_IN_STATUTE)}|{_RELATIVE})(?:{_PARAGRAPH})?"
    rf"|(?<!条){_LONE.replace(_NTH, _NTH_IN_STATUTE)}){_ITEM}?{_NEVER}"
)
# Only people write these: a table by itself, a number without 条 after a law's name, 27-2条.
_NUMBERED = rf"第?\d+{FOLDED_BRANCH}(?:号表?{FOLDED_BRANCH})?"
_FORM = "(?:別[記紙]|様式|書式|付表|附表|別図)"
# 別表第1の3の項 is a row of 別表第1.
_APPENDIX = (
    rf"(?:附則(?:\(?抄\)?)?\(?(?P<table_amending>{_AMENDING})\)?の?)?"
    rf"(?P<appendix>(?:附則)?(?:別表(?:{_NUMBERED})?|別[記紙]様式(?:{_NUMBERED})?|{_FORM}{_NUMBERED}|(?:別[記紙])?第\d+号(?:様式|書式|表(?![示明現題])){FOLDED_BRANCH}))"
    r"(?P<row>の?[項表欄部類号])?"
)
_AFTER_BARE = (
    rf"(?=$|[、。・「」()\[\]:;?!\n/]|,(?!\d)|,(?=\d+{FOLDED_BRANCH}(?:$|[、。・,」)]))"
    r"|の(?!\d)|[はがをにでとやも]|から|及び|又は|若しくは|並びに|または|および|もしくは|参照|条文)"
)
_DATE = r"(?:1[89]|20)\d\d(?:/\d{1,2}(?!\d)|(?P<date_sign>[・,])\d{1,2}(?P=date_sign)\d{1,2}(?!\d))"
_BARE = rf"(?<![\d.\-])(?!{_DATE})第?(?P<bare>\d+)(?P<bare_branch>{FOLDED_BRANCH})(?:(?=第\d+項)|{_AFTER_BARE})"
_DASHED = rf"(?P<dashed>\d+-\d+)(?:(?P<dashed_unit>条)|{_AFTER_BARE})"
# 94条2, 94条-2: a number that may be a paragraph, an item, a branch or the end of a range.
_LOOSE = rf"(?P<loose>-?\d+{FOLDED_BRANCH}{_AFTER_BARE})?"
QUESTION = re.compile(
    rf"(?:{_DASHED}|(?P<preamble>前文)|{_APPENDIX}|(?:{_SUPPLEMENT})?(?:(?:{_ARTICLE}{_LOOSE}|{_RELATIVE}|{_BARE})(?:{_PARAGRAPH})?|{_LONE}){_ITEM}?|{_LONE_ITEM})"
)
CONNECTOR = re.compile(
    r"(?:及び|又は|若しくは|並びに|および|または|もしくは|ならびに|かつ|、|,|・|/|から|と|や|まで(?:及び|又は|若しくは|並びに|、)?)+$"
)
SAME = re.compile(r"(?:同|当該|その)(法律|法|政令|令|府令|省令|規則|条例|規程)(?:の)?$")
SELF = re.compile(r"(?:この|本)(?:法律|法|政令|令|府令|省令|規則|条例|規程)(?:の)?$")
CHANGED = re.compile(r"(?:旧|新|改正[前後]?)(?:の?(?:規定|条文))?の?$")
ORDER_OF_IT = re.compile(r"(?:^|[^一-龥々ァ-ヶーa-z])(?:同法?|法|その)(施行令|施行規則)の?$")
SHORT = re.compile(r"(?:^|[^一-龥々ァ-ヶーa-z])(法|令|規則|府令|省令|施行令|施行規則)(?:の)?$")
# A statute or a document like one is named right before, and it is none that is known.
_KIND = r"(?:法律|法|令|規則|細則|規程|条例|憲法|条約|協定|協約|議定書|定款|約款|規約|契約書?|合意書|覚書|告示|通達|指針|ガイドライン|要綱|要領|案|号)"
ENDS_AS_LAW = re.compile(rf"{_KIND}の?$")
UNKNOWN = re.compile(
    r"((?:[一-龥々ァ-ヶー・0-9a-z]|及び|又は|の|に関する|に係る|を改正する|する|に伴う|等|・){0,60}"
    rf"{_KIND})(?:の)?$"
)
NAME_TAIL = re.compile(r"(?:\(([^()]*(?:\([^()]*\)[^()]*)*)\))?の?$")
NUMBER_BEFORE = re.compile(rf"(?:{NUMBER_IN.pattern})$")
EXCLUDED = re.compile(r"(?:まで)?(?:の規定|の各号|に係る部分)?(?:[をは]除[くきいか]|以外)")
LEADS_ON = re.compile("た?、?|て、?|の")  # 第7条を除く第5条から第8条まで: from 除く to the next reference
