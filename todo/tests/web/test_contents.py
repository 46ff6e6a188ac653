"""The list while items are being saved."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import msgspec
import pytest

from dovetail import MessageQueue
from todo.store import Store
from todo.web.asked import Asked
from todo.web.contents import read_contents

from .support import items, publish


async def test_an_item_saved_between_two_readings_stands_there_once(
    queue: MessageQueue, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    (item,) = items("Buy milk")
    await publish(queue, item)
    look = store.missing

    async def look_and_save(ids: Sequence[str]) -> set[str]:
        missing = await look(ids)
        await store.add([item])
        return missing

    monkeypatch.setattr(store, "missing", look_and_save)
    found = await read_contents(queue, store, Asked(), datetime.now(UTC).date())

    assert [one.item.item for one in found.rest] == ["Buy milk"]


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
    found = await read_contents(queue, store, Asked(), date(2026, 11, 29), zone=there)
    assert {one.item.item for one in found.now} == {"tonight", "over", "as far off as can be"}
    assert {one.item.item for one in found.rest} == {"tomorrow", "all day tomorrow", "broken"}


async def test_where_very_many_are_due_soon_dates_count_as_they_are_written(
    queue: MessageQueue, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("todo.web.contents.MOST_NOW", 2)
    monkeypatch.setattr("todo.web.contents.PAGE_SIZE", 2)
    west = timezone(timedelta(hours=-12))
    due = ("2026-11-29", *["2026-11-30T03:00:00Z"] * 5)
    await store.add(
        [
            msgspec.structs.replace(one, due=value)
            for one, value in zip(items(*"abcdef"), due, strict=True)
        ]
    )
    seen, asked = [], Asked()
    while True:
        found = await read_contents(queue, store, asked, date(2026, 11, 29), zone=west)
        seen += [one.item.item for one in (*found.now, *found.rest)]
        if found.next is None:
            break
        asked = Asked(after=found.next)
    assert sorted(seen) == list("abcdef")
    assert seen[0] == "a"
