"""The calendar's address: who reads it, and what it says where it cannot."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import msgspec
import pytest
from icalendar import Calendar
from starlette.applications import Starlette

from dovetail import MessageQueue, Worker
from todo.changes import change_of
from todo.events import ItemCompleted, ItemDue
from todo.handlers.calendar_handler import PART, calendar_handler
from todo.settings import CalendarSettings, Settings
from todo.store import Store
from todo.web.app import create_app
from todo.web.calendar_secret import CalendarSecret

from .support import client_of, items

SECRET = "abcdefghijklmnopqrstuvwxyz"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data", calendar=CalendarSettings(SECRET), password="word")


@asynccontextmanager
async def running(queue: MessageQueue, store: Store) -> AsyncIterator[None]:
    async with Worker(queue, [calendar_handler(store)]):
        yield


async def add_due(store: Store, count: int, done: int = 0) -> list[str]:
    """Items that are due one day after another, some of them done; the ids of the others."""
    added = items(*(f"item {number}" for number in range(count)))
    await store.add(added)
    days = [f"2026-12-{1 + number % 28:02}" for number in range(count)]
    await store.apply(
        [change_of(ItemDue, one.id, due=day) for one, day in zip(added, days, strict=True)]
    )
    await store.apply([change_of(ItemCompleted, one.id) for one in added[:done]])
    return [item.id for item in added[done:]]


def _entries(response: httpx.Response) -> list[str]:
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/calendar; charset=utf-8"
    return [str(one["UID"]) for one in Calendar.from_ical(response.text).walk("VEVENT")]


async def test_who_has_the_address_needs_no_password(
    client: httpx.AsyncClient, queue: MessageQueue, store: Store
) -> None:
    ids = await add_due(store, 5, done=2)
    async with running(queue, store):
        found = await client.get(f"/calendar/{SECRET}/todo.ics")
        assert sorted(_entries(found)) == ids
        assert found.headers["cache-control"] == "private, no-cache"
        again = {"If-None-Match": found.headers["etag"]}
        assert (await client.get(f"/calendar/{SECRET}/todo.ics", headers=again)).status_code == 304


async def test_many_items_come_in_parts(
    client: httpx.AsyncClient, queue: MessageQueue, store: Store
) -> None:
    ids = await add_due(store, 2 * PART + 1)
    async with running(queue, store):
        assert sorted(_entries(await client.get(f"/calendar/{SECRET}/todo.ics"))) == ids


@pytest.mark.parametrize("word", ["", "x", SECRET[:-1], f"{SECRET}x", "%00", "é"])
async def test_another_address_leads_nowhere(client: httpx.AsyncClient, word: str) -> None:
    assert (await client.get(f"/calendar/{word}/todo.ics")).status_code == 404


async def test_without_its_handler_it_says_so(client: httpx.AsyncClient) -> None:
    found = await client.get(f"/calendar/{SECRET}/todo.ics")
    assert found.status_code == 503
    assert "calendar-handler" in found.text
    assert int(found.headers["retry-after"]) > 0


async def test_the_page_is_for_those_who_signed_in(
    client: httpx.AsyncClient, queue: MessageQueue, store: Store
) -> None:
    assert (await client.get("/calendar", headers={"Accept": "text/html"})).status_code == 303
    signed_in = {"Authorization": "Bearer word"}
    page = (await client.get("/calendar", headers=signed_in)).text
    assert "todo run calendar-handler" in page
    assert f'value="http://todo.test/calendar/{SECRET}/todo.ics"' in page
    assert f'href="webcal://todo.test/calendar/{SECRET}/todo.ics"' in page
    async with running(queue, store):
        assert "todo run" not in (await client.get("/calendar", headers=signed_in)).text


async def test_a_secret_is_drawn_once_where_none_is_set(
    queue: MessageQueue, store: Store, settings: Settings
) -> None:
    unset = msgspec.structs.replace(settings, calendar=CalendarSettings(), password=None)
    addresses = []
    for _ in range(2):
        app: Starlette = create_app(queue, store, unset)
        async with client_of(app) as client, running(queue, store):
            found = re.search(
                r'value="(http://todo\.test/calendar/[^"]+)"', (await client.get("/calendar")).text
            )
            assert found is not None
            addresses.append(found[1])
            _entries(await client.get(found[1]))
        await app.state.closed()
    assert addresses[0] == addresses[1]
    file = unset.data_dir / "calendar-secret"
    assert file.read_text().strip() in addresses[0]
    assert len(file.read_text().strip()) == 43
    assert file.stat().st_mode & 0o077 == 0
    assert [one.name for one in unset.data_dir.iterdir() if "secret" in one.name] == [file.name]


async def test_before_one_was_drawn_nothing_fits(
    queue: MessageQueue, store: Store, settings: Settings
) -> None:
    unset = msgspec.structs.replace(settings, calendar=CalendarSettings(), password=None)
    app = create_app(queue, store, unset)
    async with client_of(app) as client:
        for word in ("None", "x"):
            assert (await client.get(f"/calendar/{word}/todo.ics")).status_code == 404
    await app.state.closed()


async def test_without_a_place_for_one_the_page_says_what_to_set(
    queue: MessageQueue, store: Store, settings: Settings
) -> None:
    elsewhere = msgspec.structs.replace(
        settings,
        calendar=CalendarSettings(),
        password=None,
        queue_url="nats://queue:4222",
        database_url="postgresql://db/todo",
    )
    app = create_app(queue, store, elsewhere)
    async with client_of(app) as client:
        assert "TODO_CALENDAR__SECRET" in (await client.get("/calendar")).text
    await app.state.closed()


def test_a_password_makes_one_for_all_that_serve_the_page(settings: Settings) -> None:
    elsewhere = msgspec.structs.replace(
        settings,
        calendar=CalendarSettings(),
        queue_url="nats://queue:4222",
        database_url="postgresql://db/todo",
    )
    known = CalendarSecret(elsewhere).known()
    assert known is not None
    assert len(known) == 32
    assert CalendarSecret(elsewhere).fits(known)
    other = CalendarSecret(msgspec.structs.replace(elsewhere, password="word2"))
    assert not other.fits(known)
