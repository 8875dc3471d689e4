"""What a free question is answered from, the prompt that asks it, and what an answer cites, checked against that."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from .showing.context_text import FormattedContext, RetrievedPassage
from .text.citations import find_mentions
from .text.law_names import LawNames
from .text.mention import Mention, Place

ANSWER_INSTRUCTION = (
    "日本の法令に関する質問です。次の参照条文だけを根拠に、簡潔に答えてください。"
    "根拠にした条文の番号を [1] のように文末に付け、条文から分からないことは「参照条文からは分かりません」と答えてください。"
)
EARLIER_TURNS = 3  # of a conversation that a follow-up question is asked with
EARLIER_CHARS = 400  # of each earlier answer that are repeated
_DIGITS = re.compile(r"[0-9０-９]{1,3}")
_TO = r"\s*[-‐–~〜～]\s*"
_CITATION = re.compile(  # [1], [1, 2], [2-4], 【1】, [参照条文1]
    rf"[\[［【]\s*(?:参照条文|条文|注)?\s*{_DIGITS.pattern}"
    rf"(?:(?:\s*(?:[,，、・]|と|及び)\s*|{_TO}){_DIGITS.pattern})*\s*[\]］】]"
)
_CITED = re.compile(rf"({_DIGITS.pattern})(?:{_TO}({_DIGITS.pattern}))?")
_NOT_SAID = re.compile(
    r"(?:条文|規定|法令)(?:だけ)?(?:から|で)は?(?:分か|わか|判断でき|読み取れ)(?:らない|りません|ない|ません)"
)

# What an answer is worth: it cites only what was shown; it says that the articles do not say; it cites nothing; it cites
# what was not shown, which a reader cannot check.
Standing = Literal["grounded", "not_said", "uncited", "invented"]


@dataclass(frozen=True, slots=True)
class Turn:
    """One question of a conversation, answered."""

    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class Grounds:
    """What was found for a question, before a model is asked."""

    question: str
    earlier: tuple[Turn, ...]  # of the conversation, oldest first
    context: FormattedContext
    coverage: float | None  # share of the question's word weight that the first article has; None where not known
    notes: tuple[str, ...]  # what is wrong with its references, what the index lacks, whether words reach

    @property
    def prompt(self) -> str:
        """The user prompt that asks the question."""
        return answer_prompt(self.question, self.context.text, self.earlier)


@dataclass(frozen=True, slots=True)
class Answer:
    """A model's answer and what it rests on."""

    text: str
    passages: tuple[RetrievedPassage, ...]
    left_out: tuple[RetrievedPassage, ...]
    cited: tuple[int, ...]  # passages of the context that the answer cites by their number, or names
    unsupported: tuple[int, ...]  # numbers in the answer that are not: the citation is invented
    notes: tuple[str, ...] = ()  # what is wrong with the references of the question, and what the index lacks
    unshown: tuple[str, ...] = ()  # provisions that the answer names and that were not shown

    @property
    def standing(self) -> Standing:
        """What the answer is worth, by what it cites."""
        if self.unsupported or self.unshown:
            return "invented"
        if says_nothing(self.text) and not self.cited:
            return "not_said"
        return "grounded" if self.cited else "uncited"


def answer_prompt(question: str, context: str, earlier: Sequence[Turn] = ()) -> str:
    """The user prompt of a free question; the last ``EARLIER_TURNS`` of a conversation stand before it."""
    parts = [ANSWER_INSTRUCTION, f"【参照条文】\n{context}"]
    if earlier:
        # Numbers in earlier answers were of other articles: as [1] they would be copied.
        turns = [
            f"問: {turn.question.strip()}\n答: {_CITATION.sub('', turn.answer).strip()[:EARLIER_CHARS]}"
            for turn in earlier[-EARLIER_TURNS:]
        ]
        parts.append("【これまでのやりとり】\n" + "\n".join(turns))
    return "\n\n".join([*parts, f"【質問】\n{question.strip()}"])


def follow_up_query(question: str, earlier: Sequence[Turn]) -> str:
    """What is searched for a question of a conversation: the question, and the one before it for what it leaves unsaid."""
    return "\n".join([" ".join(question.split()), *(" ".join(turn.question.split()) for turn in earlier[-1:])])


