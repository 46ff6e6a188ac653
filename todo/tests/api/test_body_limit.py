"""Bodies over 192 KiB are refused, whatever they say of their length, and without reading them all."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.applications import Starlette
from starlette.types import Message

from dovetail import MessageQueue
from todo.http.limits import MAX_BODY

from .support import is_problem, published

JSON = {"Content-Type": "application/json"}


def padded(size: int) -> bytes:
    """A valid request body of so many bytes."""
    core = b'{"item": "milk"}'
    return b" " * (size - len(core)) + core


async def test_192_kib_are_taken(client: httpx.AsyncClient) -> None:
    response = await client.post("/todo", content=padded(MAX_BODY), headers=JSON)

    assert response.status_code == 202


async def test_one_byte_more_is_refused(client: httpx.AsyncClient, queue: MessageQueue) -> None:
    response = await client.post("/todo", content=padded(MAX_BODY + 1), headers=JSON)

    assert "192 KiB" in str(is_problem(response, 413)["detail"])
    assert await published(queue) == []


async def _answer(app: Starlette, headers: dict[str, str], chunk: bytes) -> tuple[int, int]:
    """The status of a request whose body never ends, and how many chunks of it were read."""
    read = 0
    statuses: list[int] = []

    async def receive() -> Message:
        nonlocal read
        read += 1
        return {"type": "http.request", "body": chunk, "more_body": True}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/todo",
        "query_string": b"",
        "headers": [(key.lower().encode(), value.encode()) for key, value in headers.items()],
    }
    await app(scope, receive, send)
    return statuses[0], read


async def test_an_announced_length_is_enough_to_refuse(app: Starlette) -> None:
    assert await _answer(app, JSON | {"Content-Length": str(MAX_BODY + 1)}, b"x") == (413, 0)


@pytest.mark.parametrize("size", [1000, 30_000, 100_000])
async def test_an_endless_body_is_read_up_to_the_limit(size: int, app: Starlette) -> None:
    assert await _answer(app, JSON, b"x" * size) == (413, MAX_BODY // size + 1)


async def test_a_body_in_pieces(client: httpx.AsyncClient) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for piece in (b'{"item"', b": ", b"", b'"milk"}'):
            yield piece

    response = await client.post("/todo", content=pieces(), headers=JSON)

    assert response.json()["item"] == "milk"


async def test_a_client_that_goes_away_gets_nothing(app: Starlette, queue: MessageQueue) -> None:
    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        raise AssertionError(message)

    headers = [(b"content-type", b"application/json")]
    scope = {"type": "http", "method": "POST", "path": "/todo", "headers": headers}
    await app(scope, receive, send)
    assert await published(queue) == []
