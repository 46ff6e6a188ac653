"""The connection is cut again and again while many dead letters are replayed or dropped: each is, once."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import pytest_asyncio

from dovetail import connect
from dovetail.testing.conformance.many_letters import Clerk
from dovetail.testing.servers import Proxy, Server

pytestmark = pytest.mark.faults

MANY, CUTS = 200, 6


@pytest.fixture(params=["nats_server", "redis_server", "rabbit_server"])
def server(request: pytest.FixtureRequest) -> Server:
    found: Server = request.getfixturevalue(request.param)
    return found


@pytest_asyncio.fixture
async def proxy(server: Server) -> AsyncIterator[Proxy]:
    async with Proxy(server) as proxy:
        yield proxy


async def _while_it_is_cut(proxy: Proxy, work: Callable[[], Awaitable[int]]) -> int:
    async def cut() -> None:
        for _ in range(CUTS):
            await asyncio.sleep(random.uniform(0, 0.03))
            proxy.cut()

    cutting = asyncio.create_task(cut())
    done = await work()
    await cutting
    return done


@pytest.mark.parametrize("replays", [True, False], ids=["replay", "drop"])
async def test_cut_while_many_are_removed(proxy: Proxy, replays: bool) -> None:
    clerk = Clerk()
    async with connect(proxy.url) as queue:
        await clerk.reject(queue, MANY)
        letters = queue.dead_letters
        remove = letters.replay_all if replays else letters.drop_all
        done = await _while_it_is_cut(proxy, lambda: remove(group=clerk.name))
        assert done == MANY
        assert await remove(group=clerk.name) == 0
        assert await letters.count(group=clerk.name) == {}
        assert await clerk.take_all(queue) == [*range(MANY)] * replays