def check_citations(text: str, passages: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Numbers ``[n]``, ``[n, m]`` and ``[n-m]`` in an answer: those that name one of the ``passages`` passages, and those
    that name none."""
    ranges = [match.groups() for cited in _CITATION.findall(text) for match in _CITED.finditer(cited)]
    numbers = sorted({number for first, last in ranges for number in range(int(first), int(last or first) + 1)})
    return (
        tuple(number for number in numbers if 1 <= number <= passages),
        tuple(number for number in numbers if not 1 <= number <= passages),
    )


def provisions_named(
    text: str, shown: Sequence[RetrievedPassage], names: LawNames
) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """The provisions that an answer names: numbers of those ``shown``, and those, as it writes them, that are neither
    shown nor named in the texts shown.

    A bare 第3条 or 条例第3条 may be that of any law shown that could be called so; 刑法第3条 is not the 第3条 that a text of
    another law names, nor 附則第3条 the 第3条 of the law itself.
    """
    own = [_Provision((passage.law_id,), (passage.law_title,), passage.part, passage.article) for passage in shown]
    repeated = [provision for passage in shown for provision in _named_in(passage, names)]
    numbers: set[int] = set()
    missing: dict[str, None] = {}
    for mention in find_mentions(text, names):
        found = [number for number, provision in enumerate(own, start=1) if _may_be(mention, provision, names)]
        numbers.update(found)
        # A quoted 第199条 is of the law it stands in, though a reader takes it to be of the law named before it.
        bare = replace(mention, law_ids=()) if not (mention.law_text or mention.joined_by) else mention
        if not found and not any(_may_be(bare, provision, names) for provision in repeated):
            missing.setdefault(mention.text)
    return tuple(sorted(numbers)), tuple(missing)


# What orders call their act, and 附則 an act as it was: of which one the words do not tell.
_SOME_ACT = frozenset({"法", "新法", "旧法", "改正法"})


@dataclass(frozen=True, slots=True)
class _Provision:
    """A provision that a reader of the passages can see or read of."""

    law_ids: tuple[str, ...]  # none: the text does not tell the law
    laws: tuple[str, ...]  # what the law is called; 法 in an order, whose text says elsewhere of which act it is
    part: str
    article: str


def _named_in(passage: RetrievedPassage, names: LawNames) -> list[_Provision]:
    """The provisions that the text of a passage names; a bare 第199条 there is one of the passage's own law."""
    place = Place(passage.law_id, passage.article, passage.paragraph or "", (passage.article,))
    titles = {passage.law_id: passage.law_title}
    return [
        _Provision(
            mention.law_ids,
            tuple(titles.get(law_id) or names.title(law_id) for law_id in mention.law_ids) or (mention.law_text,),
            mention.part,
            mention.article,
        )
        for mention in find_mentions(passage.text, names, place)
    ]


def _may_be(mention: Mention, provision: _Provision, names: LawNames) -> bool:
    """Whether what an answer names can be the provision: article and part are its, and nothing says another law."""
    # An answer says 附則第1条 of an amending law's 附則, too.
    parts = (mention.part, "amendment") if mention.part == "supplement" else (mention.part,)
    if mention.article != provision.article or provision.part not in parts:
        return False
    if mention.law_ids and provision.law_ids:
        return not set(mention.law_ids).isdisjoint(provision.law_ids)
    called = tuple(names.title(law_id) for law_id in mention.law_ids) or (mention.law_text,)
    # One of the two at most is known by its id; the other is as it was written.
    written, titles = (called, provision.laws) if provision.law_ids else (provision.laws, called)
    some_act = not _SOME_ACT.isdisjoint(written) and not all(title.endswith(("令", "規則")) for title in titles)
    return (
        some_act
        or any(law.endswith(called) for law in provision.laws)
        or (not provision.law_ids and any(law.endswith(provision.laws) for law in called))
    )


def says_nothing(text: str) -> bool:
    """Whether the answer says that the articles do not tell."""
    return _NOT_SAID.search("".join(unicodedata.normalize("NFKC", text).split())) is not None
