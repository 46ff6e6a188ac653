"""The fake RabbitMQ of the simulation passes the suite that the real one passes."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from dovetail import MessageQueue
from dovetail.testing import Features, TransportConformance
from dovetail.testing.conformance.base import UNSUPPORTED
from simulation.servers.rabbitmq import FakeRabbit
from simulation.servers.threaded import ThreadedServer

STORE_IN_MEMORY = (
    f"{UNSUPPORTED}the fake server's store is in the memory of the test, and counted there"
)


@pytest_asyncio.fixture
async def fake_server() -> AsyncIterator[ThreadedServer]:
    """One for each test: what many groups have claimed takes long to read."""
    async with ThreadedServer(_unhurried) as server:
        yield server


def _unhurried() -> FakeRabbit:
    """Confirms some time after a write, and sends in pieces."""
    fake = FakeRabbit()
    fake.disk_seconds, fake.pieces = (0.0, 0.003), True
    return fake


class TestFakeRabbitmq(TransportConformance):
    features = Features(
        deduplicates=False,
        limits_store=False,
        counts_bytes=False,
        takes_late_acks=False,
        largest_body=16 * 1024 * 1024,
    )

    @pytest.fixture
    def address(self, fake_server: ThreadedServer) -> str:
        return fake_server.url

    @pytest.fixture
    def own_address(self, fake_server: ThreadedServer) -> str:
        return fake_server.url

    @pytest.fixture
    def own_server(self, fake_server: ThreadedServer) -> ThreadedServer:
        return fake_server

    async def test_memory_is_bounded_while_a_publisher_is_faster(self, queue: MessageQueue) -> None:
        pytest.skip(STORE_IN_MEMORY)

    async def test_memory_is_bounded_while_a_slow_handler_is_far_behind(
        self, queue: MessageQueue
    ) -> None:
        pytest.skip(STORE_IN_MEMORY)
