"""Other clients of the same Redis, above all redis-cli; operators who change what is ours; a cluster."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import pytest_asyncio

from dovetail import Backoff, Group, MessageQueue, QueueError, Reject, Worker, connect
from dovetail.embedded.ports import free_port
from dovetail.testing.conformance.base import recording
from dovetail.testing.conformance.listening import listening
from dovetail.testing.conformance.load import Load
from dovetail.testing.conformance.names import (
    Numbered,
    fresh,
    numbered,
    numbers,
    question,
)
from dovetail.testing.conformance.requests import answering
from dovetail.testing.conformance.waiting import Seen, all_handled, until
from dovetail.testing.servers import RedisServer
from dovetail.transports.redis import in_flight
from dovetail.transports.redis.topology import events_of, queue_of
from dovetail.transports.redis.transport import RedisTransport

from .cut_off import answers
from .redis_cli import redis_cli

NewServer = Callable[..., Awaitable[RedisServer]]
pytestmark = pytest.mark.faults


@pytest_asyncio.fixture
async def queue(redis_server: RedisServer) -> AsyncIterator[MessageQueue]:
    async with connect(redis_server.url) as queue:
        yield queue


async def test_fields_that_are_no_message(queue: MessageQueue, redis_server: RedisServer) -> None:
    event, seen = numbered(), Seen[Numbered]()
    stream = events_of(event.__subject__)
    async with Worker(queue, [group := recording(event, seen)]):
        await redis_cli(redis_server, "XADD", stream, "*", "temperature", "21")
        await redis_cli(redis_server, "XADD", stream, "*", "a", "1", "b", "2")
        await queue.publish(event(1))
        await all_handled(queue, group.name)
    assert numbers(seen.items) == [1]
    letters = await queue.dead_letters.list(group=group.name)
    assert [letter.headers for letter in letters] == [{"a": "1", "b": "2"}, {"temperature": "21"}]


async def test_fields_of_ours_that_others_wrote(queue: MessageQueue) -> None:
    """Waiting, read by a member that died with them, or read by us: dead letters in the end."""
    odd = [
        (b"attempt", b"x"),
        (b"lost", b"-"),
        (b"key", b"1"),
        (b"subject", b"\xff"),
        (b"\xff", b""),
    ]
    event, seen = numbered(), Seen[Numbered]()
    group = recording(event, seen, lease=1)
    async with Worker(queue, [group]):
        pass
    assert isinstance(queue.transport, RedisTransport)
    run = queue.transport._client.run
    streams = [queue_of(group.name, event.__subject__), events_of(event.__subject__)]
    for name, value in odd:
        for stream in streams:
            await run("XADD", stream, "*", b"dovetail-" + name, value, "body", "{}")
    await run("XREADGROUP", "GROUP", group.name, "dead", "COUNT", 2, "STREAMS", *streams, ">", ">")
    assert len(await queue.waiting(event, group.name)) == 2 * len(odd)
    rows = (await queue.status()).groups
    assert [row.in_hand for row in rows if row.group == group.name] == [4]
    async with Worker(queue, [group]):
        await queue.publish(event(1))
        await all_handled(queue, group.name)
    assert numbers(seen.items) == [1]
    letters = await queue.dead_letters.list(group=group.name)
    assert [letter.body for letter in letters] == [b"{}"] * 2 * len(odd)


async def test_what_ends_the_reading_is_told(
    queue: MessageQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("nobody foresaw it")

    monkeypatch.setattr(in_flight.InFlight, "put", fail)
    event, seen = numbered(), Seen[Numbered]()
    async with Worker(queue, [recording(event, seen)]) as worker:
        await queue.publish(event(1))
        with pytest.raises(RuntimeError, match="nobody foresaw it"):
            async with asyncio.timeout(10):
                await worker.wait()


@pytest.mark.parametrize("command", ["FLUSHALL", "SCRIPT"])
async def test_flushed_under_a_running_worker(new_redis_server: NewServer, command: str) -> None:
    """What was stored is gone; everything published since is handled."""
    server, load, kind = await new_redis_server(), Load(), question()
    words = {"FLUSHALL": ("FLUSHALL",), "SCRIPT": ("SCRIPT", "FLUSH")}[command]
    async with (
        connect(server.url) as queue,
        connect(server.url) as publisher,
        Worker(queue, [load.group, answering(kind)]),
    ):
        for first in range(0, 300, 100):
            await load.publish(publisher, range(first, first + 100))
            await all_handled(queue, load.group.name)
            await redis_cli(server, *words)
        await load.publish(publisher, range(300, 400))
        await load.handled.has(400)
        await all_handled(queue, load.group.name)
        await until(lambda: answers(publisher, kind(1)), "requests are answered again")
    load.check(400)


async def test_group_deleted_under_a_running_worker(
    new_redis_server: NewServer, caplog: pytest.LogCaptureFixture
) -> None:
    server, event, seen = await new_redis_server(), numbered(), Seen[Numbered]()
    async with connect(server.url) as queue, Worker(queue, [group := recording(event, seen)]):
        await queue.publish(event(1))
        await all_handled(queue, group.name)
        streams = [events_of(event.__subject__), queue_of(group.name, event.__subject__)]
        await redis_cli(server, "XGROUP", "DESTROY", streams[0], group.name)
        await queue.publish(event(2))
        await until(lambda: _has(seen, 2), "the worker goes on")
        await redis_cli(server, "DEL", *streams)
        await queue.publish(event(3))
        await until(lambda: _has(seen, 3), "the worker goes on")
        await all_handled(queue, group.name)
    lost = f"has lost what it held for the group {group.name} on {event.__subject__}"
    assert caplog.text.count(lost) >= 2


@pytest.mark.parametrize("error", [Reject("no"), ValueError("no")])
async def test_what_cannot_be_put_elsewhere_is_not_lost(
    new_redis_server: NewServer, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    server, event, seen = await new_redis_server(), numbered(), Seen[Numbered]()
    group = Group(fresh("group"), lease=1, retry=Backoff(first=0.01))
    places = [f"{{dovetail}}:delayed:{group.name}:{event.__subject__}", "{dovetail}:dead"]

    @group.on(event)
    async def handle(message: Numbered) -> None:
        for place in places:
            await redis_cli(server, "SET", place, "no place for it")
        seen.add(message)
        raise error

    async def kept() -> bool:
        return "what becomes of it could not be stored: QueueError: the queue at" in caplog.text

    async with connect(server.url) as queue, Worker(queue, [group]):
        await queue.publish(event(1))
        await until(kept, "it stays")
        await redis_cli(server, "DEL", *places)
        await seen.has(2, within=10)


async def test_what_cannot_be_taken_from_the_dead_is_not_lost(queue: MessageQueue) -> None:
    event, group = numbered(), fresh("group")
    subject, stream = event.__subject__, events_of(event.__subject__)
    assert isinstance(queue.transport, RedisTransport)
    client = queue.transport._client
    await queue.publish(event(1))
    await client.run("XGROUP", "CREATE", stream, group, "0")
    await client.run("XREADGROUP", "GROUP", group, "dead", "STREAMS", stream, ">")
    await client.run("SET", queue_of(group, subject), "no stream")
    with pytest.raises(QueueError, match="WRONGTYPE"):
        await client.script("reclaim", group, subject, "", stream, 0, 10)
    assert len(await client.run("XPENDING", stream, group, "-", "+", 10)) == 1


async def test_entry_with_more_fields_than_lua_can_move_holds_up_no_others(
    queue: MessageQueue,
) -> None:
    event, seen = numbered(), Seen[Numbered]()
    group = recording(event, seen, lease=1)
    stream = events_of(event.__subject__)
    assert isinstance(queue.transport, RedisTransport)
    run = queue.transport._client.run
    async with Worker(queue, [group]):
        pass
    await run("XADD", stream, "*", *map(str, range(8200)))
    await queue.publish(event(1))
    await run("XREADGROUP", "GROUP", group.name, "dead", "STREAMS", stream, ">")
    async with Worker(queue, [group]):
        assert numbers(await seen.has(1)) == [1]
    assert len(await run("XPENDING", stream, group.name, "-", "+", 10)) == 1


async def test_letter_that_cannot_be_replayed_stays(new_redis_server: NewServer) -> None:
    server, event = await new_redis_server(), numbered()
    group = Group(fresh("group"))

    @group.on(event)
    async def reject(message: Numbered) -> None:
        raise Reject("no")

    async with connect(server.url) as queue:
        async with Worker(queue, [group]):
            await queue.publish(event(1))
            await all_handled(queue, group.name)
        [letter] = await queue.dead_letters.list()
        await redis_cli(server, "SET", queue_of(group.name, event.__subject__), "no stream")
        with pytest.raises(QueueError, match="WRONGTYPE"):
            await queue.dead_letters.replay(letter)
        assert await queue.dead_letters.list() == [letter]


async def test_member_that_left_is_forgotten(redis_server: RedisServer) -> None:
    event, seen = numbered(), Seen[Numbered]()
    async with connect(redis_server.url) as queue, Worker(queue, [group := recording(event, seen)]):
        await queue.publish(event(1))
        await all_handled(queue, group.name)
    stream = events_of(event.__subject__)
    assert await redis_cli(redis_server, "XINFO", "CONSUMERS", stream, group.name) == ""


async def test_cluster(new_redis_server: NewServer) -> None:
    """All keys lie on one node, whichever is named; requests and live events work from both."""
    one, other = await _cluster(new_redis_server)
    load, kind, event = Load(), question(), numbered()
    async with (
        connect(one.url) as queue,
        connect(other.url) as publisher,
        Worker(queue, [load.group, answering(kind)]),
        listening(publisher, event) as heard,
    ):
        await load.publish(publisher, range(500))
        await all_handled(queue, load.group.name)
        assert await publisher.request(kind(1)) == "answer 1"
        await queue.publish(event(1), durable=False)
        await heard.has(1)
    load.check(500)
    sizes = [int(await redis_cli(server, "DBSIZE")) for server in (one, other)]
    assert min(sizes) == 0 < max(sizes)


async def _cluster(new_redis_server: NewServer) -> tuple[RedisServer, RedisServer]:
    common = {"cluster-enabled": "yes", "cluster-node-timeout": "2000"}
    buses = [str(free_port()) for _ in range(2)]  # where the nodes talk to each other
    one, other = [await new_redis_server(settings={**common, "cluster-port": bus}) for bus in buses]
    await redis_cli(one, "CLUSTER", "ADDSLOTSRANGE", "0", "8191")
    await redis_cli(other, "CLUSTER", "ADDSLOTSRANGE", "8192", "16383")
    await redis_cli(one, "CLUSTER", "MEET", other.host, str(other.port), buses[1])

    async def agreed() -> bool:
        states = [await redis_cli(server, "CLUSTER", "INFO") for server in (one, other)]
        return all("cluster_state:ok" in state for state in states)

    await until(agreed, "the nodes know each other")
    return one, other


async def _has(seen: Seen[Numbered], number: int) -> bool:
    return number in numbers(seen.items)
