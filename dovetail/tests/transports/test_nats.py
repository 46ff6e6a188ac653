"""NATS JetStream, on a real server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import pytest_asyncio

from dovetail.testing import Features, TransportConformance
from dovetail.testing.servers import NatsServer
from dovetail.transports.nats import transport

LARGE_MESSAGES = "max_payload: 8MB"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def large_server() -> AsyncIterator[NatsServer]:
    """As the embedded server is, one for all tests of this file."""
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
        monkeypatch.setattr(transport, "TRIM_SECONDS", 0.1)
        return (await new_nats_server(config=LARGE_MESSAGES)).url
