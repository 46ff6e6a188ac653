"""What lies in RabbitMQ is read to the last message, whatever its size and number; registered facts stay."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio
from msgspec.structs import replace
from pamqp import commands

from dovetail import CommandClaimed, MessageQueue, Worker, connect
from dovetail.testing.conformance.base import recording
from dovetail.testing.conformance.names import Numbered, Order, numbered, order
from dovetail.testing.conformance.waiting import Seen, all_handled
from dovetail.testing.servers import RabbitServer
from dovetail.transports.rabbitmq import claims, streams
from dovetail.transports.rabbitmq.channel import Batch, Channel
from dovetail.transports.rabbitmq.claims import RegisteredClaim
from dovetail.transports.rabbitmq.consumers import Consumers
from dovetail.transports.rabbitmq.frames import Content, Properties
from dovetail.transports.rabbitmq.topology import UNCLAIMED
from dovetail.transports.rabbitmq.transport import RabbitTransport
from dovetail.transports.rabbitmq.wire import Wire

ROUNDS = 12
#: Messages of a round; a server writes many of them together, and sends them so.
COUNTS = (1, 5, 100, 3000)
LARGE_BYTES = 400_000
CONNECTIONS, GROUPS = 5, 6


@pytest_asyncio.fixture
async def new_queue(
    new_rabbit_server: Callable[..., Awaitable[RabbitServer]],
) -> AsyncIterator[Callable[[], Awaitable[MessageQueue]]]:
    """Connects to a server of the test's own, each time by another connection."""
    server = await new_rabbit_server()
    async with AsyncExitStack() as stack:
        yield lambda: stack.enter_async_context(connect(server.url))


async def _wire(queue: MessageQueue) -> Wire:
    assert isinstance(queue.transport, RabbitTransport)
    return await queue.transport._client.ready()


@pytest.mark.slow  # a stream is read again and again while it grows
async def test_everything_is_read_in_order(
    new_queue: Callable[[], Awaitable[MessageQueue]],
) -> None:
    wire = await _wire(await new_queue())
    written: list[str] = []
    for count in (*COUNTS, *random.choices(COUNTS, k=ROUNDS)):
        await _write(wire, written, count)
        assert await _ids(streams.scan(wire, UNCLAIMED)) == written
        end = (await streams.ends(wire, UNCLAIMED))[UNCLAIMED].stop
        for back in (1, 10, 1000):
            found = await _ids(streams.scan(wire, UNCLAIMED, max(0, end - back)))
            assert found == written[-len(found) :]
            # Where a segment of the file begins, the server takes an offset for itself.
            assert len(found) >= min(back, len(written)) - 2
        written.append(await streams.append(wire, UNCLAIMED))
        assert await _ids(streams.up_to(wire, UNCLAIMED, written[-1])) == written


async def _write(wire: Wire, written: list[str], count: int) -> None:
    channel = await Channel.open(wire, confirms=True)
    batch = Batch(count, asyncio.get_running_loop().create_future())
    for number in range(count):
        written.append(f"message-{len(written)}")
        body = b"x" * (LARGE_BYTES if number % 50 == 1 and count <= 100 else number % 10)
        channel.publish_usual(batch, "", UNCLAIMED, written[-1], 1, body)
    await batch.done
    await channel.close()


async def _ids(parts: AsyncGenerator[list[Content]]) -> list[str | None]:
    return [one.properties.message_id async for part in parts for one in part]


async def test_what_many_register_at_once_is_all_registered(
    new_queue: Callable[[], Awaitable[MessageQueue]],
) -> None:
    wires = [await _wire(await new_queue()) for _ in range(CONNECTIONS)]

    async def register(wire: Wire, number: int) -> None:
        entry = RegisteredClaim(f"group-{number}", "events.x", "event")
        for fact in (entry, replace(entry, delays=(50,)), replace(entry, dead=True)):
            await claims.know(wire, fact)
            known = (await claims.read(wire))[entry.queue]
            assert known.with_fact(fact) == known

    await asyncio.gather(
        *(register(wire, number % GROUPS) for number, wire in enumerate(wires * GROUPS))
    )
    wanted = [
        RegisteredClaim(f"group-{number}", "events.x", "event", delays=(50,), dead=True)
        for number in range(GROUPS)
    ]
    for wire in wires:
        assert await claims.read(wire) == {entry.queue: entry for entry in wanted}


async def test_command_that_many_claim_at_once_belongs_to_one(
    new_queue: Callable[[], Awaitable[MessageQueue]],
) -> None:
    queues = [await new_queue() for _ in range(CONNECTIONS)]
    command, seen = order(), Seen[Order]()

    async def claim(queue: MessageQueue) -> str:
        group = recording(command, seen)
        try:
            async with Worker(queue, [group]):
                return group.name
        except CommandClaimed as error:
            return str(error)

    answers = await asyncio.gather(*map(claim, queues))
    [owner] = {answer for answer in answers if " " not in answer}
    assert sum(owner in answer for answer in answers) == CONNECTIONS


async def test_provisioned_by_many_members_at_once_gets_the_history_once(
    new_queue: Callable[[], Awaitable[MessageQueue]],
) -> None:
    queues = [await new_queue() for _ in range(CONNECTIONS)]
    event, seen, done = numbered(), Seen[Numbered](), asyncio.Event()
    group = recording(event, seen)
    await queues[0].publish_many([event(number) for number in range(500)])

    async def join(queue: MessageQueue) -> None:
        async with Worker(queue, [group]):
            await done.wait()

    joined = asyncio.gather(*map(join, queues))
    await asyncio.gather(*(queues[0].publish(event(number)) for number in range(500, 1000)))
    await seen.has(1000)
    await all_handled(queues[0], group.name)
    done.set()
    await joined
    assert sorted(one.number for one in seen.items) == list(range(1000))


async def test_more_is_wanted_at_once_than_amqp_can_count(
    new_queue: Callable[[], Awaitable[MessageQueue]],
) -> None:
    """As by a group whose `prefetch` is so large: what is beyond comes by another consumer."""
    channel, came = await Channel.open(await _wire(await new_queue())), Seen[Content]()
    queue = (await channel.call(commands.Queue.Declare(exclusive=True))).queue
    consumers = Consumers(channel, queue, came.add)
    for _ in range(3):
        await consumers.adjust(150_000, 0)
    assert len(consumers._tags) == 2
    channel.publish_live("", queue, Properties(), b"one", mandatory=True)
    assert [one.body for one in await came.has(1)] == [b"one"]
