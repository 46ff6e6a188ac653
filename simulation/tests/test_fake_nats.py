"""The fake NATS server of the simulation passes what of the suite says what a server does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial

import pytest
import pytest_asyncio

from dovetail import MessageQueue
from dovetail.testing import Features
from dovetail.testing.conformance.commanding import Commanding
from dovetail.testing.conformance.dead_letters import DeadLetters
from dovetail.testing.conformance.draining import Draining
from dovetail.testing.conformance.gathering import Gathering
from dovetail.testing.conformance.giving_up import GivingUp
from dovetail.testing.conformance.groups import ManagedGroups
from dovetail.testing.conformance.inspection import Inspection
from dovetail.testing.conformance.leases import Leases
from dovetail.testing.conformance.leftovers import Leftovers
from dovetail.testing.conformance.limits import Limits
from dovetail.testing.conformance.listening import Listening
from dovetail.testing.conformance.many_letters import ManyLetters
from dovetail.testing.conformance.outages import Outages
from dovetail.testing.conformance.outgoing import OutgoingMessages
from dovetail.testing.conformance.pinging import Pinging
from dovetail.testing.conformance.publishing import Publishing
from dovetail.testing.conformance.requests import Requests
from dovetail.testing.conformance.restarting import Restarting
from dovetail.testing.conformance.retrying import Retrying
from dovetail.testing.conformance.routing import Routing
from dovetail.testing.conformance.settling import Settling
from dovetail.testing.conformance.sharing import Sharing
from dovetail.transports.common import trimming
from simulation.servers.nats import FakeNats
from simulation.servers.threaded import ThreadedServer

#: As that of the real server in its tests.
fake_nats = partial(FakeNats, max_payload=8_000_000)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def fake_server() -> AsyncIterator[ThreadedServer]:
    async with ThreadedServer(fake_nats) as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def fragile_server() -> AsyncIterator[ThreadedServer]:
    """To be killed, and so not the one of the other tests."""
    async with ThreadedServer(fake_nats) as server:
        yield server


# Left out is what happens in a worker's own process, whatever the server does: Batching, Calling, Contents,
# Killing, Mistakes, Observing, Opening and Pausing.
class TestFakeNats(
    Publishing,
    Routing,
    Sharing,
    Settling,
    Retrying,
    GivingUp,
    DeadLetters,
    ManyLetters,
    Leases,
    OutgoingMessages,
    Commanding,
    Requests,
    Gathering,
    Listening,
    Limits,
    Pinging,
    Draining,
    Leftovers,
    Inspection,
    ManagedGroups,
    Restarting,
    Outages,
):
    features = Features()

    @pytest.fixture
    def address(self, fake_server: ThreadedServer) -> str:
        return fake_server.url

    @pytest_asyncio.fixture
    async def own_address(self, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
        monkeypatch.setattr(trimming, "TRIM_SECONDS", 0.1)
        async with ThreadedServer(fake_nats) as server:
            yield server.url

    @pytest.fixture
    def own_server(self, fragile_server: ThreadedServer) -> ThreadedServer:
        return fragile_server

    @pytest.mark.skip(reason="the store is in the memory that is measured")
    async def test_memory_is_bounded_while_a_publisher_is_faster(self, queue: MessageQueue) -> None:
        """As in the suite."""
