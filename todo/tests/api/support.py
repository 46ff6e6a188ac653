"""What several tests of the API do."""

from __future__ import annotations

import asyncio
import json
import socket
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import httpx
import msgspec
import uvicorn
from starlette.applications import Starlette

from dovetail import MessageQueue, new_id
from todo.events import ANY_CHANGE, CHANGES, Change, NewItem
from todo.items import Item
from todo.store import Store

PATCH = {"Content-Type": "application/merge-patch+json"}


@asynccontextmanager
async def client_of(app: Starlette) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an application that need not be the usual one."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://todo.test") as client:
        yield client


async def published(queue: MessageQueue) -> list[Item]:
    """Every item that was published; nothing handles them."""
    received = await queue.waiting(NewItem, "nobody", most=1000)
    return [msgspec.convert(one.data, NewItem).item for one in received]


async def until_saved(store: Store, id: str) -> None:
    """Wait until the database has it."""
    async with asyncio.timeout(30):
        while await store.get(id) is None:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.005)


def items(*texts: str) -> list[Item]:
    """Items that were added one after another, a millisecond apart."""
    first = uuid.UUID(new_id()).int
    now = datetime.now(UTC)
    return [
        Item(str(uuid.UUID(int=first + (index << 80))), text, now + timedelta(milliseconds=index))
        for index, text in enumerate(texts)
    ]


def is_problem(response: httpx.Response, status: int) -> dict[str, object]:
    """The problem that a response holds, which must be one of this status."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem: dict[str, object] = response.json()
    assert problem["status"] == status
    assert problem["title"]
    assert problem["detail"]
    return problem


@asynccontextmanager
async def serving(app: Starlette) -> AsyncIterator[str]:
    """A real server on a free port; its address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(app, log_config=None, log_level="warning", lifespan="off")
        server = uvicorn.Server(config)
        task = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            await task


async def changes(queue: MessageQueue) -> list[Change]:
    """Every change that was published; nothing handles them."""
    received = await queue.waiting(ANY_CHANGE, "nobody", most=1000)
    return [msgspec.convert(one.data, CHANGES[one.subject]) for one in received]


async def patch(
    client: httpx.AsyncClient, id: str, body: object, headers: dict[str, str] | None = None
) -> httpx.Response:
    return await client.patch(
        f"/todo/{id}", content=json.dumps(body), headers=PATCH | (headers or {})
    )
