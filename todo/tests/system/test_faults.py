"""The whole application under kill -9: what was accepted is saved once, and everyone ends with one list."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar

import msgspec
import pytest

from dovetail import Group, Received, Worker, connect
from dovetail.testing.servers import PostgresServer, Server
from todo.events import ANY_CHANGE, CHANGES, NewItem
from todo.items import Item
from todo.store import Store, StoreUnavailable, open_store
from todo.store.query import Past, Query
from todo.waiting_changes import GROUP

from .application import Application, children
from .pages import open_pages, rows_of
from .people import Fields, Person

PEOPLE = 20
BROWSERS = 2
#: How often each of the faults happens.
ROUNDS = 3
#: Seconds between two faults; what a fault itself takes comes on top.
CALM = 0.6
#: Items that one reading of a store brings.
MOST = 10_000
#: The group that fills the other database.
COPY = "copy-handler"

NewServer = Callable[..., Awaitable[Server]]
Row = TypeVar("Row")


@pytest.fixture(params=["embedded", "redis", "rabbit"])
def new_queue_server(request: pytest.FixtureRequest) -> NewServer | None:
    """Starts the queue; None for the one that `todo up` brings."""
    if request.param == "embedded":
        return None
    start: NewServer = request.getfixturevalue(f"new_{request.param}_server")
    return start


@pytest.mark.faults
@pytest.mark.heavy
@pytest.mark.slow  # 3,000 items while everything is killed again and again
@pytest.mark.timeout(300)
async def test_every_list_ends_the_same_whatever_is_killed(
    tmp_path: Path,
    new_postgres_server: Callable[..., Awaitable[PostgresServer]],
    new_queue_server: NewServer | None,
) -> None:
    postgres = await new_postgres_server()
    queue_server = await new_queue_server() if new_queue_server else None
    settings = {"DATABASE_URL": await postgres.create_database("todo")}
    settings |= {"QUEUE_URL": queue_server.url} if queue_server else {}
    async with Application(tmp_path, **settings) as app:
        up = await app.up("--scale", "save-handler=3")
        await app.until(lambda: app.answers(app.api_url + "/ready"))
        people = [Person(app, f"person{number}") for number in range(PEOPLE)]
        async with (
            copied(app.queue_url, tmp_path) as copy,
            open_pages(app.web_url, BROWSERS) as pages,
        ):
            over = asyncio.Event()
            load = asyncio.gather(*(person.live(over) for person in people))
            faults: list[Callable[[], Awaitable[None]]] = [
                partial(_kill, up.pid, " save-handler"),
                partial(_crash, queue_server, up.pid),
                postgres.restart,
                partial(_kill, up.pid, " web"),
            ]
            for fault in faults * ROUNDS:
                await fault()
                await asyncio.wait([load], timeout=CALM)
            assert not load.done()
            over.set()
            await load

            wanted = sorted(one for person in people for one in person.items.items())
            store = open_store(settings["DATABASE_URL"])
            try:
                await _all_end_the_same(app, store, copy, wanted)
                rows = [_row(item) for item in await _listed(store)]
                for page in pages:
                    await _becomes(app, "a page", partial(rows_of, page), rows)
            finally:
                await store.close()
            for person in people:
                for removed in person.removed:
                    answer = await app.http.get(f"{app.api_url}/todo/{removed}")
                    assert answer.status_code == 404
        async with connect(app.queue_url) as queue:
            assert not await queue.dead_letters.list()
        for name in ("save-handler", "web", *([] if queue_server else ["queue"])):
            assert any(name in line and " ended with " in line for line in up.lines), name
        accepted = sum(person.accepted for person in people)
        refused = sum(person.refused for person in people)
        said = f"{accepted} accepted, {refused} tried again, {len(rows)} items"
        print(f"{ROUNDS * len(faults)} faults, {said}")  # noqa: T201


@asynccontextmanager
async def copied(queue_url: str, folder: Path) -> AsyncIterator[Store]:
    """An SQLite database that a group of its own fills with the same events."""
    store = open_store(f"sqlite:///{folder}/copy.db", connections=1)
    await store.prepare()
    group = Group(COPY, not_ready=(StoreUnavailable,))

    @group.on(NewItem, batch=100)
    async def add(events: list[NewItem]) -> None:
        await store.add([event.item for event in events])

    @group.on(ANY_CHANGE, batch=100)
    async def change(events: list[Received]) -> None:
        await store.apply([msgspec.convert(one.data, CHANGES[one.subject]) for one in events])

    try:
        async with connect(queue_url) as queue, Worker(queue, [group]):
            yield store
    finally:
        await store.close()


async def _kill(parent: int, word: str) -> None:
    """SIGKILL the first of the children with this word in its command line; it may be down already."""
    for pid in children(parent, word)[:1]:
        os.kill(pid, signal.SIGKILL)


async def _crash(queue_server: Server | None, up: int) -> None:
    """SIGKILL the queue; `todo up` starts its own again."""
    if queue_server is None:
        await _kill(up, "nats-server")
    else:
        await queue_server.kill()
        await queue_server.start()


async def _all_end_the_same(
    app: Application, store: Store, copy: Store, wanted: Sequence[tuple[str, Fields]]
) -> None:
    """Wait until all is handled, and both databases have what is wanted, by the same changes.

    Looks alone do not tell that a database has it all: a change that sets a field to what it is shows in the
    version only, and may still be on its way.
    """
    said = ""

    async def same() -> bool:
        nonlocal said
        groups = [one for one in (await queue.status()).groups if one.group in (GROUP, COPY)]
        if len({one.group for one in groups}) < 2 or any(
            one.waiting + one.in_hand for one in groups
        ):
            said = f"not handled yet: {groups}"
            return False
        items = await _items(store)
        said = (
            _difference("the database", await _fields(store), wanted)
            or _difference("the other database", await _items(copy), items)
            or _difference("its history", await _past(copy, items), await _past(store, items))
        )
        return not said

    async with connect(app.queue_url) as queue:
        try:
            await app.until(same, within=60)
        except AssertionError as error:
            raise AssertionError(said) from error


def _difference(what: str, found: Sequence[Row], wanted: Sequence[Row]) -> str:
    """What is wrong with it; empty where nothing is."""
    if found == wanted:
        return ""
    more = [one for one in found if one not in wanted]
    less = [one for one in wanted if one not in found]
    return f"{what} has {more} too many and lacks {less}, or another order"


async def _becomes(
    app: Application, what: str, read: Callable[[], Awaitable[Sequence[Row]]], wanted: Sequence[Row]
) -> None:
    """Wait until what is read is what is wanted."""
    last: Sequence[Row] = ()

    async def equal() -> bool:
        nonlocal last
        last = await read()
        return last == wanted

    try:
        await app.until(equal, within=60)
    except AssertionError as error:
        raise AssertionError(_difference(what, last, wanted)) from error


async def _listed(store: Store) -> list[Item]:
    """All of it, as the page has it."""
    page = await store.page(Query(sort="-position"), limit=MOST)
    assert page.next is None
    return page.items


async def _items(store: Store) -> list[Item]:
    """The same, but for when it was saved: that is each store's own."""
    return [msgspec.structs.replace(item, date_saved=None) for item in await _listed(store)]


async def _past(store: Store, items: Sequence[Item]) -> list[list[Past]]:
    """All that became of each of these: a change that was lost shows here, whether it counts or not."""
    return [await store.history(item.id) for item in items]


async def _fields(store: Store) -> list[tuple[str, Fields]]:
    """What people see of each item, in the order of the ids."""
    return sorted(
        (
            item.id,
            {
                "item": item.item,
                "done": item.done,
                "due": item.due,
                "tags": list(item.tags),
                "notes": item.notes,
            },
        )
        for item in await _listed(store)
    )


def _row(item: Item) -> list[object]:
    return [item.id, item.item, item.done, list(item.tags), ""]
