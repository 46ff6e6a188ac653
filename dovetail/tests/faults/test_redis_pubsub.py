"""Pub/Sub on Redis while the server is away, hangs or refuses: nobody hears twice, nothing is left behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress

import pytest
import pytest_asyncio

from dovetail import MessageQueue, NobodyListening, QueueError, QueueUnavailable, Worker, connect
from dovetail.embedded.ports import free_port
from dovetail.testing.conformance.listening import hears_again, listening
from dovetail.testing.conformance.names import fresh_subject, numbered, question
from dovetail.testing.conformance.requests import answering
from dovetail.testing.conformance.waiting import Seen, until
from dovetail.testing.servers import RedisServer
from dovetail.transports.redis import limits
from dovetail.transports.redis.pubsub_connection import PubSubConnection
from dovetail.transports.redis.transport import RedisTransport

from .cut_off import answers
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


def pubsub_of(queue: MessageQueue) -> PubSubConnection:
    assert isinstance(queue.transport, RedisTransport)
    return queue.transport._pubsub_connection


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
    monkeypatch.setattr(limits, "COMMAND_SECONDS", 0.05)
    kind = question()
    await server.kill()
    for _ in range(3):
        with pytest.raises(QueueUnavailable):
            await queue.request(kind(1))
    monkeypatch.undo()
    await server.start()
    async with connect(server.url) as other, Worker(other, [answering(kind)]):
        assert (await queue.gather(kind(1), timeout=20, stall=0.2)).answers == ["answer 1"]


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


async def test_server_that_does_not_take_whoeveranswers(
    queue: MessageQueue, server: RedisServer
) -> None:
    kind = question()
    await redis_cli(server, "SET", f"{{dovetail}}:serving:{kind.__subject__}", "no set")
    with pytest.raises(QueueError, match="WRONGTYPE"):
        await Worker(queue, [answering(kind)]).__aenter__()
    await nothing_left(queue, server)


async def _subscribes(queue: MessageQueue) -> bool:
    return bool(pubsub_of(queue)._callbacks)


async def test_listener_that_leaves_while_the_server_hangs(
    queue: MessageQueue, server: RedisServer
) -> None:
    listens = asyncio.Event()

    async def listen() -> None:
        async with queue.transport.listen(f"{fresh_subject()}.*"):
            listens.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(listen())
    await listens.wait()
    server.pause()
    task.cancel()
    await asyncio.wait([task], timeout=2)
    assert task.cancelled()
    server.resume()
    await nothing_left(queue, server)


async def test_listener_that_loses_only_its_own_connection_is_told(
    queue: MessageQueue, server: RedisServer
) -> None:
    """As where it reads too slowly for `client-output-buffer-limit pubsub`."""
    event, gaps = numbered(), Seen[str]()
    async with listening(queue, event, lambda: gaps.add("gap")) as heard:
        await redis_cli(server, "CLIENT", "KILL", "TYPE", "pubsub")
        await gaps.has(1)
        assert queue.connected
        await hears_again(queue, event(1), heard)


async def test_worker_that_stops_while_the_server_hangs(
    queue: MessageQueue, server: RedisServer
) -> None:
    kind = question()
    async with Worker(queue, [answering(kind)], drain=0):
        server.pause()
    server.resume()
    await nothing_left(queue, server)
    with pytest.raises(NobodyListening):
        await queue.request(kind(1))


# A server that is not the right one for a while


async def test_requests_survive_a_fail_over(
    new_redis_server: NewServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that was made a replica keeps its connections, and does not say a word."""
    monkeypatch.setattr(limits, "PING_SECONDS", 0.2)
    first, second, kind = await new_redis_server(), await new_redis_server(), question()
    url = f"{first.url},127.0.0.1:{second.port}"
    await redis_cli(second, "REPLICAOF", first.host, str(first.port))
    async with (
        connect(url) as queue,
        connect(url) as asking,
        Worker(queue, [answering(kind)]),
    ):
        assert await asking.request(kind(1)) == "answer 1"
        await until(lambda: _follows(second), "the replica has caught up")
        await redis_cli(second, "REPLICAOF", "NO", "ONE")
        await redis_cli(first, "REPLICAOF", second.host, str(second.port))
        await until(lambda: answers(asking, kind(2)), "requests are answered again")


async def test_requests_survive_that_their_slot_goes_and_comes(
    new_redis_server: NewServer,
) -> None:
    """Whoever asks for the first time meanwhile is refused a channel for the answers, and tries again."""
    settings = {"cluster-enabled": "yes", "cluster-port": str(free_port())}
    server, kind = await new_redis_server(settings=settings), question()
    await redis_cli(server, "CLUSTER", "ADDSLOTSRANGE", "0", "16383")
    await until(lambda: _serves(server), "it has noticed that it has all slots")
    slot = await redis_cli(server, "CLUSTER", "KEYSLOT", "{dovetail}")
    async with (
        connect(server.url) as queue,
        connect(server.url) as asking,
        listening(asking, fresh_subject()),
        Worker(queue, [answering(kind)]),
    ):
        await redis_cli(server, "CLUSTER", "DELSLOTS", slot)
        answer = asyncio.create_task(asking.request(kind(1), timeout=20))
        await until(lambda: _refused(server), "the channel is refused")
        await redis_cli(server, "CLUSTER", "ADDSLOTS", slot)
        with suppress(NobodyListening):  # who answers may be later than who asks
            await answer
        await until(lambda: answers(asking, kind(2)), "requests are answered again")


async def _follows(server: RedisServer) -> bool:
    return "master_link_status:up" in await redis_cli(server, "INFO", "replication")


async def _serves(server: RedisServer) -> bool:
    return "cluster_state:ok" in await redis_cli(server, "CLUSTER", "INFO")


async def _refused(server: RedisServer) -> bool:
    statistics = await redis_cli(server, "INFO", "commandstats")
    return any(
        line.startswith("cmdstat_ssubscribe") and "rejected_calls=0" not in line
        for line in statistics.splitlines()
    )
