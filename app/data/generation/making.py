"""From laws to settled questions: which article gives which kind, until every kind has its number."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from app.data.generation.acts import act_draft
from app.data.generation.amounts import amounts
from app.data.generation.bases import basis_draft
from app.data.generation.blanks import blank_draft
from app.data.generation.book import Book, read_book
from app.data.generation.drafts import Draft, Wants
from app.data.generation.leaks import Excluded
from app.data.generation.lists import list_draft
from app.data.generation.rules import Rule
from app.data.generation.settling import Balance, Overlap, Settled, settle
from app.data.generation.statements import Cues, statement_draft
from app.data.law import Law

# Shares of the kinds, as counted on the open 100 of lawqa_jp (docs/generated-questions.md).
MIX: dict[str, float] = {"statement": 0.52, "list": 0.18, "basis": 0.20, "blank": 0.06, "act": 0.04}
MAX_PER_LAW = 16
_RICH = re.compile(r"なければ、|を除き、|正当な理由|以内に|同意|承認|議決|書面")
MAX_AHEAD = 0.03  # of its number, that a kind may be ahead of the one furthest behind


@dataclass(frozen=True, slots=True)
class Recipe:
    """What to make."""

    count: int  # questions
    seed: int
    max_context_chars: int  # headings included
    per_law: int = MAX_PER_LAW  # questions of one law at most
    mix: Mapping[str, float] = field(default_factory=lambda: MIX)

    def quota(self) -> dict[str, int]:
        """Questions of each kind; the rounding falls to the kind with the largest share."""
        total = sum(self.mix.values())
        quota = {kind: round(self.count * share / total) for kind, share in self.mix.items()}
        largest = max(quota, key=lambda kind: quota[kind])
        quota[largest] += self.count - sum(quota.values())
        return quota


@dataclass(slots=True)
class Made:
    """What came out so far."""

    settled: list[Settled] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)
    wants: Counter[str] = field(default_factory=Counter)
    passed_over: Counter[str] = field(default_factory=Counter)  # paragraphs by reason
    dropped: Counter[str] = field(default_factory=Counter)  # drafts by reason
    laws: int = 0  # read
    unusable: list[str] = field(default_factory=list)  # titles of laws without an article that could be asked about
    balance: Balance = field(default_factory=Balance)
    cues: Cues = field(default_factory=Cues)


def make(laws: Iterable[Law], recipe: Recipe, excluded: Excluded, overlap: Overlap) -> Iterator[Made]:
    """Questions law by law; yields the running result after each law and ends when every kind has its number."""
    random_ = random.Random(recipe.seed)  # noqa: S311  # reproducible by seed, no secret
    quota = recipe.quota()
    made = Made()
    for law in laws:
        book = read_book(law)
        made.laws += 1
        made.passed_over += book.passed_over
        if not book.rules:
            made.unusable.append(law.title)
        _from_book(book, recipe, quota, made, random_, excluded, overlap)
        yield made
        if len(made.settled) >= recipe.count:
            return


def _from_book(
    book: Book,
    recipe: Recipe,
    quota: Mapping[str, int],
    made: Made,
    random_: random.Random,
    excluded: Excluded,
    overlap: Overlap,
) -> None:
    articles = [
        key for key in dict.fromkeys(rule.article for rule in book.rules) if not excluded.holds_article(book.title, key)
    ]
    random_.shuffle(articles)
    # Rules with an exception, a limit or an amount are few and give what the others cannot: their articles come first.
    rich = {rule.article for rule in book.rules if is_rich(rule)}
    articles.sort(key=lambda article: article not in rich)
    taken = 0
    for article in articles:
        done = {kind: made.kinds[kind] / number for kind, number in quota.items() if made.kinds[kind] < number}
        if not done or taken >= recipe.per_law:
            return
        # What is furthest behind is tried first; what any article can give waits for the rest, so that laws come out mixed.
        behind = min(done.values())
        for kind in sorted((kind for kind in done if done[kind] <= behind + MAX_AHEAD), key=lambda kind: done[kind]):
            draft = _draft(kind, book, article, random_, made, recipe.max_context_chars)
            if draft is None:
                continue
            settled = _kept(draft, made, random_, excluded, overlap, recipe.max_context_chars)
            if settled is None:
                continue
            made.settled.append(settled)
            made.kinds[kind] += 1
            made.wants[draft.polarity] += 1
            made.balance.add(settled.by_overlap, settled.by_length)
            made.cues.add(draft.options)
            taken += 1
            break


def is_rich(rule: Rule) -> bool:
    """Whether a rule has more to it than a condition and an effect."""
    return bool(
        rule.exception
        or rule.scope in ("only", "even")
        or _RICH.search(rule.action)
        or amounts(rule.action + rule.condition)
    )


def _draft(kind: str, book: Book, article: str, random_: random.Random, made: Made, max_chars: int) -> Draft | None:
    wants: Wants = (
        "correct" if made.wants["correct"] + random_.choice((-2, 2)) <= made.wants["incorrect"] else "incorrect"
    )
    if kind == "statement":
        return statement_draft(book, article, wants, random_, made.cues, max_chars=max_chars)
    if kind == "list":
        listing = next((one for one in book.listings if one.article == article), None)
        return list_draft(book, listing, wants, random_, max_chars=max_chars) if listing else None
    if kind == "act":
        return act_draft(book, article, wants, random_, max_chars=max_chars)
    if kind == "basis":
        return basis_draft(book, article, random_, max_chars=max_chars)
    return blank_draft(book, article, random_, max_chars=max_chars)


def _kept(
    draft: Draft, made: Made, random_: random.Random, excluded: Excluded, overlap: Overlap, max_chars: int
) -> Settled | None:
    if len(draft.context) > max_chars:
        made.dropped["条文が長い"] += 1
        return None
    if excluded.shares_article(draft):
        made.dropped["除いた問題の条文を含む"] += 1
        return None
    settled = settle(draft, made.balance, random_, overlap)
    if settled is None:
        made.dropped["問い方が読み違えられる・選択肢が同じ文になる"] += 1
        return None
    if excluded.shared_run((settled.request, *settled.texts), draft.context):
        made.dropped["除いた問題と 13 字以上同じ"] += 1
        return None
    return settled
