"""The list as scripts get it."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from starlette.applications import Starlette

from dovetail import MessageQueue, new_id
from todo.events import ItemCompleted, ItemNoted
from todo.settings import Settings
from todo.store import Store
from todo.web import list_contents
from todo.web.app import create_app
from todo.web.shared_reads import SharedReads

from .support import EventStream, client_of, items, publish


async def test_what_is_saved_and_what_waits(
    client: httpx.AsyncClient, queue: MessageQueue, store: Store
) -> None:
    saved, waits = items("milk", "bread")
    await store.add([saved])
    await publish(queue, waits)
    done = ItemCompleted(id=saved.id, change=new_id())
    await queue.publish(done, id=done.change)

    found = (await client.get("/items", headers={"Accept": "application/json"})).json()

    new, changed = found["items"]
    assert (new["id"], new["state"]) == (waits.id, "accepted")
    assert (changed["id"], changed["done"], changed["state"]) == (saved.id, True, "accepted")
    assert changed["waiting"] == [done.change]
    assert changed["position"] == saved.id.replace("-", "") + "h"
    assert found["counts"] == {"active": 1, "done": 1, "saved": 1, "waiting": 2}
    assert (found["now"], found["next"], found["tags"]) == ([], None, [])


async def test_more_at_once_while_somebody_scrolls(
    client: httpx.AsyncClient, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(list_contents, "PAGE_SIZE", 1)
    monkeypatch.setattr(list_contents, "SCROLLED_SIZE", 2)
    await store.add(items("four", "three", "two", "one"))
    found: list[list[str]] = []
    after: str | None = ""
    while after is not None:
        page = await client.get("/items", params={"after": after} if after else {})
        assert page.headers["content-encoding"] == "gzip"
        after = page.json()["next"]
        found.append([item["item"] for item in page.json()["items"]])
    assert found == [["one"], ["two", "three"], ["four"]]


async def test_what_changes_after_the_list_was_read_follows_its_cursor(
    app: Starlette, client: httpx.AsyncClient, queue: MessageQueue, store: Store
) -> None:
    (item,) = items("milk")
    await store.add([item])
    cursor = (await client.get("/items")).json()["cursor"]
    noted = ItemNoted(id=item.id, change=new_id(), notes="two litres")
    await queue.publish(noted, id=noted.change)
    async with EventStream(app, cursor) as stream:
        await stream.until("change", change=noted.change, value="two litres")


async def test_where_nothing_can_be_read_it_is_503(
    queue: MessageQueue,
    missing_store: Store,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(type(queue), "connected", property(lambda _: False))
    async with client_of(create_app(queue, missing_store, settings)) as client:
        answer = await client.get("/items")
    assert answer.status_code == 503
    assert answer.headers["retry-after"]


async def test_many_who_ask_at_once_share_a_reading_that_began_after_they_asked() -> None:
    flights, began, go_on = SharedReads[int](), 0, asyncio.Event()

    async def read() -> int:
        nonlocal began
        began += 1
        number = began
        await go_on.wait()
        return number

    first = asyncio.create_task(flights.share("list", read))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    others = [asyncio.create_task(flights.share("list", read)) for _ in range(100)]
    another = asyncio.create_task(flights.share("other", read))
    await asyncio.sleep(0)
    others[0].cancel()
    go_on.set()
    assert await first == 1
    assert await another == 2
    assert await asyncio.gather(*others[1:]) == [3] * 99
    assert began == 3
    assert await flights.share("list", read) == 4


async def test_a_reading_that_fails_does_so_for_those_who_shared_it() -> None:
    flights = SharedReads[int]()

    async def fails() -> int:
        raise RuntimeError("a bug")

    async def works() -> int:
        return 1

    asking = [flights.share("list", fails) for _ in range(2)]
    found = await asyncio.gather(*asking, return_exceptions=True)
    assert [str(one) for one in found] == ["a bug"] * 2
    assert await flights.share("list", works) == 1
