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


#: Tests that share a vhost. Each founds groups, and hundreds of quorum queues slow a server down.
TESTS_PER_VHOST = 12


class Vhosts:
    """Empty parts of the shared server."""

    def __init__(self, server: RabbitServer) -> None:
        self._server = server
        self._current = ""
        self._tests = 0

    async def new(self) -> str:
        """The address of one that is to be removed."""
        return await self._server.add_vhost(fresh("vhost"))

    async def remove(self, address: str) -> None:
        """With all that is in it."""
        await self._server.delete_vhost(address.rpartition("/")[2])

    async def shared(self) -> str:
        """The address of one that some tests have in common."""
        if self._tests % TESTS_PER_VHOST == 0:
            if self._current:
                await self.remove(self._current)
            self._current = await self.new()
        self._tests += 1
        return self._current


@pytest.fixture(scope="module")
def vhosts(rabbit_server: RabbitServer) -> Vhosts:
    return Vhosts(rabbit_server)


class TestRabbitmq(TransportConformance):
    features = Features(
        deduplicates=False,
        limits_store=False,
        counts_bytes=False,
        takes_late_acks=False,
        largest_body=16 * 1024 * 1024,
    )

    @pytest_asyncio.fixture
    async def address(self, vhosts: Vhosts) -> str:
        return await vhosts.shared()

    @pytest_asyncio.fixture
    async def own_address(self, vhosts: Vhosts) -> AsyncIterator[str]:
        address = await vhosts.new()
        yield address
        await vhosts.remove(address)

    @pytest.fixture
    def own_server(self, fragile_server: RabbitServer) -> RabbitServer:
        return fragile_server
