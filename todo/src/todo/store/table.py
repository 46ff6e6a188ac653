"""The table of items."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import Column, DateTime, MetaData, String, Table
from sqlalchemy.types import TypeDecorator

from todo.items import MAX_LENGTH

if TYPE_CHECKING:
    from sqlalchemy.engine import Dialect
    from sqlalchemy.types import TypeEngine


class UtcDateTime(TypeDecorator[datetime]):
    """A point in time: `timestamp with time zone`, or ISO 8601 text in SQLite, which has no such type."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[datetime] | TypeEngine[str]:
        """The column's type in this database."""
        if dialect.name == "sqlite":
            return dialect.type_descriptor(String(32))
        return dialect.type_descriptor(DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | str | None:
        """On the way into the database."""
        if value is None or dialect.name != "sqlite":
            return value
        return value.astimezone(UTC).isoformat(" ", "microseconds")

    def process_result_value(
        self, value: datetime | str | None, dialect: Dialect
    ) -> datetime | None:
        """On the way out of it."""
        if isinstance(value, str):
            value = datetime.fromisoformat(value)
        return value and value.astimezone(UTC)


metadata = MetaData()

todos = Table(
    "todos",
    metadata,
    # UUIDv7 in text, so that the order of ids is the order of adding, in any program that looks.
    Column(
        "id", String(64).with_variant(String(64, collation="C"), "postgresql"), primary_key=True
    ),
    Column("item", String(MAX_LENGTH), nullable=False),
    Column("date_added", UtcDateTime, nullable=False),
)
