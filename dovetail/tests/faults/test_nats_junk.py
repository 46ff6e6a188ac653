"""What others write where only ours belongs, on NATS: it is left alone, and a warning names it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import nats
import pytest
import pytest_asyncio
from nats.aio.client import Client

from dovetail import Backoff, Group, MessageQueue, Worker, connect
from dovetail.testing.conformance.base import recording
from dovetail.testing.conformance.names import Numbered, fresh, numbered
from dovetail.testing.conformance.waiting import Seen, all_handled
from dovetail.testing.servers import NatsServer
from dovetail.transports.nats import topology
from dovetail.transports.nats.delivery import stored_at

NewServer = Callable[..., Awaitable[NatsServer]]
pytestmark = pytest.mark.faults

NESTED = b'{"x":' + b"[" * 5000 + b"]" * 5000 + b"}"
JUNK = [b"", b"\xff", b"5", b"{}", NESTED]


@pytest_asyncio.fixture
async def server(new_nats_server: NewServer) -> NatsServer:
    return await new_nats_server()


@pytest_asyncio.fixture
async def queue(server: NatsServer) -> AsyncIterator[MessageQueue]:
    async with connect(server.url) as queue:
        yield queue


@pytest_asyncio.fixture
async def foreign(server: NatsServer) -> AsyncIterator[Client]:
    client = await nats.connect(server.url)
    yield client
    await client.close()


async def test_junk_among_the_dead_letters(
    queue: MessageQueue, foreign: Client, caplog: pytest.LogCaptureFixture
) -> None:
    event, group = numbered(), Group(fresh("group"), retry=Backoff(tries=1))

    @group.on(event)
    async def fail(message: Numbered) -> None:
        raise ValueError("no")

    async with Worker(queue, [group]):
        await queue.publish_many([event(number) for number in range(2)])
        await all_handled(queue, group.name)
        letters = await queue.dead_letters.list()
        stored = foreign.jetstream().publish
        subject = f"{topology.DEAD_PREFIX}{group.name}.{event.__subject__}"
        strays = [(await stored(subject, b"x")).seq]
        for junk in ("", "\xff", "5", "{}", NESTED.decode()):
            strays.append((await stored(subject, b"x", headers={"Dovetail-Letter": junk})).seq)
        assert await queue.dead_letters.list() == letters
        assert await queue.dead_letters.list(ids=[str(strays[0])]) == []
        assert await queue.dead_letters.count(reason="ValueError") == {group.name: 2}
        for stray in strays:
            assert f"among the dead letters as {stray} is none" in caplog.text
        assert await queue.dead_letters.replay_all() == 2
        await all_handled(queue, group.name)
        assert await queue.dead_letters.drop_all(group=group.name) == 2
        assert await queue.dead_letters.list() == []


@pytest.mark.parametrize("junk", JUNK, ids=["empty", "bytes", "number", "object", "nested"])
async def test_junk_among_the_attempts(
    queue: MessageQueue,
    foreign: Client,
    caplog: pytest.LogCaptureFixture,
    junk: bytes,
) -> None:
    """As if nothing was noted: the message is handled."""
    event, seen = numbered(), Seen[Numbered]()
    group = recording(event, seen, lease=1)
    async with Worker(queue, [group]):
        pass
    await queue.publish(event(1))
    consumer = topology.consumer_of(group.name, event.__subject__)
    pull = await foreign.jetstream().pull_subscribe_bind(consumer, topology.EVENTS)
    [message] = await pull.fetch(1)
    key = f"{message.metadata.sequence.stream}-{stored_at(message.reply.encode()).decode()}"
    note = f"{topology.ATTEMPTS_PREFIX}{topology.EVENTS}.{consumer}.{key}"
    await foreign.jetstream().publish(note, junk)
    async with Worker(queue, [group]):
        await seen.has(1)
        await all_handled(queue, group.name)
    assert (f"among the attempts as {note} is no note" in caplog.text) == (junk != b"{}")
