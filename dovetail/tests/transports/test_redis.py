"""Redis, on a real server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import pytest_asyncio

from dovetail.testing import Features, TransportConformance
from dovetail.testing.servers import RedisServer
from dovetail.transports.common import trimming


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def fragile_server() -> AsyncIterator[RedisServer]:
    """To be killed, and so not the one of the other tests."""
    async with RedisServer() as server:
        yield server


class TestRedis(TransportConformance):
    features = Features()

    @pytest.fixture
    def address(self, redis_server: RedisServer) -> str:
        return redis_server.url

    @pytest_asyncio.fixture
    async def own_address(
        self,
        new_redis_server: Callable[..., Awaitable[RedisServer]],
        monkeypatch: pytest.MonkeyPatch,
    ) -> str:
        monkeypatch.setattr(trimming, "TRIM_SECONDS", 0.1)
        return (await new_redis_server()).url

    @pytest.fixture
    def own_server(self, fragile_server: RedisServer) -> RedisServer:
        return fragile_server
