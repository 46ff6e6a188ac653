"""One queue, and a program of others on the same server, for each technology."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
import pytest_asyncio

from dovetail import MessageQueue, connect
from dovetail.testing.conformance.names import numbered
from dovetail.testing.servers import Server

from .foreign import Foreign
from .over_nats import over_nats
from .over_rabbitmq import over_rabbitmq
from .over_redis import over_redis

_PROGRAMS: dict[str, Callable[[Any], AbstractAsyncContextManager[Foreign]]] = {
    "nats": over_nats,
    "redis": over_redis,
    "rabbit": over_rabbitmq,
}


@pytest.fixture(params=list(_PROGRAMS))
def technology(request: pytest.FixtureRequest) -> str:
    """As the fixtures of the servers begin."""
    return str(request.param)


@pytest.fixture
def server(technology: str, request: pytest.FixtureRequest) -> Server:
    """The shared server."""
    server: Server = request.getfixturevalue(f"{technology}_server")
    return server


@pytest_asyncio.fixture
async def queue(server: Server) -> AsyncIterator[MessageQueue]:
    async with connect(server.url, source="/dovetail") as queue:
        yield queue


@pytest_asyncio.fixture
async def foreign(technology: str, server: Server, queue: MessageQueue) -> AsyncIterator[Foreign]:
    """Another program; what it publishes to is there: on NATS since something was published."""
    await queue.publish(numbered()())
    async with _PROGRAMS[technology](server) as program:
        yield program
