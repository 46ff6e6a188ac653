"""The whole application under kill -9: what was accepted is saved once, whatever dies."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path

import asyncpg
import httpx
import pytest

from dovetail import connect
from dovetail.testing.servers import PostgresServer

from .application import Application, children

ITEMS = 3_000
#: Requests at once; each waits a little, so that the load lasts as long as the faults do.
CLIENTS = 12
PAUSE = 0.05


@pytest.mark.faults
@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_every_accepted_item_is_saved_once_whatever_is_killed(
    tmp_path: Path, new_postgres_server: Callable[..., Awaitable[PostgresServer]]
) -> None:
    postgres = await new_postgres_server()
    database = await postgres.create_database("todo")
    async with Application(tmp_path, DATABASE_URL=database) as app:
        up = await app.up("--scale", "save-handler=3")
        await app.until(lambda: app.answers(app.api_url + "/ready"))
        load = asyncio.create_task(_load(app))
        faults = [
            lambda: _kill(up.pid, " save-handler"),
            lambda: _kill(up.pid, "nats-server"),
            lambda: _restart(postgres),
            lambda: _kill(up.pid, " web"),
        ]
        rounds = 0
        while not load.done():
            await faults[rounds % len(faults)]()
            rounds += 1
            await asyncio.wait([load], timeout=1.0)
        accepted, refused = await load
        assert rounds >= 2 * len(faults), "the load must last for two rounds of faults"
        await _saved(app, database, accepted)
        await app.until(lambda: app.answers(app.web_url + "/health"))
        async with connect(app.queue_url) as queue:
            assert not await queue.dead_letters.list()
        for name in ("save-handler", "queue", "web"):
            assert any(name in line and " ended with " in line for line in up.lines), name
        print(f"{rounds} faults, {len(accepted)} accepted, {len(refused)} refused")  # noqa: T201


async def _load(app: Application) -> tuple[set[str], list[str]]:
    """Add ITEMS items; those that were accepted, and what was said to the others."""
    accepted: set[str] = set()
    refused: list[str] = []
    numbers = iter(range(ITEMS))

    async def client() -> None:
        for number in numbers:
            text = f"item {number}"
            try:
                response = await app.add(text)
            except httpx.TransportError as error:
                refused.append(repr(error))
                continue
            if response.status_code == 202:
                accepted.add(text)
            else:
                assert response.status_code == 503, response.text
                assert response.headers["content-type"] == "application/problem+json"
                assert int(response.headers["retry-after"]) > 0
                refused.append(response.text)
            await asyncio.sleep(PAUSE)

    async with asyncio.TaskGroup() as group:
        for _ in range(CLIENTS):
            group.create_task(client())
    return accepted, refused


async def _kill(parent: int, word: str) -> None:
    """SIGKILL the first of the children with this word in its command line; it may be down already."""
    for pid in children(parent, word)[:1]:
        os.kill(pid, signal.SIGKILL)


async def _restart(postgres: PostgresServer) -> None:
    await postgres.stop()
    await postgres.start()


async def _saved(app: Application, database: str, accepted: set[str]) -> None:
    """Wait until all that was accepted is in the table; each text is there once."""

    async def rows() -> list[str]:
        connection = await asyncpg.connect(database.replace("postgresql+asyncpg", "postgresql"))
        try:
            return [row["item"] for row in await connection.fetch("SELECT item FROM todos")]
        finally:
            await connection.close()

    async def all_there() -> bool:
        return accepted <= set(await rows())

    await app.until(all_there, within=90)
    texts = await rows()
    assert len(texts) == len(set(texts))
