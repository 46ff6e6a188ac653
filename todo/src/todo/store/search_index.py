"""A full-text index beside the table of items: FTS5 on SQLite, tsvector on PostgreSQL.

It is made from the table alone, and may be dropped at any time: whoever prepares it fills it again. What is
indexed is read inside the transaction that writes the index, which is the only one at that time. So it does
not matter in which order, or how often, somebody says that an item has changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from sqlalchemy import Connection, Row, bindparam, text

from todo.items import Item
from todo.search.tokens import Term, terms_of, words_of
from todo.store.rows import item_of
from todo.store.sql_store import SqlStore
from todo.store.tables import todos

#: Where it is. Another layout gets another number, and is filled anew.
TABLE = "todos_search_1"
#: Any number that nobody else locks in this database.
_LOCK = 7_0361_2050
#: Items that are indexed in one transaction while it is filled: others wait for it.
_CHUNK = 200

#: Rows that the index has not, or not as they are now.
_STALE = text(
    f"SELECT t.id FROM todos t LEFT JOIN {TABLE} s ON s.id = t.id "  # noqa: S608 - a constant
    "WHERE t.id > :after AND (s.id IS NULL OR s.version <> t.version OR s.text <> t.item) "
    "ORDER BY t.id LIMIT :limit"
)
_GONE = text(f"DELETE FROM {TABLE} WHERE id NOT IN (SELECT id FROM todos)")  # noqa: S608
_REMOVE = text(f"DELETE FROM {TABLE} WHERE id IN :ids").bindparams(  # noqa: S608
    bindparam("ids", expanding=True)
)


class Index(Protocol):
    """How one database keeps and searches words."""

    def create(self, connection: Connection) -> None:
        """Make it, where it is not there."""

    def lock(self, connection: Connection) -> None:
        """Hold off other writers until the transaction ends."""

    def write(self, connection: Connection, items: Sequence[Item]) -> None:
        """Put these in the place of what it has of them."""

    def find(self, connection: Connection, terms: Sequence[Term], most: int) -> list[str]:
        """The ids of items that have every term, best first."""


class SearchableStore(SqlStore):
    """A store with an index, which may be shared by several processes."""

    @property
    def _index(self) -> Index:
        return _SQLITE if self.address.kind == "sqlite" else _POSTGRESQL

    async def prepare(self) -> None:
        await super().prepare()
        await self._write(self._create)

    async def index(self, ids: Sequence[str]) -> None:
        """Bring the index up to date with what the table has of these items now."""
        await self._write(lambda connection: self._renew(connection, ids))

    async def index_stale(self, after: str = "") -> str | None:
        """Index some that are not in it as they are, from behind this id; the last one, None at the end."""

        def work(connection: Connection) -> str | None:
            self._index.lock(connection)
            stale = {"after": after, "limit": _CHUNK}
            ids = list(connection.scalars(_STALE, stale))
            self._renew_locked(connection, ids)
            return ids[-1] if len(ids) == _CHUNK else None

        return await self._write(work)

    async def drop_removed(self) -> None:
        """Take out what the table has no more."""

        def work(connection: Connection) -> None:
            self._index.lock(connection)
            connection.execute(_GONE)

        await self._write(work)

    async def find(self, query: str, most: int) -> list[str] | None:
        """The ids of items that have every word of the query, best first; None where it has no word."""
        terms = terms_of(query)
        if not terms:
            return None
        return await self._read(lambda connection: self._index.find(connection, terms, most))

    def _create(self, connection: Connection) -> None:
        self._index.lock(connection)
        self._index.create(connection)

    def _renew(self, connection: Connection, ids: Sequence[str]) -> None:
        self._index.lock(connection)
        self._renew_locked(connection, ids)

    def _renew_locked(self, connection: Connection, ids: Sequence[str]) -> None:
        if not ids:
            return
        rows: Sequence[Row[Any]] = connection.execute(
            self._readable.where(todos.c.id.in_(ids))
        ).all()
        items = [item_of(row) for row in rows]
        there = {item.id for item in items}
        if gone := [one for one in ids if one not in there]:
            connection.execute(_REMOVE, {"ids": gone})
        if items:
            self._index.write(connection, items)


class _Sqlite:
    """FTS5 over a table of words; its triggers keep the two together."""

    _COLUMNS = ("item", "tags", "notes")

    def create(self, connection: Connection) -> None:
        new = ", ".join(f"new.{name}" for name in self._COLUMNS)
        old = ", ".join(f"old.{name}" for name in self._COLUMNS)
        columns = ", ".join(self._COLUMNS)
        put = f"INSERT INTO {TABLE}_words(rowid, {columns}) VALUES (new.docid, {new})"  # noqa: S608
        take = (
            f"INSERT INTO {TABLE}_words({TABLE}_words, rowid, {columns}) "  # noqa: S608
            f"VALUES ('delete', old.docid, {old})"
        )
        for statement in (
            f"CREATE TABLE IF NOT EXISTS {TABLE} (docid INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, "
            "version TEXT NOT NULL, text TEXT NOT NULL, item TEXT NOT NULL, tags TEXT NOT NULL, "
            "notes TEXT NOT NULL)",
            # The words are made here: what stands between two spaces is one.
            f"CREATE VIRTUAL TABLE IF NOT EXISTS {TABLE}_words USING fts5({columns}, content='{TABLE}', "
            "content_rowid='docid', tokenize='ascii', prefix='1 2 3')",
            f"CREATE TRIGGER IF NOT EXISTS {TABLE}_i AFTER INSERT ON {TABLE} BEGIN {put}; END",
            f"CREATE TRIGGER IF NOT EXISTS {TABLE}_d AFTER DELETE ON {TABLE} BEGIN {take}; END",
            f"CREATE TRIGGER IF NOT EXISTS {TABLE}_u AFTER UPDATE ON {TABLE} BEGIN {take}; {put}; END",
        ):
            connection.exec_driver_sql(statement)

    def lock(self, connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    def write(self, connection: Connection, items: Sequence[Item]) -> None:
        statement = text(
            f"INSERT INTO {TABLE} (id, version, text, item, tags, notes) "  # noqa: S608
            "VALUES (:id, :version, :text, :item, :tags, :notes) ON CONFLICT (id) DO UPDATE SET "
            "version = excluded.version, text = excluded.text, item = excluded.item, "
            "tags = excluded.tags, notes = excluded.notes"
        )
        rows = [
            {
                "id": one.id,
                "version": one.version,
                "text": one.item,
                "item": " ".join(words_of(one.item)),
                "tags": " ".join(word for tag in one.tags for word in words_of(tag)),
                "notes": " ".join(words_of(one.notes)),
            }
            for one in items
        ]
        connection.execute(statement, rows)

    def find(self, connection: Connection, terms: Sequence[Term], most: int) -> list[str]:
        # bm25 is the better the smaller it is; its weights are those of the columns.
        statement = text(
            f"SELECT s.id FROM {TABLE}_words JOIN {TABLE} s ON s.docid = {TABLE}_words.rowid "  # noqa: S608
            f"WHERE {TABLE}_words MATCH :terms "
            f"ORDER BY bm25({TABLE}_words, 8.0, 4.0, 1.0), s.id DESC LIMIT :most"
        )
        wanted = " AND ".join(self._term(term) for term in terms)
        return list(connection.scalars(statement, {"terms": wanted, "most": most}))

    @staticmethod
    def _term(term: Term) -> str:
        phrase = f'"{" ".join(term.words)}"'
        where = "tags : " if term.tag else ""
        # The whole word counts for more than one that goes on.
        return f"{where}({phrase} OR {phrase} *)"


class _Postgresql:
    """A tsvector, written out word by word, with a GIN index."""

    #: Of a word in tsvector; later ones count as there.
    _LAST_POSITION = 16_383
    #: Between texts, so that no phrase goes from one to the next.
    _GAP = 10

    def create(self, connection: Connection) -> None:
        connection.exec_driver_sql(
            f'CREATE TABLE IF NOT EXISTS {TABLE} (id varchar(64) COLLATE "C" PRIMARY KEY, '
            "version text NOT NULL, text text NOT NULL, words tsvector NOT NULL)"
        )
        connection.exec_driver_sql(
            f"CREATE INDEX IF NOT EXISTS {TABLE}_words ON {TABLE} USING gin (words)"
        )

    def lock(self, connection: Connection) -> None:
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")

    def write(self, connection: Connection, items: Sequence[Item]) -> None:
        statement = text(
            f"INSERT INTO {TABLE} (id, version, text, words) "  # noqa: S608
            "VALUES (:id, :version, :text, CAST(CAST(:words AS text) AS tsvector)) "
            "ON CONFLICT (id) DO UPDATE SET "
            "version = excluded.version, text = excluded.text, words = excluded.words"
        )
        rows = [
            {"id": one.id, "version": one.version, "text": one.item, "words": self._vector(one)}
            for one in items
        ]
        connection.execute(statement, rows)

    def find(self, connection: Connection, terms: Sequence[Term], most: int) -> list[str]:
        # Whole words count for more than those that go on. Weights of D, C, B and A; 1: a long text has more
        # words by chance.
        rank = "ts_rank('{0, 0.1, 0.5, 1}', words, %s, 1)"
        statement = text(
            f"SELECT id FROM {TABLE}, CAST(CAST(:begun AS text) AS tsquery) begun, "  # noqa: S608
            "CAST(CAST(:whole AS text) AS tsquery) whole WHERE words @@ begun "
            f"ORDER BY {rank % 'begun'} + {rank % 'whole'} DESC, id DESC LIMIT :most"
        )
        wanted = {
            "begun": " & ".join(self._term(term, begun=True) for term in terms),
            "whole": " | ".join(self._term(term, begun=False) for term in terms),
            "most": most,
        }
        return list(connection.scalars(statement, wanted))

    def _vector(self, item: Item) -> str:
        parts, place = [], 0
        for weight, texts in (("A", [item.item]), ("B", item.tags), ("C", [item.notes])):
            for one in texts:
                for word in words_of(one):
                    place = min(place + 1, self._LAST_POSITION)
                    parts.append(f"'{word}':{place}{weight}")
                place += self._GAP
        return " ".join(parts)

    @staticmethod
    def _term(term: Term, *, begun: bool) -> str:
        weight = "B" if term.tag else ""
        *first, last = (f"'{word}'" for word in term.words)
        parts = [f"{word}:{weight}" if weight else word for word in first]
        end = f"{'*' if begun else ''}{weight}"
        return f"({' <-> '.join([*parts, f'{last}:{end}' if end else last])})"


_SQLITE, _POSTGRESQL = _Sqlite(), _Postgresql()
