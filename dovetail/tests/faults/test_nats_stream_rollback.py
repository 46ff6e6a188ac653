"""The files of a server of one's own were damaged: a stream has lost its newest messages."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import pytest_asyncio

from dovetail import QueueFull, Worker, connect
from dovetail.testing.conformance.base import recording
from dovetail.testing.conformance.names import Numbered, numbered, numbers
from dovetail.testing.conformance.waiting import LIMIT_SECONDS, Seen, all_handled, until
from dovetail.testing.servers import NatsServer
from dovetail.transports.nats import stream_rollback, topology
from dovetail.transports.nats.client import Client
from dovetail.transports.nats.jetstream import JetStream
from dovetail.transports.nats.transport import NatsTransport

pytestmark = pytest.mark.faults

NewServer = Callable[..., Awaitable[NatsServer]]


def damage(server: NatsServer) -> None:
    (block,) = server.folder.glob("jetstream/*/streams/dovetail-events/msgs/*.blk")
    with block.open("r+b") as file:
        file.seek(block.stat().st_size // 2)
        file.write(b"\xa5" * 64)


@pytest.mark.parametrize("stays", [True, False], ids=["worker-stays", "worker-comes-later"])
async def test_what_comes_after_the_damage_is_handled(
    new_nats_server: NewServer, caplog: pytest.LogCaptureFixture, stays: bool
) -> None:
    """It gets sequences that the group has had before."""
    caplog.set_level(logging.ERROR, "dovetail.nats")
    server = await new_nats_server()
    event, seen = numbered(), Seen[Numbered]()
    group = recording(event, seen)

    async def said() -> bool:
        return "messages are missing in the stream 'dovetail-events'" in caplog.text

    async with connect(server.url) as queue:
        async with Worker(queue, [group]):
            for number in range(20):
                await queue.publish(event(number))
            await all_handled(queue, group.name)
            if stays:
                await server.stop()
                damage(server)
                await server.start()
                await until(said, "it says so")
        if not stays:
            await server.stop()
            damage(server)
            await server.start()
        async with Worker(queue, [group]):
            await until(said, "it says so")
            for number in range(20, 40):
                await queue.publish(event(number))
            await all_handled(queue, group.name)
    assert numbers(seen.items) == list(range(40))


@pytest_asyncio.fixture
async def api(new_nats_server: NewServer) -> AsyncIterator[tuple[Client, JetStream]]:
    """Of a queue with 20 events."""
    server = await new_nats_server()
    event = numbered()
    async with connect(server.url) as queue:
        await queue.publish_many([event(number) for number in range(20)])
        assert isinstance(queue.transport, NatsTransport)
        yield queue.transport._client, queue.transport._api


async def test_without_room_it_ends_and_says_so(api: tuple[Client, JetStream]) -> None:
    """What stands for the lost messages is refused, as what is published would be."""
    client, jetstream = api
    await jetstream.update(await jetstream.config(topology.EVENTS), max_msgs=20)
    with pytest.raises(QueueFull, match="no room to let it go on"):
        async with asyncio.timeout(LIMIT_SECONDS):
            await stream_rollback._use_up(client, jetstream, 20, 70)


async def test_a_little_room_is_used_again(api: tuple[Client, JetStream]) -> None:
    client, jetstream = api
    await jetstream.update(await jetstream.config(topology.EVENTS), max_msgs=30)
    async with asyncio.timeout(LIMIT_SECONDS):
        await stream_rollback._use_up(client, jetstream, 20, 70)
    stream = await jetstream.stream(topology.EVENTS)
    assert stream is not None
    assert (stream["state"]["last_seq"], stream["state"]["messages"]) == (70, 20)
