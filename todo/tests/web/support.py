"""What several tests of the pages do."""

from __future__ import annotations

import asyncio
import re
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html import unescape

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
        r'<li id="item-[-0-9a-f]+" class="item( waiting)?">\s*'
        r'<span class="text" dir="auto">(.*?)</span>',
        html,
        re.DOTALL,
    )
    return [Row(unescape(text), bool(waiting)) for waiting, text in found]


def text_of(html: str, id: str) -> str:
    """The text inside the element with this id, without tags and with single spaces."""
    found = re.search(rf'<(\w+)[^>]* id="{id}"[^>]*>(.*?)</\1>', html, re.DOTALL)
    assert found is not None, f"nothing has the id {id} in {html}"
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", found[2])).split())


class EventStream:
    """A browser that listens to server-sent events, without a server between."""

    def __init__(self, app: Starlette, view: str) -> None:
        self._app = app
        self._scope = {
            "type": "http",
            "method": "GET",
            "path": f"/events/{view}",
            "query_string": b"",
            "headers": [],
        }
        self._arrived: asyncio.Queue[Message] = asyncio.Queue()
        self._gone = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> EventStream:
        self._task = asyncio.create_task(self._app(self._scope, self._receive, self._arrived.put))
        start = await self._next()
        assert start["status"] == 200
        assert (b"content-type", b"text/event-stream; charset=utf-8") in start["headers"]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._gone.set()
        assert self._task is not None
        async with asyncio.timeout(5):
            await self._task

    async def content(self) -> str:
        """What the next event wants the page to show."""
        while True:
            body: str = (await self._next())["body"].decode()
            if body.startswith("data:"):
                assert body.endswith("\n\n")
                return "\n".join(line[6:] for line in body[:-2].split("\n"))

    async def until(self, text: str) -> str:
        """The first content that holds the text."""
        while text not in (content := await self.content()):
            pass
        return content

    async def ended(self) -> None:
        """Wait until the server ends the stream."""
        while (await self._next()).get("more_body", True):
            pass

    async def _next(self) -> Message:
        async with asyncio.timeout(10):
            return await self._arrived.get()

    async def _receive(self) -> Message:
        await self._gone.wait()
        return {"type": "http.disconnect"}
