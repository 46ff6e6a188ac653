"""What every store promises, on SQLite and PostgreSQL."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from dovetail import new_id
from todo.items import Item
from todo.store import Store, StoreUnavailable, open_store
from todo.store.query import Page

from .support import bare, bares

pytestmark = pytest.mark.usefixtures("patient")

NOON = datetime(2026, 1, 2, 12, 0, 0, 123456, tzinfo=UTC)


def items(count: int) -> list[Item]:
    return [Item(f"id-{number:05}", f"thing {number}", NOON) for number in range(count)]


async def test_an_item_comes_back_as_it_was(store: Store) -> None:
    item = Item(new_id(), "Bücher → 📚 'quoted'", NOON)
    await store.add([item])
    assert bare(await store.get(item.id)) == item
    assert await store.get("nobody") is None


async def test_times_are_kept_in_utc_whatever_zone_they_came_in(store: Store) -> None:
    berlin = NOON.astimezone(timezone(timedelta(hours=2)))
    await store.add([Item("a", "x", berlin)])
    found = await store.get("a")
    assert found is not None
    assert found.date_added == NOON
    assert found.date_added.utcoffset() == timedelta(0)


async def test_adding_again_changes_nothing(store: Store) -> None:
    first = items(3)
    await store.add(first)
    await store.add([Item(first[1].id, "another text", NOON), *items(5)])
    assert await store.count() == 5
    assert bare(await store.get(first[1].id)) == first[1]


async def test_one_batch_may_hold_the_same_item_twice(store: Store) -> None:
    await store.add([*items(2), *items(2)])
    assert await store.count() == 2


async def test_a_batch_is_added_whole_or_not_at_all(store: Store) -> None:
    broken = Item("b", None, NOON)  # type: ignore[arg-type]
    with pytest.raises(SQLAlchemyError) as raised:
        await store.add([*items(2), broken])
    assert not isinstance(raised.value, StoreUnavailable)
    assert await store.count() == 0


async def test_an_error_in_the_data_does_not_pass_for_an_outage(store: Store) -> None:
    naive = Item("a", "x", "yesterday")  # type: ignore[arg-type]
    with pytest.raises((DBAPIError, AttributeError, SQLAlchemyError, TypeError)):
        await store.add([naive])
    await store.add(items(1))
    assert await store.count() == 1


async def test_adding_nothing_is_allowed(store: Store) -> None:
    await store.add([])
    assert await store.count() == 0


async def test_pages_follow_each_other(store: Store) -> None:
    everything = items(7)
    await store.add(list(reversed(everything)))
    first = await store.page(limit=3)
    second = await store.page(after=first.next, limit=3)
    third = await store.page(after=second.items[-1].id, limit=3)
    assert bares([*first.items, *second.items, *third.items]) == everything
    assert (first.next, third.next) == (everything[2].id, None)
    assert await store.page(after=third.items[-1].id) == Page([])


async def test_the_newest_come_last(store: Store) -> None:
    everything = items(7)
    await store.add(everything)
    assert bares(await store.newest(3)) == everything[-3:]
    assert bares(await store.newest(100)) == everything


async def test_missing_tells_what_the_table_does_not_have(store: Store) -> None:
    await store.add(items(2500))
    asked = [f"id-{number:05}" for number in range(0, 3000, 2)]
    assert await store.missing(asked) == {one for one in asked if one >= "id-02500"}
    assert await store.missing([]) == set()


async def test_amending_changes_one_text_and_returns_the_item(store: Store) -> None:
    await store.add(items(2))
    amended = await store.amend("id-00001", str.upper)
    assert bare(amended) == Item("id-00001", "THING 1", NOON)
    assert await store.get("id-00001") == amended
    assert bare(await store.get("id-00000")) == items(1)[0]


async def test_amending_says_when_there_was_nothing_to_do(store: Store) -> None:
    await store.add(items(1))
    assert await store.amend("id-00000", str.lower) is None
    assert await store.amend("nobody", str.upper) is None


async def test_amending_loses_no_change_that_another_makes(database_url: str) -> None:
    stores = [open_store(database_url) for _ in range(3)]
    try:
        await stores[0].prepare()
        await stores[0].add([Item("a", "-", NOON)])
        await asyncio.gather(
            *(store.amend("a", lambda text: text + "x") for store in stores for _ in range(2))
        )
        found = await stores[0].get("a")
        assert found is not None
        assert found.item == "-" + "x" * 6
    finally:
        for store in stores:
            await store.close()


async def test_many_tasks_share_one_connection(store: Store) -> None:
    await asyncio.gather(
        *(store.add([one]) for one in items(40)), *(store.count() for _ in range(40))
    )
    assert await store.count() == 40


async def test_closing_twice_is_harmless(database_url: str) -> None:
    store = open_store(database_url)
    await store.prepare()
    await store.close()
    await store.close()
