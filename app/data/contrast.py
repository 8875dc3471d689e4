"""Where a statement departs from a sentence of a statute: another number, a negation, a limit, another word.

A contrast is reported only where its two sides can be shown: the statement's own words, and the sentence's words at the
same place. What the statement shares with the choices that do agree with the statute is never reported, since it cannot
be what makes it wrong. The rules and thresholds were set by reading their results on lawqa_jp (docs/cot-records.md).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

from app.data.alignment import Alignment, Block, Sentence, alignments, whole_words
from app.data.folding import Folded, fold, fold_text
from app.data.quantities import quantities

Kind = Literal["number", "negation", "excluded", "limit", "wording", "added", "omitted", "absent"]

MAX_CHOICE_PHRASE_CHARS = 18
MAX_TEXT_PHRASE_CHARS = 26
MIN_EXCLUDED_CHARS = 8
_MAX_EXTENSION_CHARS = 10
_MAX_ENDING_CHARS = 3
# A number that differs needs no reading; a word that stands nowhere is only a hint.
_RANK: dict[Kind, int] = {
    "number": 50, "excluded": 45, "negation": 40, "limit": 34, "omitted": 32, "wording": 24, "added": 22, "absent": 0
}  # fmt: skip
_NEGATION = re.compile(r"ない|ません|なく|なかつ|ず(?:に|、|$)|ぬ$")
_DUTY = re.compile(r"なければなら(?:ない|ず)|なくてはならない")
_LIMIT = re.compile(
    r"以上|以下|以内|以外|未満|超え|満たな|範囲内|限[りるらつ]|のみ|だけ|前に|前までに|後に|の際|直ちに|遅滞なく|速やかに|すべて|全て|含む|除く|あらかじめ|同時に"
)
_ABSOLUTE = re.compile(
    r"いかなる場合(?:で|に(?:おいて)?)も|理由を問わず|常に|必ず|一切|すべて|全て|直ちに|無条件に|恒久的に|のみ(?=が|に|を|で)|に限られる"
)
_CONCESSION = re.compile(r"(?:ても|でも)(?:、|$)")
_SET_ASIDE = re.compile(r"([\u4e00-\u9fffア-ヴー]{2,})が(?:ある場合であつて|ある場合で|あつたとして|あつて)も")
_EXCLUDED = re.compile(r"[（(]((?:[^（()）]|[（(][^（()）]*[）)])*?を除く)。?[）)]")
_WORD = re.compile(r"[\u4e00-\u9fff々ア-ヴーa-z]{2,}")
_CONTENT = re.compile(r"[\u4e00-\u9fff々ア-ヴーa-z]")
_REFERENCE = re.compile(r"第?\d+[条項号]|[前同次本][条項号]|同法|法第|府令|各号")
_ACTOR = re.compile(r"(?:大臣|知事|市長|区長|町長|村長|庁長官|裁判所|機構|委員会|協会)$")
# Pairs that statutes and questions use for one another (当時会社 is a slip in the data for 当事会社).
_SAME_MEANING = (
    ("場合", "とき"), ("又は", "若しくは"), ("及び", "並びに"), ("及び", "又は"), ("責任", "責め"), ("義務", "責め"), ("建造", "築造"),
    ("方法", "手段"), ("当時", "当事"), ("定め", "規定"), ("賃料", "借賃"), ("終了", "満了"),
)  # fmt: skip
# Words too general to tell anything by being absent.
_GENERAL = re.compile(
    r"(?:場合|該当|必要|可能性?|方法|使用|利用|適用|規定|原則|例外|程度|内容|行為|一般|条件|要件|理由|結果|対象|関係|目的|時期|期間|種類|全体|算定|付与|放送|一定|滞納|遅滞|"
    r"実施|開始|決定|当該.*|義務|責任|権利|事項|提出|変更|番組等?|反|際|後|前|以上|設定|発生|支払|契約上|有効|賃料|賃貸人|賃借人|タレント|視聴者)"
)


@dataclass(frozen=True, slots=True)
class Contrast:
    """One place where a statement departs from a sentence."""

    kind: Kind
    choice_phrase: str  # as written in the choice; empty for omitted
    text_phrase: str  # as written in the sentence; empty for added and absent
    sentence: Sentence | None  # None for absent: the word stands nowhere in the context
    strength: float  # to compare contrasts of one choice


def best_contrast(
    choice: str, agreeing: Sequence[str], question: str, sentences: Sequence[Sentence]
) -> Contrast | None:
    """What most clearly sets ``choice`` apart from the sentences; None if nothing can be shown.

    ``agreeing`` are the choices that do agree with the statute.
    """
    shared = [fold_text(text).replace("必ずしも", "") for text in agreeing]
    context = "\n".join(sentence.folded.text for sentence in sentences)
    aligned = alignments(choice, sentences)
    close = [one for one in aligned if one.coverage >= 0.6 * aligned[0].coverage] if aligned else []
    found: list[Contrast] = []
    for one in close:
        found += _gaps(one, choice, context)
        found += _numbers(one, choice, context)
        found += _added(one, choice)
        found += _excluded(one, choice)
    found += _swaps(choice, sentences, context)
    found += _concessions(choice, sentences)
    if close and close[0].coverage >= 0.4:
        titles = "\n".join(fold_text(sentence.provision.law) for sentence in sentences)
        found += _absent(choice, fold_text(question), context + "\n" + titles)
    own = [one for one in found if not _is_shared(one, shared)]
    return max(own, key=lambda contrast: contrast.strength, default=None)


def departures(alignment: Alignment, choice: str) -> list[Contrast]:
    """Numbers, negations and limits in which ``choice`` differs from the sentence it is laid against."""
    context = alignment.sentence.folded.text
    found = [*_gaps(alignment, choice, context), *_numbers(alignment, choice, context)]
    return [one for one in found if one.kind in ("number", "negation", "limit", "omitted")]


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


def is_negated(folded: str) -> bool:
    """Whether folded words hold an odd number of negations; しなければならない is none."""
    return len(_NEGATION.findall(_DUTY.sub("", folded))) % 2 == 1


def _is_shared(contrast: Contrast, agreeing: Sequence[str]) -> bool:
    """Whether a choice that agrees with the statute says the same, so that it cannot be what is wrong."""
    if contrast.kind == "omitted":
        return not any(fold_text(contrast.text_phrase) in text for text in agreeing)
    return any(fold_text(contrast.choice_phrase) in text for text in agreeing)


def _gaps(alignment: Alignment, choice: str, context: str) -> Iterator[Contrast]:
    """Contrasts between two blocks, before the first or after the last, where a side has words of its own."""
    statement, text = alignment.choice.text, alignment.sentence.folded.text
    blocks = alignment.blocks
    if blocks and blocks[0].choice == 1 and blocks[0].sentence == 0 and blocks[0].size >= 4:
        _, after = _shared_words(statement, (0, blocks[0].choice), text[:1], None, blocks[0])
        yield _contrast("wording", alignment, choice, (0, blocks[0].choice + after), (0, after), 16)
    for left, right in zip(blocks, (*blocks[1:], None), strict=True) if blocks else ():
        said_span = (left.choice + left.size, right.choice if right else len(statement))
        start = left.sentence + left.size
        written_span = _trimmed(
            text,
            (start, right.sentence if right else _clause_end(text, start)),
            statement[said_span[0] : said_span[1] + 1],
        )
        if said_span[0] == said_span[1] and written_span[0] == written_span[1]:
            continue
        if right is None and said_span[0] == said_span[1] and not is_negated(text[slice(*written_span)]):
            continue
        whole = right is not None and written_span == (start, right.sentence)
        before, after = _shared_words(statement, said_span, text[slice(*written_span)], left, right if whole else None)
        said_span = (said_span[0] - before, said_span[1] + after)
        written_span = (
            written_span[0] - before if written_span[0] == start else written_span[0],
            written_span[1] + after,
        )
        said, written = statement[slice(*said_span)], text[slice(*written_span)]
        anchors = min(left.size, 8) + (min(right.size, 8) if right else 4)
        inserted = statement[left.choice + left.size : right.choice] if right else ""
        if right and start == right.sentence and anchors >= 12 and alignment.coverage >= 0.6 and len(inserted) <= 12:
            if _LIMIT.search(inserted) or any(word not in context for word in _WORD.findall(inserted)):
                span = (left.choice + left.size, right.choice)
                yield _contrast("added", alignment, choice, span, (0, 0), anchors)
            continue
        if "、" in written and (cut := written.index("、")) >= 3:
            written, written_span = written[:cut], (written_span[0], written_span[0] + cut)
        kind = _kind(said, written, at_end=right is None, anchors=anchors, coverage=alignment.coverage)
        # 発生する is in 発生するのではありません, and denied there.
        denied = kind == "negation" and written.startswith(said)
        if kind and (denied or said not in text) and written not in statement:
            yield _contrast(kind, alignment, choice, said_span, written_span, anchors)
        elif right and not inserted and anchors >= 11:
            yield from _omitted(alignment, choice, (start, right.sentence), anchors)


def _kind(said: str, written: str, *, at_end: bool, anchors: int, coverage: float) -> Kind | None:
    """What sort of difference two phrases make; None for none that counts (particles, synonyms, cross-references)."""
    if not said or not written or len(said) > MAX_CHOICE_PHRASE_CHARS or len(written) > MAX_TEXT_PHRASE_CHARS:
        return None
    if _REFERENCE.search(said) or _REFERENCE.search(written) or anchors < 7 or coverage < 0.35:
        return None
    if any(phrase.count(a) != phrase.count(b) for phrase in (said, written) for a, b in ("()", "「」")):
        return None
    ours, theirs = quantities(said), quantities(written)
    if ours and theirs:
        return "number" if {one.value for one in ours}.isdisjoint(one.value for one in theirs) else None
    mine, yours = ("".join(_CONTENT.findall(phrase)) for phrase in (said, written))
    common = set(mine) & set(yours)
    similar_length = max(len(said), len(written)) <= 3 * min(len(said), len(written))
    if common and similar_length and "、" not in said and is_negated(said) != is_negated(written):
        return "negation" if _same_stem(said, written) else None
    if common and _CONCESSION.search(said) and re.search(r"(?:には|は)", written) and not _CONCESSION.search(written):
        return "limit"
    limits = set(_LIMIT.findall(said)), set(_LIMIT.findall(written))
    if (
        "、" not in said
        and coverage >= 0.5
        and limits[0] != limits[1]
        and (common or (limits[0] and limits[1]))
        and similar_length
    ):
        return "limit"
    if (
        coverage < 0.6
        or anchors < 10
        or len(mine) < 2
        or len(yours) < 2
        or set(mine) <= set(yours)
        or set(yours) <= set(mine)
    ):
        return None
    if any((a in said and b in written) or (b in said and a in written) for a, b in _SAME_MEANING):
        return None
    if re.search(r"[、。]", said + written) or max(len(said), len(written)) > 2.5 * min(len(said), len(written)):
        return None
    if len(said) > 12 and not said.startswith(("無", "不")):
        return None
    return "wording" if not at_end or mine == said or said.startswith(("無", "不")) else None


def _same_stem(said: str, written: str) -> bool:
    """Whether the two phrases begin alike and both go on with an ending or a predicate: 承継できない, 承継する.

    A definition (…をいう) or a bare particle on the sentence's side says nothing the statement could deny.
    """
    stem = 0
    while stem < min(len(said), len(written)) and said[stem] == written[stem]:
        stem += 1
    rests = said[stem:], written[stem:]
    if rests[1].startswith("をいう") or (len(rests[1]) <= 1 and rests[1] in "をはがにのと" and rests[1] != ""):
        return False
    return stem > 0 and all(
        not rest or _script(rest[0]) == "kana" or rest.startswith(("後", "前", "必要")) for rest in rests
    )


def _trimmed(text: str, span: tuple[int, int], said: str) -> tuple[int, int]:
    """The span without what cannot belong to the other phrase: a closed bracket before it, a bracket that ends inside
    it, clauses after the one the statement's words end with."""
    start, end = span
    piece = text[start:end]
    if (close := piece.find(")")) >= 0 and piece[:close].count("(") == 0:
        return start, start + len(piece[:close].rstrip("。"))
    if len(piece) > MAX_TEXT_PHRASE_CHARS and said.endswith("、") and "、" in piece:
        return start, start + piece.index("、")
    if len(piece) > MAX_TEXT_PHRASE_CHARS and (kana := re.match(r"[\u3041-\u309f]{2,}", piece)):
        return start, start + kana.end()
    return start, end


