"""RabbitMQ, on a real server."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from dovetail.testing import Features, TransportConformance
from dovetail.testing.conformance.names import fresh
from dovetail.testing.servers import RabbitServer


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def fragile_server() -> AsyncIterator[RabbitServer]:
    """To be killed, and so not the one of the other tests."""
    async with RabbitServer() as server:
        yield server


class TestRabbitmq(TransportConformance):
    features = Features(
        deduplicates=False, limits_store=False, counts_bytes=False, largest_body=16 * 1024 * 1024
    )

    @pytest.fixture
    def address(self, rabbit_server: RabbitServer) -> str:
        return rabbit_server.url

    @pytest_asyncio.fixture
    async def own_address(self, rabbit_server: RabbitServer) -> AsyncIterator[str]:
        vhost = fresh("vhost")
        await rabbit_server.control("add_vhost", vhost)
        await rabbit_server.control("set_permissions", "-p", vhost, "guest", ".*", ".*", ".*")
        yield f"{rabbit_server.url}/{vhost}"
        await rabbit_server.control("delete_vhost", vhost)

    @pytest.fixture
    def own_server(self, fragile_server: RabbitServer) -> RabbitServer:
        return fragile_server
