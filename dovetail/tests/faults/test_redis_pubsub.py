"""Pub/Sub on Redis while the server is away, hangs or refuses: nobody hears twice, nothing is left behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import pytest_asyncio

from dovetail import MessageQueue, QueueError, QueueUnavailable, Worker, connect
from dovetail.testing.conformance.asking import answering
from dovetail.testing.conformance.names import fresh_subject, question
from dovetail.testing.conformance.waiting import until
from dovetail.testing.servers import RedisServer
from dovetail.transports.redis import pubsub
from dovetail.transports.redis.transport import RedisTransport

from .redis_cli import redis_cli

NewServer = Callable[..., Awaitable[RedisServer]]
pytestmark = pytest.mark.faults


@pytest_asyncio.fixture
async def server(new_redis_server: NewServer) -> RedisServer:
    return await new_redis_server()


@pytest_asyncio.fixture
async def queue(server: RedisServer) -> AsyncIterator[MessageQueue]:
    async with connect(server.url) as queue:
        yield queue


def pubsub_of(queue: MessageQueue) -> pubsub.PubSub:
    assert isinstance(queue.transport, RedisTransport)
    return queue.transport._pubsub


async def nothing_left(queue: MessageQueue, server: RedisServer) -> None:
    """Nobody is called back, and the server has nothing to send."""
    assert not pubsub_of(queue)._callbacks

    async def sends_nothing() -> bool:
        patterns = await redis_cli(server, "PUBSUB", "NUMPAT")
        return patterns == "0" and not await redis_cli(server, "PUBSUB", "SHARDCHANNELS")

    await until(sends_nothing, "the server was told")


async def test_whoever_asked_in_vain_hears_each_answer_once(
    queue: MessageQueue, server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pubsub, "COMMAND_SECONDS", 0.05)
    kind = question()
    await server.kill()
    for _ in range(3):
        with pytest.raises(QueueUnavailable):
            await queue.request(kind(1))
    monkeypatch.undo()
    await server.start()
    async with connect(server.url) as other, Worker(other, [answering(kind)]):
        assert (await queue.gather(kind(1), timeout=5, stall=0.2)).answers == ["answer 1"]


async def test_listener_that_gives_up_before_it_listens(
    queue: MessageQueue, server: RedisServer
) -> None:
    async with queue.transport.listen(fresh_subject()):
        pass  # it is connected
    server.pause()
    task = asyncio.create_task(queue.transport.listen(f"{fresh_subject()}.*").__aenter__())
    await until(lambda: _subscribes(queue), "it has begun")
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    server.resume()
    await nothing_left(queue, server)


async def test_server_that_does_not_take_whoever_answers(
    queue: MessageQueue, server: RedisServer
) -> None:
    kind = question()
    await redis_cli(server, "SET", f"{{dovetail}}:serving:{kind.__subject__}", "no set")
    with pytest.raises(QueueError, match="WRONGTYPE"):
        await Worker(queue, [answering(kind)]).__aenter__()
    await nothing_left(queue, server)


async def _subscribes(queue: MessageQueue) -> bool:
    return bool(pubsub_of(queue)._callbacks)