def _omitted(alignment: Alignment, choice: str, span: tuple[int, int], anchors: int) -> Iterator[Contrast]:
    """Words that change a rule (以外の者, 超えない範囲内) and that the statement leaves out, brackets not counted."""
    text = alignment.sentence.folded.text
    tail = re.search(r"([^()（）、]*)$", text[slice(*span)])
    words = tail.group(1) if tail else ""
    if re.search(r"以外|未満|超えない|ない", words) and len(words) <= 8:
        end = span[1]
        while end < len(text) and _CONTENT.match(text[end]) and end < span[1] + 4:
            end += 1
        yield _contrast("omitted", alignment, choice, (0, 0), (span[1] - len(words), end), anchors)


def _numbers(alignment: Alignment, choice: str, context: str) -> Iterator[Contrast]:
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
            yield _contrast("number", alignment, choice, span, place, 4)


def _added(alignment: Alignment, choice: str) -> Iterator[Contrast]:
    """An unconditional word (常に, 必ず, いかなる場合でも) of an aligned choice that the sentence does not have."""
    for match in _ABSOLUTE.finditer(alignment.choice.text):
        strong = match.group().startswith(("いかなる", "に限られる", "理由"))
        if match.group() not in alignment.sentence.folded.text and alignment.coverage >= (0.4 if strong else 0.5):
            yield _contrast("added", alignment, choice, match.span(), (0, 0), 8)


