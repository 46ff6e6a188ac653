"""The fake Redis of the simulation passes the suite that the real one passes."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from dovetail import MessageQueue
from dovetail.testing import Features, TransportConformance
from dovetail.transports.common import trimming
from simulation.servers.redis import FakeRedis
from simulation.servers.threaded import ThreadedServer


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def fake_server() -> AsyncIterator[ThreadedServer]:
    async with ThreadedServer(FakeRedis) as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def fragile_server() -> AsyncIterator[ThreadedServer]:
    """To be killed, and so not the one of the other tests."""
    async with ThreadedServer(FakeRedis) as server:
        yield server


class TestFakeRedis(TransportConformance):
    features = Features()

    @pytest.fixture
    def address(self, fake_server: ThreadedServer) -> str:
        return fake_server.url

    @pytest_asyncio.fixture
    async def own_address(self, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
        monkeypatch.setattr(trimming, "TRIM_SECONDS", 0.1)
        async with ThreadedServer(FakeRedis) as server:
            yield server.url

    @pytest.fixture
    def own_server(self, fragile_server: ThreadedServer) -> ThreadedServer:
        return fragile_server

    async def test_memory_is_bounded_while_a_publisher_is_faster(self, queue: MessageQueue) -> None:
        pytest.skip("what the server holds is in the memory of the test's own process")

    async def test_memory_is_bounded_while_a_slow_handler_is_far_behind(
        self, queue: MessageQueue
    ) -> None:
        pytest.skip("what the server holds is in the memory of the test's own process")
