"""The inbox, on real SQLite and PostgreSQL."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from sqlalchemy import MetaData, Table, func, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession, create_async_engine

from dovetail import ConfigurationError, Context, Unsupported
from dovetail.inbox import Inbox

LIMIT_SECONDS = 30.0


def context(id: str, group: str = "save-handler") -> Context:
    return Context(id=id, subject="events.item", group=group, attempt=1)


async def recorded(engine: AsyncEngine, inbox: Inbox) -> int:
    async with engine.connect() as connection:
        return (
            await connection.execute(select(func.count()).select_from(inbox.table))
        ).scalar_one()


async def test_the_second_time_is_not_the_first(engine: AsyncEngine, inbox: Inbox) -> None:
    for expected in (True, False, False):
        async with engine.begin() as connection:
            assert await inbox.first_time(connection, context("a")) is expected


async def test_same_id_of_two_sources_is_two_messages(engine: AsyncEngine, inbox: Inbox) -> None:
    contexts = [
        Context("7", "events.item", "save-handler", 1, source=source) for source in ("shop", "bank")
    ]
    async with engine.begin() as connection:
        assert await inbox.first_time(connection, contexts) == [True, True]
        assert await inbox.first_time(connection, contexts) == [False, False]


async def test_every_group_has_its_own_first_time(engine: AsyncEngine, inbox: Inbox) -> None:
    async with engine.begin() as connection:
        assert await inbox.first_time(connection, context("a", "one"))
        assert await inbox.first_time(connection, context("a", "two"))


async def test_a_batch(engine: AsyncEngine, inbox: Inbox) -> None:
    async with engine.begin() as connection:
        assert await inbox.first_time(connection, [context("b"), context("a")]) == [True, True]
    async with engine.begin() as connection:
        batch = [context(one) for one in ("c", "a", "d", "c", "b", "d")]
        assert await inbox.first_time(connection, batch) == [True, False, True, False, False, False]
        assert await inbox.first_time(connection, []) == []


async def test_a_batch_of_more_than_a_statement_takes(engine: AsyncEngine, inbox: Inbox) -> None:
    batch = [context(f"id-{number}") for number in range(25_000)]
    async with engine.begin() as connection:
        assert all(await inbox.first_time(connection, batch[1:]))
        assert await inbox.first_time(connection, batch) == [True] + [False] * 24_999


async def test_a_rollback_takes_it_back(engine: AsyncEngine, inbox: Inbox) -> None:
    async with engine.connect() as connection:
        assert await inbox.first_time(connection, context("a"))
        await connection.rollback()
    async with engine.begin() as connection:
        assert await inbox.first_time(connection, context("a"))


@pytest.mark.parametrize("commit", [True, False])
async def test_two_at_once_one_waits(engine: AsyncEngine, inbox: Inbox, commit: bool) -> None:
    async with engine.connect() as one, engine.connect() as two:
        assert await inbox.first_time(one, context("a"))
        second = asyncio.create_task(inbox.first_time(two, context("a")))
        done, _ = await asyncio.wait({second}, timeout=0.3)
        assert not done, "it must wait for the end of the other transaction"
        await (one.commit() if commit else one.rollback())
        async with asyncio.timeout(LIMIT_SECONDS):
            assert await second is not commit
        await two.commit()
    assert await recorded(engine, inbox) == 1


async def test_sqlite_gives_up_the_second_after_its_busy_timeout(
    tmp_path: object, inbox: Inbox
) -> None:
    engine = create_async_engine(
        f"sqlite+aiosqlite:///{tmp_path}/x.db", connect_args={"timeout": 0.1}
    )
    async with engine.begin() as connection:
        await connection.run_sync(inbox.table.metadata.create_all)
    async with engine.connect() as one, engine.connect() as two:
        assert await inbox.first_time(one, context("a"))
        with pytest.raises(OperationalError, match="locked"):
            await inbox.first_time(two, context("a"))
        await one.commit()
    assert await recorded(engine, inbox) == 1
    await engine.dispose()


async def test_members_with_the_same_messages_in_any_order(
    engine: AsyncEngine, inbox: Inbox, effects: Table
) -> None:
    ids = [f"id-{number}" for number in range(5000)]

    async def handle(batch: list[str]) -> None:
        async with engine.begin() as connection:
            first = await inbox.first_time(connection, [context(one) for one in batch])
            rows = [{"what": one} for one, new in zip(batch, first, strict=True) if new]
            if rows:
                await connection.execute(effects.insert(), rows)

    async with asyncio.timeout(LIMIT_SECONDS):
        await asyncio.gather(
            *(handle(ids[turn:] + ids[:turn][::-1]) for turn in range(0, 5000, 1000))
        )
    async with engine.connect() as connection:
        assert sorted((await connection.execute(select(effects.c.what))).scalars()) == sorted(ids)


async def test_forget(engine: AsyncEngine, inbox: Inbox) -> None:
    async with engine.begin() as connection:
        await inbox.first_time(connection, [context("a"), context("b")])
    now = datetime.now(UTC)
    async with engine.begin() as connection:
        assert await inbox.forget(connection, before=now - timedelta(minutes=1)) == 0
        assert await inbox.forget(connection, before=now.astimezone() + timedelta(minutes=1)) == 2
        assert await inbox.first_time(connection, context("a"))
        with pytest.raises(ConfigurationError, match="offset"):
            await inbox.forget(connection, before=datetime(2030, 1, 1))  # noqa: DTZ001 - what is refused


async def test_autocommit_is_refused(engine: AsyncEngine, inbox: Inbox) -> None:
    async with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        with pytest.raises(ConfigurationError, match="AUTOCOMMIT"):
            await inbox.first_time(connection, context("a"))


async def test_two_inboxes_in_one_database(engine: AsyncEngine, inbox: Inbox) -> None:
    other = Inbox(MetaData(), table="other_inbox")
    async with engine.begin() as connection:
        await connection.run_sync(other.table.metadata.create_all)
        assert await inbox.first_time(connection, context("a"))
        assert await other.first_time(connection, context("a"))


async def test_another_database_is_refused(inbox: Inbox) -> None:
    connection = SimpleNamespace(dialect=SimpleNamespace(name="mysql"))
    with pytest.raises(Unsupported, match="not on mysql"):
        await inbox.first_time(cast(AsyncConnection, connection), context("a"))


async def test_what_is_no_connection(engine: AsyncEngine, inbox: Inbox) -> None:
    async with AsyncSession(engine) as session, engine.connect() as connection:
        for wrong, says in (
            (session, r"not AsyncSession: `await session.connection\(\)`"),
            (session.sync_session, "not Session: `await session.connection"),
            (engine, r"not AsyncEngine: `async with engine.begin\(\)"),
            (engine.sync_engine, "not Engine"),
            (connection.sync_connection, "not Connection"),
            (None, "not NoneType"),
        ):
            with pytest.raises(ConfigurationError, match=says):
                await inbox.first_time(cast(AsyncConnection, wrong), context("a"))
            with pytest.raises(ConfigurationError, match=says):
                await inbox.forget(cast(AsyncConnection, wrong), timedelta(days=7))


async def test_session_with_its_connection(engine: AsyncEngine, inbox: Inbox) -> None:
    for expected in (True, False):
        async with AsyncSession(engine) as session, session.begin():
            assert await inbox.first_time(await session.connection(), context("a")) is expected


@pytest.mark.parametrize("wrong", [None, "id", [None], ["a"], 5, {"a": 1}, Context])
async def test_what_is_no_context(wrong: Any, tmp_path: Path, inbox: Inbox) -> None:
    engine = create_async_engine(f"sqlite+aiosqlite:///{tmp_path}/x.db")
    async with engine.connect() as connection:
        with pytest.raises(ConfigurationError, match="takes the Context that a handler is given"):
            await inbox.first_time(connection, wrong)
    await engine.dispose()


async def test_forget_by_age(engine: AsyncEngine, inbox: Inbox) -> None:
    async with engine.begin() as connection:
        await inbox.first_time(connection, [context("a"), context("b")])
        assert await inbox.forget(connection, timedelta(minutes=1)) == 0
        for wrong in (None, 5, "2025-01-01", timedelta(-1), datetime.now(UTC).date()):
            with pytest.raises(ConfigurationError, match=r"before=.* is a datetime with an offset"):
                await inbox.forget(connection, cast(Any, wrong))
        assert await inbox.forget(connection, timedelta(0)) == 2


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((None,), "metadata=None is not allowed; metadata is a MetaData"),
        ((MetaData,), "metadata="),
        ((MetaData(), ""), "table=''"),
        ((MetaData(), 5), "table=5"),
    ],
)
def test_wrong_inboxes(arguments: Any, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        Inbox(*arguments)
