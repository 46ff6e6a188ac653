"""The handlers, on a queue in memory."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from dovetail import (
    Backoff,
    Context,
    DeadLetter,
    Group,
    HandlerFailed,
    LogFormatter,
    MessageQueue,
    Worker,
    new_id,
)
from todo.changes import amendment
from todo.events import CountItems, ImportItems, ItemAmended, ItemSaved, NewItem, WhoIsThere
from todo.handlers.audit_handler import audit_handler
from todo.handlers.mutating_handler import mutating_handler
from todo.handlers.presence import Work, presence
from todo.handlers.save_handler import save_handler
from todo.items import Item
from todo.settings import MutatingHandlerSettings, Rule, SaveHandlerSettings

from .conftest import FakeStore

NOON = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)
RULES = MutatingHandlerSettings(rules=(Rule("teh", "the"), Rule("a", "aa")))


def item(text: str = "buy milk") -> Item:
    return Item(new_id(), text, NOON)


class Heard:
    """A group that collects one type of event."""

    def __init__(self, kind: type[ItemSaved] | type[ItemAmended]) -> None:
        self.items: list[Item] = []
        self.group = Group("heard")
        self._more = asyncio.Condition()

        @self.group.on(kind)
        async def hear(event: ItemSaved | ItemAmended) -> None:
            async with self._more:
                self.items.append(event.item)
                self._more.notify_all()

    async def number(self, count: int) -> list[Item]:
        async with asyncio.timeout(10), self._more:
            await self._more.wait_for(lambda: len(self.items) >= count)
        return self.items


async def _until_letters(queue: MessageQueue, count: int) -> Sequence[DeadLetter]:
    async with asyncio.timeout(10):
        while len(found := await queue.dead_letters.list()) < count:  # noqa: ASYNC110 - it has no signal
            await asyncio.sleep(0.01)
    return found


# save-handler


async def test_new_items_are_saved_and_announced(queue: MessageQueue, store: FakeStore) -> None:
    heard, items = Heard(ItemSaved), [item() for _ in range(5)]
    for one in items:
        await queue.publish(NewItem(one), id=one.id)
    async with Worker(queue, [save_handler(store, SaveHandlerSettings()), heard.group]):
        assert await heard.number(5) == items
    assert list(store.rows.values()) == items
    assert store.batches == [5]


async def test_announcing_can_be_switched_off(queue: MessageQueue, store: FakeStore) -> None:
    settings = SaveHandlerSettings(publish_item_saved=False)
    heard = Heard(ItemSaved)
    async with Worker(queue, [save_handler(store, settings), heard.group]):
        await queue.publish(NewItem(item()))
        await store.until(lambda: len(store.rows) == 1)
    assert heard.items == []


async def test_batches_are_as_large_as_the_setting_says(
    queue: MessageQueue, store: FakeStore
) -> None:
    for _ in range(7):
        await queue.publish(NewItem(item()))
    async with Worker(queue, [save_handler(store, SaveHandlerSettings(batch=3))]):
        await store.until(lambda: len(store.rows) == 7)
    assert max(store.batches) == 3


async def test_texts_are_kept_as_the_rules_for_items_want_them(
    queue: MessageQueue, store: FakeStore
) -> None:
    untrimmed = item("  buy milk ")
    async with Worker(queue, [save_handler(store, SaveHandlerSettings())]):
        await queue.publish(NewItem(untrimmed))
        await store.until(lambda: len(store.rows) == 1)
    assert store.rows[untrimmed.id].item == "buy milk"


async def test_what_is_no_item_goes_to_the_dead_letters_and_holds_up_nothing(
    queue: MessageQueue, store: FakeStore
) -> None:
    good, bad = [item() for _ in range(9)], item("x" * 257)
    for one in [*good[:4], bad, *good[4:]]:
        await queue.publish(NewItem(one), id=one.id)
    async with Worker(queue, [save_handler(store, SaveHandlerSettings())]):
        await store.until(lambda: len(store.rows) == 9)
        letters = await _until_letters(queue, 1)
    assert [one.message_id for one in letters] == [bad.id]
    assert letters[0].attempts == 1
    assert "257 characters" in letters[0].reason


async def test_a_store_that_is_down_costs_no_attempts(
    queue: MessageQueue, store: FakeStore
) -> None:
    group = save_handler(store, SaveHandlerSettings())
    group.options = dataclasses.replace(
        group.options, retry=Backoff(first=0.01, most=0.01, tries=2)
    )
    store.down = True
    async with Worker(queue, [group]):
        await queue.publish(NewItem(item()))
        await store.until(lambda: store.refused >= 4)
        store.down = False
        await store.until(lambda: len(store.rows) == 1)
    assert await queue.dead_letters.list() == []


async def test_the_log_lets_a_reader_follow_an_id(
    queue: MessageQueue, store: FakeStore, caplog: pytest.LogCaptureFixture
) -> None:
    one = item()
    with caplog.at_level(logging.INFO, "todo"):
        async with Worker(queue, [save_handler(store, SaveHandlerSettings())]):
            await queue.publish(NewItem(one), id=one.id)
            await store.until(lambda: len(store.rows) == 1)
    assert [line for line in caplog.messages if one.id in line] == [
        f"received {one.id}",
        f"saved {one.id}",
    ]


async def test_what_waits_for_the_store_is_told_once(
    queue: MessageQueue, store: FakeStore, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "todo")
    await store.add([item("teh milk")])
    [saved] = store.rows.values()
    new, store.down = item(), True
    groups = [save_handler(store, SaveHandlerSettings()), mutating_handler(store, RULES)]
    async with Worker(queue, groups):
        await queue.publish(NewItem(new))
        await queue.publish(ItemSaved(saved))
        await store.until(lambda: store.refused >= 8)
        store.down = False
        await store.until(lambda: len(store.rows) == 2 and store.rows[saved.id] != saved)
    received = [line for line in caplog.messages if line.startswith("received")]
    assert sorted(received[:2]) == sorted([f"received {new.id}", f"received {saved.id}"])
    assert len(set(received)) == len(received)


async def test_the_count_is_answered(queue: MessageQueue, store: FakeStore) -> None:
    await store.add([item(), item()])
    async with Worker(queue, [save_handler(store, SaveHandlerSettings())]):
        assert await queue.request(CountItems()) == 2
        store.down = True
        with pytest.raises(HandlerFailed, match="it is down"):
            await queue.request(CountItems())


async def test_an_import_is_saved_once_however_often_it_comes(
    queue: MessageQueue, store: FakeStore
) -> None:
    group, cause = save_handler(store, SaveHandlerSettings()), new_id()
    async with Worker(queue, [group]):
        await queue.send(ImportItems(["a", " b "]), id=cause)
        await store.until(lambda: len(store.rows) == 2)
    assert [one.item for one in store.rows.values()] == ["a", "b"]
    again = next(one for one in group.handlers if one.subject == "commands.todo.import")
    context = Context(cause, again.subject, group.name, attempt=2)
    repeated = await again.function(ImportItems(["a", " b "]), context)
    assert [one.item for one in repeated] == list(store.rows.values())


async def test_an_import_of_what_is_no_item_goes_to_the_dead_letters(
    queue: MessageQueue, store: FakeStore
) -> None:
    async with Worker(queue, [save_handler(store, SaveHandlerSettings())]):
        await queue.send(ImportItems(["a", ""]))
        letters = await _until_letters(queue, 1)
    assert letters[0].subject == "commands.todo.import"
    assert store.rows == {}


async def test_an_id_that_another_item_has_becomes_a_dead_letter(
    queue: MessageQueue, store: FakeStore
) -> None:
    first, other = item("buy milk"), item("buy tea")
    second = Item(first.id, "buy bread", NOON + timedelta(seconds=1))
    async with Worker(queue, [save_handler(store, SaveHandlerSettings())]):
        for one in (first, second, first, other):
            await queue.publish(NewItem(one))
        (letter,) = await _until_letters(queue, 1)
        await store.until(lambda: other.id in store.rows)
    assert letter.reason == f"Reject: {first.id}: this id belongs to an item with another text"
    assert [one.item for one in store.rows.values()] == ["buy milk", "buy tea"]


# audit-handler


async def test_the_audit_has_a_line_for_each_item(caplog: pytest.LogCaptureFixture) -> None:
    group = audit_handler()
    with caplog.at_level(logging.INFO, "todo.audit"):
        await group.handlers[0].function(NewItem(item("Bücher 👨‍👩‍👧\nAUDIT @ never: false")))
    assert [LogFormatter().format(record) for record in caplog.records] == [
        "AUDIT @ 2026-01-02T12:00:00+00:00: Bücher 👨‍👩‍👧\\nAUDIT @ never: false"
    ]


# mutating-handler


async def test_saved_texts_are_amended_by_the_rules(queue: MessageQueue, store: FakeStore) -> None:
    heard, saved = Heard(ItemAmended), item("teh cat")
    await store.add([saved])
    async with Worker(queue, [mutating_handler(store, RULES), heard.group]):
        await queue.publish(ItemSaved(saved))
        (amended,) = await heard.number(1)
    assert amended == Item(saved.id, "the caat", NOON, version=amendment(saved, "the caat").change)
    assert store.rows[saved.id].item == "the caat"


async def test_amending_twice_does_it_once_and_announces_it_again(
    queue: MessageQueue, store: FakeStore
) -> None:
    heard, saved = Heard(ItemAmended), item("cat")
    await store.add([saved])
    async with Worker(queue, [mutating_handler(store, RULES), heard.group]):
        await queue.publish(ItemSaved(saved))
        await queue.publish(ItemSaved(saved))
        assert [one.item for one in await heard.number(2)] == ["caat", "caat"]
    assert store.rows[saved.id].item == "caat"


async def test_what_no_rule_concerns_is_left_alone(queue: MessageQueue, store: FakeStore) -> None:
    group = mutating_handler(store, RULES)
    store.down = True  # it is not even asked
    assert await group.handlers[0].function(ItemSaved(item("dog"))) is None


async def test_what_another_has_changed_since_is_left_alone(store: FakeStore) -> None:
    group, saved = mutating_handler(store, RULES), item("teh cat")
    await store.add([Item(saved.id, "a dog", NOON)])
    assert await group.handlers[0].function(ItemSaved(saved)) is None
    assert await group.handlers[0].function(ItemSaved(item("teh bird"))) is None
    assert store.rows[saved.id].item == "a dog"


async def test_rules_that_leave_no_item_send_it_to_the_dead_letters(
    queue: MessageQueue, store: FakeStore
) -> None:
    long = item("a" * 200)
    await store.add([long])
    async with Worker(queue, [mutating_handler(store, RULES)]):
        await queue.publish(ItemSaved(long))
        letters = await _until_letters(queue, 1)
    assert "400 characters" in letters[0].reason
    assert store.rows[long.id] == long


# presence


async def test_every_component_says_that_it_is_there(queue: MessageQueue) -> None:
    groups = [presence("web", Work()), presence("api", Work())]
    async with Worker(queue, groups[:1]), Worker(queue, groups[1:]):
        found = await queue.gather(WhoIsThere(), timeout=0.3, most=2)
    assert {one.component for one in found} == {"web", "api"}
    assert {one.pid for one in found} == {os.getpid()}
