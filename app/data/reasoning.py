"""The reasoning of a cot record, drawn from the statute: where the deciding sentence stands, what it says, and how the
choices agree with it or depart from it.

Nothing is said that cannot be shown. Quotes are cut out of the source; agreement is claimed only for words that stand
in the quoted sentence, a contrast only between words of the choice and words of a sentence. Where nothing decides,
less is said, and the counts tell how often. Rules, thresholds and their hand check: docs/cot-records.md.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from itertools import combinations

from app.core.questions import LETTERS, Question
from app.data.alignment import (
    Alignment,
    Sentence,
    alignments,
    cite,
    held_share,
    shared_runs,
    shared_spans,
    split_sentences,
    whole_words,
)
from app.data.basis import Named, named_provisions, sentences_of
from app.data.contrast import Contrast, best_contrast, departures, excluded_words
from app.data.folding import fold, fold_text
from app.data.provisions import WHOLE_TEXT, Provision, law_key, parse_provisions, section_label
from app.data.quantities import quantities

# Hand-checked on the open 100 questions of lawqa_jp: below these, the aligned sentence was often not the deciding one.
DECIDING_COVERAGE = 0.45  # share of the answer's distinctive characters that the sentence holds
FOREIGN_COVERAGE = 0.8  # the same, when the source is not known to hold a gold article (retrieved context)
AGREEING_COVERAGE = 0.6  # share of a choice's characters, to say that it agrees
MAX_QUOTE_CHARS = 150  # a longer sentence is quoted in two pieces with （略） between them
MAX_LEAD_CHARS = 90
MAX_PHRASE_CHARS = 50
MIN_PHRASE_CHARS = 6
MIN_TOPIC_CHARS = 8  # of a basis question: 政令で定める and the like name nothing
_ASKING = re.compile(r"か(?:[（(][^）)]*[）)])?。?$")
_EXCLUDING = re.compile(
    r"除く|限りでない|該当しない|該当せず|ならない(?:こと|もの)|とはならない|できません|必要はありません|できないと"
)
_LISTING = re.compile(r"次(?:の各号)?に掲げる|次の(?:各号の)?(?:いずれか|各号)")
_LEAD_EXCLUDES = re.compile(r"次に掲げる[^、。（）]{1,6}を除く")
_REFERENCE = re.compile(r"第?\d+[条項号](?:の\d+)*|[のイロハ]|\d+")


@dataclass(frozen=True, slots=True)
class Reasoning:
    """The reasoning and what it holds, for the manifest."""

    text: str
    quotes: int = 0  # sentences or clauses quoted as deciding
    agreement: bool = False  # says why the answer is the answer, in its own words
    contrasts: int = 0  # other choices of which it says what they hold, 0 to 3

    @property
    def is_full(self) -> bool:
        """A quote, the answer explained, and every other choice explained."""
        return self.quotes > 0 and self.agreement and self.contrasts == 3

    @property
    def is_empty(self) -> bool:
        """No deciding sentence was found."""
        return self.quotes == 0


@dataclass
class _Draft:
    """Sentences of a reasoning as they are found."""

    parts: list[str] = field(default_factory=list)
    law: str = ""  # last law named; the next provision of it goes without
    quotes: int = 0
    agreement: bool = False
    contrasts: int = 0

    def finish(self) -> Reasoning:
        return Reasoning("".join(self.parts), self.quotes, self.agreement, self.contrasts)

    def place(self, provision: Provision) -> str:
        """``借地借家法第13条第1項``; without the law where the sentence before named the same one."""
        label = provision.label.replace(" ", "の")
        if provision.law == self.law and label:
            return label if provision.is_article else f"同{label}"
        self.law = provision.law
        joint = "の" if label and not provision.is_article else ""
        return provision.law + joint + label


def explain(question: Question, source: str | None) -> Reasoning:
    """The reasoning for the question's answer, quoting only ``source`` (the gold text, or the context in the prompt).

    Choices are named by the letters of the question as it is shown.
    """
    sentences = [one for one in split_sentences(parse_provisions(source or "")) if not _ASKING.search(one.text)]
    gold = {ref.article_key for ref in question.articles}
    own = [one for one in sentences if (law_key(one.provision.law), one.provision.article) in gold]
    draft = _Draft()
    named = named_provisions(question)
    if named:
        _explain_basis(draft, question, named, own or sentences)
    elif own or sentences:
        _explain_statements(draft, question, own or sentences, foreign=not own)
    if not draft.quotes:
        return Reasoning(_without_evidence(question, bool(own)))
    return draft.finish()


def _without_evidence(question: Question, gold_present: bool) -> str:
    """What can still be said: which articles the question rests on, and whether the text at hand holds them."""
    if not question.articles:
        return f"「{_topic(question)}」を定める文は、示された資料からは特定できない。"
    laws: dict[str, list[str]] = {}
    for law, article in dict.fromkeys(ref.article_key for ref in question.articles):
        laws.setdefault(law, []).append("" if article == WHOLE_TEXT else section_label(article))
    listed = "、".join(_article_names(law, labels) for law, labels in laws.items())
    if gold_present or question.context is None:
        return f"根拠となるのは{listed}である。"
    return f"根拠となるのは{listed}であるが、その文は手元の参照条文に含まれていない。"


def _article_names(law: str, labels: Sequence[str]) -> str:
    named = [label.replace(" ", "の") for label in labels if label]
    joint = "" if not named or named[0].startswith(("第", "附則")) else "の"
    return law + joint + "及び".join(named)


def _topic(question: Question) -> str:
    return re.split(r"[。\n]", question.question.strip())[0][:MAX_PHRASE_CHARS]


# --- statements ------------------------------------------------------------------------------------------------------


def _explain_statements(draft: _Draft, question: Question, sentences: Sequence[Sentence], *, foreign: bool) -> None:
    """``foreign``: none of the sentences stands in a gold article, so only a near repetition of the answer counts."""
    if foreign and question.polarity in ("incorrect", "not_applicable"):
        return
    needed = FOREIGN_COVERAGE if foreign else DECIDING_COVERAGE
    answer = question.choices[question.correct]
    others = {letter: text for letter, text in question.choices.items() if letter != question.correct}
    if question.polarity == "incorrect":
        if _answer_departs(draft, question, sentences, needed):
            for letter, text in others.items():
                rivals = [choice for key, choice in question.choices.items() if key != letter]
                draft.contrasts += _agrees(draft, letter, text, sentences, rivals, "と合う")
        return
    contrasts = {letter: best_contrast(text, [answer], question.question, sentences) for letter, text in others.items()}
    known = [contrast for contrast in contrasts.values() if contrast is not None]
    listed = question.polarity == "not_applicable"
    deciding = _deciding(answer, list(others.values()), known, sentences, needed, excluding=listed)
    if listed and (deciding is None or not _takes_out(answer, deciding)):
        _answer_unlisted(draft, question, deciding, sentences)
    elif deciding is not None:
        _answer_agrees(draft, question, deciding, sentences)
    elif (strongest := max(known, key=lambda one: one.strength, default=None)) and strongest.sentence and not foreign:
        # The answer follows from the sentence by inference; what the others get wrong can still be shown.
        _quote(draft, strongest.sentence, _spans_of(strongest.text_phrase, strongest.sentence), sentences)
    if not draft.quotes:
        return
    for letter, text in others.items():
        contrast = contrasts[letter]
        if listed:
            rest = [one for one in sentences if one is not deciding]
            rivals = [choice for key, choice in question.choices.items() if key != letter]
            if _agrees(draft, letter, text, rest, rivals, "に当たる"):
                draft.contrasts += 1
                continue
            if contrast is None or contrast.sentence is None or contrast.sentence is not deciding:
                continue
        if contrast is not None:
            draft.parts.append(_against_limit(question, letter, contrast) or _contrast_text(draft, letter, contrast))
            draft.contrasts += 1


def _deciding(
    answer: str,
    others: Sequence[str],
    contrasts: Sequence[Contrast],
    sentences: Sequence[Sentence],
    needed: float,
    *,
    excluding: bool = False,
) -> Sentence | None:
    """The sentence that decides for the answer: it holds most of what the answer does not share with other choices.

    A sentence against which other choices were found to be wrong, and whose words the answer has, is preferred; for
    該当しないもの (``excluding``) one that takes something out of a rule.
    """
    folded = fold_text(answer)
    weights = distinctive_weights(folded, [fold_text(other) for other in others])
    best: tuple[float, Sentence] | None = None
    for sentence in sentences:
        held = held_share(folded, weights, sentence)
        backed = any(
            contrast.sentence is sentence
            and (_only_here(fold_text(contrast.text_phrase), sentences, folded) or _same_measure(contrast, folded))
            for contrast in contrasts
        )
        out = excluding and held >= 0.2 and _EXCLUDING.search(sentence.text) is not None
        score = held + (0.3 if backed else 0.0) + (0.2 if out else 0.0)
        if score >= needed and (best is None or score > best[0] + 1e-9):
            best = (score, sentence)
    return best[1] if best else None


def _only_here(phrase: str, sentences: Sequence[Sentence], answer: str) -> bool:
    return bool(phrase) and phrase in answer and sum(phrase in one.folded.text for one in sentences) == 1


def _same_measure(contrast: Contrast, answer: str) -> bool:
    """Whether the contrast is with a limit (一億円未満) and the answer too has a number in that unit."""
    limits = [one for one in quantities(fold_text(contrast.text_phrase)) if contrast.kind == "number" and one.limit]
    return any(one.unit == limits[0].unit for one in quantities(answer)) if limits else False


def _takes_out(answer: str, sentence: Sentence) -> bool:
    """Whether the sentence takes the answer out of a rule: by its predicate, or in brackets that name it."""
    outside = re.sub(r"[（(][^（()）]*を除く。?[）)]", "", sentence.text)
    return bool(excluded_words(answer, sentence)) or bool(_EXCLUDING.search(outside))


def _own_spans(answer: str, others: Sequence[str], sentence: Sentence) -> list[tuple[int, int]]:
    """Where the sentence holds what the answer alone says; where it holds the answer at all, if there is no such place."""
    folded = fold_text(answer)
    weights = distinctive_weights(folded, [fold_text(other) for other in others])
    own = "".join(char if weight > 0.5 else "\x00" for char, weight in zip(folded, weights, strict=True))
    return shared_spans(own, sentence) or shared_spans(folded, sentence)


def distinctive_weights(text: str, others: Sequence[str]) -> list[float]:
    """Weight of each character of ``text``: 1 where no other has the words at that place, little where one or more do."""
    shared = [0] * len(text)
    for other in others:
        for match in SequenceMatcher(None, text, other, autojunk=False).get_matching_blocks():
            if match.size >= 4:
                for index in range(match.a, match.a + match.size):
                    shared[index] += 1
    return [(1.0, 0.35, 0.2)[min(count, 2)] for count in shared]


def _answer_agrees(draft: _Draft, question: Question, deciding: Sentence, sentences: Sequence[Sentence]) -> None:
    letter, answer = question.correct, question.choices[question.correct]
    others = [text for key, text in question.choices.items() if key != letter]
    taken_out = excluded_words(answer, deciding)
    departing = [] if taken_out else departures(alignments(answer, [deciding])[0], answer)
    phrases = [] if taken_out or departing else _own_phrases(question, deciding)
    spans = [span for phrase in phrases for span in _spans_of(phrase, deciding)]
    cited = fold_text(_quote(draft, deciding, spans or _own_spans(answer, others, deciding), sentences))
    if taken_out:
        draft.parts.append(f"選択肢{letter}の「{taken_out}」は、ここで除かれている。")
        draft.agreement = True
    elif departing:
        # The answer follows from the sentence without repeating it; only a number against a limit can be reckoned.
        reckoned = [_reckoned(letter, one.choice_phrase, one.text_phrase) for one in departing]
        draft.parts += [text for text in reckoned if text][:1]
        draft.agreement = any(reckoned)
    elif phrases and all(fold_text(phrase) in cited for phrase in phrases):
        draft.parts.append(f"選択肢{letter}の{'と'.join(f'「{phrase}」' for phrase in phrases)}はこれと合う。")
        draft.agreement = True


def _answer_departs(draft: _Draft, question: Question, sentences: Sequence[Sentence], needed: float) -> bool:
    """For 誤っているもの: quote the sentence that the answer departs from, and say how."""
    letter, answer = question.correct, question.choices[question.correct]
    others = [text for key, text in question.choices.items() if key != letter]
    found = best_contrast(answer, others, question.question, sentences)
    deciding = found.sentence if found is not None else None
    if deciding is None:
        deciding = _deciding(answer, others, [], sentences, needed)
        if deciding is None or _belongs_to_other(answer, others, deciding):
            return False
    spans = _spans_of(found.text_phrase, deciding) if found is not None else []
    _quote(draft, deciding, spans or shared_spans(fold_text(answer), deciding), sentences)
    if found is not None:
        draft.parts.append(_contrast_text(draft, letter, found))
        draft.agreement = True
    return True


def _belongs_to_other(answer: str, others: Sequence[str], sentence: Sentence) -> bool:
    """Whether another choice repeats the sentence better: then it is the sentence of that choice."""
    own = alignments(answer, [sentence])[0].coverage
    return any(alignments(other, [sentence])[0].coverage > own for other in others)


def _answer_unlisted(
    draft: _Draft, question: Question, deciding: Sentence | None, sentences: Sequence[Sentence]
) -> None:
    """For 該当しないもの whose answer no sentence excludes in so many words: how it departs from what is listed."""
    letter, answer = question.correct, question.choices[question.correct]
    others = [text for key, text in question.choices.items() if key != letter]
    lead = _lead(deciding, sentences) if deciding is not None else None
    if deciding is not None and lead is not None and _LEAD_EXCLUDES.search(lead.text):
        _quote(draft, deciding, shared_spans(fold_text(answer), deciding), sentences)
        draft.parts.append(f"選択肢{letter}は、除かれるものとしてここに挙げられている。")
        draft.agreement = True
        return
    found = best_contrast(answer, others, question.question, sentences)
    if found is not None and found.sentence is not None and found.kind in ("number", "excluded", "wording", "limit"):
        spans = _spans_of(found.text_phrase, found.sentence)
        _quote(draft, found.sentence, spans, sentences)
        draft.parts.append(_contrast_text(draft, letter, found))
        draft.agreement = True
        return
    listing = [one for text in others if (one := _listed_in(_without_laws(text, sentences), sentences))]
    missing = _missing_reference(answer, sentences)
    if (
        not missing
        and len(listing) == len(others)
        and len(answer) <= MAX_PHRASE_CHARS
        and not _listed_in(answer, sentences)
    ):
        missing = answer.rstrip("。")
    if not missing and found is not None and found.kind == "absent":
        missing = found.choice_phrase
    if missing and len(listing) >= 2:
        best = max(listing, key=listing.count)
        _quote(draft, best, [(0, len(best.folded.text))], sentences)
        draft.parts.append(f"選択肢{letter}の「{missing}」は、そこに挙げられていない。")
        draft.agreement = True
    elif deciding is not None:
        _quote(draft, deciding, shared_spans(fold_text(answer), deciding), sentences)


def _listed_in(text: str, sentences: Sequence[Sentence]) -> Sentence | None:
    """The sentence that names the choice: in so many words, or most of its words in order."""
    folded = fold_text(text).rstrip("。")
    for sentence in sentences:
        if folded in sentence.folded.text:
            return sentence
    aligned = alignments(text, sentences, at_most=len(sentences))
    return aligned[0].sentence if aligned and aligned[0].coverage >= AGREEING_COVERAGE else None


def _without_laws(text: str, sentences: Sequence[Sentence]) -> str:
    """The choice without the title of a law in front: statutes refer to their own articles without it."""
    titles = sorted({law_key(one.provision.law) for one in sentences}, key=len, reverse=True)
    return next((text.removeprefix(title) for title in titles if text.startswith(title)), text)


def _missing_reference(answer: str, sentences: Sequence[Sentence]) -> str:
    """An article that the answer names and no sentence does: 第42条の7."""
    folded = fold(answer)
    for match in re.finditer(r"第\d+条(?:の\d+)*", folded.text):
        if not any(re.search(re.escape(match.group()) + r"(?!の?\d)", one.folded.text) for one in sentences):
            first, last = folded.source_span(*match.span())
            relative = folded.text[match.end() :].startswith("第")  # 第2条第2項 may stand there as 前条第二項
            return "" if relative else answer[first:last]
    return ""


def _agrees(
    draft: _Draft, letter: str, text: str, sentences: Sequence[Sentence], rivals: Sequence[str], verb: str
) -> bool:
    """Say where a choice's own words stand, if they do and nothing departs from them."""
    plain = _without_laws(text, sentences)
    folded = fold_text(plain)
    if len(folded) <= 12:  # a term: best where it is defined, 「管理医療機器」とは
        exact = [one for one in sentences if folded in one.folded.text]
        if not exact:
            return False
        best = max(exact, key=lambda one: (f"「{folded}」" in one.folded.text, one.folded.text.startswith(folded)))
        draft.parts.append(f"選択肢{letter}の「{text}」は、{draft.place(best.provision)}に挙げられている。")
        return True
    aligned = alignments(plain, sentences, at_most=len(sentences))
    if not aligned or aligned[0].coverage < AGREEING_COVERAGE or departures(aligned[0], plain):
        return False
    best_one = aligned[0]
    words = _sentence_phrase(best_one, rivals)
    if not words:
        return False
    draft.parts.append(f"選択肢{letter}は、{draft.place(best_one.sentence.provision)}の「{words}」{verb}。")
    return True


