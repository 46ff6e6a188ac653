"""The diagnostics page."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from unittest.mock import AsyncMock

import httpx
import msgspec
import pytest

from dovetail import (
    Backoff,
    Group,
    MessageQueue,
    QueueStatus,
    Reject,
    Request,
    Worker,
    connect,
    new_id,
)
from dovetail.testing.conformance.waiting import Seen, until
from todo.addresses import without_secrets
from todo.events import NewItem, Presence, WhoIsThere
from todo.handlers.presence import Work, presence
from todo.settings import Settings
from todo.store import Store
from todo.web.app import create_app

from .support import client_of, items, publish


class OldAnswer(msgspec.Struct):
    """As releases before this one."""

    component: str
    host: str
    pid: int


class OldQuestion(Request[OldAnswer], frozen=True, subject="requests.todo.whoisthere"):
    """As releases before this one."""


def _roll_call() -> Group:
    group = Group("presence")

    @group.on(WhoIsThere, every_member=True)
    async def here(request: WhoIsThere) -> Presence:
        return Presence("save-handler", "host-<7>", 4711, "9.8.7", 7384.2, 12_345, 6)

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
        "process 4711 · release 9.8.7",
        "<dt>Running for</dt><dd>2 h</dd>",
        "<dt>Handled</dt><dd>12,345</dd>",
        '<dt>Failed</dt><dd class="warn">6</dd>',
        "0.1.0",
        "<dt>Environment</dt><dd>Production</dd>",
        platform.python_version(),
        platform.release(),
    ):
        assert shown in html


async def test_an_older_release_says_less(client: httpx.AsyncClient, queue: MessageQueue) -> None:
    group = Group("presence")

    @group.on(OldQuestion, every_member=True)
    async def here(request: OldQuestion) -> OldAnswer:
        return OldAnswer("audit-handler", "host", 4712)

    async with Worker(queue, [group]):
        html = (await client.get("/diagnostics")).text

    assert "host, process 4712</p>" in html
    assert "<dt>Handled</dt><dd>\N{EN DASH}</dd>" in html


async def test_a_component_tells_how_long_it_runs_and_what_it_did(queue: MessageQueue) -> None:
    group, work, seen = Group("save-handler", retry=Backoff(tries=1)), Work(), Seen[str]()

    @group.on(NewItem)
    async def save(event: NewItem) -> None:
        seen.add(event.item.item)
        if event.item.item == "bad":
            raise Reject("not this one")

    async with Worker(queue, [group, presence("save-handler", work)], observers=[work]):
        await publish(queue, *items("good", "bad", "better"))
        await seen.has(3)
        await until(lambda: _settled(work, 3), "the last is settled")
        first, second = [await queue.request(WhoIsThere()) for _ in range(2)]

    assert (first.component, first.pid) == ("save-handler", os.getpid())
    assert (first.handled, first.failed) == (second.handled, second.failed) == (2, 1)
    assert first.uptime is not None
    assert second.uptime is not None
    assert 0 <= first.uptime <= second.uptime
    assert first.release == version("dovetail-todo")


async def _settled(work: Work, count: int) -> bool:
    return work.handled + work.failed == count


async def test_in_another_language_and_environment(
    queue: MessageQueue, store: Store, settings: Settings
) -> None:
    changed = msgspec.structs.replace(settings, environment="Test <1>")
    async with client_of(create_app(queue, store, changed)) as client:
        html = (await client.get("/diagnostics", headers={"Accept-Language": "zh-CN"})).text

    assert "<dt>环境</dt><dd>Test &lt;1&gt;</dd>" in html
    assert "没有组件应答。" in html


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
