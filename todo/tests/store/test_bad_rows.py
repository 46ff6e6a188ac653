"""Rows that something else has put into the table: each costs at most itself."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args

import pytest
import pytest_asyncio
from sqlalchemy import text as sql

from dovetail import new_id
from todo.changes import change_of
from todo.events import ItemCompleted, ItemEdited
from todo.fields import MAX_NOTES_LENGTH
from todo.items import MAX_LENGTH, Item
from todo.store import Store, open_store
from todo.store.address import parse
from todo.store.connections import Connections
from todo.store.query import Query, Sort
from todo.validation import validated_item

from .support import bare, bares

pytestmark = pytest.mark.usefixtures("patient")

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
UNKNOWN = datetime(1970, 1, 1, tzinfo=UTC)
DATE = NOON.isoformat(" ")

#: What stands in the columns id, item and date_added; and as what it is shown, None for not at all.
ROWS: dict[str, tuple[tuple[Any, Any, Any], tuple[str, str, datetime] | None]] = {
    "no text": (("m", None, DATE), ("m", "", NOON)),
    "empty text": (("m", "", DATE), ("m", "", NOON)),
    "bytes for a text": (("m", b"\xffx", DATE), ("m", "\ufffdx", NOON)),
    "a number for a text": (("m", 7, DATE), ("m", "7", NOON)),
    "a text with NUL": (("m", "a\0b", DATE), ("m", "a", NOON)),
    "10 MB": (("m", "x" * 10_000_000, DATE), ("m", "x" * MAX_LENGTH + "…", NOON)),
    "no date": (("m", "x", None), ("m", "x", UNKNOWN)),
    "empty date": (("m", "x", ""), ("m", "x", UNKNOWN)),
    "garbage for a date": (("m", "x", "yesterday"), ("m", "x", UNKNOWN)),
    "10 MB for a date": (("m", "x", "2026" * 2_500_000), ("m", "x", UNKNOWN)),
    "a number for a date": (("m", "x", 1_767_355_200), ("m", "x", UNKNOWN)),
    "bytes for a date": (("m", "x", b"\xff"), ("m", "x", UNKNOWN)),
    "a date without a zone": (("m", "x", "2026-01-02 12:00:00"), ("m", "x", NOON)),
    "the first date": (("m", "x", "0001-01-01"), ("m", "x", datetime(1, 1, 1, tzinfo=UTC))),
    "before the first": (("m", "x", "0001-01-01T00:00:00+14:00"), ("m", "x", UNKNOWN)),
    "after the last": (("m", "x", "9999-12-31T23:00:00-05:00"), ("m", "x", UNKNOWN)),
    "no id": ((None, "x", DATE), None),
    "bytes for an id": ((b"m", "x", DATE), None),
    "a number for an id": ((7, "x", DATE), ("7", "x", NOON)),
    "an empty id": (("", "x", DATE), ("", "x", NOON)),
    "a long id": (("m" * 65, "x", DATE), None),
    "a wild id": (("m/../?&#%00 \n<b>'", "x", DATE), ("m/../?&#%00 \n<b>'", "x", NOON)),
}


def broken(folder: Path, *rows: tuple[Any, Any, Any]) -> str:
    """A database whose table somebody else has made without any rule, with these rows; its address."""
    with sqlite3.connect(folder / "todo.db") as database:
        database.execute(
            "CREATE TABLE todos (id VARCHAR(64), item VARCHAR(256), date_added VARCHAR)"
        )
        database.execute("CREATE UNIQUE INDEX by_id ON todos (id)")
        database.execute("CREATE TABLE alembic_version (version_num VARCHAR)")
        database.execute("INSERT INTO alembic_version VALUES ('0001')")
        database.executemany("INSERT INTO todos VALUES (?, ?, ?)", rows)
    database.close()
    return f"sqlite:///{folder}/todo.db"


@pytest.mark.parametrize(("row", "shown"), ROWS.values(), ids=ROWS)
async def test_a_row_is_shown_as_far_as_it_can_be(
    tmp_path: Path, row: tuple[Any, Any, Any], shown: tuple[str, str, datetime] | None
) -> None:
    store = open_store(broken(tmp_path, ("a", "first", DATE), row, ("z", "last", DATE)))
    await store.prepare()
    first, last = Item("a", "first", NOON), Item("z", "last", NOON)
    bad = [] if shown is None else [Item(*shown)]
    expected = sorted([first, *bad, last], key=lambda one: one.id)
    assert bares((await store.page()).items) == expected
    assert bares(await store.newest(10)) == expected
    assert bares(await _by_ones(store)) == expected
    assert await store.count() == 3
    assert await store.missing(["a", "z", "n"]) == {"n"}
    for one in bad:
        assert bare(await store.get(one.id)) == one
    assert (await store.add([first, Item("y", "new", NOON)])).lost == []
    assert bare(await store.amend("z", str.upper)) == Item("z", "LAST", NOON)
    assert len((await store.page()).items) == len(expected) + 1
    await store.close()


#: What stands in a column that came later, and as what it is shown.
FIELDS: dict[str, tuple[str, Any, Any]] = {
    "done": ("done", "yes", False),
    "done by a number": ("done", 7, True),
    "no done": ("done", None, False),
    "a due date that is none": ("due", "tomorrow", None),
    "bytes for a due date": ("due", b"\xff", None),
    "10 MB for a due date": ("due", "2" * 10_000_000, None),
    "tags that are none": ("tags", "#a b", ()),
    "bytes for tags": ("tags", b"\xff", ()),
    "10 MB of tags": ("tags", "a " * 5_000_000, ("a",)),
    "no tags": ("tags", None, ()),
    "no notes": ("notes", None, ""),
    "bytes for notes": ("notes", b"\xffx", "\ufffdx"),
    "10 MB of notes": ("notes", "x" * 10_000_000, "x" * MAX_NOTES_LENGTH + "…"),
    "a position that is none": ("position", "A !", ""),
    # As that of a row that something else has put there, with an id that tells no time.
    "bytes for a position": ("position", b"\xff", "ah"),
    "10 MB of a position": ("position", "z" * 10_000_000, "ah"),
    "no position": ("position", None, "ah"),
    "a date that is none": ("date_saved", "yesterday", None),
    "bytes for a version": ("version", b"\xff", ""),
    "no version": ("version", None, ""),
}


@pytest.mark.parametrize(("column", "value", "shown"), FIELDS.values(), ids=FIELDS)
async def test_a_field_is_shown_as_far_as_it_can_be(
    tmp_path: Path, column: str, value: Any, shown: Any
) -> None:
    store = open_store(broken(tmp_path, ("a", "first", DATE), ("z", "last", DATE)))
    await store.prepare()
    with sqlite3.connect(tmp_path / "todo.db") as database:
        database.execute("ALTER TABLE todos RENAME TO ruled")
        database.execute("CREATE TABLE todos AS SELECT * FROM ruled")  # without any rule
        database.execute("CREATE UNIQUE INDEX by_number ON todos (id)")
        database.execute(f"UPDATE todos SET {column} = ? WHERE id = 'a'", (value,))
    database.close()
    found = await store.get("a")
    assert found is not None
    assert getattr(found, column) == shown
    for sort in get_args(Sort):
        assert sorted(await _texts(store, sort)) == ["first", "last"]
    assert (await store.counts("2026-12-03")).total == 2
    for query in (Query(q="first"), Query(q="ä"), Query(tag="a"), Query(due_until="2026-12-03")):
        assert len((await store.page(query)).items) <= 1
    await store.tags()
    (answer,) = await store.apply([change_of(ItemEdited, "a", item="changed")])
    assert answer.item is not None
    assert (answer.item.item, getattr(answer.item, column)) == (
        ("changed", answer.item.version) if column == "version" else ("changed", shown)
    )
    await store.close()


async def _texts(store: Store, sort: Sort) -> list[str]:
    """By ones."""
    page = await store.page(Query(sort=sort), limit=1)
    found = page.items
    while page.next is not None:
        page = await store.page(Query(sort=sort), after=page.next, limit=1)
        found += page.items
    return [item.item for item in found]


async def test_rows_of_changes_that_are_none_are_left_out(store: Store, database_url: str) -> None:
    item = Item(new_id(), "x", NOON)
    await store.add([item])
    done = change_of(ItemCompleted, item.id)
    await store.apply([done])
    good = new_id()
    rows = [
        ("x", "completed", "true"),
        (good, "praised", "true"),
        (good, "due", "{"),
        (good, "tagged", "7"),
    ]
    insert = sql(
        "INSERT INTO changes (item_id, change, kind, value, seen, date_saved) "
        "VALUES (:item, :change, :kind, :value, '', '2026-01-02 12:00:00+00:00')"
    )
    values = [
        {"item": item.id, "change": change, "kind": kind, "value": value}
        for change, kind, value in rows
    ]
    connections = Connections(parse(database_url), 1, "test")
    in_place = (
        str(insert)
        if connections.engine.dialect.name == "sqlite"
        else str(insert).replace("'2026-01-02 12:00:00+00:00'", "now()")
    )
    await connections.run(
        connections.engine, lambda connection: connection.execute(sql(in_place), values)
    )
    await connections.close()
    assert [past.field for past in await store.history(item.id)] == ["added", "done"]
    (answer,) = await store.apply([change_of(ItemEdited, item.id, after=done.change, item="y")])
    assert answer.item is not None
    assert (answer.item.item, answer.item.done) == ("y", True)


async def _by_ones(store: Store) -> list[Item]:
    page = await store.page(limit=1)
    found = page.items
    while page.next is not None:
        page = await store.page(after=page.next, limit=1)
        found += page.items
    return found


async def test_a_text_that_is_no_utf8_costs_no_other_row(tmp_path: Path) -> None:
    url = broken(tmp_path, ("a", "first", DATE), ("z", "last", DATE))
    with sqlite3.connect(tmp_path / "todo.db") as database:
        database.execute("INSERT INTO todos VALUES ('m', CAST(x'ff78' AS TEXT), ?)", (DATE,))
    database.close()
    store = open_store(url)
    await store.prepare()
    assert [one.item for one in (await store.page()).items] == ["first", "\ufffdx", "last"]
    await store.close()


async def test_a_row_that_is_not_as_it_is_shown_is_left_alone(tmp_path: Path) -> None:
    store = open_store(broken(tmp_path, ("m", "x" * 1000, DATE)))
    await store.prepare()
    assert await store.amend("m", str.upper) is None
    await store.close()


async def test_a_date_that_is_none_is_that_of_the_id_and_logged_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    made = new_id()
    store = open_store(broken(tmp_path, (made, "x", "yesterday")))
    await store.prepare()
    (item,) = (await store.page()).items
    assert await store.get(made) == item
    assert abs(item.date_added - datetime.now(UTC)) < timedelta(minutes=1)
    assert caplog.messages == [
        f"the row {made} of the table todos has a date that is none; it is shown as far as it can be"
    ]
    await store.close()


@pytest_asyncio.fixture
async def shared(postgres_url: str) -> Store:
    return open_store(postgres_url)


@pytest.mark.parametrize(
    ("date", "shown"),
    [
        ("infinity", datetime.max.replace(tzinfo=UTC)),
        ("-infinity", datetime.min.replace(tzinfo=UTC)),
        ("0044-03-15 BC", UNKNOWN),
        ("10000-01-01", UNKNOWN),
        ("294276-12-31", UNKNOWN),
    ],
)
async def test_dates_that_only_postgresql_has(
    postgres_url: str, shared: Store, date: str, shown: datetime
) -> None:
    await shared.prepare()
    good = Item("a", "x", NOON)
    await shared.add([good])
    connections = Connections(parse(postgres_url), 1, "test")
    insert = sql(f"INSERT INTO todos VALUES ('m', 'y', '{date}')")
    await connections.run(connections.engine, lambda connection: connection.execute(insert))
    await connections.close()
    assert bares((await shared.page()).items) == [good, Item("m", "y", shown)]
    assert bare(await shared.get("m")) == Item("m", "y", shown)
    await shared.close()


@pytest.mark.parametrize(
    "date",
    [
        "0001-01-01T00:00:00+00:00",
        "0001-01-01T00:00:00-14:00",
        "9999-12-31T23:59:59.999999+00:00",
        "9999-12-31T23:59:59+14:00",
        "1970-01-01T00:00:00+23:59",
    ],
)
async def test_every_date_that_is_kept_comes_back(store: Store, date: str) -> None:
    item = validated_item(Item("a", "x", datetime.fromisoformat(date)))
    await store.add([item])
    assert bare(await store.get("a")) == item


async def test_an_id_that_another_item_has(store: Store) -> None:
    first = Item("a", "text", NOON)
    later = NOON + timedelta(seconds=1)
    assert (await store.add([first, Item("b", "x", NOON)])).lost == []
    again, another = Item("a", "text", later), Item("a", "other", later)
    assert (await store.add([first, again, Item("c", "x", NOON)])).lost == []
    assert (await store.add([another, first, Item("d", "x", NOON)])).lost == [another]
    await store.amend("a", str.upper)
    assert (await store.add([first])).lost == []
    assert [one.item for one in (await store.page()).items] == ["TEXT", "x", "x", "x"]


async def test_one_batch_with_two_items_of_one_id(store: Store) -> None:
    later = NOON.astimezone(UTC) + timedelta(seconds=1)
    first, second = Item("a", "one", NOON), Item("a", "two", later)
    assert (await store.add([first, second])).lost == [second]