# --- names of provisions ---------------------------------------------------------------------------------------------


def _explain_basis(draft: _Draft, question: Question, named: dict[str, Named], sentences: Sequence[Sentence]) -> None:
    """For 根拠条文: what the named provisions say, the answer's first, as far as the source holds them."""
    held = sentences_of(named[question.correct], sentences)
    if not held:
        return
    topic = fold_text(question.question)
    best = max(held, key=lambda one: held_share(topic, [1.0] * len(topic), one))
    lead = _lead(best, sentences)
    _quote(draft, best, shared_spans(topic, best), sentences)
    elsewhere = [
        one for letter, name in named.items() if letter != question.correct for one in sentences_of(name, sentences)
    ]
    words = _topic_words(question.question, [one for one in (best, lead) if one], elsewhere)
    if words and question.polarity not in ("incorrect", "not_applicable"):
        draft.parts.append(f"問いの「{words}」はここに定められている。")
        draft.agreement = True
    for letter in LETTERS:
        other = sentences_of(named[letter], sentences) if letter != question.correct else []
        if other and other[0] is not best:
            place, cited = (
                draft.place(other[0].provision),
                cite(other[0], [(0, len(other[0].folded.text))], MAX_LEAD_CHARS),
            )
            draft.parts.append(f"選択肢{letter}の{place}は{cited}とする定めである。")
            draft.contrasts += 1


