"""What was accepted and is not saved: people see what they wrote."""

from __future__ import annotations

from datetime import UTC, datetime

from dovetail import MessageQueue, Worker, connect, new_id
from todo.changes import change_of
from todo.events import (
    ItemCompleted,
    ItemDue,
    ItemEdited,
    ItemRemoved,
    ItemRestored,
    NewItem,
)
from todo.handlers.save_handler import save_handler
from todo.items import Item
from todo.settings import SaveHandlerSettings
from todo.store import open_store
from todo.waiting_changes import ShownItem, WaitingChanges, read_waiting, with_waiting

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


async def _publish(queue: MessageQueue, *texts: str) -> list[Item]:
    items = [Item(new_id(), text, NOON) for text in texts]
    for item in items:
        await queue.publish(NewItem(item), id=item.id)
    return items


async def test_items_and_changes_that_wait_are_read_in_their_order() -> None:
    async with connect(f"memory://{new_id()}") as queue:
        (item,) = await _publish(queue, "one")
        first = change_of(ItemCompleted, item.id)
        second = change_of(ItemDue, item.id, after=first.change, due="2026-12-03")
        for change in (second, first):
            await queue.publish(change, id=change.change)
        await queue.publish(ItemEdited(id=item.id, change=new_id(), item=" "))  # never saved
        waiting = await read_waiting(queue, 10)
        assert (list(waiting.items), list(waiting.changes)) == ([item], [first, second])
        assert (waiting.complete, waiting.total, waiting.more) == (True, 3, False)
        (shown,) = with_waiting([], waiting)
        assert (shown.state, shown.item.done, shown.item.due) == ("accepted", True, "2026-12-03")
        some = await read_waiting(queue, 2)
        assert (some.complete, some.more) == (False, True)


async def test_nothing_waits_once_it_is_saved(tmp_path: object) -> None:
    store = open_store(f"sqlite:///{tmp_path}/todo.db")
    await store.prepare()
    async with connect(f"memory://{new_id()}") as queue:
        (item,) = await _publish(queue, "one")
        change = change_of(ItemCompleted, item.id)
        await queue.publish(change, id=change.change)
        async with Worker(queue, [save_handler(store, SaveHandlerSettings())]):
            while (await read_waiting(queue, 10)).total:  # each reading takes a turn of the loop
                pass
        (shown,) = with_waiting(await store.items([item.id]), await read_waiting(queue, 10))
        assert (shown.state, shown.item.done, shown.waiting) == ("saved", True, ())
    await store.close()


def test_changes_lie_over_what_is_saved() -> None:
    saved = [Item(new_id(), text, NOON) for text in "abc"]
    new = Item(new_id(), "d", NOON)
    edited = change_of(ItemEdited, saved[1].id, item="B")
    removed = change_of(ItemRemoved, saved[0].id)
    back = change_of(ItemRestored, saved[0].id, after=removed.change)
    waiting = WaitingChanges([new, saved[2]], changes=[edited, removed])
    shown = with_waiting(saved, waiting)
    assert [(one.item.item, one.state) for one in shown] == [
        ("B", "accepted"),
        ("c", "saved"),
        ("d", "accepted"),
    ]
    assert shown[0].waiting == (edited.change,)
    assert shown[1] == ShownItem(saved[2])
    again = with_waiting(saved, WaitingChanges(changes=[removed, back]))
    assert [one.item.item for one in again] == ["a", "b", "c"]
    assert again[0].waiting == (removed.change, back.change)
    assert waiting.without({edited.change}).changes == [removed]
    assert waiting.only({new.id}).items == [new]
