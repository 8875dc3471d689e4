"""From laws to settled questions: which article gives which kind, until every kind has its number."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from .kinds.drafts import Draft, Wants
from .kinds.filling_up import filled_up
from .kinds.recipes import OF_ORDERS, Recipe, make_draft
from .kinds.statements import Cues
from .law.book import Book, read_book
from .law.passages import Passage
from .law.rules import Rule
from .law.sources import Family
from .leaks import Excluded
from .settling import Balance, Overlap, Settled, settle
from .words.amounts import amounts

# Kept for further rounds, where the laws run out before the questions are complete: then there are few.
MAX_KEPT_BOOKS = 200
MAX_ROUNDS = 6
PATIENCE = 60  # laws read without one question of a kind about orders; of Acts every fourth gives one
_RICH = re.compile(r"なければ、|を除き、|正当な理由|以内に|同意|承認|議決|書面")


@dataclass(slots=True)
class Made:
    """What came out so far."""

    settled: list[Settled] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)
    wants: Counter[str] = field(default_factory=Counter)
    passed_over: Counter[str] = field(default_factory=Counter)  # paragraphs by reason
    dropped: Counter[str] = field(default_factory=Counter)  # drafts by reason
    laws: int = 0  # read
    productive: int = 0  # of them, that gave a question
    unusable: list[str] = field(default_factory=list)  # titles of laws without an article that could be asked about
    rounds: int = 1  # times that the laws were gone through


def make(families: Iterable[Family], recipe: Recipe, excluded: Excluded, overlap: Overlap) -> Iterator[Made]:
    """Questions law by law; yields the running result after each law and ends when there are enough.

    Where a few laws run out before, they are gone through again, then without regard to the shares of the kinds.
    """
    maker = _Maker(recipe, excluded, overlap)
    books: list[Book] = []
    for family in families:
        book = read_book(family.law, family.orders)
        if len(books) < MAX_KEPT_BOOKS:
            books.append(book)
        maker.read(book)
        yield maker.made
        if maker.complete:
            return
    for number in range(2, MAX_ROUNDS + 1):
        maker.made.rounds = number
        maker.any_kind = True
        for book in books:
            maker.draw_from(book)
            if maker.complete:
                break
        yield maker.made
        if maker.complete:
            return


class _Maker:
    """Draws questions from one law after another and remembers what it has."""

    def __init__(self, recipe: Recipe, excluded: Excluded, overlap: Overlap) -> None:
        self.made = Made()
        self.any_kind = False
        self._recipe = recipe
        self._excluded = excluded
        self._overlap = overlap
        self._random = random.Random(recipe.seed)  # noqa: S311  # reproducible by seed, no secret
        self._quota = recipe.quota(orders=False)
        self._balance = Balance()
        self._cues = Cues()
        # The context before it was filled up, and the right candidate: no question is made twice with other paragraphs.
        self._answers: set[tuple[str, str]] = set()
        self._last_made = dict.fromkeys(OF_ORDERS, 0)  # laws read when one of the kind was last made

    @property
    def complete(self) -> bool:
        """Whether there are as many questions as were wanted."""
        return len(self.made.settled) >= self._recipe.count

    def read(self, book: Book) -> None:
        """Count a law that was read, and draw from it."""
        made = self.made
        made.laws += 1
        made.passed_over += book.passed_over
        if book.fillings:  # a source without orders is not kept waiting for what it cannot give
            self._quota = self._recipe.quota()
        if not book.rules:
            made.unusable.append(book.title)
        before = len(made.settled)
        self.draw_from(book)
        made.productive += len(made.settled) > before

    def draw_from(self, book: Book) -> None:
        """At most one question about each article, as many as one law may give."""
        taken = 0
        shown = [one for one in book.passages if self._may_show(one)]
        for article in self._articles(book):
            if self.complete or taken >= self._recipe.per_law:
                return
            for kind in self._open_kinds():
                settled = self._question(kind, book, article, shown)
                if settled is not None:
                    self._add(kind, settled)
                    taken += 1
                    break

    def _articles(self, book: Book) -> list[str]:
        keys = dict.fromkeys([*(rule.article for rule in book.rules), *(one.act.article for one in book.fillings)])
        articles = [key for key in keys if not self._excluded.holds_article(book.title, key)]
        self._random.shuffle(articles)
        # Rules with an exception, a limit or an amount, and what an order fills in, are few and give what the others cannot:
        # their articles come first.
        rich = {rule.article for rule in book.rules if is_rich(rule)} | {one.act.article for one in book.fillings}
        return sorted(articles, key=lambda article: article not in rich)

    def _open_kinds(self) -> list[str]:
        """Kinds that still want questions, furthest behind first; what any article can give waits for the others."""
        quota: Mapping[str, int] = self._quota
        if self.any_kind:
            quota = dict.fromkeys(quota, self._recipe.count)
        done = {
            kind: self.made.kinds[kind] / number for kind, number in quota.items() if self.made.kinds[kind] < number
        }
        ahead = 1.0 if self.any_kind else self._recipe.max_ahead
        # Laws that leave little to orders must not keep all other kinds waiting.
        waited = [kind for kind, laws in self._last_made.items() if self.made.laws - laws > PATIENCE]
        behind = [share for kind, share in done.items() if kind not in waited]
        limit = min(behind, default=0.0) + ahead
        return sorted((kind for kind in done if done[kind] <= limit), key=lambda kind: done[kind])

    def _may_show(self, passage: Passage) -> bool:
        return not self._excluded.holds_article(passage.law, passage.article)

    def _question(self, kind: str, book: Book, article: str, shown: Sequence[Passage]) -> Settled | None:
        """A question of the kind about the article, filled up from the paragraphs that may be shown."""
        draft = make_draft(kind, book, article, self._wants(), self._random, self._cues, self._recipe.max_context_chars)
        if draft is None:
            return None
        places = {one.place for one in draft.passages}
        orders = [one.order for one in book.fillings if one.act.place in places and self._may_show(one.order)]
        filled = filled_up(draft, shown, orders, self._random, self._recipe.max_context_chars)
        return self._kept(replace(filled, beside=book.beside(filled.passages)), draft.context)

    def _wants(self) -> Wants:
        wants = self.made.wants
        return "correct" if wants["correct"] + self._random.choice((-2, 2)) <= wants["incorrect"] else "incorrect"

    def _kept(self, draft: Draft, bare: str) -> Settled | None:
        """The draft in words; None where it is too long, leaks, repeats another or cannot be put into words.

        ``bare`` is its context before it was filled up.
        """
        dropped = self.made.dropped
        if len(draft.context) > self._recipe.max_context_chars:
            dropped["条文が長い"] += 1
            return None
        if self._excluded.shares_article(draft):
            dropped["除いた問題の条文を含む"] += 1
            return None
        settled = settle(draft, self._balance, self._random, self._overlap)
        if settled is None:
            dropped["問い方が読み違えられる・選択肢が同じ文になる"] += 1
            return None
        if self._balance.tilts(settled.by_overlap, settled.by_length):
            dropped["語の重なりか長さで当たる問題が続いた"] += 1
            return None
        if self._excluded.shared_run((settled.request, *settled.texts), draft.context):
            dropped["除いた問題と 13 字以上同じ"] += 1
            return None
        if (bare, settled.texts[0]) in self._answers:
            dropped["同じ問題がある"] += 1
            return None
        self._answers.add((bare, settled.texts[0]))
        return settled

    def _add(self, kind: str, settled: Settled) -> None:
        self.made.settled.append(settled)
        self.made.kinds[kind] += 1
        if kind in self._last_made:
            self._last_made[kind] = self.made.laws
        self.made.wants[settled.draft.polarity] += 1
        self._balance.add(settled.by_overlap, settled.by_length)
        self._cues.add(settled.draft.options)


def is_rich(rule: Rule) -> bool:
    """Whether a rule has more to it than a condition and an effect."""
    return bool(
        rule.exception
        or rule.scope in ("only", "even")
        or _RICH.search(rule.action)
        or amounts(rule.action + rule.condition)
    )
