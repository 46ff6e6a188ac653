"""Whatever can be decoded can be shown: every message that the types allow, in every view."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from html import unescape
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote

import httpx
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette

from dovetail import Event, Group, MessageQueue, Request, Worker, connect, new_id
from todo.api.app import create_app as create_api
from todo.events import ImportItems, ItemAmended, ItemSaved, NewItem, Presence, WhoIsThere
from todo.handlers.audit_handler import audit_handler
from todo.handlers.mutating_handler import mutating_handler
from todo.handlers.save_handler import save_handler
from todo.items import MAX_ID_LENGTH, InvalidItem, Item
from todo.settings import MutatingHandlerSettings, SaveHandlerSettings, Settings
from todo.store import Store, open_store
from todo.validation import validated_item
from todo.web import diagnostics, list_contents
from todo.web.app import create_app as create_web

from .support import EventStream, client_of

ZONES = ["UTC", "Pacific/Kiritimati", "America/Los_Angeles"]
#: Items of a page, so that there are several pages.
PAGE_SIZE = 3

offsets = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
hard = st.text("a\n\r\x1b\x9b\u200b\u202e\u2028\u3164\0<'\"&/?#%.é📚", max_size=8)
items = st.builds(
    Item,
    id=st.one_of(
        st.uuids().map(str),
        hard.map(lambda text: f"i{text}"),
        st.text(min_size=1, max_size=MAX_ID_LENGTH),
    ),
    item=st.one_of(hard, st.text(), st.integers(200, 300).map("x".__mul__)),
    date_added=st.datetimes(timezones=st.one_of(st.just(UTC), offsets)),
)
events = st.builds(NewItem, items) | st.builds(ItemSaved, items) | st.builds(ItemAmended, items)
imports = st.builds(ImportItems, st.lists(hard, max_size=2))
numbers = st.integers(-(2**63), 2**64 - 1)
lengths = st.none() | st.floats(allow_nan=False, allow_infinity=False)
presences = st.builds(
    Presence, hard, hard, numbers, st.none() | hard, lengths, st.none() | numbers, numbers
)

FIRST = NewItem(Item("first", "Go's zero time", datetime(1, 1, 1, tzinfo=UTC)))
LAST = NewItem(Item("last", "the last second", datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)))
EAST = NewItem(Item("east", "year 0", datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14)))))
WEST = NewItem(
    Item("west", "10000", datetime(9999, 12, 31, 23, tzinfo=timezone(timedelta(hours=-9))))
)
BLANK = NewItem(Item("blank", "\u200b\u3164", datetime(2026, 1, 2, tzinfo=UTC)))


@dataclass(frozen=True)
class Application:
    """All of it in this process."""

    queue: MessageQueue
    store: Store
    web: Starlette
    api: Starlette
    groups: Sequence[Group]


@asynccontextmanager
async def running(presence: Presence) -> AsyncIterator[Application]:
    group = Group("presence")

    @group.on(WhoIsThere, every_member=True)
    async def answer(_: Request[Presence]) -> Presence:
        return presence

    with TemporaryDirectory() as folder:
        settings = Settings(data_dir=Path(folder))
        store = open_store(settings.database)
        await store.prepare()
        handlers = [save_handler(store, SaveHandlerSettings()), audit_handler()]
        handlers.append(mutating_handler(store, MutatingHandlerSettings()))
        async with connect(f"memory://{new_id()}") as queue:
            web = create_web(queue, store, settings)
            api = create_api(queue, store, settings)
            try:
                yield Application(queue, store, web, api, [*handlers, group])
            finally:
                await web.state.closed()
                await store.close()


@pytest.fixture(scope="module", autouse=True)
def short_pages_at_once() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(list_contents, "PAGE_SIZE", PAGE_SIZE)
        patch.setattr(diagnostics, "ROLL_CALL", 0.02)
        yield


@contextmanager
def zone(name: str) -> Iterator[None]:
    """This machine's time zone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", name)
        time.tzset()
        yield
    time.tzset()


