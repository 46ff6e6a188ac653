"""The whole application under kill -9: what was accepted is saved once, whatever dies."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import asyncpg
import httpx
import pytest

from dovetail import connect
from dovetail.testing.servers import PostgresServer, Server

from .application import Application, children

ITEMS = 3_000
CLIENTS = 12
#: Seconds that each client waits after a request while faults are still to come.
PAUSE = 0.05
#: How often each of the faults happens.
ROUNDS = 4
#: Seconds between two faults; what a fault itself takes comes on top.
CALM = 0.6

NewServer = Callable[..., Awaitable[Server]]


@pytest.fixture(params=["embedded", "redis", "rabbit"])
def new_queue_server(request: pytest.FixtureRequest) -> NewServer | None:
    """Starts the queue; None for the one that `todo up` brings."""
    if request.param == "embedded":
        return None
    start: NewServer = request.getfixturevalue(f"new_{request.param}_server")
    return start


@pytest.mark.faults
@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_every_accepted_item_is_saved_once_whatever_is_killed(
    tmp_path: Path,
    new_postgres_server: Callable[..., Awaitable[PostgresServer]],
    new_queue_server: NewServer | None,
) -> None:
    postgres = await new_postgres_server()
    queue_server = await new_queue_server() if new_queue_server else None
    settings = {"DATABASE_URL": await postgres.create_database("todo")}
    settings |= {"QUEUE_URL": queue_server.url} if queue_server else {}
    async with Application(tmp_path, **settings) as app:
        up = await app.up("--scale", "save-handler=3")
        await app.until(lambda: app.answers(app.api_url + "/ready"))
        over = asyncio.Event()
        load = asyncio.create_task(_load(app, over))
        faults: list[Callable[[], Awaitable[None]]] = [
            partial(_kill, up.pid, " save-handler"),
            partial(_crash, queue_server, up.pid),
            postgres.restart,
            partial(_kill, up.pid, " web"),
        ]
        for fault in faults * ROUNDS:
            await fault()
            await asyncio.wait([load], timeout=CALM)
        assert not load.done(), "the load must outlast the faults"
        over.set()
        accepted, refused = await load
        await _saved(app, settings["DATABASE_URL"], accepted)
        await app.until(lambda: app.answers(app.web_url + "/health"))
        async with connect(app.queue_url) as queue:
            assert not await queue.dead_letters.list()
        for name in ("save-handler", "web", *([] if queue_server else ["queue"])):
            assert any(name in line and " ended with " in line for line in up.lines), name
        print(f"{ROUNDS * len(faults)} faults, {len(accepted)} accepted, {len(refused)} refused")  # noqa: T201


async def _load(app: Application, over: asyncio.Event) -> tuple[set[str], list[str]]:
    """Add ITEMS items, in haste once the faults are over; those accepted, and what was said to others."""
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
            if not over.is_set():
                await asyncio.sleep(PAUSE)

    async with asyncio.TaskGroup() as group:
        for _ in range(CLIENTS):
            group.create_task(client())
    return accepted, refused


async def _kill(parent: int, word: str) -> None:
    """SIGKILL the first of the children with this word in its command line; it may be down already."""
    for pid in children(parent, word)[:1]:
        os.kill(pid, signal.SIGKILL)


async def _crash(queue_server: Server | None, up: int) -> None:
    """SIGKILL the queue; `todo up` starts its own again."""
    if queue_server is None:
        await _kill(up, "nats-server")
    else:
        await queue_server.kill()
        await queue_server.start()


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
