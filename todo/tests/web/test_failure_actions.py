"""Changes that were given up: they are marked, tried again, and let go."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from starlette.applications import Starlette

from dovetail import Group, MessageQueue, Received, Reject, Worker, new_id
from todo.events import ANY_CHANGE, ItemEdited, NewItem
from todo.handlers.save_handler import save_handler
from todo.items import Item
from todo.settings import SaveHandlerSettings
from todo.store import Store
from todo.web import failures

from .support import EventStream, items, publish

JSON = {"Accept": "application/json"}


@pytest.fixture(autouse=True)
def always_fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failures, "FRESH", 0.0)


@asynccontextmanager
async def refusing(queue: MessageQueue) -> AsyncIterator[None]:
    """While this lasts, nothing can be saved."""
    group = Group("save-handler")

    @group.on(NewItem)
    async def add(event: NewItem) -> None:
        raise Reject("no room for milk")

    @group.on(ANY_CHANGE)
    async def change(event: Received) -> None:
        raise Reject("no room for bread")

    async with Worker(queue, [group]):
        yield


@asynccontextmanager
async def saving(queue: MessageQueue, store: Store) -> AsyncIterator[None]:
    """While this lasts, everything is saved."""
    async with Worker(queue, [save_handler(store, SaveHandlerSettings())]):
        yield


async def listed(client: httpx.AsyncClient) -> dict[str, dict[str, object]]:
    """The items of the list by their ids."""
    found = (await client.get("/items")).json()
    return {one["id"]: one for one in (*found["now"], *found["items"])}


@pytest.fixture
def item() -> Item:
    (item,) = items("milk")
    return item


async def test_an_item_that_could_not_be_added_is_marked_and_added_by_another_try(
    app: Starlette, client: httpx.AsyncClient, queue: MessageQueue, store: Store, item: Item
) -> None:
    async with EventStream(app) as stream:
        await stream.until("reset")
        async with refusing(queue):
            await publish(queue, item)
            failed = await stream.until("failed", id=item.id, change=item.id)
        assert "no room for milk" in failed["reason"]
        shown = (await listed(client))[item.id]
        assert (shown["item"], shown["state"]) == ("milk", "failed")
        letter = {"reason": failed["reason"], "letter": failed["letter"]}
        assert shown["failure"] == letter | {"field": "item", "value": "milk"}

        again = await client.post(
            f"/items/{item.id}/retry", data={"letter": failed["letter"]}, headers=JSON
        )
        assert (again.status_code, again.json()["change"]) == (202, item.id)
        await stream.item(item.id, state="accepted")
        async with saving(queue, store):
            await stream.item(item.id, state="saved", failure=None)
        assert (await listed(client))[item.id]["state"] == "saved"


async def test_one_that_is_let_go_is_gone(
    app: Starlette, client: httpx.AsyncClient, queue: MessageQueue, item: Item
) -> None:
    async with EventStream(app) as stream:
        await stream.until("reset")
        async with refusing(queue):
            await publish(queue, item)
            await stream.until("failed", id=item.id)
        let_go = await client.post(f"/items/{item.id}/discard", data={"next": "/?status=all"})
        assert (let_go.status_code, let_go.headers["location"]) == (303, "/?status=all")
        await stream.until("reset")  # what stood there before, the list tells
        assert await listed(client) == {}
    gone = await client.post(f"/items/{item.id}/discard", data={"next": "/"}, headers=JSON)
    assert gone.status_code == 404
    assert gone.json()["error"]


async def test_a_change_that_could_not_be_saved_is_marked_at_its_item(
    app: Starlette, client: httpx.AsyncClient, queue: MessageQueue, store: Store, item: Item
) -> None:
    await store.add([item])
    edited = ItemEdited(id=item.id, change=new_id(), item="bread")
    async with refusing(queue):
        await queue.publish(edited, id=edited.change)
        async with EventStream(app) as stream:
            await stream.until("failed", id=item.id, change=edited.change)
    shown = (await listed(client))[item.id]
    assert (shown["item"], shown["state"]) == ("milk", "failed")
    assert isinstance(shown["failure"], dict)
    assert (shown["failure"]["field"], shown["failure"]["value"]) == ("item", "bread")


async def test_what_is_no_change_of_an_item_is_left_out(
    client: httpx.AsyncClient, queue: MessageQueue
) -> None:
    group = Group("save-handler")

    @group.on(NewItem)
    async def add(event: NewItem) -> None:
        raise AssertionError

    async with Worker(queue, [group]):
        for body in (b"x", b'{"specversion":"1.0"}', b"[" * 5000):
            await queue.publish_raw(NewItem.__subject__, body)
        async with asyncio.timeout(10):
            while len(await queue.dead_letters.list()) < 3:  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0.001)
    assert await listed(client) == {}


@pytest.mark.parametrize("verb", ["retry", "discard"])
async def test_where_nothing_can_be_done_it_says_so(
    client: httpx.AsyncClient, verb: str, item: Item
) -> None:
    place = f"/items/{item.id}/{verb}"
    assert (await client.post(place, data={"next": "/"}, headers=JSON)).status_code == 404
    assert (await client.post(place, json={}, headers=JSON)).status_code == 415
    other_site = {"Sec-Fetch-Site": "cross-site"}
    assert (
        await client.post(place, data={"next": "/"}, headers=JSON | other_site)
    ).status_code == 403
    assert (await client.get(place)).status_code == 404
