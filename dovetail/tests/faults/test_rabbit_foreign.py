"""RabbitMQ: other clients, who send whatever they like, and operators who remove what is ours."""

from __future__ import annotations

import asyncio
import logging
import re
import struct
from collections.abc import AsyncIterator, Mapping
from typing import Any, cast

import pytest
import pytest_asyncio
from pamqp import commands

from dovetail import (
    Backoff,
    Context,
    DeadLetterNotFound,
    Group,
    MessageQueue,
    Received,
    Retry,
    Worker,
    connect,
)
from dovetail.limits import MOST_SECONDS
from dovetail.options import QueueOptions
from dovetail.testing.conformance.base import recording
from dovetail.testing.conformance.listening import listening
from dovetail.testing.conformance.names import Numbered, fresh, fresh_subject, numbered, numbers
from dovetail.testing.conformance.waiting import LIMIT_SECONDS, Seen, all_handled, until
from dovetail.transports.rabbitmq.address import parse_address
from dovetail.transports.rabbitmq.channel import Channel
from dovetail.transports.rabbitmq.client import Client
from dovetail.transports.rabbitmq.frames import BODY, END, HEADER, METHOD
from dovetail.transports.rabbitmq.topology import (
    EVENTS,
    MEMBERS,
    PRESENCE,
    REGISTRY,
    dead_of,
    delay_of,
    queue_of,
)

pytestmark = pytest.mark.faults

FAR = b"\x7f" + b"\xff" * 7  # a time in another geological age
CONTENT_TYPE, HEADERS, MESSAGE_ID, TIMESTAMP = 0x8000, 0x2000, 0x80, 0x40
#: Of each message the flags of its properties, and these.
ODD = {
    "content type": (CONTENT_TYPE, b"\x02\xff\xfe"),
    "id": (MESSAGE_ID, b"\x02\xff\xfe"),
    "time": (TIMESTAMP, FAR),
}
#: Values of a header.
ODD_VALUES = {
    "header with a time": b"T" + FAR,
    "header with bytes": b"S\x00\x00\x00\x02\xff\xfe",
    "header with a large number": b"d" + struct.pack(">d", 1e300),
    "header with a table": b"F\x00\x00\x00\x05\x02\xff\xfet\x01",
    "header as large as its frame": b"S" + struct.pack(">I", 130_980) + b"x" * 130_980,
}


@pytest_asyncio.fixture
async def queue(rabbit_url: str) -> AsyncIterator[MessageQueue]:
    async with connect(rabbit_url) as queue:
        yield queue


