"""More messages at once on Redis than Lua can unpack."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from dovetail import MessageQueue, connect
from dovetail.delivery import Claim, Delivery
from dovetail.testing.conformance.names import fresh, numbered
from dovetail.testing.conformance.waiting import all_handled, until
from dovetail.testing.servers import RedisServer
from dovetail.transports.common import prefetch_window
from dovetail.transports.redis.topology import events_of
from dovetail.transports.redis.transport import RedisTransport

pytestmark = pytest.mark.faults

COUNT = 9000


@pytest_asyncio.fixture
async def queue(redis_server: RedisServer) -> AsyncIterator[MessageQueue]:
    async with connect(redis_server.url) as queue:
        yield queue


async def test_whoever_holds_many_renews_them_and_takes_what_a_dead_member_had(
    queue: MessageQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prefetch_window, "FIRST_WINDOW", 2 * COUNT)
    assert isinstance(queue.transport, RedisTransport)
    run = queue.transport._client.run
    event, group = numbered(), fresh("group")
    stream = events_of(event.__subject__)
    claim = Claim(group, event.__subject__, "event", "first", lease=3, prefetch=2 * COUNT)
    await (await queue.transport.claim(claim)).close()
    await queue.publish_many([event(number) for number in range(COUNT + 1)])
    await run("XREADGROUP", "GROUP", group, "dead", "COUNT", 1, "STREAMS", stream, ">")

    async def age(id: bytes, consumer: bytes) -> None:
        await run("XCLAIM", stream, group, consumer, 0, id, "IDLE", 60_000, "JUSTID")

    async def renewed() -> bool:
        return not await run("XPENDING", stream, group, "IDLE", 50_000, "-", "+", 1)

    member, held = await queue.transport.claim(claim), list[Delivery]()
    while len(held) < COUNT:
        held += await member.fetch(COUNT)
    first, *_, last = await run("XPENDING", stream, group, "-", "+", COUNT + 1)
    await age(*last[:2])
    await until(renewed, "the lease of what is held is renewed")
    await age(*first[:2])
    [reclaimed] = await member.fetch(1)
    assert (first[1], reclaimed.unsettled) == (b"dead", 1)
    member.ack([*held, reclaimed])
    await all_handled(queue, group)
    await member.close()


async def test_all_that_waits_is_shown(queue: MessageQueue) -> None:
    event = numbered()
    await queue.publish_many([event(number) for number in range(COUNT + 1)])
    waiting = await queue.waiting(event, fresh("group"), most=COUNT)
    assert [one.data["number"] for one in waiting] == list(range(COUNT))
