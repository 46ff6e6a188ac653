"""NATS JetStream, on a real server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from functools import partial

import httpx
import pytest
import pytest_asyncio

from dovetail import MessageQueue, connect
from dovetail.testing import Features, TransportConformance
from dovetail.testing.conformance.names import fresh, numbered
from dovetail.testing.conformance.waiting import until
from dovetail.testing.servers import NatsServer
from dovetail.transports.common import trimming

LARGE_MESSAGES = "max_payload: 8MB"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def large_server() -> AsyncIterator[NatsServer]:
    """As the embedded server is, one for all tests of this file."""
    async with NatsServer(config=LARGE_MESSAGES) as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def fragile_server() -> AsyncIterator[NatsServer]:
    """To be killed, and so not the one of the other tests."""
    async with NatsServer(config=LARGE_MESSAGES) as server:
        yield server


class TestNats(TransportConformance):
    features = Features()

    @pytest.fixture
    def address(self, large_server: NatsServer) -> str:
        return large_server.url

    @pytest_asyncio.fixture
    async def own_address(
        self,
        new_nats_server: Callable[..., Awaitable[NatsServer]],
        monkeypatch: pytest.MonkeyPatch,
    ) -> str:
        monkeypatch.setattr(trimming, "TRIM_SECONDS", 0.1)
        return (await new_nats_server(config=LARGE_MESSAGES)).url

    @pytest.fixture
    def own_server(self, fragile_server: NatsServer) -> NatsServer:
        return fragile_server

    async def test_closed_listeners_leave_nothing_behind(self, large_server: NatsServer) -> None:
        async with connect(large_server.url, source=fresh("listener")) as queue:
            await queue.status()  # the server has heard all that a connection begins with
            at_first = await self._subscriptions(large_server, queue)
            for _ in range(3):
                async with aclosing(queue.listen(numbered())) as messages:
                    waiting = asyncio.ensure_future(anext(messages))
                    await until(partial(self._has, large_server, queue, at_first + 1), "it listens")
                    waiting.cancel()
                    await asyncio.gather(waiting, return_exceptions=True)
                await until(partial(self._has, large_server, queue, at_first), "it stopped")

    async def _has(self, server: NatsServer, queue: MessageQueue, count: int) -> bool:
        return await self._subscriptions(server, queue) == count

    async def _subscriptions(self, server: NatsServer, queue: MessageQueue) -> int:
        """As the server's monitor counts those of this connection."""
        async with httpx.AsyncClient() as client:
            answer = await client.get(f"{server.monitor_url}/connz")
        [mine] = [
            one for one in answer.json()["connections"] if one["name"] == queue.options.source
        ]
        return int(mine["subscriptions"])
