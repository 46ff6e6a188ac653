"""The soak's groups on a cluster: `… -m benchmarks.partitions.worker ADDRESS REPLICAS JOURNAL`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from benchmarks.partitions.publisher import TIMEOUT_SECONDS
from benchmarks.soak.content import Journal
from benchmarks.soak.worker import groups
from dovetail import connect, run


async def main(address: str, replicas: str, path: str) -> None:
    """Run until told to stop."""
    copies = int(replicas)
    async with connect(address, timeout=TIMEOUT_SECONDS, patience=None, replicas=copies) as queue:
        await run(queue, groups(Journal(Path(path))))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
