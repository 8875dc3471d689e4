"""References in a text → articles of the store, each with a status; nothing is guessed and nothing is dropped in silence."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from ...data.law_numbers import article_label, article_sort_key, in_range, item_label, paragraph_label
from ..text.abbreviations import title_of
from ..text.citation_text import as_written
from ..text.citations import find_mentions
from ..text.law_names import LawNames, name_key
from ..text.mention import Mention
from ..text.provision_parts import has_item, law_number_key
from .laws_on_day import MAX_NAMED, LawsOnDay
from .not_there import label_of, lost_numbers, not_there, place_in_law
from .ranges import TakenOut, is_article, taken_out, whole
from .resolved import Resolved
from .rows import ArticleRow
from .store import Store
from .tables import named_tables, tables_of_amending

MAX_RANGE = 10  # articles taken from 第5条から第100条まで
_UNCOUNTED = "この法令のデータには印刷された号の番号がなく、"


def resolve(
    text: str,
    store: Store,
    names: LawNames,
    as_of: str,
    *,
    limit: int = MAX_RANGE,
    dropped: Mapping[str, str] | None = None,
) -> list[Resolved]:
    """Every reference in ``text``, in order, against the revisions in force on ``as_of`` (ISO date).

    Of the articles between the two ends of a range at most ``limit`` are taken, which is said when there are more.
    ``dropped`` (name as compared → title) are the laws that an index of one day was built without.
    """
    resolver = _Resolver(store, as_of, limit, dropped or {})
    mentions = [resolver.settled(mention) for mention in find_mentions(text, names)]
    return [_as_asked(item, mention, text, names) for item, mention in resolver.resolved(mentions)]


def _as_asked(item: Resolved, mention: Mention, text: str, names: LawNames) -> Resolved:
    """The result with the law's name as the text writes it, and with a word on a name that the law no longer has."""
    title = item.article.law_title if item.article else ""
    # On a day on which the law had that title, it is its name.
    former = names.former(mention.law_text) and name_key(title) != name_key(mention.law_text)
    if item.status == "found" and not item.note and former:
        note = f"{mention.text}: 「{mention.law_text}」は{title}の前の題名です。{title}の条文を示します。"
        item = replace(item, note=note)
    if not item.note or not mention.law_text:
        return item
    return replace(item, note=item.note.replace(mention.law_text, as_written(text, mention.law_text)))


def resolve_in_place(mentions: Sequence[Mention], store: Store, as_of: str) -> list[Resolved]:
    """What references that were read in a statute (``find_mentions`` with a place) lead to on ``as_of``, one for one."""
    resolver = _Resolver(store, as_of, MAX_RANGE, {})
    return [resolver.one(resolver.settled(mention)) for mention in mentions]


def law_without_articles(text: str, store: Store, names: LawNames, as_of: str) -> ArticleRow | None:
    """What a law consists of that ``text`` names and that has no articles; None for any other text."""
    law_ids = names.lookup(text)
    if len(law_ids) != 1 or set(store.article_nums(law_ids[0], as_of)) != {""}:
        return None
    return store.find_articles(law_ids[0], "", as_of)[0]


