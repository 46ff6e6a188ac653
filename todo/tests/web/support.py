"""What several tests of the pages do."""

from __future__ import annotations

import asyncio
import re
import uuid
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any, Self
from urllib.parse import urlencode

import httpx
import msgspec
from starlette.applications import Starlette
from starlette.types import Message

from dovetail import MessageQueue, new_id
from todo.events import NewItem
from todo.items import Item


@asynccontextmanager
async def client_of(app: Starlette) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an application that need not be the usual one."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://todo.test") as client:
        yield client


def items(*texts: str) -> list[Item]:
    """Items that were added one after another, a millisecond apart."""
    first = uuid.UUID(new_id()).int
    now = datetime.now(UTC)
    return [
        Item(str(uuid.UUID(int=first + (index << 80))), text, now + timedelta(milliseconds=index))
        for index, text in enumerate(texts)
    ]


async def publish(queue: MessageQueue, *added: Item) -> None:
    """Accept items without saving them."""
    for item in added:
        await queue.publish(NewItem(item), id=item.id)


async def published(queue: MessageQueue) -> list[Item]:
    """Every item that was published; nothing handles them."""
    received = await queue.waiting(NewItem, "nobody", most=1000)
    return [msgspec.convert(one.data, NewItem).item for one in received]


@dataclass(frozen=True)
class Row:
    """One item as the page shows it."""

    text: str
    waiting: bool


def rows(html: str) -> list[Row]:
    """The items on the list page, from the top."""
    found = re.findall(
        r'<li class="item[^"]*" id="item-[^{].*?data-state="(\w+)".*?<a class="text"[^>]*>(.*?)</a>',
        html,
        re.DOTALL,
    )
    return [Row(unescape(text), state == "accepted") for state, text in found]


def field_of(html: str, name: str) -> str:
    """What the first field of this name holds."""
    found = re.search(rf'name="{name}"[^>]* value="([^"]*)"', html)
    assert found is not None, f"no field {name}"
    return unescape(found[1])


def text_of(html: str, id: str) -> str:
    """The text inside the element with this id, without tags and with single spaces."""
    found = re.search(rf'<(\w+)[^>]* id="{id}"[^>]*>(.*?)</\1>', html, re.DOTALL)
    assert found is not None, f"nothing has the id {id} in {html}"
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", found[2])).split())


#: Seconds that a test waits for something to come. The stream itself is never silent: it has signs of life.
LIMIT_SECONDS = 60.0


class EventStream:
    """A browser that listens to the live stream, without a server between."""

    def __init__(
        self, app: Starlette, after: str = "", headers: Sequence[tuple[bytes, bytes]] = ()
    ) -> None:
        self._app = app
        self._scope = {
            "type": "http",
            "method": "GET",
            "path": "/live",
            "query_string": urlencode({"after": after}).encode(),
            "headers": [*headers],
        }
        self._arrived: asyncio.Queue[Message] = asyncio.Queue()
        self._gone = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._read: deque[str] = deque()
        #: Everything until this place was read.
        self.place = after

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._app(self._scope, self._receive, self._send))
        start = await self._next()
        assert start["status"] == 200
        assert (b"content-type", b"text/event-stream; charset=utf-8") in start["headers"]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._gone.set()
        assert self._task is not None
        async with asyncio.timeout(LIMIT_SECONDS):
            await self._task

    async def delta(self) -> dict[str, Any]:
        """The next one of the list's. How queue and database are comes in between."""
        return await self._first(lambda one: one["kind"] != "status")

    async def anything(self) -> dict[str, Any]:
        """The next delta, or how queue and database are."""
        while not self._read:
            body: str = (await self._next())["body"].decode()
            assert body.endswith("\n\n")
            self._read.extend(one for one in body.split("\n\n") if one and not one.startswith(":"))
        fields = dict(line.split(": ", 1) for line in self._read.popleft().split("\n"))
        self.place = fields.get("id", self.place)
        delta: dict[str, Any] = msgspec.json.decode(fields["data"])
        return delta

    async def until(self, kind: str, **values: object) -> dict[str, Any]:
        """The first delta of this kind with these values."""
        return await self._first(lambda one: one["kind"] == kind and values.items() <= one.items())

    async def item(self, id: str, **values: object) -> dict[str, Any]:
        """What the first delta with the item, in which it has these values, says of it."""
        wanted = {"id": id, **values}.items()
        return await self._first(
            lambda one: one["kind"] == "item" and wanted <= one["item"].items()
        )

    async def saved(self, change: str) -> dict[str, Any]:
        """The first delta that says that this change is saved."""
        return await self._first(lambda one: change in one.get("saved", ()))

    async def _first(self, fits: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        async with asyncio.timeout(LIMIT_SECONDS):
            while not fits(delta := await self.anything()):
                pass
        return delta

    async def ended(self) -> None:
        """Wait until the server ends the stream."""
        async with asyncio.timeout(LIMIT_SECONDS):
            while (await self._next()).get("more_body", True):
                pass

    async def _next(self) -> Message:
        async with asyncio.timeout(LIMIT_SECONDS):
            return await self._arrived.get()

    async def _send(self, message: Message) -> None:
        await self._arrived.put(message)

    async def _receive(self) -> Message:
        await self._gone.wait()
        return {"type": "http.disconnect"}
