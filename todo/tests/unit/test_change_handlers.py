"""What the handlers do with changes, on a queue in memory; and with events of older releases."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import msgspec
import pytest

from dovetail import (
    DeadLetter,
    Event,
    Group,
    LogFormatter,
    MessageQueue,
    Received,
    Reject,
    Worker,
    new_id,
)
from todo.changes import change_of, edit_of
from todo.events import (
    Change,
    ChangeSaved,
    ItemAmended,
    ItemCompleted,
    ItemDue,
    ItemEdited,
    ItemMoved,
    ItemNoted,
    ItemRemoved,
    ItemSaved,
    ItemTagged,
    NewItem,
)
from todo.handlers.audit_handler import audit_handler
from todo.handlers.mutating_handler import mutating_handler
from todo.handlers.save_handler import save_handler
from todo.items import Item
from todo.settings import MutatingHandlerSettings, Rule, SaveHandlerSettings

from .conftest import FakeStore

Recorded = TypeVar("Recorded", bound=Event)

NOON = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)
CHANGE = "019b7e94-3200-7000-8000-00000000000a"


def item(text: str = "buy milk") -> Item:
    return Item(new_id(), text, NOON)


class Heard:
    """A group that collects what was said of changes."""

    def __init__(self) -> None:
        self.last = ChangeSaved("", ())
        self.group = Group("heard")
        self._changes: set[str] = set()
        self._more = asyncio.Condition()

        @self.group.on(ChangeSaved)
        async def hear(event: ChangeSaved) -> None:
            async with self._more:
                self.last = event
                self._changes.update(event.changes)
                self._more.notify_all()

    async def of(self, changes: set[str]) -> None:
        async with asyncio.timeout(10), self._more:
            await self._more.wait_for(lambda: changes <= self._changes)


async def _until_letters(queue: MessageQueue, count: int) -> Sequence[DeadLetter]:
    async with asyncio.timeout(10):
        while len(found := await queue.dead_letters.list()) < count:  # noqa: ASYNC110 - it has no signal
            await asyncio.sleep(0.01)
    return found


async def test_changes_are_saved_and_announced(queue: MessageQueue, store: FakeStore) -> None:
    heard, one = Heard(), item()
    done = change_of(ItemCompleted, one.id)
    due = change_of(ItemDue, one.id, after=done.change, due=" 2026-12-03 ")
    await queue.publish(NewItem(one), id=one.id)
    async with Worker(queue, [save_handler(store, SaveHandlerSettings()), heard.group]):
        await store.until(lambda: one.id in store.rows)
        await queue.publish(due, id=due.change)
        await queue.publish(done, id=done.change)
        await heard.of({done.change, due.change})
    wanted = {"done": True, "due": "2026-12-03", "version": due.change}
    assert store.rows[one.id] == msgspec.structs.replace(one, **wanted)
    assert heard.last.item == store.rows[one.id]


async def test_an_item_that_was_removed_before_it_came_is_said_to_be_gone(
    queue: MessageQueue, store: FakeStore
) -> None:
    group, one = save_handler(store, SaveHandlerSettings()), item()
    await store.apply([change_of(ItemRemoved, one.id)])
    save = next(each for each in group.handlers if each.subject == NewItem.__subject__)
    assert await save.function([NewItem(one)]) == [ChangeSaved(one.id, ())]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (ItemEdited(id="a", change=CHANGE, item=" "), "Please enter what is to be done"),
        (ItemDue(id="a", change=CHANGE, due="tomorrow"), "The due date must be like"),
        (ItemTagged(id="a", change=CHANGE, tags=("a b",)), "A tag is one word"),
        (ItemNoted(id="a", change=CHANGE, notes="x" * 10_001), "10001 characters"),
        (ItemMoved(id="a", change=CHANGE, position="0"), "The position must be"),
        (ItemCompleted(id="a\0", change=CHANGE), "id holds characters"),
        (ItemCompleted(id="a", change="1"), "is no UUIDv7"),
        (ItemCompleted(id="a", change=CHANGE, seen="\0"), "no version of an item"),
    ],
)
async def test_a_change_that_is_none_goes_to_the_dead_letters_and_holds_up_nothing(
    queue: MessageQueue, store: FakeStore, change: Change, reason: str
) -> None:
    good = [change_of(ItemCompleted, "a") for _ in range(3)]
    for one in [good[0], change, *good[1:]]:
        await queue.publish(one)
    async with Worker(queue, [save_handler(store, SaveHandlerSettings())]):
        letters = await _until_letters(queue, 1)
        await store.until(lambda: len(store.changes.get("a", {})) == 3)
    assert reason in letters[0].reason


async def test_a_kind_of_change_of_a_newer_release_waits_in_the_dead_letters(
    queue: MessageQueue, store: FakeStore
) -> None:
    class ItemPraised(Change, frozen=True, kw_only=True, subject="events.todo.item.praised"):
        pass

    async with Worker(queue, [save_handler(store, SaveHandlerSettings())]):
        await queue.publish(ItemPraised(id="a", change=CHANGE))
        (letter,) = await _until_letters(queue, 1)
    assert "this release knows no change events.todo.item.praised" in letter.reason


# Events of older releases


def _recorded(kind: type[Recorded]) -> Recorded:
    """As a release without changes published it."""
    name = kind.__subject__.rpartition(".")[2]
    body = (Path(__file__).parent / "recorded" / f"{name}.json").read_bytes()
    event = msgspec.json.decode(body)
    assert event["type"] == kind.__subject__
    return msgspec.convert(event["data"], kind)


async def test_events_of_older_releases_are_handled(store: FakeStore) -> None:
    added, saved = _recorded(NewItem), _recorded(ItemSaved)
    amended = _recorded(ItemAmended)
    save, *_ = save_handler(store, SaveHandlerSettings()).handlers
    (told,) = await save.function([added])
    assert told == saved
    rules = MutatingHandlerSettings(rules=(Rule("milk → Bücher", "oat milk"),))
    (amend,) = mutating_handler(store, rules).handlers
    answer = await amend.function(saved)
    assert answer.item.item == amended.item.item
    before = edit_of(amended)
    assert (before.id, before.item) == (added.item.id, "Buy oat milk")
    await audit_handler().handlers[0].function(added)


# audit-handler


async def test_the_audit_has_a_line_for_each_change(caplog: pytest.LogCaptureFixture) -> None:
    _, audit = audit_handler().handlers
    changes: list[Change] = [
        ItemCompleted(id="a", change=CHANGE),
        ItemEdited(id="a", change=CHANGE, item="buy\ntea"),
        ItemDue(id="a", change=CHANGE, due=None),
        ItemTagged(id="a", change=CHANGE, tags=("home", "早")),
        ItemRemoved(id="a", change=CHANGE),
    ]
    with caplog.at_level(logging.INFO, "todo.audit"):
        for change in changes:
            data = msgspec.to_builtins(change)
            await audit.function(Received(subject=change.__subject__, body=b"", data=data))
        with pytest.raises(Reject):
            await audit.function(Received(subject="events.todo.item.praised", body=b"", data={}))
    assert [LogFormatter().format(record) for record in caplog.records] == [
        "AUDIT @ 2026-01-02T12:00:00+00:00: a completed",
        "AUDIT @ 2026-01-02T12:00:00+00:00: a edited buy\\ntea",
        "AUDIT @ 2026-01-02T12:00:00+00:00: a due null",
        'AUDIT @ 2026-01-02T12:00:00+00:00: a tagged ["home", "早"]',
        "AUDIT @ 2026-01-02T12:00:00+00:00: a removed",
    ]
