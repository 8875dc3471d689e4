"""Changes of one thing that make a rule false: its force, a number, a limit, a procedure, an authority.

Each function yields claims about one rule and keeps a change only where a check shows that the law does not say it.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

from ..law.checks import is_known_party
from ..law.rules import Modality, Rule
from ..words.amounts import Amount, amounts, narrower, others
from .claim import OPPOSITE, Claim, with_words
from .surroundings import ACTOR, Surroundings


def modality(rule: Rule, around: Surroundings, random_: random.Random) -> Iterator[Claim]:
    """The force turned: must → need not, may → cannot, may → must."""
    if rule.action.endswith(("に処する", "併科する")) or "なければ" in rule.action:
        return
    # 「期間内に限り、効力を有しない」 and 「登録簿に記載してしない」 deny nothing that could be understood.
    unclear = rule.modality == "plain" and ("に限り" in rule.action or rule.action.endswith("てする"))
    targets: list[Modality] = [] if unclear else [OPPOSITE[rule.modality]]
    if rule.modality == "may" and "いつでも" not in rule.action:  # nothing has to be done at any time
        targets.append("duty")
    for target in targets:
        # 「…場合であっても、要しない」 of a rule with an exception may be the exception's case.
        if not ((rule.exception or around.may_lift) and target == "need_not"):
            yield Claim(False, "modality", rule, replace(rule, modality=target), rule.modality, target)


def number(rule: Rule, around: Surroundings, random_: random.Random) -> Iterator[Claim]:
    """Another amount, which stands nowhere in the article."""
    taken = amounts(around.own)
    beside = {one.text for other in around.beside for one in amounts(other.condition + other.action)}
    for part in ("action", "condition"):
        for amount in amounts(getattr(rule, part)):
            found = [text for text in others(amount, taken) if _possible(getattr(rule, part), amount, text)]
            found = [text for text in found if not _covered(rule, part, amount, text)]
            near = [text for text in found if text in beside] or found
            said = with_words(rule, part, amount.text, random_.choice(near)) if near else None
            if said:
                yield Claim(False, "number", rule, said, amount.text, _new(rule, said, part, amount.text))


_RANGE = re.compile("以上(?!の)")
_IN_PRISON = re.compile("以下の拘禁刑")
MAX_YEARS_IN_PRISON = 10  # 「三十年以下の拘禁刑又は五百万円以下の罰金」 is no law's penalty


def _possible(text: str, amount: Amount, other: str) -> bool:
    """Whether the text still makes sense with the other amount: no 「五年以上二年以内」, no penalty that there cannot be."""
    if _IN_PRISON.match(text, amount.end) and any(one.value > MAX_YEARS_IN_PRISON for one in amounts(other)):
        return False
    said = text[: amount.start] + other + text[amount.end :]
    ranges = (
        (low, high)
        for low, high in pairwise(amounts(said))
        if (match := _RANGE.match(said, low.end)) and match.end() == high.start
    )
    return all(low.size < high.size for low, high in ranges)


_WITHIN = re.compile(r"以内に|間")
_LEFT_UNDONE = re.compile(r"(?<!少)(?:ない|なかった|ず|なければ)$")
_CASE = re.compile(r"については|に関しては|にあ[つっ]ては|に対しては|に対し、")


def _covered(rule: Rule, part: str, amount: Amount, other: str) -> bool:
    """Whether the rule implies itself with the other amount. Of what a duty demands, more or less is another duty."""
    text = getattr(rule, part)
    # Where four of them do it, one does.
    if part == "condition" and amount.unit in ("人", "回") and amount.value == 1:
        return True
    # What was not done within six weeks was not done within two.
    if part == "condition" and _WITHIN.match(text, amount.end) and _NOT_DONE.search(text, amount.end):
        # Of a negation elsewhere (「正当な理由がないのに」) nobody can tell what it is of.
        undone = _LEFT_UNDONE.search(text) and "でなければ" not in text
        return not undone or any(one.size > amount.size for one in amounts(other))
    demanded = part == "action" and rule.modality in ("duty", "effort", "plain", "deemed", "stated")
    if demanded and not _CASE.search(text, amount.end):
        return False
    return narrower(text, amount, other)


def _new(rule: Rule, said: Rule, part: str, old: str) -> str:
    before, _, after = getattr(rule, part).partition(old)
    return str(getattr(said, part).removeprefix(before).removesuffix(after))


_DAYS_AFTER = ("十日以内に", "二週間以内に", "三十日以内に", "六十日以内に")
# Within some days is not at once, and before is not after; the words on both sides are the law's own, so none is a sign.
_TIMES = (
    ("あらかじめ", ("遅滞なく", "遅滞なく", "事後に", *_DAYS_AFTER[:2])), ("遅滞なく", ("あらかじめ", *_DAYS_AFTER)), ("直ちに", _DAYS_AFTER),
    ("速やかに", _DAYS_AFTER), ("毎年、", ("五年ごとに、", "三年ごとに、")), ("毎年一回", ("五年に一回",)),
    ("毎事業年度、", ("三事業年度ごとに、",)), ("毎月", ("毎年",)),
)  # fmt: skip
_INTENDS = re.compile(r"うとする(?:者)?$")  # nothing has happened yet that days could be counted from
_AFTERWARDS = "を経過した後に"
_NOT_DONE = re.compile(r"(?<!必)ず(?:[、に]|$)|な(?:い|かっ|けれ)")  # 「一年を経過した後に開始せず」 says nothing
_LIMITS = (
    ("以内に", _AFTERWARDS),
    ("以上の", "未満の"),
    ("未満の", "以上の"),
    ("を超える", "に満たない"),
)


def limit(rule: Rule, around: Surroundings, random_: random.Random) -> Iterator[Claim]:
    """以上 for 未満, after for within, afterwards for beforehand."""
    intended = any(_INTENDS.search(text) for text in (rule.condition, rule.subject))
    past = rule.condition.endswith(("た", "だ"))
    # Nothing is done beforehand that has been done: 「命令をした場合には、あらかじめ」.
    impossible = (*(_DAYS_AFTER if intended else ()), *(("あらかじめ",) if past else ()))
    for part in ("action", "condition"):
        text = getattr(rule, part)
        for old, news in _TIMES:
            possible = [one for one in news if one not in impossible]
            if not possible:
                continue
            new = random_.choice(possible)
            said = with_words(rule, part, old, new) if text.startswith(old) or f"、{old}" in text else None
            if said and new not in around.own:
                yield Claim(False, "time", rule, said, old, new)
        for amount in amounts(text):
            for old, new in _LIMITS:
                if new == _AFTERWARDS and _NOT_DONE.search(text, amount.end):
                    continue
                # 「四分の三未満の賛成がなければ」, 「二人未満の受益者のうちの一人」
                if new == "未満の" and ("なければ" in text or amount.unit == "人"):
                    continue
                said = with_words(rule, part, amount.text + old, amount.text + new)
                if said and text.startswith(old, amount.end) and amount.text + new not in around.own:
                    yield Claim(False, "limit", rule, said, amount.text + old, amount.text + new)


# What a person has to get or do, and what he could be thought to have to. The two exclude each other.
_PROCEDURES = (
    ("の意見を聴いて", "の同意を得て"), ("の意見を聴く", "の同意を得る"), ("の同意を得て", "の意見を聴いて"), ("の同意を得る", "の意見を聴く"),
    ("の許可を受けて", "に届け出て"), ("の認可を受けて", "に届け出て"), ("の承認を受けて", "に届け出て"), ("の承認を得て", "に報告して"),
    ("の許可を受ける", "に届け出る"), ("の認可を受ける", "に届け出る"), ("の承認を受ける", "に届け出る"), ("の登録を受ける", "に届け出る"),
    ("と協議して", "に通知して"), ("に協議する", "に通知する"), ("書面により", "口頭により"), ("書面で", "口頭で"), ("の議決を経る", "に報告する"),
    ("の議決を経て", "に報告して"), ("公告する", "各別に通知する"), ("無償で", "有償で"), ("職権で", "当事者の申立てにより"),
    ("の申請により", "の申請によらず職権で"), ("の請求により", "の請求によらず職権で"), ("の申立てにより", "の申立てによらず職権で"),
    ("過半数", "三分の一以上"), ("連帯して", "各自の持分に応じて"), ("全部", "二分の一"),
)  # fmt: skip


# Who may be told of something: 「合併契約の承認を受ける」 is no 「合併契約に届け出る」.
_AUTHORITY = re.compile(r"(?:大臣|知事|長|機関|機構|官|庁|府|局|所|者|人|会)$")


def _apart(action: str, old: str, new: str) -> bool:
    """Whether ``old`` can be taken out: no word is cut (その in 「その承認を受ける」, 申請書面), and nothing speaks of it."""
    before, _, after = action.partition(old)
    if old[0] == "の" and before.endswith(("更新", "として")):  # 「更新の登録を受ける」
        return False
    if new.startswith("に") and not _AUTHORITY.search(before):
        return False
    # 「理由を記載した書面により」 can be no 「記載した口頭により」.
    if old.startswith("書面") and before and not before.endswith(("、", "を", "に")):
        return False
    # 「その申請により」 with 「の申請によらず」 keeps its その.
    cut_before = before.endswith(("そ", "こ")) if old[0] == "の" else bool(_INSIDE.match(before[-1:] + old[0]))
    return not (cut_before and old[0] != new[0]) and not _INSIDE.match(old[-1] + after[:1])


# What an action with these words does not say in their place: nobody is told singly through a gazette.
_NOT_BESIDE = {
    "全部": re.compile("一部"),
    "連帯して": re.compile("各自"),
    "公告する": re.compile("官報|新聞紙|電子公告"),
}
_INSIDE = re.compile(r"[一-龥ァ-ヶー々]{2}")  # two characters of one compound


def procedure(rule: Rule, around: Surroundings, random_: random.Random) -> Iterator[Claim]:
    """Consent for hearing, notice for permission, orally for in writing."""
    for old, new in _PROCEDURES:
        said = with_words(rule, "action", old, new) if _apart(rule.action, old, new) else None
        if said and new not in around.own and not ("職権" in new and "職権" in around.own):
            if old in _NOT_BESIDE and _NOT_BESIDE[old].search(rule.action):
                continue
            if "議決" in old and "要しない" in around.own:
                continue  # some cases need no vote
            yield Claim(False, "procedure", rule, said, old, new)


_THAT_PLACE = re.compile("(?:当該|その)(?:都道府県|市町村|特別区|区域)")


def party(rule: Rule, around: Surroundings, random_: random.Random) -> Iterator[Claim]:
    """Another authority or organ, which the article does not name."""
    for part in ("subject", "action"):
        for old in dict.fromkeys(ACTOR.findall(getattr(rule, part))):
            # A council's business is no minister's, and no minister is a prefecture's (「都道府県の…」).
            if f"{old}の会務" in rule.action or f"県の{old}" in getattr(rule, part):
                continue
            if "役員" in getattr(rule, part):  # beside them stands who is none: 「役員又は会計監査人」
                continue
            # 「諮問委員会は、当該都道府県について要請することができる」 points to a prefecture that nobody named.
            if part == "subject" and _THAT_PLACE.search(rule.action):
                continue
            news = [actor for actor in around.actors if actor not in around.own and is_known_party(old, actor)]
            # Where they meet and vote: nobody meets in, or comes to, a 会計監査人.
            if any(f"{old}{met}" in getattr(rule, part) for met in ("において", "に出席", "の議決", "の決議")):
                news = [actor for actor in news if actor.endswith("会")]
            said = with_words(rule, part, old, random_.choice(news)) if news else None
            if said:
                yield Claim(False, "party", rule, said, old, _new(rule, said, part, old))
