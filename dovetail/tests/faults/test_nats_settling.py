"""Which deliveries a member may still settle, and what becomes of a verdict that cannot be kept."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import pytest_asyncio

from dovetail import MessageQueue, connect
from dovetail.delivery import Claim, Delivery
from dovetail.testing.conformance.names import fresh, numbered
from dovetail.testing.conformance.waiting import Seen, all_handled
from dovetail.testing.servers import NatsServer
from dovetail.transport import Subscription
from dovetail.transports.nats.layout import consumer_of
from dovetail.transports.nats.transport import NatsTransport

pytestmark = pytest.mark.faults

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


def listen(queue: MessageQueue, subject: str, seen: Seen[bytes]) -> None:
    """Hear what goes to one of the server's own subjects, too."""
    assert isinstance(queue.transport, NatsTransport)
    queue.transport._client.subscribe(
        subject.encode(), lambda subject, reply, headers, payload: seen.add(payload)
    )


def verdicts(said: Seen[bytes]) -> list[bytes]:
    """What a member said of its deliveries, but for the renewals of their leases."""
    return [one for one in said.items if one != b"+WPI"]
