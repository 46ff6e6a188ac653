"""The file of a SQLite database goes, or is changed from outside, while it is in use."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
import pytest_asyncio

from dovetail import new_id
from todo.items import Item
from todo.monitoring.readiness import database_state
from todo.store import NoSchema, Store, StoreChanged, StoreUnavailable, open_store


def item() -> Item:
    return Item(new_id(), "milk", datetime.now(UTC))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "data" / "todo.db"


@pytest_asyncio.fixture
async def stores(file: Path) -> AsyncIterator[tuple[Store, Store]]:
    """As two components have it, with five items."""
    stores = open_store(f"sqlite:///{file}"), open_store(f"sqlite:///{file}", connections=4)
    for store in stores:
        await store.prepare()
    for _ in range(5):
        await stores[0].add([item()])
    assert await stores[1].count() == 5
    yield stores
    for store in stores:
        await store.close()


def rows(file: Path) -> int:
    with closing(sqlite3.connect(file)) as database:
        found: int = database.execute("SELECT count(*) FROM todos").fetchone()[0]
        return found


def remove(file: Path) -> None:
    file.unlink()


def remove_all(file: Path) -> None:
    for one in file.parent.iterdir():
        one.unlink()


def remove_folder(file: Path) -> None:
    shutil.rmtree(file.parent)


def move(file: Path) -> None:
    file.rename(file.with_name("elsewhere.db"))


@pytest.mark.parametrize("change", [remove, remove_all, remove_folder, move])
async def test_nothing_is_saved_into_a_file_that_is_gone(
    stores: tuple[Store, Store], file: Path, change: Callable[[Path], None]
) -> None:
    change(file)
    for store in stores:
        for attempt in (store.add([item()]), store.count(), store.add([item()])):
            with pytest.raises(StoreChanged, match=f"{file} was removed.*move that file to {file}"):
                await attempt
        assert await database_state(store) == "damaged"
    assert file not in list(file.parent.iterdir())
    (copy,) = file.parent.glob("todo.db.rescued-*")
    assert rows(copy) == 5
    copy.rename(file)
    for number, store in enumerate(stores):
        await store.add([item()])
        assert await database_state(store) == "ok"
        assert rows(file) == 6 + number


def replace(file: Path) -> None:
    shutil.copy(file, f"{file}.copy")
    shutil.copy(f"{file}-wal", f"{file}.copy-wal")
    remove_all_but_copies(file)
    rows(Path(f"{file}.copy"))
    Path(f"{file}.copy").rename(file)


def remove_all_but_copies(file: Path) -> None:
    for one in (file, Path(f"{file}-wal"), Path(f"{file}-shm")):
        one.unlink()


def remove_log(file: Path) -> None:
    Path(f"{file}-wal").unlink()


@pytest.mark.parametrize("change", [replace, remove_log])
async def test_what_is_saved_after_a_change_from_outside_is_in_the_file_that_is_there(
    stores: tuple[Store, Store], file: Path, change: Callable[[Path], None]
) -> None:
    change(file)
    for store in stores:
        with pytest.raises(StoreChanged, match=r"(replaced|removed) .*while it was in use"):
            await store.add([item()])
    for number, store in enumerate(stores):
        await store.add([item()])
        assert rows(file) == 6 + number
        assert await database_state(store) == "ok"


def replace_by_nothing(file: Path) -> None:
    file.unlink()
    file.touch()


async def test_an_empty_file_is_not_taken_for_the_database(
    stores: tuple[Store, Store], file: Path
) -> None:
    replace_by_nothing(file)
    for store in stores:
        with pytest.raises(StoreChanged):
            await store.add([item()])
        with pytest.raises(NoSchema):
            await store.add([item()])
        with pytest.raises(StoreUnavailable):
            await store.count()
    assert list(file.parent.glob("todo.db.rescued-*"))


async def test_a_file_that_is_cut_short_takes_nothing(
    stores: tuple[Store, Store], file: Path
) -> None:
    store = stores[0]
    for _ in range(20):
        await store.add([Item(new_id(), "x" * 250, datetime.now(UTC)) for _ in range(200)])
    with closing(sqlite3.connect(file)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    await store.add([item()])
    os.truncate(file, 100_000)
    with pytest.raises(StoreChanged, match="was cut short"):
        await store.add([item()])
    with pytest.raises(StoreUnavailable):
        await store.add([item()])


def damage(file: Path) -> None:
    """All but the first page, which has the schema."""
    with file.open("r+b") as disk:
        disk.seek(4096)
        disk.write(b"\xa5" * (file.stat().st_size - 4096))


async def test_a_damaged_page_is_an_outage_and_no_fault_of_the_message(
    stores: tuple[Store, Store], file: Path
) -> None:
    store = stores[0]
    for _ in range(20):
        await store.add([Item(new_id(), "x" * 250, datetime.now(UTC)) for _ in range(20)])
    for one in stores:
        await one.close()
    damage(file)
    with pytest.raises(StoreUnavailable, match="malformed; restore its file from a backup"):
        await store.add([item()])
    assert await database_state(store) == "damaged"