def _topic_words(question: str, own: Sequence[Sentence], elsewhere: Sequence[Sentence]) -> str:
    """The longest words of the question that the answer's provision has; what other choices' provisions have too comes
    last, and so does what stands in brackets."""
    folded = fold(question)
    found: list[tuple[bool, int, str]] = []
    for sentence in own:
        for match in SequenceMatcher(None, folded.text, sentence.folded.text, autojunk=False).get_matching_blocks():
            if match.size < MIN_TOPIC_CHARS:
                continue
            words = whole_words(question, *folded.source_span(match.a, match.a + match.size))
            words = words if len(words) <= MAX_PHRASE_CHARS else _shortened(words)
            if len(fold_text(words)) >= MIN_TOPIC_CHARS and "（" not in words and _balanced(words):
                only_here = not any(fold_text(words) in one.folded.text for one in elsewhere)
                found.append((only_here, len(words), words))
    return max(found, default=(False, 0, ""))[2]


# --- wording ---------------------------------------------------------------------------------------------------------


def _quote(draft: _Draft, sentence: Sentence, spans: Sequence[tuple[int, int]], sentences: Sequence[Sentence]) -> str:
    """Name the provision and quote it; an item of a list together with the lead sentence it belongs to.

    Returns the quoted words of the sentence itself.
    """
    lead = _lead(sentence, sentences)
    cited = cite(sentence, spans or [(0, 1)], MAX_QUOTE_CHARS)
    if lead is None:
        draft.parts.append(f"{draft.place(sentence.provision)}は{cited}とする。")
        draft.quotes += 1
        return cited
    opening = cite(lead, _spans_of_pattern(_LISTING, lead), MAX_LEAD_CHARS)
    label = sentence.provision.label.removeprefix(lead.provision.label)
    draft.parts.append(f"{draft.place(lead.provision)}は{opening}とし、その{label}に{cited}とある。")
    draft.quotes += 2
    return cited


