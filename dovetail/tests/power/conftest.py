"""A disk that loses its power, mounted for one test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from benchmarks.power.machine import PowerDisk
from benchmarks.power.mounting import missing
from dovetail.testing.servers import ServerMissing


@pytest.fixture
def fuse() -> None:
    """Skips where the kernel has no FUSE; what can be installed is missing as a server is."""
    if why := missing():
        if "on this kernel" in why:
            pytest.skip(why)  # in CI, too: it cannot be installed
        raise ServerMissing(why)


@pytest_asyncio.fixture
async def disk(fuse: None, tmp_path: Path) -> AsyncIterator[PowerDisk]:
    """Mounted on a folder of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    async with PowerDisk(folder) as one:
        yield one
