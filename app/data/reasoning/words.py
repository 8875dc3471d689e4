"""Words and numbers of a statement that the statute does not have, or leaves out: without a gap between shared words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher

from ..folding import fold, fold_text
from .alignment import Alignment, Sentence, whole_words
from .kinds import RANK, SAME_MEANING, WORD, Contrast, make_contrast
from .quantities import quantities

MIN_EXCLUDED_CHARS = 8
_ABSOLUTE = re.compile(
    r"いかなる場合(?:で|に(?:おいて)?)も|理由を問わず|常に|必ず|一切|すべて|全て|直ちに|無条件に|恒久的に|のみ(?=が|に|を|で)|に限られる"
)
_SET_ASIDE = re.compile(r"([\u4e00-\u9fffア-ヴー]{2,})が(?:ある場合であつて|ある場合で|あつたとして|あつて)も")
_EXCLUDED = re.compile(r"[（(]((?:[^（()）]|[（(][^（()）]*[）)])*?を除く)。?[）)]")
_ACTOR = re.compile(r"(?:大臣|知事|市長|区長|町長|村長|庁長官|裁判所|機構|委員会|協会)$")
# Words too general to tell anything by being absent.
_GENERAL = re.compile(
    r"(?:場合|該当|必要|可能性?|方法|使用|利用|適用|規定|原則|例外|程度|内容|行為|一般|条件|要件|理由|結果|対象|関係|目的|時期|期間|種類|全体|算定|付与|放送|一定|滞納|遅滞|"
    r"実施|開始|決定|当該.*|義務|責任|権利|事項|提出|変更|番組等?|反|際|後|前|以上|設定|発生|支払|契約上|有効|賃料|賃貸人|賃借人|タレント|視聴者)"
)


def numbers(alignment: Alignment, choice: str, context: str) -> Iterator[Contrast]:
    """A number that the context does not have, where the sentence has one value only in its unit."""
    everywhere = {(one.value, one.unit) for one in quantities(context)}
    written = quantities(alignment.sentence.folded.text)
    for said in quantities(alignment.choice.text):
        same_unit = [one for one in written if one.unit == said.unit]
        rare = said.unit not in ("年", "月", "日") and len({v for v, unit in everywhere if unit == said.unit}) == 1
        if (said.value, said.unit) in everywhere or not same_unit or (alignment.coverage < 0.5 and not rare):
            continue
        if len({one.value for one in same_unit}) == 1 or said.unit == "ratio":
            digits = re.findall(r"[\d.]+", alignment.choice.text[said.start : said.end])[-1]
            same = [one for one in same_unit if digits in alignment.sentence.folded.text[one.start : one.end]]
            other = (same or same_unit)[0]
            span, place = (said.start, said.end), (other.start, other.end)
            yield make_contrast("number", alignment, choice, span, place, 4)


def added(alignment: Alignment, choice: str) -> Iterator[Contrast]:
    """An unconditional word (常に, 必ず, いかなる場合でも) of an aligned choice that the sentence does not have."""
    for match in _ABSOLUTE.finditer(alignment.choice.text):
        strong = match.group().startswith(("いかなる", "に限られる", "理由"))
        if match.group() not in alignment.sentence.folded.text and alignment.coverage >= (0.4 if strong else 0.5):
            yield make_contrast("added", alignment, choice, match.span(), (0, 0), 8)


def excluded(alignment: Alignment, choice: str) -> Iterator[Contrast]:
    """Something the statement speaks of and the sentence leaves out in brackets: （植物を除く。）."""
    for match in _EXCLUDED.finditer(alignment.sentence.text):
        inner = fold_text(match.group(1))
        first = WORD.match(inner)
        if first and len(first.group()) >= 2 and _names(alignment.choice.text, first.group(), inner):
            place = alignment.choice.text.index(first.group())
            span = (place, place + len(first.group()))
            folded = alignment.sentence.folded
            start = next(i for i, source in enumerate(folded.starts) if source >= match.start())
            end = next((i for i, source in enumerate(folded.starts) if source >= match.end()), len(folded.text))
            yield make_contrast("excluded", alignment, choice, span, (start, end), 8 * alignment.coverage)


def _names(statement: str, word: str, inner: str) -> bool:
    # The word itself, not a part of a longer one, and not the same exclusion repeated by the statement.
    pattern = rf"(?<![\u4e00-\u9fffア-ヴー]){re.escape(word)}(?![\u4e00-\u9fffア-ヴー])"
    return bool(re.search(pattern, statement)) and f"{word}を除く" not in statement and inner not in statement


def excluded_words(choice: str, sentence: Sentence) -> str:
    """What the choice speaks of and the sentence leaves out in brackets (…を除く), in the choice's words; '' if none."""
    folded = fold(choice)
    for match in _EXCLUDED.finditer(sentence.text):
        inner = fold_text(match.group(1).removesuffix("を除く"))
        aligned = SequenceMatcher(None, folded.text, inner, autojunk=False).find_longest_match()
        if aligned.size >= MIN_EXCLUDED_CHARS and 2 * aligned.size >= min(len(inner), 24):
            words = whole_words(choice, *folded.source_span(aligned.a, aligned.a + aligned.size))
            if len(words) >= MIN_EXCLUDED_CHARS - 2 and words.count("（") == words.count("）"):
                return words
    return ""


