"""The list while items are being saved."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from dovetail import MessageQueue
from todo.changes import change_of
from todo.events import ItemCompleted
from todo.store import Store
from todo.web.list_contents import read_contents
from todo.web.list_query import ListQuery

from .support import items, publish


@pytest.mark.parametrize(
    ("reading", "times"),
    [("missing", 1), ("saved_changes", 1), ("page", 1), ("page", 2), ("items", 1), ("counts", 1)],
)
async def test_what_is_saved_between_two_readings_is_shown_once(
    queue: MessageQueue, store: Store, monkeypatch: pytest.MonkeyPatch, reading: str, times: int
) -> None:
    """What is due is read as a page of its own, before the rest."""
    new, kept = items("Buy milk", "Call Ann")
    await store.add([kept])
    change = change_of(ItemCompleted, kept.id)
    await publish(queue, new)
    await queue.publish(change, id=change.change)
    read, readings = getattr(store, reading), count(1)

    async def read_and_save(*given: Any, **named: Any) -> Any:
        found = await read(*given, **named)
        if next(readings) == times:
            await store.add([new])
            await store.apply([change])
        return found

    monkeypatch.setattr(store, reading, read_and_save)
    found = await read_contents(queue, store, ListQuery(), datetime.now(UTC).date())

    shown = [(one.item.item, one.item.done) for one in found.rest]
    assert sorted(shown) == [("Buy milk", False), ("Call Ann", True)]


async def test_a_change_that_was_saved_out_of_turn_does_not_wait(
    queue: MessageQueue, store: Store
) -> None:
    kept = items("one", "two")
    await store.add(kept)
    saved, waits = (change_of(ItemCompleted, item.id) for item in kept)
    for change in (waits, saved):
        await queue.publish(change, id=change.change)
    await store.apply([saved])
    found = await read_contents(queue, store, ListQuery(), datetime.now(UTC).date())

    shown = {one.item.item: (one.state, one.waiting, one.item.done) for one in found.rest}
    assert shown == {"one": ("saved", (), True), "two": ("accepted", (waits.change,), True)}


async def test_what_is_due_today_is_so_where_the_reader_is(
    queue: MessageQueue, store: Store
) -> None:
    due = {
        "tonight": "2026-11-30T03:00:00Z",
        "over": "2026-11-30T02:00:00+14:00",
        "as far off as can be": "2026-12-01T04:00:00+23:59",
        "tomorrow": "2026-11-30T05:30:00Z",
        "all day tomorrow": "2026-11-30",
        "broken": "2026-11-30Tsoon",
    }
    await store.add(
        [
            msgspec.structs.replace(one, item=text, due=value)
            for one, (text, value) in zip(items(*due), due.items(), strict=True)
        ]
    )
    there = ZoneInfo("America/New_York")
    found = await read_contents(queue, store, ListQuery(), date(2026, 11, 29), zone=there)
    assert {one.item.item for one in found.now} == {"tonight", "over", "as far off as can be"}
    assert {one.item.item for one in found.rest} == {"tomorrow", "all day tomorrow", "broken"}


async def test_where_very_many_are_due_soon_dates_count_as_they_are_written(
    queue: MessageQueue, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("todo.web.list_contents.MOST_NOW", 2)
    monkeypatch.setattr("todo.web.list_contents.PAGE_SIZE", 2)
    west = timezone(timedelta(hours=-12))
    due = ("2026-11-29", *["2026-11-30T03:00:00Z"] * 5)
    await store.add(
        [
            msgspec.structs.replace(one, due=value)
            for one, value in zip(items(*"abcdef"), due, strict=True)
        ]
    )
    seen, asked = [], ListQuery()
    while True:
        found = await read_contents(queue, store, asked, date(2026, 11, 29), zone=west)
        seen += [one.item.item for one in (*found.now, *found.rest)]
        if found.next is None:
            break
        asked = ListQuery(after=found.next)
    assert sorted(seen) == list("abcdef")
    assert seen[0] == "a"
