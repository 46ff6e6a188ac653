"""The queue is down: pages say so in time, keep what the user wrote, and recover by themselves."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

import httpx
import pytest

from dovetail import Group, Worker, connect
from dovetail.testing.servers import NatsServer
from todo.events import NewItem
from todo.settings import Settings
from todo.store import Store
from todo.web import list_contents
from todo.web.app import create_app

from .support import Row, client_of, field_of, items, publish, published, rows, text_of

NewServer = Callable[..., Awaitable[NatsServer]]
#: What a page may take while the queue is down: the queue's own limit of 1.5 s, and some for a busy machine.
IN_TIME_SECONDS = 4.0


async def _accepted_again(client: httpx.AsyncClient, fields: dict[str, str]) -> None:
    """The same form, sent again until it is accepted."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if (await client.post("/new", data=fields)).status_code == 303:
            return
    raise AssertionError("it never recovered")


async def test_down_and_back(new_nats_server: NewServer, store: Store, settings: Settings) -> None:
    server = await new_nats_server()
    (saved,) = items("saved")
    await store.add([saved])
    async with (
        connect(server.url, timeout=1.5) as queue,
        client_of(create_app(queue, store, settings)) as client,
    ):
        await server.kill()
        fields = {"item": 'Call "Ann" & <Bob>', "form": "f"}
        started = time.monotonic()
        response = await client.post("/new", data=fields)
        assert time.monotonic() - started < IN_TIME_SECONDS
        assert response.status_code == 503
        assert int(response.headers["retry-after"]) > 0
        assert "nothing was accepted" in text_of(response.text, "trouble")
        assert 'value="Call &#34;Ann&#34; &amp; &lt;Bob&gt;"' in response.text
        assert 'name="form" value="f"' in response.text

        started = time.monotonic()
        page = await client.get("/")
        assert time.monotonic() - started < IN_TIME_SECONDS
        assert page.status_code == 200
        assert "cannot be reached" in text_of(page.text, "trouble")
        assert rows(page.text) == [Row("saved", waiting=False)]
        assert "Cannot be reached" in text_of(
            (await client.get("/diagnostics")).text, "queue-state"
        )

        done = await client.post(f"/items/{saved.id}/complete")
        assert done.status_code == 503
        assert "nothing was changed" in done.text
        written = {"item": "ours", "next": "/"}
        edited = await client.post(f"/items/{saved.id}/save", data=written)
        assert edited.status_code == 503
        assert "nothing was changed" in text_of(edited.text, "error")
        assert field_of(edited.text, "item") == "ours"

        await server.start()
        await _accepted_again(client, fields)
        assert [item.item for item in await published(queue)] == [fields["item"]]
        assert 'id="trouble"' not in (await client.get("/")).text


async def test_queue_and_database_down(
    new_nats_server: NewServer, missing_store: Store, settings: Settings
) -> None:
    server = await new_nats_server()
    async with (
        connect(server.url, timeout=1.5) as queue,
        client_of(create_app(queue, missing_store, settings)) as client,
    ):
        await server.kill()

        page = await client.get("/")
        assert page.status_code == 503
        assert int(page.headers["retry-after"]) > 0
        assert "The database cannot be reached" in text_of(page.text, "trouble")
        assert (await client.get("/diagnostics")).status_code == 200


async def test_the_whole_backlog_is_counted(
    new_nats_server: NewServer,
    store: Store,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = await new_nats_server()
    group = Group("save-handler")

    @group.on(NewItem, batch=1000)
    async def save(events: list[NewItem]) -> None:
        await store.add([event.item for event in events])

    async with (
        connect(server.url) as queue,
        client_of(create_app(queue, store, settings)) as client,
    ):
        async with Worker(queue, [group]):
            pass
        await publish(queue, *items(*(str(number) for number in range(250))))
        monkeypatch.setattr(list_contents, "MOST_WAITING", 100)
        html = (await client.get("/")).text
        assert text_of(html, "waiting").startswith("250 changes are accepted and safe")
        assert len(rows(html)) == 100
