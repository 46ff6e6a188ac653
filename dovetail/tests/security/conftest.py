"""Fixtures of the tests that are the same for each technology."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from dovetail.testing.servers import RabbitServer

from .authority import Authority
from .technology import TECHNOLOGIES, NewServer, Technology


@pytest.fixture(params=TECHNOLOGIES, ids=lambda technology: technology.name)
def technology(request: pytest.FixtureRequest) -> Technology:
    chosen: Technology = request.param
    return chosen


@pytest.fixture
def new_server(technology: Technology, request: pytest.FixtureRequest) -> NewServer:
    start: NewServer = request.getfixturevalue(f"new_{technology.name}_server")
    return start


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def rabbit_servers() -> AsyncIterator[NewServer]:
    """One for all tests of a module that want it to demand the same: it takes seconds to start."""
    servers: dict[str, RabbitServer] = {}
    async with AsyncExitStack() as stack:

        async def start(**options: Any) -> RabbitServer:
            wanted = repr(options)
            if wanted not in servers:
                servers[wanted] = await stack.enter_async_context(RabbitServer(**options))
            return servers[wanted]

        yield start


@pytest.fixture
def shared_server(technology: Technology, request: pytest.FixtureRequest) -> NewServer:
    """As `new_server`, for tests that leave the server as it is."""
    shared = "rabbit_servers" if technology.name == "rabbit" else f"new_{technology.name}_server"
    start: NewServer = request.getfixturevalue(shared)
    return start


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def certificate(authority: Authority) -> Path:
    """The servers'."""
    return authority.issue("server")
