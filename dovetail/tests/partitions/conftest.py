"""Tests on hosts of their own, which can be cut off from each other."""

from __future__ import annotations

import pytest
import pytest_asyncio

from benchmarks.partitions.network import permitted, why_not
from dovetail.testing.servers import ServerMissing


@pytest_asyncio.fixture
async def hosts_permitted() -> None:
    """Skips where network namespaces are not to be had; a missing program is missing like a server."""
    if why := why_not():
        raise ServerMissing(why)
    if not await permitted():
        # In CI, too: it cannot be installed.
        pytest.skip("no network namespaces here: run as root, in a container with --privileged")