def _excluded(alignment: Alignment, choice: str) -> Iterator[Contrast]:
    """Something the statement speaks of and the sentence leaves out in brackets: （植物を除く。）."""
    for match in _EXCLUDED.finditer(alignment.sentence.text):
        inner = fold_text(match.group(1))
        first = _WORD.match(inner)
        if first and len(first.group()) >= 2 and _names(alignment.choice.text, first.group(), inner):
            place = alignment.choice.text.index(first.group())
            span = (place, place + len(first.group()))
            folded = alignment.sentence.folded
            start = next(i for i, source in enumerate(folded.starts) if source >= match.start())
            end = next((i for i, source in enumerate(folded.starts) if source >= match.end()), len(folded.text))
            yield _contrast("excluded", alignment, choice, span, (start, end), 8 * alignment.coverage)


def _names(statement: str, word: str, inner: str) -> bool:
    # The word itself, not a part of a longer one, and not the same exclusion repeated by the statement.
    pattern = rf"(?<![\u4e00-\u9fffア-ヴー]){re.escape(word)}(?![\u4e00-\u9fffア-ヴー])"
    return bool(re.search(pattern, statement)) and f"{word}を除く" not in statement and inner not in statement


def _swaps(choice: str, sentences: Sequence[Sentence], context: str) -> Iterator[Contrast]:
    """A word the context lacks, where a sentence has another of its kind beside the same words (…の認定を受け)."""
    folded = fold(choice)
    for word in _WORD.finditer(folded.text):
        if word.group() in context:
            continue
        for sentence in sentences:
            text = sentence.folded.text
            for other in _WORD.finditer(text):
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
                    for a, b in _SAME_MEANING
                ):
                    continue
                alignment = Alignment(folded, sentence, ())
                yield _contrast("wording", alignment, choice, word.span(), other.span(), 6)


