"""What outlives the fake RabbitMQ's process, as it outlives the real one's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import aiormq
import pytest
import pytest_asyncio
from aiormq.abc import AbstractChannel, AbstractConnection

from dovetail.testing.conformance.waiting import until
from dovetail.testing.servers import RabbitServer, Server
from simulation.servers.rabbitmq import FakeRabbit, channel
from simulation.servers.threaded import ThreadedServer

from .test_fake_rabbitmq_rules import QUORUM, STREAM, Consumed, consuming, counts, declared, put

#: Starting the real one takes ten seconds.
SERVERS = ["fake", pytest.param("real", marks=pytest.mark.slow)]


@pytest_asyncio.fixture(params=SERVERS)
async def server(
    request: pytest.FixtureRequest, new_rabbit_server: Callable[..., Awaitable[RabbitServer]]
) -> AsyncIterator[Server]:
    """To be killed."""
    if request.param == "real":
        yield await new_rabbit_server()
        return
    async with ThreadedServer(FakeRabbit) as fake:
        yield fake


async def test_what_was_confirmed_stays_and_what_was_held_comes_again(server: Server) -> None:
    connection = await aiormq.connect(server.url)
    queue, stream = await declared(connection, QUORUM), await declared(connection, STREAM)
    own = (await (await connection.channel()).queue_declare("", exclusive=True)).queue
    await put(connection, queue, "abcde")
    await put(connection, stream, "xyz")
    holding = await consuming(connection, queue, 3)
    assert await holding.bodies(3) == ["a", "b", "c"]
    await holding.channel.basic_cancel(holding.tag)
    await holding.channel.basic_ack(holding.number(1))
    more = await consuming(connection, queue, 1, channel=holding.channel)
    assert await more.bodies(1) == ["d"]
    await more.channel.basic_cancel(more.tag)  # answered when the queue has the ack
    await server.kill()
    await _gone(connection)
    await server.start()
    connection = await aiormq.connect(server.url)
    again = await consuming(connection, queue, 10)
    bodies = await again.bodies(4)  # the ones that were held may come last
    assert {body: again.count(at) for at, body in enumerate(bodies)} == {
        "a": 1,
        "c": 1,
        "d": 1,
        "e": None,
    }
    assert await (await _reading(connection, stream)).bodies(3) == ["x", "y", "z"]
    with pytest.raises(aiormq.exceptions.ChannelNotFoundEntity):
        await (await connection.channel()).queue_declare(str(own), passive=True)
    await connection.close()


async def _reading(connection: AbstractConnection, stream: str) -> Consumed:
    """A stream is there a moment after the server is."""
    readers: list[Consumed] = []

    async def begun() -> bool:
        try:
            first = {"x-stream-offset": "first"}
            readers.append(await consuming(connection, stream, 10, arguments=first))
        except aiormq.exceptions.ChannelNotFoundEntity:
            return False
        return True

    await until(begun, "the stream is there")
    return readers[0]


async def _gone(connection: AbstractConnection) -> None:
    async def closed() -> bool:
        return bool(connection.is_closed)

    await until(closed, "the connection is lost")


async def test_in_memory_only_what_is_persistent_stays() -> None:
    async with ThreadedServer(FakeRabbit) as server:
        connection = await aiormq.connect(server.url)
        queue = await declared(connection, {})
        await put(connection, queue, "k")
        publishing = await connection.channel()
        await publishing.basic_publish(b"lost", routing_key=queue)
        await server.restart()
        connection = await aiormq.connect(server.url)
        consumed = await consuming(connection, queue, 10)
        assert await consumed.bodies(1) == ["k"]
        await consumed.has_no_more(1)
        await connection.close()


async def test_what_was_on_its_way_may_be_there_and_was_not_confirmed() -> None:
    """Of many messages the first ones are there, however many; all that was confirmed is."""
    fake = FakeRabbit()
    async with ThreadedServer(lambda: fake) as server:
        connection = await aiormq.connect(server.url)
        queue = await declared(connection, QUORUM)
        await put(connection, queue, "ab")
        fake.disk_seconds = (30.0, 30.0)
        publishing = await connection.channel()
        waiting = [
            asyncio.ensure_future(publishing.basic_publish(body.encode(), routing_key=queue))
            for body in "cdefgh"
        ]
        await _round_trip(publishing)
        await server.kill()
        await asyncio.gather(*waiting, return_exceptions=True)
        assert all(one.exception() for one in waiting)
        fake.disk_seconds = (0.0, 0.0)
        await server.start()
        connection = await aiormq.connect(server.url)
        count, _ = await counts(connection, queue)
        consumed = await consuming(connection, queue, 10)
        assert await consumed.bodies(count) == list("abcdefgh"[:count])
        assert count >= 2
        await connection.close()


async def _round_trip(publishing: AbstractChannel) -> None:
    """What was published on this channel has arrived."""
    await publishing.basic_qos(prefetch_count=1)


async def test_a_channel_ends_whose_messages_are_not_acked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channel, "LOOK_SECONDS", 0.05)
    fake = FakeRabbit()
    fake.consumer_timeout = 0.1
    async with ThreadedServer(lambda: fake) as server:
        connection = await aiormq.connect(server.url)
        queue = await declared(connection, QUORUM)
        await put(connection, queue, "a")
        holding = await consuming(connection, queue, 1)
        await holding.seen.has(1)
        other: Consumed = await consuming(connection, queue, 1)
        assert await other.bodies(1) == ["a"]
        assert other.count(0) == 1
        await connection.close()
