"""History is trimmed only below what every group has handled, and then by age."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from functools import partial

import nats
import pytest
import pytest_asyncio

from dovetail import Backoff, Group, MessageQueue, QueueFull, Received, Worker, connect
from dovetail.testing.conformance.base import recording
from dovetail.testing.conformance.names import Numbered, fresh, fresh_subject, numbered, numbers
from dovetail.testing.conformance.waiting import Seen, all_handled, until
from dovetail.testing.servers import NatsServer
from dovetail.transports.nats import topology
from dovetail.transports.nats.transport import NatsTransport
from dovetail.transports.nats.trimming import trim

from .trimmed_history import DAY, TrimmedHistory

NewServer = Callable[..., Awaitable[NatsServer]]
pytestmark = pytest.mark.faults


@pytest_asyncio.fixture
async def server(new_nats_server: NewServer) -> NatsServer:
    return await new_nats_server()


@pytest_asyncio.fixture
async def queue(server: NatsServer) -> AsyncIterator[MessageQueue]:
    async with connect(server.url) as queue:
        yield queue


async def trim_now(queue: MessageQueue, keep: timedelta = timedelta(0)) -> int:
    """Trim as the worker does once a minute; returns how many messages are left."""
    assert isinstance(queue.transport, NatsTransport)
    await trim(queue.transport._api, keep)
    return (await queue.status()).messages


class TestTrimmedNats(TrimmedHistory):
    trim_now = staticmethod(trim_now)


async def test_what_is_in_hand_or_waits_for_its_next_attempt_stays(queue: MessageQueue) -> None:
    event, calls, go_on = numbered(), Seen[Numbered](), asyncio.Event()
    group = Group(fresh("group"), retry=Backoff(first=60, most=60), concurrency=2)

    @group.on(event)
    async def handle(message: Numbered) -> None:
        calls.add(message)
        if message.number == 3:
            raise ValueError("later")
        if message.number == 5:
            await go_on.wait()

    async with Worker(queue, [group]):
        await queue.publish_many([event(number) for number in range(10)])
        await calls.has(10)
        left = await trim_now(queue)
        go_on.set()
    assert left >= 7  # 0, 1 and 2 are below what failed
    assert 3 in [one.data["number"] for one in await queue.waiting(event, group.name)]


async def test_groups_by_pattern_count(queue: MessageQueue) -> None:
    top, seen = fresh_subject(), Seen[str]()
    group = Group(fresh("group"))

    @group.on(f"{top}.>")
    async def take(message: Received) -> None:
        seen.add(message.subject)

    event, other = numbered(f"{top}.a"), Seen[Numbered]()
    async with Worker(queue, [group]):
        pass
    async with Worker(queue, [exact := recording(event, other)]):
        await queue.publish(event(1))
        await all_handled(queue, exact.name)
    assert await trim_now(queue) == 1
    async with Worker(queue, [group]):
        await all_handled(queue, group.name)
    assert await trim_now(queue) == 0


async def test_replayed_letters_stay_until_they_are_handled(queue: MessageQueue) -> None:
    event, seen = numbered(), Seen[Numbered]()
    async with Worker(queue, [group := recording(event, seen)]):
        await queue.publish_raw(event.__subject__, b"junk")
        await all_handled(queue, group.name)
    [letter] = await queue.dead_letters.list()
    await queue.dead_letters.replay(
        letter, body=b'{"specversion":"1.0","id":"1","source":"s","type":"t","data":{"number":7}}'
    )
    assert await trim_now(queue) == 1
    async with Worker(queue, [group]):
        assert numbers(await seen.has(1)) == [7]
        await all_handled(queue, group.name)
    assert await trim_now(queue) == 0


ACCOUNT = "accounts { A { users [{ user: u, password: p }], jetstream { max_file: 1000000 } } }"


@pytest.mark.parametrize("limited_by", ["stream", "account"])
async def test_crowded_store_keeps_only_what_is_not_handled(
    new_nats_server: NewServer, limited_by: str
) -> None:
    """Near its limit, what all have handled goes though it is young."""
    event, waiting, seen = numbered(), numbered(), Seen[Numbered]()
    if limited_by == "account":
        server, limit = await new_nats_server(config=ACCOUNT, login="u:p"), None
    else:
        server, limit = await new_nats_server(), 1_000_000
    async with (
        connect(server.url, limit_bytes=limit) as queue,
        Worker(queue, [group := recording(event, seen)]),
    ):
        for number in range(90):
            await queue.publish(event(number, "x" * 10_000))
        await queue.publish(waiting(1))
        await all_handled(queue, group.name)
        assert await trim_now(queue, keep=DAY) == 1


async def test_full_server_makes_room_of_what_is_handled(new_nats_server: NewServer) -> None:
    """Its limit is not told beforehand; who is refused sees to it, though no worker runs there."""
    server = await new_nats_server(max_file_store="1MB")
    event, waiting, seen = numbered(), numbered(), Seen[Numbered]()
    async with connect(server.url) as queue:
        await queue.publish(waiting(1))
        async with Worker(queue, [group := recording(event, seen)]):
            for number in range(80):
                await queue.publish(event(number, "x" * 10_000))
            await all_handled(queue, group.name)
    async with connect(server.url) as queue:
        refused = Seen[Numbered]()
        for number in range(80, 160):
            one = event(number, "x" * 10_000)
            await until(partial(_accepted, queue, one, refused), "there is room")
            if number == 120:
                async with Worker(queue, [group]):
                    await all_handled(queue, group.name)
        assert refused
        assert len(await queue.waiting(waiting, fresh("group"))) == 1


async def _accepted(queue: MessageQueue, event: Numbered, refused: Seen[Numbered]) -> bool:
    try:
        await queue.publish(event)
    except QueueFull:
        refused.add(event)
        return False
    return True


async def test_streams_and_consumers_that_are_not_ours_do_no_harm(
    server: NatsServer, queue: MessageQueue
) -> None:
    """An operator looks into the stream with a passing consumer of the server's own tools."""
    event, seen = numbered(), Seen[Numbered]()
    async with Worker(queue, [group := recording(event, seen)]):
        await queue.publish(event(1))
        await all_handled(queue, group.name)
    client = await nats.connect(server.url)
    looking = await client.jetstream().subscribe(
        "events.>", stream=topology.EVENTS, ordered_consumer=True
    )
    await looking.next_msg(timeout=10)
    assert await trim_now(queue) == 0
    await client.close()