class _Resolver:
    """Looks references up in one store on one day."""

    def __init__(self, store: Store, as_of: str, limit: int, dropped: Mapping[str, str]) -> None:
        self.store = store
        self.as_of = as_of
        self.laws = LawsOnDay(store, as_of)
        self.limit = limit
        self.dropped = dropped

    def settled(self, mention: Mention) -> Mention:
        """The reference with the article that 次条 is, and of laws of the same title the one in force on the day."""
        law_ids = mention.law_ids
        if len(law_ids) > 1:
            law_ids = tuple(one for one in law_ids if self.laws.first_day(one) is None) or law_ids
        article, step = mention.article, mention.step
        if step and len(law_ids) == 1:
            nums = self.store.article_nums(law_ids[0], self.as_of)
            place = nums.index(article) + step if article in nums else -1
            article, step = (nums[place], 0) if 0 <= place < len(nums) else (article, step)
        return replace(mention, law_ids=law_ids, article=article, step=step)

    def resolved(self, mentions: list[Mention]) -> list[tuple[Resolved, Mention]]:
        """What each reference leads to, and which one it is; what stands in a range comes with the range's first."""
        out: list[TakenOut] = []
        found: list[tuple[Resolved, Mention]] = []
        for number, mention in enumerate(mentions):
            following = mentions[number + 1] if number + 1 < len(mentions) else None
            ranging = following is not None and following.joined_by == "から" and not following.excluded
            out = taken_out(mentions, number) if ranging else out
            at_an_end = (ranging or mention.joined_by == "から") and not mention.excluded and whole(mention)
            if not (at_an_end and any(one.has(mention, mention.article) for one in out)):
                found.append((self.one(mention), mention))
            if ranging and following is not None:
                found.extend((item, mention) for item in self._between(mention, following, out))
        return found

    def one(self, mention: Mention) -> Resolved:
        """What a reference leads to."""
        result = Resolved(mention.text, "found", None, mention.paragraph, mention.item, "", mention.start)
        if mention.excluded:
            return replace(result, status="excluded", note=f"{mention.text}: 「除く」とあるので加えません。")
        if mention.doubt == "version":
            names = "、".join(f"{self.laws.title(one)} {label_of(mention)}" for one in mention.near)
            other = f"{self.as_of} の{names}とは別に扱います" if names else "どの法令のどの時点の条文か決まりません"
            note = f"改正前や別の時点の条文を指しているので、{other}。その時点の条文は、いまの法令名と --as-of で引いてください。"
            return replace(result, status="other_version", note=f"{mention.text}: {note}")
        if mention.amending is not None and not mention.law_ids:
            return self._amendments(mention, result)
        if not mention.law_ids:
            return self._without_law(mention, result)
        if len(mention.law_ids) > 1:
            note = f"「{mention.law_text}」に当たる法令が複数あります: {self.laws.named(mention.law_ids)}。"
            return replace(result, status="ambiguous_law", note=f"{mention.text}: {note}")
        return self._in_law(mention, mention.law_ids[0], result)

    def _without_law(self, mention: Mention, result: Resolved) -> Resolved:
        if mention.doubt == "local" or (mention.law_text and mention.near):
            candidates = tuple(dict.fromkeys([*mention.near, *self.laws.ending_with(mention.law_text)]))
            note = f"「{mention.law_text}」は、ある法令がその中だけで使う略称で、どの法令か決まりません。候補: {self.laws.named(candidates)}。題名で書いてください。"
            return replace(result, status="ambiguous_law", note=f"{mention.text}: {note}")
        title = title_of(mention.law_text)
        left_out = self.dropped.get(name_key(title or mention.law_text))
        if left_out is not None:
            note = f"{mention.text}: この索引は {self.as_of} の条文だけで、{left_out}のその日の版は入っていません。"
            return replace(result, status="no_revision", note=note)
        if title is not None:
            note = f"{mention.text}: 「{mention.law_text}」は{title}の略称ですが、この法令は索引にありません。"
            return replace(result, status="unknown_law", note=note)
        name = f"法令「{mention.law_text}」" if mention.law_text else "どの法令の条か"
        note = f"{mention.text}: {name}が分かりません。法令名を書いてください。"
        return replace(result, status="unknown_law", note=note)

    def _in_law(self, mention: Mention, law_id: str, result: Resolved) -> Resolved:
        title = self.laws.title(law_id)
        since = self.laws.first_day(law_id)
        if since is not None:
            return replace(result, status="no_revision", note=f"{mention.text}: {since}")
        if "-" in mention.article:
            first, last = re.split(r"[^\d]", mention.article)
            note = f"{mention.text}: 第{first}条から第{last}条までか、第{first}条の{last}かが決まりません。「第{first}条の{last}」のように書いてください。"
            return replace(result, status="ambiguous_article", note=note)
        if mention.step:
            note = f"{mention.text}: 前後の条が{title}の何条に当たるか決まりません。"
            return replace(result, status="unknown_article", note=note)
        rows = self._rows(mention, law_id)
        if not rows:
            spanning = self._spanning(law_id, mention)
            if spanning is not None:
                note = f"{mention.text}: {spanning.law_title} {spanning.title}は削除されています。"
                return replace(result, status="deleted", note=note, article=spanning)
            return replace(
                result, status="unknown_article", note=not_there(self.store, self.as_of, mention, law_id, title)
            )
        if len(rows) > 1:
            places = "、".join(dict.fromkeys(f"{place_in_law(row)}{row.caption}" for row in rows[:MAX_NAMED]))
            note = f"{mention.text}: {title}の{label_of(mention)}に当たるものが {len(rows)} あります: {places}。"
            return replace(result, status="ambiguous_article", note=note)
        return self._checked(mention, rows, result)

    def _rows(self, mention: Mention, law_id: str) -> list[ArticleRow]:
        if mention.part == "appendix":
            tables = self.store.find_articles(law_id, "", self.as_of, "appendix")
            names = [mention.article]
            if mention.amending is not None:
                tables = tables_of_amending(tables, mention.amending)
                names.append(f"附則{mention.article}")  # as most of them are headed
            found = (named_tables(self.store, tables, name, row=mention.row) for name in names)
            named = next((some for some in found if some), [])
            own = [one for one in named if one.amend_law_num is None]
            return own if len(own) == 1 else named  # 附則別表 is first that of the law's own 附則
        if mention.part == "amendment":
            wanted = law_number_key(mention.amending or "")
            rows = self.store.find_articles(law_id, mention.article, self.as_of, "amendment")
            rows = [row for row in rows if law_number_key(row.amend_law_num or "") == wanted]
        else:
            rows = self.store.find_articles(law_id, mention.article, self.as_of, mention.part)
        if not rows and mention.part == "main" and (mention.article, "supplement") in self._numbered(law_id, "main"):
            rows = self.store.find_articles(law_id, mention.article, self.as_of, "supplement")
        if not mention.article and mention.paragraph is not None:
            rows = [row for row in rows if self._has_paragraph(row, mention.paragraph)]
        return rows[:1]

    def _checked(self, mention: Mention, rows: list[ArticleRow], result: Resolved) -> Resolved:
        article = rows[0]
        result = replace(result, article=article)
        place = f"{article.law_title} {place_in_law(article)}"
        if article.deleted:
            return replace(result, status="deleted", note=f"{mention.text}: {place}は削除されています。")
        if mention.part == "appendix":
            if mention.amending is None or article.amend_law_num is not None:
                return result
            note = f"{mention.text}: {place}を示します。{mention.amending}の附則のものかは、この索引からは確かめられません。"
            return replace(result, note=note)
        passages = self.store.article_passages(article.article_id)
        if mention.paragraph is not None:
            passages = [passage for passage in passages if passage.paragraph == mention.paragraph]
            if not passages and lost_numbers(self.store, article.law_id, self.as_of):
                return replace(
                    result,
                    note=f"{mention.text}: {_UNCOUNTED}{paragraph_label(mention.paragraph)}があるかは確かめられません。",
                )
            if not passages:
                note = f"{mention.text}: {place}に{paragraph_label(mention.paragraph)}はありません。"
                return replace(result, status="unknown_paragraph", note=note)
        if mention.item is not None:
            label = f"{paragraph_label(mention.paragraph)}{item_label(mention.item)}{mention.subitem or ''}"
            if has_item(passages, mention.item, mention.subitem):
                return result
            if lost_numbers(self.store, article.law_id, self.as_of):
                return replace(result, note=f"{mention.text}: {_UNCOUNTED}{label}があるかは確かめられません。")
            return replace(result, status="unknown_item", note=f"{mention.text}: {place}に{label}はありません。")
        if mention.loose:
            number, end = mention.loose.lstrip("-"), "範囲の終わりか" if mention.loose.startswith("-") else ""
            note = f"条の後の「{mention.loose}」が項か号か枝番か{end}分からないので、{place}を示します。「第{number}項」のように書いてください。"
            return replace(result, note=f"{mention.text}: {note}")
        return result

    def _amendments(self, mention: Mention, result: Resolved) -> Resolved:
        """The 附則 of an amending law that is named by its number alone: in the law that holds it."""
        wanted = law_number_key(mention.amending or "")
        place = article_label(mention.article) or paragraph_label(mention.paragraph)
        numbers = [one for one in self.store.amending_numbers() if law_number_key(one) == wanted]
        laws = self.store.laws_amended_by(numbers, mention.article, self.as_of) if numbers else []
        if len(laws) == 1:
            return self._in_law(replace(mention, part="amendment"), laws[0], result)
        if not laws:
            note = f"{mention.text}: {mention.amending}の附則{place}は、索引にあるどの法令にもありません。"
            return replace(result, status="unknown_law", note=note)
        note = f"{mention.text}: {mention.amending}の附則は {len(laws)} の法令にあります: {self.laws.named(tuple(laws))}。「民法附則（…）」のように法令名を書いてください。"
        return replace(result, status="ambiguous_law", note=note)

    def _spanning(self, law_id: str, mention: Mention) -> ArticleRow | None:
        """The 第十九条から第二十一条まで 削除 that covers the article."""
        if not mention.article or mention.part == "appendix":
            return None
        for num in self.store.article_nums(law_id, self.as_of, mention.part):
            if ":" in num and in_range(mention.article, num):
                return self.store.find_articles(law_id, num, self.as_of, mention.part)[0]
        return None

    def _between(self, first: Mention, last: Mention, out: Sequence[TakenOut]) -> Iterator[Resolved]:
        """The articles, or the paragraphs of one article, between the two ends of a range."""
        if first.step or last.step or len(first.law_ids) != 1:
            return
        if (first.law_ids, first.part) != (last.law_ids, last.part):
            return
        text = f"{first.text}から{last.text}"
        if first.article == last.article:
            yield from self._paragraphs_between(first, last, text)
            return
        if not is_article(first.article) or not is_article(last.article):
            return
        law_id, low, high = first.law_ids[0], article_sort_key(first.article), article_sort_key(last.article)
        inside = [
            (num, part)
            for num, part in self._numbered(law_id, first.part)
            if ":" not in num and low < article_sort_key(num) < high and not any(one.has(first, num) for one in out)
        ]
        for num, part in inside[: self.limit]:
            for article in self.store.find_articles(law_id, num, self.as_of, part)[:1]:
                yield Resolved(text, "found", article, None, None, "", first.start)
        if len(inside) > self.limit:
            note = f"{text}: 間の {len(inside)} 条のうち、はじめの {self.limit} 条だけを示します。"
            yield Resolved(text, "cut", None, None, None, note, first.start)

    def _numbered(self, law_id: str, part: str) -> list[tuple[str, str]]:
        """(article, part) of the articles that are counted on in a part: those of 労働基準法 go on into its 附則, where
        第122条 comes after 第121条 of the main provisions."""
        nums = self.store.article_nums(law_id, self.as_of, part)
        found = [(num, part) for num in nums]
        last = max((article_sort_key(num) for num in nums), default=())
        if part == "main" and last:
            further = self.store.article_nums(law_id, self.as_of, "supplement")
            found += [(num, "supplement") for num in further if num and article_sort_key(num) > last]
        return found

    def _paragraphs_between(self, first: Mention, last: Mention, text: str) -> Iterator[Resolved]:
        if first.item or last.item or not (first.paragraph or "").isdigit() or not (last.paragraph or "").isdigit():
            return
        for number in range(int(first.paragraph or 0) + 1, min(int(last.paragraph or 0), 1000)):
            found = self.one(replace(first, text=text, paragraph=str(number), end=last.end))
            if found.status == "found":
                yield found

    def _has_paragraph(self, row: ArticleRow, paragraph: str) -> bool:
        return any(passage.paragraph == paragraph for passage in self.store.article_passages(row.article_id))
