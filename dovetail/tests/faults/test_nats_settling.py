"""Which deliveries a member may still settle, and what becomes of a verdict that cannot be kept."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import nats
import pytest
import pytest_asyncio
from nats.aio.msg import Msg

from dovetail import MessageQueue, connect
from dovetail.delivery import Claim, Delivery
from dovetail.testing.conformance.names import fresh, numbered
from dovetail.testing.conformance.waiting import Seen, all_handled
from dovetail.testing.servers import NatsServer
from dovetail.transport import Subscription
from dovetail.transports.nats import subscription
from dovetail.transports.nats.layout import ATTEMPTS, consumer_of
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
    assert (last.attempt, last.lost) == (2, 0)
    member.ack([last])
    await all_handled(queue, group)
    await member.close()


async def test_leases_are_renewed_while_notes_are_written(
    new_nats_server: NewServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A queue that is slow to confirm them: they are of what waits too long, and is given back."""
    monkeypatch.setattr(subscription, "SLOW_SECONDS", 0)
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
        await said.has(len(said) + 4, within=10)
        assert verdicts(said) == [b"+ACK"]
        for note in await notes.has(2):
            await note.respond(b"{}")
        await member.close()
    assert verdicts(said) == [b"+ACK", b"-NAK", b"-NAK"]


@asynccontextmanager
async def slow_notes(server: NatsServer, notes: Seen[Msg]) -> AsyncIterator[None]:
    """Whoever has these notes confirms them, in the place of the stream."""

    async def take(note: Msg) -> None:
        notes.add(note)

    client = await nats.connect(server.url)
    await client.jetstream().add_stream(
        name=ATTEMPTS, subjects=["elsewhere"], max_msgs_per_subject=1, max_age=30 * 86_400
    )
    await client.subscribe("dovetail.attempts.>", cb=take)
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
