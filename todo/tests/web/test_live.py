"""Open pages are kept up to date."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from starlette.applications import Starlette

from dovetail import MessageQueue
from todo.events import ItemAmended, ItemSaved
from todo.items import Item
from todo.settings import Settings
from todo.store import Store
from todo.web.app import create_app
from todo.web.live import as_message

from .support import EventStream, Row, client_of, items, publish, rows


async def test_a_page_gets_everything_when_it_connects(app: Starlette, store: Store) -> None:
    await store.add(items("one"))

    async with EventStream(app, "list") as stream:
        assert rows(await stream.content()) == [Row("one", waiting=False)]


async def test_added_then_saved_then_amended(
    app: Starlette, queue: MessageQueue, store: Store
) -> None:
    (item,) = items("milk -> bread")
    async with EventStream(app, "list") as stream:
        await stream.until("Nothing to do yet")

        await publish(queue, item)
        assert rows(await stream.until("milk")) == [Row("milk -> bread", waiting=True)]

        await store.add([item])
        await queue.publish(ItemSaved(item))
        assert rows(await stream.until("1 saved")) == [Row("milk -> bread", waiting=False)]

        await store.amend(item.id, lambda text: text.replace("->", "→"))
        await queue.publish(ItemAmended(Item(item.id, "milk → bread", item.date_added)))
        assert rows(await stream.until("→")) == [Row("milk → bread", waiting=False)]


async def test_it_catches_up_without_item_saved(
    app: Starlette, queue: MessageQueue, store: Store
) -> None:
    (item,) = items("milk")
    await publish(queue, item)
    async with EventStream(app, "list") as stream:
        assert rows(await stream.content()) == [Row("milk", waiting=True)]

        await store.add([item])

        assert rows(await stream.content()) == [Row("milk", waiting=False)]


async def test_it_says_when_the_database_is_back(
    queue: MessageQueue, missing_store: Store, settings: Settings
) -> None:
    app = create_app(queue, missing_store, settings)
    async with EventStream(app, "list") as stream:
        assert "database-trouble" in await stream.content()

        await missing_store.prepare()

        assert "database-trouble" not in await stream.content()
    await app.state.closed()


async def test_every_page_sees_its_own_part(app: Starlette, store: Store) -> None:
    saved = items(*(str(number) for number in range(60)))
    await store.add(saved)
    async with (
        EventStream(app, "list") as newest,
        EventStream(app, "list") as same,
        EventStream(app, f"list-{saved[5].id}") as older,
        EventStream(app, "home") as home,
    ):
        assert rows(await newest.content())[0] == Row("59", waiting=False)
        assert rows(await same.content())[0] == Row("59", waiting=False)
        assert rows(await older.content())[0] == Row("4", waiting=False)
        assert 'id="saved"' in await home.content()
        async with client_of(app) as client:
            assert "todo_live_pages 4.0" in (await client.get("/metrics")).text
    async with client_of(app) as client:
        assert "todo_live_pages 0.0" in (await client.get("/metrics")).text


async def test_nothing_is_sent_while_nothing_changes(app: Starlette, queue: MessageQueue) -> None:
    async with EventStream(app, "list") as stream:
        await stream.content()
        await queue.publish(ItemSaved(items("unknown")[0]))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.6):
                await stream.content()


async def test_nothing_is_read_when_nobody_looks(
    app: Starlette, queue: MessageQueue, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with EventStream(app, "list") as stream:
        await stream.content()
    async with asyncio.timeout(5):
        await app.state.closed()

    async def unwanted(*_: object, **__: object) -> object:
        raise AssertionError("nobody looks")

    with monkeypatch.context() as forbidden:
        forbidden.setattr(store, "newest", unwanted)
        await queue.publish(ItemSaved(items("unknown")[0]))
    async with EventStream(app, "list") as stream:
        assert "Nothing to do yet" in await stream.content()


async def test_closing_ends_the_streams(app: Starlette) -> None:
    async with EventStream(app, "list") as stream:
        await stream.content()

        app.state.close()

        await stream.ended()
    async with EventStream(app, "list") as stream:
        await stream.ended()


async def test_after_a_fault_pages_connect_again(
    app: Starlette,
    queue: MessageQueue,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def fails(*_: object, **__: object) -> object:
        raise RuntimeError("a bug")

    with monkeypatch.context() as broken:
        broken.setattr(queue, "waiting", fails)
        async with EventStream(app, "list") as stream:
            await stream.ended()
    assert "a bug" in caplog.text

    async with EventStream(app, "list") as stream:
        assert "Nothing to do yet" in await stream.content()


@pytest.mark.parametrize("view", ["", "nothing", "home-7", "list-7", "list%0a"])
async def test_unknown_views(view: str, client: httpx.AsyncClient) -> None:
    for address in ("/events/", "/fragments/"):
        assert (await client.get(address + view)).status_code == 404


async def test_the_same_part_on_request(client: httpx.AsyncClient, store: Store) -> None:
    await store.add(items("one"))

    html = (await client.get("/fragments/list")).text

    assert rows(html) == [Row("one", waiting=False)]
    assert "<html" not in html


def test_line_ends_inside_a_message() -> None:
    assert (
        as_message("a\r\nb\rc\nd\u2028e")
        == "data: a\ndata: b\ndata: c\ndata: d\u2028e\n\n".encode()
    )