def _lead(sentence: Sentence, sentences: Sequence[Sentence]) -> Sentence | None:
    """The sentence that introduces the list a numbered item stands in."""
    own = sentence.provision
    if own.item is None:
        return None
    for other in sentences:
        above = other.provision
        same = (above.law, above.article, above.paragraph) == (own.law, own.article, own.paragraph)
        if same and above.item is None and _LISTING.search(other.text):
            return other
    return None


def _contrast_text(draft: _Draft, letter: str, contrast: Contrast) -> str:
    said, written = contrast.choice_phrase, contrast.text_phrase
    if contrast.sentence is None:
        return f"選択肢{letter}の「{said}」に当たる語は、引用した文にない。"
    place = draft.place(contrast.sentence.provision)
    if contrast.kind == "added":
        return f"選択肢{letter}の「{said}」に当たる語は、{place}の文にない。"
    if contrast.kind == "omitted":
        return f"選択肢{letter}には、{place}にある「{written}」が抜けている。"
    if contrast.kind == "excluded":
        return f"選択肢{letter}は「{said}」についていうが、{place}では「{written}」として外されている。"
    return f"選択肢{letter}は「{said}」とするが、{place}は「{written}」とする。"


def _against_limit(question: Question, letter: str, contrast: Contrast) -> str:
    """A number of a wrong choice reckoned against the statute's limit, where the answer too has a number of its own."""
    if contrast.kind != "number":
        return ""
    limit = next(iter(quantities(fold_text(contrast.text_phrase))), None)
    said = next(iter(quantities(fold_text(contrast.choice_phrase))), None)
    answers = [
        one for one in quantities(fold_text(question.choices[question.correct])) if limit and one.unit == limit.unit
    ]
    if limit is None or said is None or not limit.limit or any(one.value == limit.value for one in answers):
        return ""
    outcomes = {one.meets(limit) for one in answers if one.value != said.value}
    return (
        _reckoned(letter, contrast.choice_phrase, contrast.text_phrase) if outcomes == {not said.meets(limit)} else ""
    )


