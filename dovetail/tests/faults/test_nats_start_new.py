"""Groups that ask for new messages only."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import nats
import pytest

from dovetail import Group, Worker, connect
from dovetail.testing.conformance.base import recording
from dovetail.testing.conformance.names import Numbered, Order, fresh, numbered, numbers, order
from dovetail.testing.conformance.waiting import Seen, all_handled
from dovetail.testing.servers import NatsServer
from dovetail.transports.nats import topology

NewServer = Callable[..., Awaitable[NatsServer]]
pytestmark = pytest.mark.faults


async def test_with_a_command(nats_server: NatsServer) -> None:
    command, seen = order(), Seen[Order]()
    async with (
        connect(nats_server.url) as queue,
        Worker(queue, [recording(command, seen, start="new")]),
    ):
        await queue.send(command(1))
        await seen.has(1)


@pytest.mark.parametrize("what", ["consumer", "stream"])
async def test_deleted_under_a_running_worker(new_nats_server: NewServer, what: str) -> None:
    """What waited, and what came before it was noticed, is handled all the same; what was before is not."""
    server, event, go_on = await new_nats_server(), numbered(), asyncio.Event()
    seen, group = Seen[Numbered](), Group(fresh("group"), start="new", prefetch=1)

    @group.on(event)
    async def handle(message: Numbered) -> None:
        seen.add(message)
        await go_on.wait()

    async with connect(server.url) as queue:
        await queue.publish(event(0))
        async with Worker(queue, [group]):
            await queue.publish_many([event(number) for number in range(1, 5)])
            await seen.has(1)
            await delete(server, what, topology.consumer_of(group.name, event.__subject__))
            await queue.publish(event(5))
            go_on.set()
            await all_handled(queue, group.name)
    waited = {2, 3, 4} if what == "consumer" else set()
    assert set(numbers(seen.items)) == {1, 5} | waited


async def delete(server: NatsServer, what: str, consumer: str) -> None:
    """As an operator does."""
    client = await nats.connect(server.url)
    if what == "stream":
        await client.jetstream().delete_stream(topology.EVENTS)
    else:
        await client.jetstream().delete_consumer(topology.EVENTS, consumer)
    await client.close()
