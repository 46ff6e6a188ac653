"""What all themes of the suite share."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeVar

import pytest
import pytest_asyncio

from dovetail import Group, MessageQueue, connect
from dovetail.message import Message
from dovetail.testing.conformance.features import Features
from dovetail.testing.conformance.names import fresh
from dovetail.testing.conformance.waiting import Seen
from dovetail.testing.servers.process import Server

AnyMessage = TypeVar("AnyMessage", bound=Message)

#: How the reason of a skipped test begins where the transport does not declare what the test needs.
UNSUPPORTED = "unsupported: "


@pytest.mark.asyncio
class Conformance:
    """A transport's test class sets `features` and adds the fixtures that TransportConformance names."""

    features = Features()

    def need(self, feature: str) -> None:
        """Report the test as unsupported where the transport does not declare the feature."""
        if not getattr(self.features, feature):
            pytest.skip(UNSUPPORTED + feature)

    @pytest.fixture
    def own_server(self) -> Server:
        """Only for transports that have none."""
        self.need("server")
        raise NotImplementedError("add the fixture own_server, or declare Features(server=False)")

    @pytest_asyncio.fixture
    async def server(self, own_server: Server) -> Server:
        """The server that tests may kill. It runs, whatever the test before this one left behind."""
        own_server.resume()
        if not own_server.running:
            await own_server.start()
        return own_server

    @pytest_asyncio.fixture
    async def queue(self, address: str) -> AsyncIterator[MessageQueue]:
        """A connection to the queue."""
        async with connect(address, source="conformance") as queue:
            yield queue


def recording(message: type[AnyMessage], seen: Seen[AnyMessage], **options: Any) -> Group:
    """A group of its own that only remembers what it was called with."""
    group = Group(fresh("group"), **options)
    group.on(message)(adding_to(seen))
    return group


def adding_to(seen: Seen[AnyMessage]) -> Callable[[AnyMessage], Awaitable[None]]:
    """A handler that only remembers what it was called with."""

    async def add(message: AnyMessage) -> None:
        seen.add(message)

    return add
