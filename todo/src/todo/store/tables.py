"""The tables: items, and the changes that their rows follow from."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib import import_module
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    BindParameter,
    Boolean,
    Column,
    DateTime,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    bindparam,
    false,
    text,
)
from sqlalchemy.types import TypeDecorator

from todo.fields import MAX_DUE_LENGTH
from todo.items import MAX_ID_LENGTH, MAX_LENGTH
from todo.positions import MAX_POSITION_LENGTH

if TYPE_CHECKING:
    from sqlalchemy.engine import Dialect
    from sqlalchemy.types import TypeEngine


class UtcDateTime(TypeDecorator[datetime]):
    """A point in time: `timestamp with time zone`, or ISO 8601 text in SQLite, which has no such type."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[datetime] | TypeEngine[str]:
        if dialect.name == "sqlite":
            return dialect.type_descriptor(String(32))
        return dialect.type_descriptor(DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | str | None:
        if value is None or dialect.name != "sqlite":
            return value
        return value.astimezone(UTC).isoformat(" ", "microseconds")

    def process_result_value(self, value: object, dialect: Dialect) -> datetime | None:
        """On the way out of it; None for what is no date. SQLite's own are in UTC and do not say so."""
        try:
            moment = datetime.fromisoformat(value) if isinstance(value, str) else value
            if not isinstance(moment, datetime):
                return None
            return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
        except (ValueError, OverflowError):
            return None


def _by_code_point(length: int | None = None) -> TypeEngine[str]:
    """Text that is compared by code point, as Python does, whatever the database's language is."""
    return (String(length) if length else Text()).with_variant(
        String(length, collation="C") if length else Text(collation="C"), "postgresql"
    )


metadata = MetaData()

todos = Table(
    "todos",
    metadata,
    # UUIDv7 in text, so that the order of ids is the order of adding, in any program that looks.
    Column("id", _by_code_point(MAX_ID_LENGTH), primary_key=True),
    Column("item", String(MAX_LENGTH), nullable=False),
    Column("date_added", UtcDateTime, nullable=False),
    Column("done", Boolean, nullable=False, server_default=false()),
    Column("due", _by_code_point(MAX_DUE_LENGTH)),
    # With a space before and behind each, so that one can be looked for.
    Column("tags", Text, nullable=False, server_default=text("''")),
    Column("notes", Text, nullable=False, server_default=text("''")),
    # Empty where it stands where it was added.
    Column(
        "position", _by_code_point(MAX_POSITION_LENGTH), nullable=False, server_default=text("''")
    ),
    Column("date_saved", UtcDateTime),
    Column("version", _by_code_point(MAX_ID_LENGTH), nullable=False, server_default=text("''")),
)

#: A set that only grows. The rows of `todos` follow from it, by `todo.merge`; of an item that nobody has
#: changed it holds nothing, of others also what they were added with.
changes = Table(
    "changes",
    metadata,
    Column("item_id", _by_code_point(MAX_ID_LENGTH), nullable=False),
    Column("change", _by_code_point(MAX_ID_LENGTH), nullable=False),
    Column("kind", _by_code_point(16), nullable=False),
    Column("value", _by_code_point(), nullable=False),
    Column("seen", _by_code_point(MAX_ID_LENGTH), nullable=False),
    Column("date_saved", UtcDateTime, nullable=False),
    PrimaryKeyConstraint("item_id", "change", "kind", name="changes_pkey"),
)

#: Where an item stands, by the kind of database: SQLite takes any value for a position.
PLACE = {
    "sqlite": (
        "CASE WHEN typeof(position) = 'text' AND position <> '' AND length(position) <= 1000 "
        "THEN position ELSE lower(replace(id, '-', '')) || 'h' END"
    ),
    "postgresql": "CASE WHEN position <> '' THEN position ELSE lower(replace(id, '-', '')) || 'h' END",
}
#: As a parameter of a statement that is made once: several ids.
IDS: BindParameter[Any] = bindparam("ids", expanding=True)
ACTIVE, DONE = "done IS NOT TRUE", "done IS TRUE"


def insert_into(kind: str, table: Table) -> Any:
    """An insert that can say what is to be done on a conflict. `kind` is the database's."""
    # Imported here, as only one of the two is used in a process.
    return import_module(f"sqlalchemy.dialects.{kind}").insert(table)


#: What makes the indexes. Of an item that is only added, one of them has something to write: its id, so that
#: active items are found among any number that are done. Unmoved ones stand in the order of ids.
INDEXES = (
    f"CREATE INDEX todos_active ON todos (id) WHERE {ACTIVE}",
    f"CREATE INDEX todos_done ON todos (id) WHERE {DONE}",
    "CREATE INDEX todos_moved ON todos (position, id) WHERE position <> ''",
    "CREATE INDEX todos_due ON todos (due, id) WHERE due IS NOT NULL",
    "CREATE INDEX todos_tags ON todos (tags, done) WHERE tags <> ''",
    "CREATE INDEX changes_saved ON changes (date_saved)",
)
