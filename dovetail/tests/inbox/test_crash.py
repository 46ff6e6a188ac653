"""A worker is killed between its effect and the ack: the redelivery has no second effect."""

from __future__ import annotations

import asyncio
import json
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy import Table, select
from sqlalchemy.ext.asyncio import AsyncEngine

from dovetail import Event, connect
from dovetail.testing.servers import NatsServer

PROGRAM = Path(__file__).with_name("program.py")
LIMIT_SECONDS = 30.0


class Item(Event, frozen=True, subject="events.item"):
    text: str


@asynccontextmanager
async def program(*arguments: str) -> AsyncIterator[Process]:
    process = await asyncio.create_subprocess_exec(sys.executable, PROGRAM, *arguments, stdout=PIPE)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@pytest.mark.faults
@pytest.mark.parametrize("kind", ["single", "batch"])
async def test_no_second_effect(
    new_nats_server: Callable[[], Awaitable[NatsServer]],
    engine: AsyncEngine,
    database_url: str,
    effects: Table,
    kind: str,
) -> None:
    server = await new_nats_server()
    async with connect(server.url) as queue:
        await queue.publish_many([Item("a"), Item("b"), Item("c")])

    async with asyncio.timeout(LIMIT_SECONDS):
        async with program(server.url, database_url, kind, "crash") as process:
            assert await process.wait() == -9
        before = await texts(engine, effects)
        assert before
        async with program(server.url, database_url, kind, "go") as process:
            assert process.stdout is not None
            said = [json.loads(await process.stdout.readline()) for _ in range(3)]
            process.terminate()
            assert await process.wait() == 0

    assert sorted(said) == [[text, text not in before] for text in ("a", "b", "c")]
    assert await texts(engine, effects) == ["a", "b", "c"]


async def texts(engine: AsyncEngine, effects: Table) -> list[str]:
    async with engine.connect() as connection:
        return sorted((await connection.execute(select(effects.c.what))).scalars())
