"""Effects that happen once: a handled message's id, recorded in the handler's own transaction.

Needs SQLAlchemy: the extra `sqlalchemy` of dovetail-messaging.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import TYPE_CHECKING, Any, overload

from dovetail import clock
from dovetail.checks.arguments import check
from dovetail.checks.extras import missing_for
from dovetail.checks.rules import NotAllowed, an_object, shown, text
from dovetail.context import Context
from dovetail.errors import ConfigurationError, Unsupported

try:
    from sqlalchemy import Column, DateTime, MetaData, String, Table, delete
except ModuleNotFoundError as error:
    raise missing_for("dovetail.inbox", "sqlalchemy[asyncio]", "sqlalchemy", error) from error

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

#: SQLAlchemy's dialects with INSERT … ON CONFLICT DO NOTHING … RETURNING.
_DIALECTS = ("postgresql", "sqlite")

_Key = tuple[str, str]


class Inbox:
    """A table of handled messages, for handlers whose effect in a database must happen once.

    A message may be delivered again: its worker was killed after the effect and before the ack. Ask
    in the transaction that has the effect, and leave the effect out where the answer is no:

        async with engine.begin() as connection:
            if await inbox.first_time(connection, context):
                await connection.execute(...)

    The table belongs to `metadata`, so that it is created and migrated with the handler's own.
    """

    def __init__(self, metadata: MetaData, table: str = "dovetail_inbox") -> None:
        check("Inbox", "metadata", metadata, an_object(MetaData, "a MetaData of SQLAlchemy's"))
        check("Inbox", "table", table, text)
        self.table = Table(
            table,
            metadata,
            Column("group_name", String, primary_key=True),
            Column("message_id", String, primary_key=True),
            # UTC; SQLite keeps it without an offset
            Column("handled_at", DateTime(timezone=True), nullable=False, index=True),
        )

    @overload
    async def first_time(self, connection: AsyncConnection, contexts: Context) -> bool: ...

    @overload
    async def first_time(
        self, connection: AsyncConnection, contexts: Sequence[Context]
    ) -> list[bool]: ...

    async def first_time(
        self, connection: AsyncConnection, contexts: Context | Sequence[Context]
    ) -> bool | list[bool]:
        """Record these messages as handled, and tell which of them were not recorded before.

        True and False in the order of `contexts`; of two with the same id the first is the first time.
        It holds once the transaction is committed, and is as if never asked when that is rolled back.
        Where another transaction is recording the same message, this waits for its end; on SQLite for
        as long as its busy timeout, and then SQLAlchemy's OperationalError ends the transaction.
        Raises ConfigurationError on a connection without transactions, Unsupported on another database.
        """
        if isinstance(contexts, Context):
            return (await self.first_time(connection, [contexts]))[0]
        _check_connection(connection)
        _check_contexts(contexts)
        # In one order everywhere: two transactions that share ids must not wait for each other.
        keys = sorted({(context.group, context.key) for context in contexts})
        new = await self._record(connection, keys) if keys else set()
        answers = []
        for context in contexts:
            key = (context.group, context.key)
            answers.append(key in new)
            new.discard(key)
        return answers

    async def forget(self, connection: AsyncConnection, before: datetime | timedelta) -> int:
        """Remove what was recorded before this moment, or longer ago than a timedelta; returns how much.

        Keep what may come again: as long as messages stay in the queue, dead letters included.
        """
        _check_kind(connection, "dialect", "sync_connection")
        moment: datetime = check("Inbox.forget", "before", before, _moment)
        old = self.table.c.handled_at < moment
        result = await connection.execute(delete(self.table).where(old))
        return result.rowcount

    async def _record(self, connection: AsyncConnection, keys: Sequence[_Key]) -> set[_Key]:
        """The keys that were not there before."""
        insert: Any = import_module(f"sqlalchemy.dialects.{connection.dialect.name}").insert
        columns = self.table.c
        statement = (
            insert(self.table)
            .on_conflict_do_nothing(index_elements=[columns.group_name, columns.message_id])
            .returning(columns.group_name, columns.message_id)
        )
        now = clock.now()
        rows = [{"group_name": name, "message_id": key, "handled_at": now} for name, key in keys]
        return {(name, key) for name, key in await connection.execute(statement, rows)}


def _check_kind(connection: Any, *names: str) -> None:
    """Not by its class: to import that takes 8 MB, which not everybody with an engine wants."""
    if all(hasattr(connection, name) for name in names):
        return
    kind = type(connection).__name__
    instead = "`async with engine.begin() as connection` gives it"
    if "session" in kind.lower():
        instead = "`await session.connection()` gives that of a session, in its transaction"
    raise ConfigurationError(f"the inbox takes an AsyncConnection, not {kind}: {instead}")


def _check_connection(connection: AsyncConnection) -> None:
    _check_kind(connection, "dialect")
    if connection.dialect.name not in _DIALECTS:
        raise Unsupported(
            f"the inbox works on SQLite and PostgreSQL, not on {connection.dialect.name}"
        )
    _check_kind(connection, "sync_connection")
    if connection.sync_connection is not None:
        options = connection.sync_connection.get_execution_options()
        if options.get("isolation_level") == "AUTOCOMMIT":
            raise ConfigurationError(
                "the inbox needs a transaction; this connection is set to AUTOCOMMIT"
            )


def _check_contexts(contexts: Any) -> None:
    if not isinstance(contexts, Sequence) or not all(isinstance(one, Context) for one in contexts):
        raise ConfigurationError(
            f"the inbox takes the Context that a handler is given, or a list of them, not {shown(contexts)}; "
            "a handler gets it by a second parameter, `context: Context`"
        )


def _moment(value: Any) -> datetime:
    if isinstance(value, timedelta) and value >= timedelta(0):
        return clock.now() - value
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC)
    raise NotAllowed("a datetime with an offset, as in datetime.now(UTC), or a timedelta from 0 on")
