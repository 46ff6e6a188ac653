"""Which deliveries a member may still settle, and what becomes of a verdict that cannot be kept."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime

import nats
import pytest
import pytest_asyncio
from nats.aio.msg import Msg
from nats.js import JetStreamContext

from dovetail import MessageQueue, QueueFull, connect
from dovetail.dead_letter import DeadLetter
from dovetail.delivery import Claim, Delivery
from dovetail.testing.conformance.names import fresh, numbered
from dovetail.testing.conformance.waiting import Seen, all_handled
from dovetail.testing.servers import NatsServer
from dovetail.transport import Subscription
from dovetail.transports.common import buffer
from dovetail.transports.nats import in_flight, transport
from dovetail.transports.nats.topology import ATTEMPTS, EVENTS, consumer_of
from dovetail.transports.nats.transport import NatsTransport

pytestmark = pytest.mark.faults

NewServer = Callable[..., Awaitable[NatsServer]]
Settle = Callable[[Subscription, Delivery], Awaitable[None]]


@pytest_asyncio.fixture
async def queue(nats_server: NatsServer) -> AsyncIterator[MessageQueue]:
    async with connect(nats_server.url) as queue:
        yield queue


async def ack(member: Subscription, delivery: Delivery) -> None:
    member.ack([delivery])


async def retry(member: Subscription, delivery: Delivery) -> None:
    await member.retry(delivery, 0)


async def release(member: Subscription, delivery: Delivery) -> None:
    await member.release([delivery])


@pytest.mark.parametrize("settle", [ack, retry, release])
async def test_delivery_that_was_given_back_is_not_settled_again(
    queue: MessageQueue, settle: Settle
) -> None:
    """The message came back to the same member, and another loop of it handles it now."""
    event, group, said = numbered(), fresh("group"), Seen[bytes]()
    listen(queue, f"$JS.ACK.*.{consumer_of(group, event.__subject__)}.>", said)
    member = await queue.transport.claim(
        Claim(group, event.__subject__, "event", "first", lease=10, prefetch=10)
    )
    await queue.publish(event(1))
    [former] = await member.fetch(1)
    await member.release([former])
    [present] = await member.fetch(1)
    await settle(member, former)
    await queue.status()  # all that was said before has been heard
    assert verdicts(said) == [b"-NAK"]

    await member.retry(present, 0)
    [last] = await member.fetch(1)
    assert (last.attempt, last.unsettled) == (2, 0)
    member.ack([last])
    await all_handled(queue, group)
    await member.close()


async def test_leases_are_renewed_while_notes_are_written(
    new_nats_server: NewServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A queue that is slow to confirm them: they are of what waits too long, and is given back."""
    monkeypatch.setattr(buffer, "SLOW_SECONDS", 0)
    server, event, group = await new_nats_server(), numbered(), fresh("group")
    notes, said = Seen[Msg](), Seen[bytes]()
    async with connect(server.url, timeout=60) as queue, slow_notes(server, notes):
        listen(queue, f"$JS.ACK.*.{consumer_of(group, event.__subject__)}.>", said)
        member = await queue.transport.claim(
            Claim(group, event.__subject__, "event", "first", lease=1, prefetch=10)
        )
        await queue.publish_many([event(number) for number in range(3)])
        member.ack(await member.fetch(1))
        await notes.has(1)
        await said.has(len(said) + 4)
        assert verdicts(said) == [b"+ACK"]
        for note in await notes.has(2):
            await note.respond(b'{"stream":"%s","seq":1}' % ATTEMPTS.encode())
        await member.close()
    assert verdicts(said) == [b"+ACK", b"-NAK", b"-NAK"]


async def test_failure_is_counted_once_there_is_room(full: Full) -> None:
    """Until then the member keeps the message: it does not look as if it had died with it."""
    [former] = await full.member.fetch(1)
    await full.fill()
    await full.member.retry(former, 0)
    await full.member.release([former])  # as a worker that drains does
    await full.renewed_for_longer_than_the_lease()
    await full.empty()
    [present] = await full.member.fetch(1)
    assert (present.attempt, present.unsettled) == (2, 0)
    full.member.ack([present])
    await full.all_handled()
    assert verdicts(full.said) == [b'-NAK {"delay": 0}', b"+ACK"]


async def test_letter_is_kept_once_there_is_room(full: Full) -> None:
    [delivery] = await full.member.fetch(1)
    await full.fill()
    await full.member.bury(delivery, letter("enough", full.claim))
    await full.renewed_for_longer_than_the_lease()
    assert not await full.queue.dead_letters.list()
    await full.empty()
    await full.all_handled()
    [kept] = await full.queue.dead_letters.list()
    assert kept.reason == "enough"
    assert verdicts(full.said) == [b"+TERM"]


