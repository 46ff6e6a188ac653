"""Filters, orders and pages."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import get_args

import pytest

from todo.items import Item
from todo.positions import position_of
from todo.store import Store
from todo.store.query import Counts, InvalidCursor, Query, Sort

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


def _id(number: int) -> str:
    return f"019b7e94-3200-7000-8000-{number:012x}"


ITEMS = [
    Item(_id(1), "Buy MILK", NOON, tags=("home", "Straße")),
    Item(_id(2), "buy bread", NOON, done=True, due="2026-12-01", tags=("HOME",)),
    Item(_id(3), "Überweisung", NOON, due="2026-12-03T18:30:00+01:00", notes="an Käthe, 100%"),
    Item(_id(4), "call Ann", NOON, due="2026-12-03", position="z"),
    Item(_id(5), "早餐", NOON, due="2026-12-04", done=True, tags=("早",)),
    Item(_id(6), "a_b", NOON, position="01"),
]


async def _found(store: Store, query: Query, limit: int = 100) -> str:
    """The numbers of what is found, page by page."""
    page = await store.page(query, limit=limit)
    items = page.items
    while page.next is not None:
        page = await store.page(query, after=page.next, limit=limit)
        assert page.items
        items += page.items
    assert len({item.id for item in items}) == len(items)
    return "".join(item.id[-1] for item in items)


async def test_filters(store: Store) -> None:
    await store.add(ITEMS)
    for query, found in {
        Query(): "123456",
        Query(status="active"): "1346",
        Query(status="done"): "25",
        Query(tag="home"): "12",
        Query(tag="straße"): "1",
        Query(tag="STRASSE"): "",
        Query(tag="hom"): "",
        Query(tag="早"): "5",
        Query(q="buy"): "12",
        Query(q="BUY milk"): "1",
        Query(q="bread home"): "2",
        Query(q="#hom"): "12",
        Query(q="#ome"): "",
        Query(q="übERweisung"): "3",
        Query(q="käthe"): "3",
        Query(q="100%"): "3",
        Query(q="1_0%"): "",
        Query(q="a_b"): "6",
        Query(q="\\"): "",
        Query(q="早"): "5",
        Query(q="\0"): "",
        Query(q="  "): "123456",
        Query(due_until="2026-12-03"): "34",
        Query(due_until="2026-12-02"): "",
        Query(no_due_until="2026-12-03"): "1256",
        Query(status="active", no_due_until="2026-12-03"): "16",
    }.items():
        assert await _found(store, query) == found, query


async def test_orders_page_by_page(store: Store) -> None:
    await store.add(ITEMS)
    orders = {
        "added": "123456",
        "-added": "654321",
        "position": "612354",
        "-position": "453216",
        "due": "243516",
        "-due": "534261",
        "item": "",
        "-item": "",
    }
    for sort in get_args(Sort):
        for limit in (1, 2, 3, 100):
            found = await _found(store, Query(sort=sort), limit)
            assert sorted(found) == list("123456"), sort
            assert found == (orders[sort] or found), (sort, limit)
            active = await _found(store, Query(status="active", sort=sort), limit)
            assert active == "".join(one for one in found if one in "1346"), sort
    texts = [item.item for item in (await store.page(Query(sort="item"))).items]
    assert texts[:4] == ["a_b", "buy bread", "Buy MILK", "call Ann"]


async def test_what_stands_behind_a_position(store: Store) -> None:
    await store.add(ITEMS)
    for position, up, down in (
        (position_of(ITEMS[1]), "354", "16"),
        (position_of(ITEMS[3]), "", "53216"),
        ("00z", "612354", ""),
    ):
        for query, expected in ((Query(sort="position"), up), (Query(sort="-position"), down)):
            for limit in (1, 100):
                page = await store.page(query, after=position, limit=limit)
                found = page.items
                while page.next is not None:
                    page = await store.page(query, after=page.next, limit=limit)
                    found += page.items
                assert "".join(item.id[-1] for item in found) == expected, (query, position)


async def test_a_page_is_stable_while_others_add(store: Store) -> None:
    await store.add(ITEMS[:5])
    page = await store.page(Query(sort="-position"), limit=2)
    await store.add([Item(_id(9), "new", NOON), Item(_id(10), "newer", NOON)])
    rest = await store.page(Query(sort="-position"), after=page.next, limit=10)
    both = [one.id[-1] for one in [*page.items, *rest.items]]
    assert [one for one in both if one in "12345"] == list("45321")
    assert len(set(both)) == len(both)


async def test_ids_and_cursors_that_are_none(store: Store) -> None:
    await store.add(ITEMS)
    after = (await store.page(after=_id(2), limit=1)).items
    assert [one.id for one in after] == [_id(3)]
    by_due = (await store.page(Query(sort="due"), limit=1)).next
    cursors: dict[Sort, list[str | None]] = {
        "position": [by_due, _id(1), "", "é", "W10", "WyJwb3NpdGlvbiIsNyJd"],
        "due": ["WyJkdWUiLDksIiIsImEiXQ", "WyJkdWUiLC0xLCIiLCJhIl0"],
        "added": ["\0", "\ud800"],
    }
    for sort, given in cursors.items():
        for one in given:
            with pytest.raises(InvalidCursor):
                await store.page(Query(sort=sort), after=one)


async def test_counts_and_tags(store: Store) -> None:
    assert await store.counts() == Counts()
    assert await store.tags() == []
    await store.add(ITEMS)
    assert await store.counts() == Counts(active=4, done=2)
    assert await store.counts("2026-12-03") == Counts(active=4, done=2, due=2)
    assert (await store.counts()).total == await store.count()
    assert await store.tags() == [("home", 1), ("Straße", 1), ("早", 0)]
