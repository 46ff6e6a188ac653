"""What members hold when the server takes no writes for longer than a lease, and the connections stand."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

import pytest

from dovetail import MessageQueue, connect
from dovetail.delivery import Claim
from dovetail.testing.conformance.names import fresh, numbered
from dovetail.testing.conformance.waiting import all_handled, until
from dovetail.testing.servers import RedisServer
from dovetail.transports.redis import limits
from dovetail.transports.redis.lease_renewal import LeaseRenewal
from dovetail.transports.redis.subscription import RedisSubscription
from dovetail.transports.redis.topology import events_of, queue_of
from dovetail.transports.redis.transport import RedisTransport

from .redis_cli import redis_cli

NewServer = Callable[..., Awaitable[RedisServer]]
pytestmark = pytest.mark.faults

LEASE = 2.0


@pytest.mark.parametrize(
    ("command_seconds", "amid"),
    [(0.2, False), (60.0, False), (60.0, True)],
    ids=["refused", "taken in the end", "amid reclaiming"],
)
async def test_nobody_takes_what_others_hold_before_they_could_renew_it(
    new_redis_server: NewServer, monkeypatch: pytest.MonkeyPatch, command_seconds: float, amid: bool
) -> None:
    """The holder is the last to renew. The others hold nothing, and may not even be told of a refusal."""
    monkeypatch.setattr(limits, "COMMAND_SECONDS", command_seconds)
    event, group, server = numbered(), fresh("group"), await new_redis_server()
    stream, queue_stream = events_of(event.__subject__), queue_of(group, event.__subject__)
    claim = Claim(group, event.__subject__, "event", "first", lease=LEASE, prefetch=10)
    async with AsyncExitStack() as stack:
        queues = [await stack.enter_async_context(connect(server.url)) for _ in range(3)]
        assert isinstance(queues[0].transport, RedisTransport)
        run = queues[0].transport._client.run
        await queues[0].publish(event(1))
        holder = await _claimed(queues[0], claim)
        held = await holder.fetch(1)
        others = [await _claimed(queue, claim) for queue in queues]

        async def holders(silent: float = 0) -> list[bytes]:
            rows = await run("XPENDING", stream, group, "IDLE", int(silent), "-", "+", 10)
            return [consumer for _, consumer, *_ in rows]

        async def silent_for_a_lease() -> bool:
            return bool(await holders(LEASE * 1000))

        async def renewed() -> bool:
            return not await silent_for_a_lease()

        [held_by] = await holders()
        refused = asyncio.Event()
        if amid:
            await asyncio.gather(*(_reclaims(one._leases, monkeypatch, refused) for one in others))
        may_renew = _renews_only_when_set(holder._leases, monkeypatch)
        await redis_cli(server, "CONFIG", "SET", "min-replicas-to-write", "1")
        refused.set()
        await until(silent_for_a_lease, "nobody can renew for longer than a lease")
        await redis_cli(server, "CONFIG", "SET", "min-replicas-to-write", "0")
        await asyncio.gather(*(_looks_after_leases(one._leases, monkeypatch) for one in others))
        assert await holders() == [held_by]
        may_renew.set()
        await until(renewed, "the holder renews")
        await asyncio.gather(*(_reclaims(one._leases, monkeypatch) for one in others))
        assert await holders() == [held_by]
        assert await run("XLEN", queue_stream) == 0
        holder.ack(held)
        await all_handled(queues[0], group)
        await asyncio.gather(*(one.close() for one in (holder, *others)))


async def _claimed(queue: MessageQueue, claim: Claim) -> RedisSubscription:
    subscription = await queue.transport.claim(claim)
    assert isinstance(subscription, RedisSubscription)
    return subscription


def _renews_only_when_set(leases: LeaseRenewal, monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    renew, may_renew = leases._renew, asyncio.Event()

    async def renew_then() -> None:
        await may_renew.wait()
        await renew()

    monkeypatch.setattr(leases, "_renew", renew_then)
    return may_renew


async def _looks_after_leases(leases: LeaseRenewal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Return when it has done so once more, from beginning to end."""
    wait, done = leases._wait, asyncio.Event()
    due_next = leases._clock() + LEASE / 3

    async def waiting(until: float) -> None:
        if leases._renewal >= due_next:
            done.set()
        await wait(until)

    monkeypatch.setattr(leases, "_wait", waiting)
    async with asyncio.timeout(20):
        await done.wait()


async def _reclaims(
    leases: LeaseRenewal, monkeypatch: pytest.MonkeyPatch, then: asyncio.Event | None = None
) -> None:
    """Return when it has taken what nobody renewed, or is about to, as soon as `then` is set."""
    reclaim, done = leases._reclaim, asyncio.Event()

    async def reclaiming(silent: int, whose: str) -> None:
        if then is not None:
            done.set()
            await then.wait()
        await reclaim(silent, whose)
        done.set()

    monkeypatch.setattr(leases, "_reclaim", reclaiming)
    async with asyncio.timeout(20):
        await done.wait()