def swaps(choice: str, sentences: Sequence[Sentence], context: str) -> Iterator[Contrast]:
    """A word the context lacks, where a sentence has another of its kind beside the same words (…の認定を受け)."""
    folded = fold(choice)
    for word in WORD.finditer(folded.text):
        if word.group() in context:
            continue
        for sentence in sentences:
            text = sentence.folded.text
            for other in WORD.finditer(text):
                alike = other.group()[-1] == word.group()[-1] or (
                    _ACTOR.search(word.group()) and _ACTOR.search(other.group())
                )
                after = folded.text[word.end() : word.end() + 4]
                before = folded.text[max(0, word.start() - 3) : word.start()]
                anchored = (len(after) >= 3 and text.startswith(after, other.end())) or (
                    len(before) == 3 and text.endswith(before, 0, other.start())
                )
                if not alike or not anchored or other.group() in folded.text or word.group() in other.group():
                    continue
                if other.group() in word.group():
                    continue
                if any(
                    {a, b} <= {word.group(), other.group()} or (a in word.group() and b in other.group())
                    for a, b in SAME_MEANING
                ):
                    continue
                alignment = Alignment(folded, sentence, ())
                yield make_contrast("wording", alignment, choice, word.span(), other.span(), 6)


def absent(choice: str, question: str, context: str) -> Iterator[Contrast]:
    """A word of the choice that stands nowhere in the context or the question, and whose parts mostly do not either."""
    folded = fold(choice)
    for match in WORD.finditer(folded.text):
        word = match.group().removeprefix("一切")
        parts = [word[index : index + 2] for index in range(len(word) - 1)]
        known = sum(part in context for part in parts)
        named = folded.text[match.end() : match.end() + 1].isdigit() or word.endswith(("法第", "第"))
        if word in question or _GENERAL.fullmatch(word) or named or 2 * known >= len(parts) or _is_slip(word, context):
            continue
        first, last = folded.source_span(*match.span())
        yield Contrast("absent", choice[first:last], "", None, RANK["absent"] + len(word) / 10)


def _is_slip(word: str, context: str) -> bool:
    # 当時会社 for 当事会社: one character of a long word differs; the data holds such slips.
    return len(word) >= 4 and any(
        len(other) == len(word) and sum(a != b for a, b in zip(word, other, strict=True)) == 1
        for other in WORD.findall(context)
    )


def concessions(choice: str, sentences: Sequence[Sentence]) -> Iterator[Contrast]:
    """A case that the statement sets aside (特約がある場合でも) and that a sentence provides for (特約がある場合には、…)."""
    folded = fold(choice)
    for match in _SET_ASIDE.finditer(folded.text):
        provided = re.compile(re.escape(match.group(1)) + r"がある(?:場合に(?:は|おいては)|ときは)、[^、。]{2,14}")
        for sentence in sentences:
            if place := provided.search(sentence.folded.text):
                alignment = Alignment(folded, sentence, ())
                yield make_contrast("limit", alignment, choice, match.span(), place.span(), 20)
