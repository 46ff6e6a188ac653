"""The queues that the application is tested on: it is told an address, and nothing else differs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import pytest_asyncio

from dovetail import new_id
from dovetail.testing.servers import NatsServer, RabbitServer, RedisServer, Server

NewServer = Callable[..., Awaitable[Server]]


@pytest_asyncio.fixture
async def nats_url(new_nats_server: Callable[..., Awaitable[NatsServer]]) -> str:
    """The address of an empty queue on NATS, for one test."""
    return (await new_nats_server()).url


@pytest_asyncio.fixture
async def redis_url(new_redis_server: Callable[..., Awaitable[RedisServer]]) -> str:
    """The address of an empty queue on Redis, for one test."""
    return (await new_redis_server()).url


@pytest_asyncio.fixture
async def rabbit_url(rabbit_server: RabbitServer) -> AsyncIterator[str]:
    """The address of an empty queue on RabbitMQ, for one test: a vhost, since it starts slowly."""
    vhost = new_id()
    await rabbit_server.control("add_vhost", vhost)
    await rabbit_server.control("set_permissions", "-p", vhost, "guest", ".*", ".*", ".*")
    yield f"{rabbit_server.url}/{vhost}"
    await rabbit_server.control("delete_vhost", vhost)


@pytest.fixture(params=["nats", "redis", "rabbit"])
def queue_url(request: pytest.FixtureRequest) -> str:
    """The address of an empty queue, on each of the three."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture(params=["embedded", "redis", "rabbit"])
def queue_setting(request: pytest.FixtureRequest) -> dict[str, str]:
    """All that a user sets to have one of the queues; nothing for the one that `todo up` brings."""
    if request.param == "embedded":
        return {}
    return {"QUEUE_URL": request.getfixturevalue(f"{request.param}_url")}


@pytest.fixture(params=["nats", "redis", "rabbit"])
def new_queue_server(request: pytest.FixtureRequest) -> NewServer:
    """`server = await new_queue_server()`: each of the three, the test's own, to be killed."""
    start: NewServer = request.getfixturevalue(f"new_{request.param}_server")
    return start