class Foreign:
    """Publishes on a channel of its own, byte by byte."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    async def publish(
        self, exchange: str, key: bytes, body: bytes, flags: int = 0, properties: bytes = b""
    ) -> None:
        """Return when the server has it."""
        method = b"\x00\x3c\x00\x28\x00\x00" + _short(exchange.encode()) + _short(key) + b"\x00"
        header = struct.pack(">HHQH", 60, 0, len(body), flags) + properties
        for kind, payload in ((METHOD, method), (HEADER, header), (BODY, body)):
            head = struct.pack(">BHI", kind, self._channel._number, len(payload))
            self._channel.wire.write(head + payload + END)
        await self._channel.call(commands.Basic.Qos())


@pytest_asyncio.fixture
async def operator(rabbit_url: str, queue: MessageQueue) -> AsyncIterator[Client]:
    """Connected when all that is ours is there."""
    client = Client(parse_address(rabbit_url, "url"), QueueOptions())
    await client.open()
    yield client
    await client.close()


@pytest_asyncio.fixture
async def foreign(operator: Client) -> AsyncIterator[Foreign]:
    async with operator.channel() as channel:
        yield Foreign(channel)


def _short(text: bytes) -> bytes:
    return bytes((len(text),)) + text


def _headers(table: Mapping[bytes, bytes]) -> bytes:
    entries = b"".join(_short(name) + value for name, value in table.items())
    return struct.pack(">I", len(entries)) + entries


async def test_messages_that_cannot_be_read_are_messages(
    queue: MessageQueue, foreign: Foreign
) -> None:
    """They are heard, handled, retried, given up, replayed, and looked at; nobody else is held up."""
    top, seen, later = fresh_subject(), Seen[Received](), Seen[Received]()
    group = Group(fresh("group"), retry=Backoff(first=0.01, tries=2))
    another = Group(fresh("group"))

    @another.on(f"{top}.>")
    async def add(message: Received) -> None:
        later.add(message)

    @group.on(f"{top}.>")
    async def fail(message: Received) -> None:
        seen.add(message)
        if message.body != b"good":
            raise ValueError("no")

    odd = {
        "subject": (0, b""),
        "name of a header": (HEADERS, _headers({b"\xff": b"t\x01"})),
        **ODD,
        **{name: (HEADERS, _headers({b"name": value})) for name, value in ODD_VALUES.items()},
    }
    async with listening(queue, f"{top}.>") as heard, Worker(queue, [group]):
        for name, (flags, properties) in odd.items():
            key = f"{top}.".encode() + (b"\xff" if name == "subject" else b"odd")
            await foreign.publish(EVENTS, key, name.encode(), flags, properties)
        await queue.publish_raw(f"{top}.good", b"good")
        assert {one.body.decode() for one in await heard.has(len(odd) + 1)} == {*odd, "good"}
        await all_handled(queue, group.name)
        letters = await queue.dead_letters.list(group=group.name)
        assert {letter.body.decode() for letter in letters} == set(odd)
        assert {letter.attempts for letter in letters} == {2}
        for letter in letters:
            await queue.dead_letters.replay(letter)
        await all_handled(queue, group.name)
        assert len(await queue.waiting(f"{top}.>", another.name)) == len(odd) + 1
        async with Worker(queue, [another]):
            await later.has(len(odd) + 1)
    assert [one.subject for one in later.items[:1]] == [f"{top}.\ufffd"]
    assert len(seen) == 4 * len(odd) + 1


async def test_queue_whose_consumers_are_counted_is_removed(
    queue: MessageQueue, operator: Client
) -> None:
    event, seen = numbered(), Seen[Numbered]()
    async with Worker(queue, [group := recording(event, seen)]) as worker:
        await queue.publish(event(1))
        await all_handled(queue, group.name)
        wire = await cast(Any, worker._subscriptions[0]).inner._connection.ready()
        await operator.ask(commands.Queue.Delete(queue=PRESENCE))
        async with asyncio.timeout(LIMIT_SECONDS):
            await wire.lost()
        await queue.publish(event(2))
        assert numbers(await seen.has(2)) == [1, 2]
        await all_handled(queue, group.name)


async def test_queues_of_failed_messages_are_removed(queue: MessageQueue, operator: Client) -> None:
    """They are made again; what was in them is gone, and only that."""
    event, seen = numbered(), Seen[Numbered]()
    group = Group(fresh("group"), retry=Backoff(first=0.05, tries=2, jitter=0))

    @group.on(event)
    async def fail(message: Numbered) -> None:
        seen.add(message)
        raise ValueError("no")

    name = queue_of(group.name, event.__subject__)
    async with Worker(queue, [group]):
        await queue.publish(event(1))
        await all_handled(queue, group.name)
        [lost] = await queue.dead_letters.list()
        [counted] = await operator.ask(commands.Queue.Delete(queue=delay_of(name, 50)))
        assert counted.message_count == 0
        await operator.ask(commands.Queue.Delete(queue=dead_of(name)))
        assert await queue.dead_letters.list() == []
        with pytest.raises(DeadLetterNotFound):
            await queue.dead_letters.drop(lost)
        await queue.publish(event(2))
        await all_handled(queue, group.name)
        [letter] = await queue.dead_letters.list()
    assert b'"number":2' in letter.body
    assert numbers(seen.items) == [1, 1, 2, 2]


async def test_pause_without_end(queue: MessageQueue, foreign: Foreign) -> None:
    """Asked for by a handler, or by a message of others: it waits, and nobody with it."""
    event, seen, lasting = numbered(), Seen[Numbered](), _headers({b"dovetail-due": b"l" + FAR})
    group = Group(fresh("group"))

    @group.on(event)
    async def wait(message: Numbered) -> None:
        seen.add(message)
        if message.number < 2:
            raise Retry("much later", after=(1e9, MOST_SECONDS)[message.number])

    async def is_delayed() -> bool:
        [row] = (await queue.status()).groups
        return (row.waiting, row.in_hand) == (0, 3)

    async with Worker(queue, [group]):
        await foreign.publish(EVENTS, event.__subject__.encode(), b"{}", HEADERS, lasting)
        for number in range(3):
            await queue.publish(event(number))
        assert sorted(numbers(await seen.has(3))) == [0, 1, 2]
        await until(is_delayed, "what is to wait does")
    assert len(seen) == 3


async def test_messages_without_an_id_are_told_apart(queue: MessageQueue, foreign: Foreign) -> None:
    """What they cause has ids of its own each time; each keeps its id when it is handled again."""
    top, ids = fresh_subject(), Seen[tuple[bytes, str]]()
    group = Group(fresh("group"), retry=Backoff(first=0.01, tries=2))

    @group.on(f"{top}.>")
    async def fail(message: Received, context: Context) -> None:
        ids.add((message.body, context.id))
        if context.attempt == 1:
            raise ValueError("no")

    async with Worker(queue, [group]):
        for body in (b"one", b"two", b"two"):
            await foreign.publish(EVENTS, f"{top}.a".encode(), body)
        await ids.has(6)
        await all_handled(queue, group.name)
    assert len(set(ids.items)) == 3
    assert all(ids.items.count(one) == 2 for one in ids.items)
    assert all(one for _, one in ids.items)


#: Bodies that are no claims: no JSON, no object, nested too deep, a name that no queue can have.
NO_CLAIMS = (
    b"junk",
    b"{}",
    b'{"group":"\xff","subject":"s","kind":"event"}',
    b'{"group":"g","subject":"s","kind":"event","other":%s}' % (b"[" * 5000 + b"]" * 5000),
    b'{"group":"%s","subject":"s","kind":"event"}' % (b"g" * 300),
)


async def test_junk_where_only_ours_belongs(
    queue: MessageQueue, foreign: Foreign, caplog: pytest.LogCaptureFixture
) -> None:
    """Among the claims and the dead letters, and to all members: it ends no connection, and no worker."""
    caplog.set_level(logging.WARNING)
    event, begun, go_on = numbered(), Seen[Numbered](), asyncio.Event()
    for body in NO_CLAIMS:
        await foreign.publish("", REGISTRY.encode(), body)
    group = Group(fresh("group"), retry=Backoff(tries=1))

    @group.on(event)
    async def fail(message: Numbered) -> None:
        begun.add(message)
        await go_on.wait()
        raise ValueError("no")

    async with Worker(queue, [group]) as worker:
        await queue.publish(event(1))
        await begun.has(1)
        wire = await cast(Any, worker._subscriptions[0]).inner._connection.ready()
        await foreign.publish(MEMBERS, b"", b"junk")
        assert (await queue.status()).groups[0].in_hand == 1  # told by the same queue
        go_on.set()
        await all_handled(queue, group.name)
        dead = dead_of(queue_of(group.name, event.__subject__))
        await foreign.publish("", dead.encode(), b"junk")
        [letter] = await queue.dead_letters.list()
        await queue.dead_letters.drop(letter)
        assert await queue.dead_letters.list() == []
        assert queue.connected
        assert not wire.closed
    said = re.findall(rf"{REGISTRY} at offset (\d+) is no claim", caplog.text)
    assert len(said) == len({*said}) == len(NO_CLAIMS)