async def test_what_cannot_be_given_back_is_handled_here(full: Full) -> None:
    [former] = await full.member.fetch(1)
    await full.fill()
    await full.member.release([former])
    [present] = await full.member.fetch(1)
    assert (present.attempt, present.unsettled) == (1, 0)
    full.member.ack([former])  # not in these hands any more
    await full.renewed_for_longer_than_the_lease()
    full.member.ack([present])
    await full.all_handled()
    assert verdicts(full.said) == [b"+ACK"]


async def test_member_that_leaves_waits_for_no_room(full: Full) -> None:
    [delivery] = await full.member.fetch(1)
    await full.fill()
    await full.member.retry(delivery, 0)
    await full.member.close()
    await full.empty()
    again = await full.queue.transport.claim(full.claim)
    [present] = await again.fetch(1)
    assert (present.attempt, present.unsettled) == (1, 1)
    again.ack([present])
    await full.all_handled()
    await again.close()


async def test_notes_deleted_while_a_message_waits_for_its_next_attempt(
    new_nats_server: NewServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "API_SECONDS", 0.5)
    server, event, group = await new_nats_server(), numbered(), fresh("group")
    async with connect(server.url) as queue:
        member = await queue.transport.claim(
            Claim(group, event.__subject__, "event", "first", lease=1, prefetch=10)
        )
        await queue.publish(event(1))
        await member.retry((await member.fetch(1))[0], 1)
        async with operator(server) as jetstream:
            await jetstream.delete_stream(ATTEMPTS)
        async with asyncio.timeout(10):
            [second] = await member.fetch(1)
        await member.retry(second, 0)
        [third] = await member.fetch(1)
        assert third.attempt == second.attempt + 1
        member.ack([third])
        await all_handled(queue, group)
        await member.close()


class Full:
    """A member of a group, and a message for it, on a server whose store can be filled."""

    def __init__(self, server: NatsServer, queue: MessageQueue) -> None:
        self.queue = queue
        self.said = Seen[bytes]()
        self._server, self._event = server, numbered()
        subject = self._event.__subject__
        self.claim = Claim(fresh("group"), subject, "event", "first", lease=1, prefetch=10)
        listen(queue, f"$JS.ACK.*.{consumer_of(self.claim.group, subject)}.>", self.said)
        self.member: Subscription

    async def begin(self) -> None:
        self.member = await self.queue.transport.claim(self.claim)
        await self.queue.publish(self._event(1))

    async def fill(self) -> None:
        """Until there is no room for the smallest note."""
        for size in (100_000, 1000, 0):
            with suppress(QueueFull):
                while True:
                    await self.queue.publish_raw("events.f", b"x" * size)

    async def empty(self) -> None:
        async with operator(self._server) as jetstream:
            await jetstream.purge_stream(EVENTS, subject="events.f")

    async def renewed_for_longer_than_the_lease(self) -> None:
        await self.said.has(len(self.said) + 4)

    async def all_handled(self) -> None:
        await all_handled(self.queue, self.claim.group)


@pytest_asyncio.fixture
async def full(new_nats_server: NewServer, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Full]:
    monkeypatch.setattr(in_flight, "ROOM_SECONDS", 0.05)
    server = await new_nats_server(max_file_store="1MB")
    async with connect(server.url) as queue:
        full = Full(server, queue)
        await full.begin()
        yield full
        await full.member.close()


def letter(reason: str, claim: Claim) -> DeadLetter:
    return DeadLetter(
        group=claim.group,
        subject=claim.subject,
        claimed=claim.subject,
        kind="event",
        reason=reason,
        attempts=1,
        died_at=datetime.now(UTC),
        body=b"",
    )


@asynccontextmanager
async def operator(server: NatsServer) -> AsyncIterator[JetStreamContext]:
    """Another client of the server, who may do anything."""
    client = await nats.connect(server.url)
    try:
        yield client.jetstream()
    finally:
        await client.close()


@asynccontextmanager
async def slow_notes(server: NatsServer, notes: Seen[Msg]) -> AsyncIterator[None]:
    """Whoever has these notes confirms them, in the place of the stream."""

    async def take(note: Msg) -> None:
        notes.add(note)

    client = await nats.connect(server.url)
    await client.jetstream().add_stream(
        name=ATTEMPTS, subjects=["elsewhere"], max_msgs_per_subject=1, max_age=30 * 86_400
    )
    await client.subscribe(f"dovetail.attempts.{EVENTS}.>", cb=take)
    await client.flush()
    try:
        yield
    finally:
        await client.close()


def listen(queue: MessageQueue, subject: str, seen: Seen[bytes]) -> None:
    """Hear what goes to one of the server's own subjects, too."""
    assert isinstance(queue.transport, NatsTransport)
    queue.transport._client.subscribe(
        subject.encode(), lambda subject, reply, headers, payload: seen.add(payload)
    )


def verdicts(said: Seen[bytes]) -> list[bytes]:
    """What a member said of its deliveries, but for the renewals of their leases."""
    return [one for one in said.items if one != b"+WPI"]
