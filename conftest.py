"""What the tests of both distributions share: real servers."""

from __future__ import annotations

import fcntl
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, TypeVar

import pytest
import pytest_asyncio

# Imported here first, so that the test folders `dovetail` and `todo` are not taken for the packages.
import dovetail
import todo
from dovetail.testing.servers import (
    NatsServer,
    PostgresServer,
    RabbitServer,
    RedisServer,
    Server,
    ServerMissing,
)

__all__ = ["dovetail", "todo"]

#: What `make quick` leaves out: these servers, marks, and parts of the suite that all transports pass.
_SLOW_SERVERS = {
    f"{new}{kind}_server" for new in ("", "new_") for kind in ("postgres", "redis", "rabbit")
}
_SLOW_MARKS = ("faults", "browser", "heavy", "slow")
_KILLING = {f"dovetail.testing.conformance.{name}" for name in ("killing", "outages", "restarting")}

AnyServer = TypeVar("AnyServer", bound=Server)
Outcome = Generator[None, Any, Any]


def _without_server() -> Outcome:
    """Skip a test whose server is missing; in CI, where it must be there, fail it."""
    try:
        return (yield)
    except ServerMissing as missing:
        if os.environ.get("CI"):
            pytest.fail(str(missing), pytrace=False)
        pytest.skip(str(missing))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what `make quick` runs, and what takes long because RabbitMQ takes ten seconds to start."""
    for item in items:
        if item.parent is not None and item.parent.name == "TestRabbitmq" and _kills(item):
            item.add_marker("slow")
        if isinstance(item, pytest.Function) and _is_quick(item):
            item.add_marker("quick")


def _is_quick(item: pytest.Function) -> bool:
    if _SLOW_SERVERS & set(item.fixturenames) or any(map(item.get_closest_marker, _SLOW_MARKS)):
        return False
    return "[postgresql" not in item.name and not _kills(item)


def _kills(item: pytest.Item) -> bool:
    return isinstance(item, pytest.Function) and item.function.__module__ in _KILLING


@pytest.hookimpl(wrapper=True, tryfirst=True)  # so that a test's time limit begins when it does
def pytest_runtest_protocol(item: pytest.Item) -> Outcome:
    """Heavy tests take turns, also those of other processes."""
    if item.get_closest_marker("heavy") is None:
        return (yield)
    with Path(__file__).open() as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Outcome:
    return (yield from _without_server())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Outcome:
    return (yield from _without_server())


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def nats_server() -> AsyncIterator[NatsServer]:
    """One NATS server for the whole run. Do not stop it: `new_nats_server` is for that."""
    async with NatsServer() as server:
        yield server


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def postgres_server() -> AsyncIterator[PostgresServer]:
    """One PostgreSQL server for the whole run. Do not stop it: `new_postgres_server` is for that."""
    async with PostgresServer() as server:
        yield server


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def redis_server() -> AsyncIterator[RedisServer]:
    """One Redis server for the whole run. Do not stop it: `new_redis_server` is for that."""
    async with RedisServer() as server:
        yield server


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def rabbit_server() -> AsyncIterator[RabbitServer]:
    """One RabbitMQ server for the whole run. Do not stop it: `new_rabbit_server` is for that."""
    async with RabbitServer() as server:
        yield server


_databases = iter(range(1, 1_000_000))


@pytest_asyncio.fixture
async def postgres_url(postgres_server: PostgresServer) -> str:
    """The address of an empty database on the shared server, for one test."""
    return await postgres_server.create_database(f"test_{next(_databases)}")


async def _factory(kind: type[AnyServer]) -> AsyncIterator[Callable[..., Awaitable[AnyServer]]]:
    async with AsyncExitStack() as stack:

        async def start(**options: Any) -> AnyServer:
            server = kind(**options)
            await stack.enter_async_context(server)
            return server

        yield start


@pytest_asyncio.fixture
async def new_nats_server() -> AsyncIterator[Callable[..., Awaitable[NatsServer]]]:
    """`server = await new_nats_server(config="max_payload: 64KB")`: the test's own, to be killed."""
    async for start in _factory(NatsServer):
        yield start


@pytest_asyncio.fixture
async def new_postgres_server() -> AsyncIterator[Callable[..., Awaitable[PostgresServer]]]:
    """`server = await new_postgres_server(fsync=True)`: the test's own, to be killed."""
    async for start in _factory(PostgresServer):
        yield start


@pytest_asyncio.fixture
async def new_redis_server() -> AsyncIterator[Callable[..., Awaitable[RedisServer]]]:
    """`server = await new_redis_server(settings={"maxmemory": "20mb"})`: the test's own, to be killed."""
    async for start in _factory(RedisServer):
        yield start


@pytest_asyncio.fixture
async def new_rabbit_server() -> AsyncIterator[Callable[..., Awaitable[RabbitServer]]]:
    """`server = await new_rabbit_server(settings={…})`: the test's own, to be killed."""
    async for start in _factory(RabbitServer):
        yield start


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
    vhost = dovetail.new_id()
    yield await rabbit_server.add_vhost(vhost)
    await rabbit_server.delete_vhost(vhost)


@pytest.fixture(params=["nats", "redis", "rabbit"])
def queue_url(request: pytest.FixtureRequest) -> str:
    """The address of an empty queue, on each of the three."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url