def _absent(choice: str, question: str, context: str) -> Iterator[Contrast]:
    """A word of the choice that stands nowhere in the context or the question, and whose parts mostly do not either."""
    folded = fold(choice)
    for match in _WORD.finditer(folded.text):
        word = match.group().removeprefix("一切")
        parts = [word[index : index + 2] for index in range(len(word) - 1)]
        known = sum(part in context for part in parts)
        named = folded.text[match.end() : match.end() + 1].isdigit() or word.endswith(("法第", "第"))
        if word in question or _GENERAL.fullmatch(word) or named or 2 * known >= len(parts) or _is_slip(word, context):
            continue
        first, last = folded.source_span(*match.span())
        yield Contrast("absent", choice[first:last], "", None, _RANK["absent"] + len(word) / 10)


def _is_slip(word: str, context: str) -> bool:
    # 当時会社 for 当事会社: one character of a long word differs; the data holds such slips.
    return len(word) >= 4 and any(
        len(other) == len(word) and sum(a != b for a, b in zip(word, other, strict=True)) == 1
        for other in _WORD.findall(context)
    )


def _concessions(choice: str, sentences: Sequence[Sentence]) -> Iterator[Contrast]:
    """A case that the statement sets aside (特約がある場合でも) and that a sentence provides for (特約がある場合には、…)."""
    folded = fold(choice)
    for match in _SET_ASIDE.finditer(folded.text):
        provided = re.compile(re.escape(match.group(1)) + r"がある(?:場合に(?:は|おいては)|ときは)、[^、。]{2,14}")
        for sentence in sentences:
            if place := provided.search(sentence.folded.text):
                alignment = Alignment(folded, sentence, ())
                yield _contrast("limit", alignment, choice, match.span(), place.span(), 20)


