"""What to call the laws of a store, and whether they have a revision in force on one day."""

from __future__ import annotations

from ..text.provision_parts import enacted_in, is_original
from .store import Store

MAX_NAMED = 5  # candidates named in a note


class LawsOnDay:
    """The laws of one store on one day."""

    def __init__(self, store: Store, as_of: str) -> None:
        self.store = store
        self.as_of = as_of

    def first_day(self, law_id: str) -> str | None:
        """What to say of a law without a revision in force on the day; None for a law with one."""
        revisions = self.store.revisions_of(law_id)
        if any(since <= self.as_of < until for _, since, until in revisions):
            return None
        if not revisions:
            return f"法令ID {law_id} の条文は索引にありません。"
        revision_id, since, _ = revisions[0]
        if is_original(revision_id, since, enacted_in(law_id, self.store.promulgated(law_id))):
            return f"{self.title(law_id)}は {since} に施行された法令で、{self.as_of} にはまだ施行されていません。"
        return f"{self.as_of} に施行されていた{self.title(law_id)}の版は索引にありません（あるのは {since} からの版）。"

    def ending_with(self, name: str) -> list[str]:
        """Laws whose title or 略称 ends with ``name``, the shortest first."""
        rows = self.store.connection.execute(
            "SELECT law_id FROM (SELECT law_id, title AS name FROM revisions UNION"
            " SELECT law_id, alias FROM aliases WHERE kind='abbreviation') WHERE name LIKE ?"
            " GROUP BY law_id ORDER BY min(length(name)), law_id LIMIT 20",
            (f"%{name}",),
        )
        return [law_id for (law_id,) in rows]

    def title(self, law_id: str) -> str:
        """Title of the law's latest revision; the id when it is not in the store."""
        row = self.store.connection.execute(
            "SELECT title FROM revisions WHERE law_id=? ORDER BY valid_from DESC, revision_id DESC LIMIT 1", (law_id,)
        ).fetchone()
        return str(row[0]) if row else law_id

    def named(self, law_ids: tuple[str, ...]) -> str:
        """Titles and ids for a note, at most ``MAX_NAMED``."""
        shown = "、".join(f"{self.title(law_id)}（{law_id}）" for law_id in law_ids[:MAX_NAMED])
        return shown + (f" ほか {len(law_ids) - MAX_NAMED} 法令" if len(law_ids) > MAX_NAMED else "")