def _reckoned(letter: str, said: str, limit: str) -> str:
    ours, theirs = quantities(fold_text(said)), quantities(fold_text(limit))
    met = ours[0].meets(theirs[0]) if ours and theirs else None
    return "" if met is None else f"選択肢{letter}の「{said}」は「{limit}」に{'当たる' if met else '当たらない'}。"


def _own_phrases(question: Question, deciding: Sentence) -> list[str]:
    """The answer's words that the sentence has and no other choice, or two phrases that no other choice has both of.

    Words of the question tell nothing. Empty where the answer has nothing of its own that stands in the sentence.
    """
    answer = question.choices[question.correct]
    others = [fold_text(text) for letter, text in question.choices.items() if letter != question.correct]
    folded, asked = fold(answer), fold_text(question.question)
    if folded.text.rstrip("。") in deciding.folded.text and len(answer) <= MAX_PHRASE_CHARS:
        return [answer.rstrip("。")]
    phrases: list[str] = []
    blocks = SequenceMatcher(None, folded.text, deciding.folded.text, autojunk=False).get_matching_blocks()
    runs = [(block.a, block.a + block.size) for block in blocks if block.size >= MIN_PHRASE_CHARS]
    for start, end in dict.fromkeys([*runs, *shared_runs(folded.text, deciding)]):
        words = whole_words(answer, *folded.source_span(start, end))
        words = words if len(words) <= MAX_PHRASE_CHARS else _shortened(words)
        key = fold_text(words)
        if (
            key not in deciding.folded.text
            or len(key) < MIN_PHRASE_CHARS
            or not _balanced(words)
            or _REFERENCE.fullmatch(key)
        ):
            continue
        if key.rstrip("をはがにのへでとも") not in asked:
            phrases.append(words)
    phrases.sort(key=len, reverse=True)
    for words in phrases:
        if not any(fold_text(words) in other for other in others):
            return [words]
    for first, second in combinations(phrases[:4], 2):
        if not any(fold_text(first) in other and fold_text(second) in other for other in others):
            return [first, second]
    return []


