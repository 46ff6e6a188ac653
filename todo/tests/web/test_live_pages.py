"""Open pages are told what changes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from itertools import permutations
from unittest.mock import AsyncMock

import pytest
from starlette.applications import Starlette
from starlette.types import Message

from dovetail import Event, MessageQueue, Worker, new_id
from todo.events import (
    Change,
    ItemAmended,
    ItemCompleted,
    ItemEdited,
    ItemRemoved,
    ItemRestored,
    ItemSaved,
    ItemTagged,
)
from todo.handlers.save_handler import save_handler
from todo.items import Item
from todo.settings import SaveHandlerSettings, Settings
from todo.store import Store
from todo.web.app import create_app
from todo.web.live import broadcast, poll

from .support import LIMIT_SECONDS, EventStream, client_of, items, publish


async def change(queue: MessageQueue, *changes: Change) -> None:
    """Accept changes without saving them."""
    for one in changes:
        await queue.publish(one, id=one.change)


async def save(queue: MessageQueue, store: Store, *changes: Change) -> None:
    """Save changes as the save-handler does."""
    await queue.publish_many(await store.apply(changes))


def ids(count: int) -> list[str]:
    """Of changes that were made one after another."""
    return [item.id for item in items(*["x"] * count)]


async def added(store: Store, *texts: str) -> list[Item]:
    """Items that are saved already."""
    new = items(*texts)
    await store.add(new)
    return new


async def test_a_page_that_knows_no_place_reads_the_list(app: Starlette) -> None:
    async with EventStream(app) as stream:
        assert (await stream.delta())["kind"] == "reset"


async def test_the_state_of_queue_and_database_is_told_once_it_is_known(app: Starlette) -> None:
    async with EventStream(app) as first:
        assert [(await first.anything())["kind"] for _ in range(2)] == ["reset", "status"]
        async with EventStream(app, first.place) as second:
            assert (await second.anything())["kind"] == "status"


async def test_added_then_saved_then_amended(
    app: Starlette, queue: MessageQueue, store: Store
) -> None:
    (item,) = items("milk -> bread")
    async with EventStream(app) as stream:
        await stream.until("reset")

        await publish(queue, item)
        accepted = await stream.item(item.id)
        assert accepted["item"]["item"] == "milk -> bread"
        assert accepted["item"]["state"] == "accepted"
        assert accepted["item"]["waiting"] == [item.id]
        assert accepted["saved"] == []

        await store.add([item])
        await queue.publish(ItemSaved(item))
        saved = await stream.saved(item.id)
        assert saved["item"]["state"] == "saved"

        amended = await store.amend(item.id, lambda text: text.replace("->", "→"))
        assert amended is not None
        await queue.publish(ItemAmended(amended))
        await stream.item(item.id, item="milk → bread")


async def test_changed_then_saved_then_removed_and_restored(
    app: Starlette, queue: MessageQueue, store: Store
) -> None:
    (item,) = await added(store, "milk")
    first, second, third = ids(3)
    done = ItemCompleted(id=item.id, change=first)
    removed = ItemRemoved(id=item.id, change=second)
    restored = ItemRestored(id=item.id, change=third)
    async with EventStream(app) as stream:
        await stream.until("reset")

        await change(queue, done)
        assert await stream.delta() == {
            "kind": "change",
            "id": item.id,
            "change": done.change,
            "field": "done",
            "value": True,
        }
        await save(queue, store, done)
        assert (await stream.saved(done.change))["item"]["done"]

        await change(queue, removed)
        await stream.until("change", field="removed", value=True)
        await save(queue, store, removed)
        assert (await stream.saved(removed.change))["kind"] == "gone"

        await save(queue, store, restored)
        assert (await stream.saved(restored.change))["item"]["done"]


@pytest.mark.parametrize("order", list(permutations(range(3))), ids=str)
async def test_the_order_of_events_does_not_matter(
    app: Starlette, queue: MessageQueue, store: Store, order: Sequence[int]
) -> None:
    (item,) = await added(store, "milk")
    first, second, third = ids(3)
    changes = [
        ItemEdited(id=item.id, change=first, item="bread"),
        ItemTagged(id=item.id, change=second, tags=("shop",)),
        ItemEdited(id=item.id, change=third, item="butter"),
    ]
    # Three handlers save them in this order, and each says how the item was for it.
    said: list[Event] = []
    for number in order:
        said += await store.apply([changes[number]])
    async with EventStream(app) as stream:
        await stream.until("reset")
        for event in [*reversed(said), *changes, *said]:
            await queue.publish(event)
        saved: set[str] = set()
        delta = None
        while saved != {first, second, third}:
            delta = await stream.item(item.id)
            saved |= set(delta["saved"])
    assert delta is not None
    last, (known,) = delta["item"], await store.items([item.id])
    assert (last["item"], last["tags"], last["state"]) == ("butter", ["shop"], "saved")
    assert last["version"] == known.version == third


async def test_what_waits_is_seen_in_what_is_saved(
    app: Starlette, queue: MessageQueue, store: Store
) -> None:
    (item,) = await added(store, "milk")
    edited = ItemEdited(id=item.id, change=new_id(), item="bread")
    done = ItemCompleted(id=item.id, change=new_id())
    async with EventStream(app) as stream:
        await stream.until("reset")
        await change(queue, edited, done)
        await save(queue, store, done)

        told = (await stream.item(item.id))["item"]
        assert (told["item"], told["done"]) == ("bread", True)
        assert (told["state"], told["waiting"]) == ("accepted", [edited.change])


async def test_it_catches_up_where_nothing_says_what_is_saved(
    app: Starlette, queue: MessageQueue, store: Store
) -> None:
    (item,) = items("milk")
    (other,) = await added(store, "bread")
    removed = ItemRemoved(id=other.id, change=new_id())
    async with EventStream(app) as stream:
        await stream.until("reset")
        await publish(queue, item)
        await change(queue, removed)
        await stream.item(item.id, state="accepted")
        quiet = SaveHandlerSettings(publish_item_saved=False)
        async with Worker(queue, [save_handler(store, quiet)]):
            await stream.item(item.id, state="saved")
            assert await stream.until("gone", id=other.id)


async def test_somebody_is_told_that_theirs_was_replaced(
    app: Starlette, queue: MessageQueue, store: Store
) -> None:
    (item,) = await added(store, "milk")
    first, second = ids(2)
    mine = ItemEdited(id=item.id, change=first, item="bread")
    theirs = ItemEdited(id=item.id, change=second, item="butter")
    async with EventStream(app) as stream:
        await stream.until("reset")
        await change(queue, mine, theirs)
        await save(queue, store, mine, theirs)
        assert await stream.until("superseded", id=item.id, change=mine.change)


async def test_it_goes_on_where_a_page_was_without_repeating_anything(
    app: Starlette, queue: MessageQueue
) -> None:
    first, second, third = items("first", "second", "third")
    async with EventStream(app) as stays, EventStream(app) as leaves:
        await leaves.until("reset")
        await publish(queue, first)
        await leaves.item(first.id)
        await leaves.__aexit__()
        await publish(queue, second)
        await stays.item(second.id)
        async with EventStream(app, leaves.place) as back:
            await publish(queue, third)
            told = [await back.delta() for _ in range(2)]
    assert [one["item"]["id"] for one in told] == [second.id, third.id]


@pytest.mark.parametrize("place", ["", "x", "0-1", "x-1", "-", "1-²", "a-99999999999999999999"])
async def test_from_a_place_that_is_not_known_the_list_is_read_again(
    app: Starlette, place: str
) -> None:
    async with EventStream(app, place) as stream:
        assert (await stream.delta())["kind"] == "reset"
        assert stream.place not in ("", place)


async def test_what_is_kept_for_the_slow_has_an_end(
    app: Starlette, queue: MessageQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("todo.web.live.recent_deltas.MOST", 10)
    new = items(*(str(number) for number in range(20)))
    async with EventStream(app) as fast:
        await fast.until("reset")
        place = fast.place
        for item in new:
            await publish(queue, item)
            await fast.item(item.id)
        async with EventStream(app, place) as slow:
            assert (await slow.delta())["kind"] == "reset"
            assert slow.place == fast.place


async def test_one_who_does_not_read_holds_up_nobody(app: Starlette, queue: MessageQueue) -> None:
    (item,) = items("milk")
    async with EventStream(app) as reads, _Stuck(app) as stuck:
        await reads.until("reset")
        await stuck.waits()
        await publish(queue, item)
        await reads.item(item.id)


async def test_where_thousands_come_at_once_the_list_is_read_again_now_and_then(
    app: Starlette, queue: MessageQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broadcast, "MOST_A_SECOND", 50)
    new = items(*(str(number) for number in range(500)))
    async with EventStream(app) as stream:
        await stream.until("reset")
        await publish(queue, *new)
        told = [await stream.delta()]
        while told[-1]["kind"] != "reset":
            told.append(await stream.delta())
        assert len(told) < 120
        (last,) = items("last")
        await publish(queue, last)
        await stream.item(last.id)


async def test_what_was_missed_while_nobody_listened_is_a_reset(
    app: Starlette, queue: MessageQueue
) -> None:
    async with EventStream(app) as stream:
        await stream.until("reset")
        place = stream.place

        app.state.live.missed()

        await stream.until("reset")
        async with EventStream(app, place) as other:
            await other.until("reset")


async def test_it_says_how_the_database_is(
    queue: MessageQueue, missing_store: Store, settings: Settings
) -> None:
    app = create_app(queue, missing_store, settings)
    async with EventStream(app) as stream:
        await stream.until("status", queue="ok", database="unreachable")

        await missing_store.prepare()

        await stream.until("status", database="ok")
    await app.state.closed()


async def test_it_says_how_many_wait_once_they_do_so_for_long(
    app: Starlette, queue: MessageQueue, store: Store
) -> None:
    new = items("one", "two")
    async with EventStream(app) as stream:
        await stream.until("reset")
        await publish(queue, *new)
        await stream.until("status", waiting=2)
        async with Worker(queue, [save_handler(store, SaveHandlerSettings())]):
            await stream.until("status", waiting=0)


async def test_open_pages_are_counted(app: Starlette) -> None:
    async with client_of(app) as client:
        async with EventStream(app) as one, EventStream(app) as other:
            await one.until("reset")
            await other.until("reset")
            assert "todo_live_pages 2.0" in (await client.get("/metrics")).text
        assert "todo_live_pages 0.0" in (await client.get("/metrics")).text


async def test_nothing_is_sent_while_nothing_changes(
    app: Starlette, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(poll, "SLACK", timedelta(0))
    await added(store, "milk")
    async with EventStream(app) as stream:
        await stream.until("status")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.6):
                await stream.anything()


async def test_trouble_is_told_amid_more_changes_than_can_be(
    app: Starlette, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broadcast, "MOST_A_SECOND", 0)
    async with EventStream(app) as stream:
        await stream.until("status", queue="ok")

        monkeypatch.setattr(poll, "queue_state", AsyncMock(return_value="full"))
        app.state.live.look_again()
        await stream.until("status", queue="full")


async def test_what_is_no_event_of_ours_is_left_out(app: Starlette, queue: MessageQueue) -> None:
    (item,) = items("milk")
    async with EventStream(app) as stream:
        await stream.until("reset")
        for subject in ("newitem", "itemsaved", "changesaved", "item.edited", "item.x", "x"):
            for body in (b"", b"\xff", b'{"id": 7}', b'{"specversion":"1.0"}'):
                await queue.publish_raw(f"events.todo.{subject}", body)
        await publish(queue, item)
        assert (await stream.delta())["item"]["id"] == item.id


async def test_closing_ends_the_streams(app: Starlette) -> None:
    async with EventStream(app) as stream:
        await stream.until("reset")
        app.state.close()
        await stream.ended()
    async with client_of(app) as client:
        assert (await client.get("/live")).status_code == 503


async def test_after_a_fault_pages_connect_again(
    app: Starlette, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(*_: object, **__: object) -> object:
        raise RuntimeError("a bug")

    with monkeypatch.context() as broken:
        broken.setattr(poll, "read_waiting", fails)
        async with EventStream(app) as stream:
            await stream.ended()
    assert "a bug" in caplog.text

    async with EventStream(app) as stream:
        await stream.until("reset")


class _Stuck(EventStream):
    """A browser that takes the beginning, and nothing more."""

    def __init__(self, app: Starlette) -> None:
        super().__init__(app)
        self._waits = asyncio.Event()

    async def _send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            await super()._send(message)
            return
        self._waits.set()
        await self._gone.wait()

    async def waits(self) -> None:
        """Wait until the server waits for it."""
        async with asyncio.timeout(LIMIT_SECONDS):
            await self._waits.wait()
