"""The diagnostics page."""

from __future__ import annotations

from unittest.mock import AsyncMock

import httpx
import pytest

from dovetail import Group, MessageQueue, QueueStatus, Worker, connect, new_id
from todo.addresses import without_secrets
from todo.events import NewItem, Presence, WhoIsThere
from todo.settings import Settings
from todo.store import Store
from todo.web.app import create_app

from .support import client_of, items, publish


def _roll_call() -> Group:
    group = Group("presence")

    @group.on(WhoIsThere, every_member=True)
    async def here(request: WhoIsThere) -> Presence:
        return Presence("save-handler", "host-<7>", 4711)

    return group


async def test_everything_is_well(
    client: httpx.AsyncClient, queue: MessageQueue, store: Store
) -> None:
    failing = Group("audit-handler")

    @failing.on(NewItem)
    async def fail(event: NewItem) -> None:
        raise AssertionError("never called")

    async with Worker(queue, [failing]):
        pass
    await store.add(items("one"))
    await publish(queue, *items("two"))
    async with Worker(queue, [_roll_call()]):
        html = (await client.get("/diagnostics")).text

    for shown in (
        "Connected",
        "memory://",
        "this process",
        "audit-handler",
        "events.todo.newitem",
        "SQLite",
        "todo.db",
        "save-handler",
        "host-&lt;7&gt;",
        "4711",
        "0.1.0",
    ):
        assert shown in html


async def test_no_group_and_nobody_there(client: httpx.AsyncClient) -> None:
    html = (await client.get("/diagnostics")).text

    assert "No group of handlers" in html
    assert "None answered" in html


@pytest.mark.parametrize(
    ("size", "limit", "shown"),
    [
        (2048, None, "1,234 (2.0 KiB)"),
        (2048, 4096, "1,234 (2.0 KiB of 4.0 KiB)"),
        (None, None, "1,234"),
    ],
)
async def test_the_room_on_the_store_where_the_queue_tells(
    store: Store, settings: Settings, size: int | None, limit: int | None, shown: str
) -> None:
    status = QueueStatus(
        transport="some",
        address="some://host",
        server="some-server 1.0",
        messages=1234,
        bytes=size,
        limit_bytes=limit,
        dead_letters=0,
        groups=[],
    )
    async with connect(f"memory://{new_id()}") as queue:
        queue.status = AsyncMock(return_value=status)  # type: ignore[method-assign]
        async with client_of(create_app(queue, store, settings)) as client:
            html = (await client.get("/diagnostics")).text

    assert f"<dt>Messages stored</dt><dd>{shown}</dd>" in html


async def test_database_down(queue: MessageQueue, missing_store: Store, settings: Settings) -> None:
    async with client_of(create_app(queue, missing_store, settings)) as client:
        response = await client.get("/diagnostics")
        ready = await client.get("/ready")

    assert response.status_code == 200
    assert "Cannot be reached" in response.text
    assert ready.status_code == 503
    assert ready.json()["database"] == "unreachable"


async def test_no_secret_is_shown(queue: MessageQueue, store: Store) -> None:
    settings = Settings(
        queue_url="nats://me:hush@queue:4222",
        database_url="postgresql://me:hush@database/todo",
    )
    async with client_of(create_app(queue, store, settings)) as client:
        html = (await client.get("/diagnostics")).text

    assert "postgresql://database/todo" in html
    assert "hush" not in html


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("nats://host:4222", "nats://host:4222"),
        ("nats://user:pass@host:4222", "nats://host:4222"),
        ("nats://token@host", "nats://host"),
        ("nats://u:p@ss/w@host", "nats://host"),
        ("nats://u:p@one:4222,u:p@two:4222", "nats://two:4222"),
        ("nats://u:p/w@host", "nats://host"),
        ("tls://u:p@host?ca=/some/file", "tls://host"),
        ("nats://host?credentials=/some/user.creds", "nats://host"),
        ("nats://u:p?w@host", "nats://host"),
        ("postgresql://u:p@host/todo", "postgresql://host/todo"),
        ("embedded:", "embedded:"),
    ],
)
def test_addresses_without_secrets(address: str, shown: str) -> None:
    assert without_secrets(address) == shown