def _sentence_phrase(alignment: Alignment, rivals: Sequence[str]) -> str:
    """The words of the sentence that the choice repeats and the other choices have least."""
    weights = distinctive_weights(alignment.choice.text, [fold_text(rival) for rival in rivals])
    found: list[tuple[float, str]] = []
    for block in alignment.blocks:
        start, end = alignment.sentence.folded.source_span(block.sentence, block.sentence + block.size)
        words = whole_words(alignment.sentence.text, start, end)
        words = words if len(words) <= MAX_PHRASE_CHARS else _shortened(words)
        if _balanced(words) and len(fold_text(words)) >= MIN_PHRASE_CHARS:
            found.append((sum(weights[block.choice : block.choice + block.size]), words))
    return max(found, default=(0.0, ""))[1]


def _shortened(words: str) -> str:
    """The last clauses of a long phrase that fit: statutes put what they lay down at the end."""
    rest = words
    while len(rest) > MAX_PHRASE_CHARS and "、" in rest:
        rest = rest.partition("、")[2]
    return rest if len(rest) <= MAX_PHRASE_CHARS else whole_words(rest, len(rest) - MAX_PHRASE_CHARS, len(rest))


def _balanced(words: str) -> bool:
    return all(words.count(a) == words.count(b) for a, b in ("（）", "()", "「」")) and "\n" not in words


def _block_spans(alignment: Alignment) -> list[tuple[int, int]]:
    return [(block.sentence, block.sentence + block.size) for block in alignment.blocks]


def _spans_of(phrase: str, sentence: Sentence) -> list[tuple[int, int]]:
    folded = fold_text(phrase)
    place = sentence.folded.text.find(folded) if folded else -1
    return [(place, place + len(folded))] if place >= 0 else []


def _spans_of_pattern(pattern: re.Pattern[str], sentence: Sentence) -> list[tuple[int, int]]:
    match = pattern.search(sentence.folded.text)
    return [match.span()] if match else [(0, 1)]
