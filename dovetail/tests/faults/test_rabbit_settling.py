"""What a member says of a message that the server has taken from it counts for nothing."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

import pytest

from dovetail import MessageQueue, clock, connect
from dovetail.dead_letter import DeadLetter
from dovetail.delivery import Claim, Delivery
from dovetail.testing.conformance.names import fresh, numbered
from dovetail.testing.conformance.waiting import all_handled
from dovetail.testing.servers import Proxy, RabbitServer
from dovetail.transport import Subscription

pytestmark = pytest.mark.faults

Settle = Callable[[Subscription, Delivery, Claim], Awaitable[None]]
#: Longer than the server waits for a sign of life of a member with the shortest lease.
BLOCKED_SECONDS = 3.5


async def retry(member: Subscription, delivery: Delivery, claim: Claim) -> None:
    await member.retry(delivery, 0)


async def bury(member: Subscription, delivery: Delivery, claim: Claim) -> None:
    await member.bury(delivery, _letter(delivery, claim))


def _letter(delivery: Delivery, claim: Claim) -> DeadLetter:
    return DeadLetter(
        group=claim.group,
        subject=delivery.subject,
        claimed=claim.subject,
        kind="event",
        reason="failed",
        attempts=delivery.attempt,
        died_at=clock.now(),
        body=delivery.body,
    )


@pytest.mark.parametrize("settle", [retry, bury])
async def test_connection_lost_while_it_is_handled(
    rabbit_server: RabbitServer, settle: Settle
) -> None:
    event = numbered()
    claim = Claim(fresh("group"), event.__subject__, "event", "first", lease=10, prefetch=10)
    async with (
        Proxy(rabbit_server) as proxy,
        connect(proxy.url) as away,
        connect(rabbit_server.url) as queue,
    ):
        member = await away.transport.claim(claim)
        await queue.publish(event(1))
        [former] = await member.fetch(1)
        proxy.black_hole(on=True)
        proxy.cut()
        other = await queue.transport.claim(claim)
        [present] = await other.fetch(1)
        proxy.black_hole(on=False)
        await settle(member, former, claim)
        await _is_the_only_one(queue, other, present, claim)
        await member.close()


@pytest.mark.parametrize("settle", [retry, bury])
async def test_event_loop_blocked_while_it_is_handled(
    rabbit_server: RabbitServer, settle: Settle
) -> None:
    """What is said first thing afterwards is said before the loss of the connection is known."""
    event = numbered()
    claim = Claim(fresh("group"), event.__subject__, "event", "first", lease=1, prefetch=10)
    async with connect(rabbit_server.url) as away, connect(rabbit_server.url) as queue:
        member = await away.transport.claim(claim)
        await queue.publish(event(1))
        [former] = await member.fetch(1)
        time.sleep(BLOCKED_SECONDS)  # noqa: ASYNC251 - as a handler that blocks the loop
        await settle(member, former, claim)
        await member.close()
        other = await queue.transport.claim(claim)
        [present] = await other.fetch(1)
        await _is_the_only_one(queue, other, present, claim)


async def _is_the_only_one(
    queue: MessageQueue, member: Subscription, delivery: Delivery, claim: Claim
) -> None:
    """Whoever has it handles it, and then there is nothing left."""
    assert delivery.attempt == 1
    member.ack([delivery])
    await all_handled(queue, claim.group, within=5)
    assert not await queue.dead_letters.count(group=claim.group)
    await member.close()
