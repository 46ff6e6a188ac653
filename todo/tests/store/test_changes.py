"""Items that are changed: what the database has of them, and what became of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from sqlalchemy import Connection
from sqlalchemy.util import await_only

from dovetail import new_id
from todo.changes import change_of
from todo.events import (
    ChangeSaved,
    ItemCompleted,
    ItemDue,
    ItemEdited,
    ItemMoved,
    ItemNoted,
    ItemRemoved,
    ItemRestored,
    ItemTagged,
)
from todo.items import Item
from todo.positions import added_position, position_of
from todo.store import Store, history, open_store
from todo.store.query import KeptAndRemoved, Past

from .support import bare

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


async def test_an_item_keeps_everything_it_was_added_with(store: Store) -> None:
    item = Item(
        new_id(),
        "Bücher",
        NOON,
        done=True,
        due="2026-12-03T18:30:00+01:00",
        tags=("home", "早"),
        notes="one\ntwo 📚",
        position="k3",
    )
    plain, other = Item(new_id(), "x", NOON), Item("no uuid", "y", NOON)
    added = await store.add([item, plain, other])
    assert added.lost == []
    assert [one and one.id for one in added.items] == [item.id, plain.id, other.id]
    for one, there in zip((item, plain, other), added.items, strict=True):
        found = await store.get(one.id)
        assert found == there
        assert found is not None
        assert found.date_saved is not None
        assert abs(found.date_saved - datetime.now(UTC)) < timedelta(minutes=1)
        assert msgspec.structs.replace(found, date_saved=None) == one
    again = await store.add([item, plain, other])
    assert again.items == added.items


async def test_changes_are_applied_and_answered_item_by_item(store: Store) -> None:
    first, second = Item(new_id(), "one", NOON), Item(new_id(), "two", NOON)
    await store.add([first, second])
    done, tagged = change_of(ItemCompleted, first.id), change_of(ItemTagged, second.id, tags=("a",))
    due = change_of(ItemDue, first.id, after=done.change, due="2026-12-03")
    answers = await store.apply([done, tagged, due])
    now = await store.items([first.id, second.id])
    assert answers == [
        ChangeSaved(first.id, (done.change, due.change), now[0]),
        ChangeSaved(second.id, (tagged.change,), now[1]),
    ]
    assert (now[0].done, now[0].due, now[0].version) == (True, "2026-12-03", due.change)
    assert (now[1].tags, now[1].version) == (("a",), tagged.change)
    assert await store.apply([done, tagged, due]) == answers
    assert await store.apply([]) == ()


async def test_a_change_may_come_before_its_item_and_a_removal_after(store: Store) -> None:
    item = Item(new_id(), "one", NOON)
    done = change_of(ItemCompleted, item.id)
    assert await store.apply([done]) == [ChangeSaved(item.id, (done.change,), early=True)]
    assert (await store.get(item.id), await store.count()) == (None, 0)
    (there,) = (await store.add([item])).items
    assert there == await store.get(item.id)
    assert there is not None
    assert (there.done, there.version) == (True, done.change)
    removed = change_of(ItemRemoved, item.id, after=done.change)
    assert await store.apply([removed]) == [ChangeSaved(item.id, (removed.change,))]
    assert (await store.add([item])).items == [None]
    assert await store.count() == 0
    (back,) = await store.removed([item.id, "nobody"])
    restored = change_of(ItemRestored, item.id, after=removed.change)
    (answer,) = await store.apply([restored])
    assert answer.item == await store.get(item.id)
    assert bare(answer.item) == bare(back) == bare(there)
    assert await store.removed([item.id]) == []
    assert answer.item is not None
    assert answer.item.date_saved == there.date_saved


async def test_who_loses_a_text_unseen_is_told_once(store: Store) -> None:
    item = Item(new_id(), "milk", NOON)
    await store.add([item])
    mine = change_of(ItemEdited, item.id, item="oat milk")
    theirs = change_of(ItemEdited, item.id, after=mine.change, seen="", item="soy milk")
    assert (await store.apply([mine]))[0].superseded == ()
    assert (await store.apply([theirs]))[0].superseded == (mine.change,)
    assert (await store.apply([theirs]))[0].superseded == (mine.change,)
    noted = change_of(ItemNoted, item.id, after=theirs.change, notes="two litres")
    (answer,) = await store.apply([noted])
    assert answer.superseded == ()
    history = await store.history(item.id)
    assert history == [
        Past("", NOON, "added", "milk"),
        Past(mine.change, history[1].at, "item", "oat milk", superseded=True),
        Past(theirs.change, history[2].at, "item", "soy milk", current=True),
        Past(noted.change, history[3].at, "notes", "two litres", theirs.change, current=True),
    ]
    assert abs(history[1].at - datetime.now(UTC)) < timedelta(minutes=1)


async def test_the_history_of_what_nobody_changed_and_nobody_knows(store: Store) -> None:
    item = Item(new_id(), "one", NOON)
    await store.add([item])
    assert await store.history(item.id) == [Past("", NOON, "added", "one", current=True)]
    assert await store.history("nobody") == []
    done = change_of(ItemCompleted, "nobody")
    await store.apply([done])
    (past,) = await store.history("nobody")
    assert (past.field, past.value) == ("done", True)


async def test_moving_there_and_back(store: Store) -> None:
    for item in (Item(new_id(), "one", NOON), Item("no uuid", "two", NOON)):
        await store.add([item])
        moved = change_of(ItemMoved, item.id, position="zz")
        (answer,) = await store.apply([moved])
        assert answer.item is not None
        assert position_of(answer.item) == "zz"
        back = change_of(ItemMoved, item.id, after=moved.change, position="")
        (answer,) = await store.apply([back])
        assert answer.item is not None
        assert position_of(answer.item) == added_position(item.id, NOON)


async def test_an_item_is_amended_between_the_changes_of_others(store: Store) -> None:
    item = Item(new_id(), "milk", NOON)
    await store.add([item])
    amended = await store.amend(item.id, str.upper)
    assert amended is not None
    assert amended == await store.get(item.id)
    assert amended.item == "MILK"
    (answer,) = await store.apply(
        [change_of(ItemEdited, item.id, after=amended.version, item="tea")]
    )
    assert answer.item is not None
    assert (answer.item.item, answer.superseded) == ("tea", ())
    assert await store.amend("nobody", str.upper) is None
    assert await store.count() == 1


async def test_what_was_saved_and_removed_since(store: Store) -> None:
    before = datetime.now(UTC) - timedelta(seconds=1)
    first, second, third = (Item(new_id(), text, LONG_AGO) for text in "abc")
    await store.add([first, second, third])
    await store.apply([change_of(ItemRemoved, second.id), change_of(ItemCompleted, third.id)])
    assert {one.id for one in await store.changed_since(before)} == {first.id, third.id}
    assert await store.removed_since(before) == [second.id]
    assert len(await store.changed_since(before, limit=1)) == 1
    later = datetime.now(UTC) + timedelta(minutes=1)
    assert await store.changed_since(later) == []
    assert await store.removed_since(later) == []


@pytest.mark.parametrize("count", [1200])
async def test_many_changes_at_once(store: Store, count: int) -> None:
    items = [Item(new_id(), str(number), NOON) for number in range(count)]
    await store.add(items)
    changes = [change_of(ItemCompleted, item.id) for item in items]
    assert len(await store.apply(changes)) == count
    assert (await store.counts()).done == count
    await store.apply([change_of(ItemRemoved, item.id) for item in items[:-1]])
    assert [one.id for one in await store.items([item.id for item in items])] == [items[-1].id]


async def test_kept_and_removed_items_are_read_together(store: Store) -> None:
    kept, removed, back = (Item(new_id(), text, NOON) for text in "abc")
    await store.add([kept, removed, back])
    gone = [change_of(ItemRemoved, one.id) for one in (removed, back)]
    await store.apply([*gone, change_of(ItemRestored, back.id, after=gone[1].change)])
    found = await store.kept_and_removed([back.id, removed.id, "nobody", kept.id])
    assert found.kept == await store.items([back.id, kept.id])
    assert found.removed == await store.removed([removed.id])
    assert await store.kept_and_removed([]) == KeptAndRemoved([], [])


async def test_what_is_restored_while_it_is_read_is_kept(
    database_url: str, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    item = Item(new_id(), "one", NOON)
    await store.add([item])
    removed = change_of(ItemRemoved, item.id)
    await store.apply([removed])
    read = history.read_removed

    async def restore() -> None:
        other = open_store(database_url)
        await other.apply([change_of(ItemRestored, item.id, after=removed.change)])
        await other.close()

    def restore_and_read(connection: Connection, ids: Sequence[str]) -> list[Item]:
        await_only(restore())
        return read(connection, ids)

    monkeypatch.setattr(history, "read_removed", restore_and_read)
    found = await store.kept_and_removed([item.id])
    assert found == KeptAndRemoved(await store.items([item.id]), [])
    assert len(found.kept) == 1
