"""The full-text index, on both databases."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
import pytest_asyncio

from dovetail import new_id
from todo.changes import change_of
from todo.events import ItemEdited, ItemNoted, ItemRemoved, ItemTagged
from todo.items import items_of
from todo.store import open_store
from todo.store.search_index import SearchableStore

pytestmark = pytest.mark.usefixtures("patient")

NOON = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)


@pytest_asyncio.fixture
async def store(database_url: str) -> AsyncIterator[SearchableStore]:
    store = open_store(database_url, connections=2, searchable=True)
    assert isinstance(store, SearchableStore)
    await store.prepare()
    yield store
    await store.close()


async def fill(store: SearchableStore) -> None:
    after: str | None = ""
    while after is not None:
        after = await store.index_stale(after)
    await store.drop_removed()


async def added(store: SearchableStore, *texts: str) -> list[str]:
    """Saved and not indexed; their ids."""
    items = items_of(texts, new_id())
    await store.add(items)
    return [item.id for item in items]


async def found(store: SearchableStore, query: str) -> list[str]:
    """The texts, best first."""
    ids = await store.find(query, 100)
    assert ids is not None
    return [item.item for item in await store.items(ids)]


FOUND: dict[str, set[str]] = {
    "milk": {"buy milk", "MILK and honey", "milkshake"},
    "mil": {"buy milk", "MILK and honey", "milkshake"},
    "ilk": set(),
    "buy mil": {"buy milk"},
    "honey milk": {"MILK and honey"},
    "bucher": {"Bücher lesen"},
    "BÜCH": {"Bücher lesen"},
    "牛奶": {"去买牛奶"},
    "买牛": {"去买牛奶"},
    "奶牛": set(),
    "foo-b": {"see foo-bar"},
    "bar-foo": set(),
    "🎉": {"party 🎉"},
    "nothing": set(),
    "' OR 1 --": set(),
    'milk" OR "x': set(),
    "NOT AND OR": set(),
    "buy)": {"buy milk"},
    "item:buy": set(),
    "a & ! | <->": {"MILK and honey", "a cat"},
}


async def test_finding(store: SearchableStore) -> None:
    await added(
        store,
        "buy milk",
        "MILK and honey",
        "milkshake",
        "Bücher lesen",
        "去买牛奶",
        "see foo-bar",
        "party 🎉",
        "a cat",
    )
    await fill(store)
    assert {query: set(await found(store, query)) for query in FOUND} == FOUND


async def test_without_a_word_there_is_nothing_to_find(store: SearchableStore) -> None:
    for query in ("", " ", "!!", "#"):
        assert await store.find(query, 10) is None


async def test_the_best_come_first(store: SearchableStore) -> None:
    inside, word, longer, tagged = await added(
        store, "something else", "tea", "teapot", "a third thing"
    )
    await store.apply(
        [
            change_of(ItemNoted, inside, notes="in the end there is tea in these notes"),
            change_of(ItemTagged, tagged, tags=("tea",)),
        ]
    )
    await fill(store)
    ids = await store.find("tea", 10)
    assert ids is not None
    assert ids[0] == word
    assert set(ids) == {inside, word, longer, tagged}
    assert ids.index(tagged) < ids.index(inside)
    assert ids.index(word) < ids.index(longer)
    assert await store.find("tea", 1) == [word]


async def test_a_hash_finds_tags_only(store: SearchableStore) -> None:
    text, tagged, both = await added(store, "home work", "x", "go home")
    await store.apply([change_of(ItemTagged, one, tags=("Home", "b")) for one in (tagged, both)])
    await fill(store)
    assert set(await store.find("#home", 10) or ()) == {tagged, both}
    assert set(await store.find("#ho go", 10) or ()) == {both}
    assert set(await store.find("home", 10) or ()) == {text, tagged, both}


async def test_what_changes_is_found_as_it_is_now(store: SearchableStore) -> None:
    (one,) = await added(store, "buy milk")
    await store.index([one])
    assert await found(store, "milk") == ["buy milk"]
    await store.apply([change_of(ItemEdited, one, item="buy tea")])
    await store.index([one])
    assert (await found(store, "milk"), await found(store, "tea")) == ([], ["buy tea"])
    await store.apply([change_of(ItemRemoved, one)])
    await store.index([one, "unknown"])
    assert await found(store, "tea") == []


async def test_filling_finds_all_that_was_missed(store: SearchableStore) -> None:
    ids = await added(store, *(f"word number{number}" for number in range(450)))
    await fill(store)
    assert len(await store.find("word", 1000) or ()) == 450
    await store.apply(
        [change_of(ItemEdited, one, item="other") for one in ids[::3]]
        + [change_of(ItemRemoved, one) for one in ids[1::3]]
    )
    await fill(store)
    assert sorted(await store.find("word", 1000) or ()) == sorted(ids[2::3])
    assert sorted(await store.find("other", 1000) or ()) == sorted(ids[::3])
    assert await store.index_stale() is None


async def test_it_stays_when_the_program_is_started_again(
    store: SearchableStore, database_url: str
) -> None:
    await added(store, "buy milk")
    await fill(store)
    again = open_store(database_url, searchable=True)
    assert isinstance(again, SearchableStore)
    await again.prepare()
    assert await found(again, "milk") == ["buy milk"]
    await again.close()


async def test_several_may_index_the_same_at_once(
    store: SearchableStore, database_url: str
) -> None:
    """Whoever is last has seen what was saved last."""
    other = open_store(database_url, searchable=True)
    assert isinstance(other, SearchableStore)
    await other.prepare()
    ids = await added(store, *("before" for _ in range(20)))

    async def edit(one: str) -> None:
        await store.apply([change_of(ItemEdited, one, item="after")])
        await asyncio.gather(store.index(ids), other.index(ids))

    await asyncio.gather(fill(store), fill(other), *(edit(one) for one in ids))
    assert await found(store, "before") == []
    assert len(await found(store, "after")) == 20
    await other.close()
