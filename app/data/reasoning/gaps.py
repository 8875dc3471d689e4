"""Differences between two runs of words that a statement shares with a sentence: another number, a negation, a limit.

The words before and after a gap must agree; what stands between them on the two sides is set against one another.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from .alignment import Alignment, Block
from .kinds import CONTENT, SAME_MEANING, WORD, Contrast, Kind, make_contrast
from .quantities import quantities

MAX_CHOICE_PHRASE_CHARS = 18
MAX_TEXT_PHRASE_CHARS = 26
_MAX_EXTENSION_CHARS = 10
_MAX_ENDING_CHARS = 3
_NEGATION = re.compile(r"ない|ません|なく|なかつ|ず(?:に|、|$)|ぬ$")
_DUTY = re.compile(r"なければなら(?:ない|ず)|なくてはならない")
LIMIT = re.compile(
    r"以上|以下|以内|以外|未満|超え|満たな|範囲内|限[りるらつ]|のみ|だけ|前に|前までに|後に|の際|直ちに|遅滞なく|速やかに|すべて|全て|含む|除く|あらかじめ|同時に"
)
_CONCESSION = re.compile(r"(?:ても|でも)(?:、|$)")
_REFERENCE = re.compile(r"第?\d+[条項号]|[前同次本][条項号]|同法|法第|府令|各号")


def gaps(alignment: Alignment, choice: str, context: str) -> Iterator[Contrast]:
    """Contrasts between two blocks, before the first or after the last, where a side has words of its own."""
    statement, text = alignment.choice.text, alignment.sentence.folded.text
    blocks = alignment.blocks
    if blocks and blocks[0].choice == 1 and blocks[0].sentence == 0 and blocks[0].size >= 4:
        _, after = _shared_words(statement, (0, blocks[0].choice), text[:1], None, blocks[0])
        yield make_contrast("wording", alignment, choice, (0, blocks[0].choice + after), (0, after), 16)
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
            if LIMIT.search(inserted) or any(word not in context for word in WORD.findall(inserted)):
                span = (left.choice + left.size, right.choice)
                yield make_contrast("added", alignment, choice, span, (0, 0), anchors)
            continue
        if "、" in written and (cut := written.index("、")) >= 3:
            written, written_span = written[:cut], (written_span[0], written_span[0] + cut)
        kind = _kind(said, written, at_end=right is None, anchors=anchors, coverage=alignment.coverage)
        # 発生する is in 発生するのではありません, and denied there.
        denied = kind == "negation" and written.startswith(said)
        if kind and (denied or said not in text) and written not in statement:
            yield make_contrast(kind, alignment, choice, said_span, written_span, anchors)
        elif right and not inserted and anchors >= 11:
            yield from _omitted(alignment, choice, (start, right.sentence), anchors)


def is_negated(folded: str) -> bool:
    """Whether folded words hold an odd number of negations; しなければならない is none."""
    return len(_NEGATION.findall(_DUTY.sub("", folded))) % 2 == 1


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
    mine, yours = ("".join(CONTENT.findall(phrase)) for phrase in (said, written))
    common = set(mine) & set(yours)
    similar_length = max(len(said), len(written)) <= 3 * min(len(said), len(written))
    if common and similar_length and "、" not in said and is_negated(said) != is_negated(written):
        return "negation" if _same_stem(said, written) else None
    if common and _CONCESSION.search(said) and re.search(r"(?:には|は)", written) and not _CONCESSION.search(written):
        return "limit"
    limits = set(LIMIT.findall(said)), set(LIMIT.findall(written))
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
    if any((a in said and b in written) or (b in said and a in written) for a, b in SAME_MEANING):
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
        while end < len(text) and CONTENT.match(text[end]) and end < span[1] + 4:
            end += 1
        yield make_contrast("omitted", alignment, choice, (0, 0), (span[1] - len(words), end), anchors)


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
