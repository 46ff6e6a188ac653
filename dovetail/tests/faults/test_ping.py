"""A ping says what only a publisher would hear: the server itself has no room."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial

import pytest

from dovetail import MessageQueue, QueueError, QueueFull, connect
from dovetail.testing.conformance.names import Numbered, numbered
from dovetail.testing.conformance.waiting import until
from dovetail.testing.servers import NatsServer, RabbitServer, RedisServer

from .redis_cli import redis_cli

pytestmark = pytest.mark.faults

#: Far more than a ping takes.
PATIENCE_SECONDS = 20.0


async def is_full(queue: MessageQueue) -> bool:
    try:
        await queue.ping(PATIENCE_SECONDS)
    except QueueFull:
        return True
    return False


async def takes(queue: MessageQueue) -> bool:
    return not await is_full(queue)


async def fill(queue: MessageQueue, event: type[Numbered]) -> None:
    for number in range(100_000):
        try:
            await queue.publish(event(number, "x" * 10_000))
        except QueueFull:
            return


async def test_nats_has_no_room_for_files(
    new_nats_server: Callable[..., Awaitable[NatsServer]],
) -> None:
    """Also one who has published nothing is told, and nothing in the streams' own limits says so."""
    server = await new_nats_server(max_file_store="1MB")
    async with connect(server.url) as queue, connect(server.url) as other:
        await queue.ping()
        await fill(queue, numbered())
        for one in (queue, other):
            with pytest.raises(QueueFull, match="max_file_store"):
                await one.ping()


async def test_redis_has_no_memory(
    new_redis_server: Callable[..., Awaitable[RedisServer]],
) -> None:
    server = await new_redis_server(settings={"maxmemory": "8mb"})
    async with connect(server.url) as queue, connect(server.url) as other:
        await queue.ping()
        await fill(queue, numbered())
        await redis_cli(server, "config", "set", "maxmemory", "5mb")
        for one in (queue, other):
            with pytest.raises(QueueFull, match="OOM"):
                await one.ping()
        await redis_cli(server, "config", "set", "maxmemory", "50mb")
        await other.ping()


@pytest.mark.slow  # RabbitMQ takes ten seconds to start
async def test_rabbitmq_has_an_alarm(
    new_rabbit_server: Callable[..., Awaitable[RabbitServer]],
) -> None:
    """The server tells only who publishes; the ping hears it at once, not at the end of its time."""
    server = await new_rabbit_server()
    async with connect(server.url) as queue:
        await queue.ping(PATIENCE_SECONDS)
        await server.control("set_disk_free_limit", "1000GB")
        await until(lambda: is_full(queue), "the alarm is heard")
        async with connect(server.url) as other:
            started = time.monotonic()
            assert await is_full(other)
            assert all(await asyncio.gather(*(is_full(one) for one in (queue, other) * 10)))
            assert time.monotonic() - started < PATIENCE_SECONDS / 2
            await server.control("set_disk_free_limit", "50MB")
            for one in (queue, other):
                await until(partial(takes, one), "the alarm is over")
            await other.publish(numbered()(1))


async def test_many_pings_at_once(queue_url: str) -> None:
    async with connect(queue_url) as queue:
        await asyncio.gather(*(queue.ping(PATIENCE_SECONDS) for _ in range(200)))
        with pytest.raises(QueueError):
            await queue.ping(timeout=1e-9)