def _shared_words(
    statement: str, gap: tuple[int, int], written: str, left: Block | None, right: Block | None
) -> tuple[int, int]:
    """How many shared characters before and after a gap belong to its words: 超え|て → 超えて, 1|0日 → 10日.

    Backwards over the endings of a verb when a side goes on in kana, and over a run of one script; forwards over a run
    of one script and its kana endings up to a particle.
    """
    said = statement[slice(*gap)]
    before = after = 0
    if left is not None:
        at, low = gap[0], max(left.choice, gap[0] - _MAX_EXTENSION_CHARS)
        heads = [side[0] for side in (said, written) if side]
        if len(heads) < 2 or any(_script(head) == "kana" for head in heads):
            while at > low and _script(statement[at - 1]) == "kana" and statement[at - 1] not in "をへや":
                at -= 1
        head = _script(heads[0]) if heads else ""
        while (
            at > low
            and _script(statement[at - 1]) in ("kanji", "number", "katakana")
            and (at < gap[0] or head in ("kana", _script(statement[at - 1])))
        ):
            at -= 1
        before = gap[0] - at
    if right is not None:
        at, high = gap[1], min(right.choice + right.size, gap[1] + _MAX_EXTENSION_CHARS, len(statement))
        tail = _script((said or written)[-1]) if said or written else ""
        while at < high and _script(statement[at]) in ("kanji", "number", "katakana") and _joins(tail, statement[at]):
            tail = _script(statement[at])
            at += 1
        kana = at
        while kana < high and _script(statement[kana]) == "kana" and statement[kana] not in "をはがにでとのもへや":
            if statement[kana : kana + 2] in ("こと", "もの", "とき", "ため"):
                break
            kana += 1
        # A short ending (売|付け) belongs to the word, a long one (記載|しなければならない) is the rest of the clause.
        if (tail == "kanji" and kana - at <= _MAX_ENDING_CHARS) or not said or not written:
            at = kana
        after = at - gap[1]
    return before, after


def _joins(tail: str, character: str) -> bool:
    return tail == _script(character) or (tail == "number" and _script(character) == "kanji")


def _script(character: str) -> str:
    if character.isdigit() or character == ".":
        return "number"
    if "\u4e00" <= character <= "\u9fff" or character == "々":
        return "kanji"
    if "\u30a1" <= character <= "\u30fc":
        return "katakana"
    return "kana" if "\u3041" <= character <= "\u309f" else "other"


def _clause_end(text: str, start: int) -> int:
    match = re.compile(r"[、。(),]").search(text, start)
    return match.start() if match else len(text)


def _contrast(
    kind: Kind, alignment: Alignment, choice: str, said: tuple[int, int], written: tuple[int, int], anchors: float
) -> Contrast:
    if kind == "limit":  # 以上 for 未満 is said with its number
        said = _with_quantity(alignment.choice.text, said)
        written = _with_quantity(alignment.sentence.folded.text, written)
    if kind == "number":  # only the quantities themselves, not the words they stand among
        said = _quantity_span(alignment.choice.text, said)
        written = _quantity_span(alignment.sentence.folded.text, written)
    return Contrast(
        kind,
        _source(choice, alignment.choice, said),
        _source(alignment.sentence.text, alignment.sentence.folded, written),
        alignment.sentence,
        _RANK[kind] + anchors * max(alignment.coverage, 0.2),
    )


def _with_quantity(folded: str, span: tuple[int, int]) -> tuple[int, int]:
    before = [one.start for one in quantities(folded) if one.start < span[0] < one.end]
    return (before[0], span[1]) if before else span


def _quantity_span(folded: str, span: tuple[int, int]) -> tuple[int, int]:
    inside = [one for one in quantities(folded) if span[0] <= one.start < span[1]]
    return (inside[0].start, inside[0].end) if inside else span


def _source(text: str, folded: Folded, span: tuple[int, int]) -> str:
    if span[0] >= span[1]:
        return ""
    first, last = folded.source_span(*span)
    return text[first:last].strip("、。 　\n")