@settings(max_examples=15, deadline=None)
@given(st.lists(events | imports, min_size=1, max_size=12), presences, st.sampled_from(ZONES))
@example([FIRST, LAST, EAST, WEST, BLANK], Presence("web", "h", 1), ZONES[0])
@example([FIRST, LAST, EAST, WEST, BLANK], Presence("web", "h", 1), ZONES[1])
@example([FIRST, LAST, EAST, WEST, BLANK], Presence("web", "h", 1), ZONES[2])
def test_every_message_in_every_view(
    messages: list[Event | ImportItems], presence: Presence, place: str
) -> None:
    with zone(place):
        asyncio.run(_ask_every_view(messages, presence))


async def _ask_every_view(messages: list[Event | ImportItems], presence: Presence) -> None:
    async with running(presence) as app:
        async with Worker(app.queue, app.groups):  # else nobody would have claimed the command
            pass
        for message in messages:
            if isinstance(message, ImportItems):
                await app.queue.send(message)
            else:
                await app.queue.publish(message)
        await _look(app)  # at what waits
        async with Worker(app.queue, app.groups), EventStream(app.web) as stream:
            await _settled(app.queue)
            await stream.until("reset")
            await _look(app)
        await _nothing_is_missing(app, [one.item for one in messages if isinstance(one, NewItem)])


async def _settled(queue: MessageQueue) -> None:
    async with asyncio.timeout(10):
        while any(  # noqa: ASYNC110 - the queue tells nobody
            one.waiting + one.in_hand for one in (await queue.status()).groups
        ):
            await asyncio.sleep(0.001)


async def _look(app: Application) -> None:
    shown = (await app.store.page(limit=1000)).items
    async with client_of(app.web) as web, client_of(app.api) as api:
        assert len(await _listed(web)) == len(shown)
        for address in ("/", "/diagnostics", "/items"):
            assert (await web.get(address)).status_code == 200
        assert await _paged(api) == [one.id for one in shown]
        for one in shown:
            if "/" not in one.id and one.id not in (".", ".."):
                found = await api.get(f"/todo/{quote(one.id, safe='')}")
                assert (found.status_code, found.json()["item"]) == (200, one.item)


async def _listed(client: httpx.AsyncClient) -> list[str]:
    """The saved items of all pages."""
    found: list[str] = []
    address = "/list"
    while True:
        response = await client.get(address)
        assert response.status_code == 200
        rows = re.findall('<a class="text"[^>{]*>(.*?)</a>', response.text, re.DOTALL)
        assert all(map(str.strip, rows))
        found += re.findall('data-state="saved" data-position="[^"]', response.text)
        older = re.search('id="more" rel="next" href="([^"]+)">', response.text)
        if older is None:
            return found
        address = unescape(older[1])


async def _paged(client: httpx.AsyncClient) -> list[str]:
    """The ids of all items, page by page."""
    found: list[str] = []
    after: dict[str, str] = {}
    while True:
        response = await client.get("/todo", params={"limit": "2"} | after)
        assert response.status_code == 200
        page = response.json()
        found += [one["id"] for one in page["items"]]
        if page["next"] is None:
            return found
        after = {"after": page["next"]}


async def _nothing_is_missing(app: Application, added: list[Item]) -> None:
    """Each item is saved, or a dead letter that says why."""
    dead = {(one.group, one.subject) for one in await app.queue.dead_letters.list()}
    assert dead <= {
        ("save-handler", NewItem.__subject__),
        ("save-handler", ImportItems.__subject__),
        ("mutating-handler", ItemSaved.__subject__),
    }
    for item in added:
        if reason := _refusal(item):
            assert await app.queue.dead_letters.list(reason=" ".join(reason.split())), item
        else:
            assert await app.store.get(item.id) is not None, item


def _refusal(item: Item) -> str | None:
    try:
        validated_item(item)
    except InvalidItem as error:
        return str(error)
    return None
