"""The memory of a process that has connected: `python -m benchmarks.clients.memory URL MODULE:VARIANT`.

Where the variant is empty, that of the same process without a client.
"""

from __future__ import annotations

import argparse
import resource
from importlib import import_module
from pathlib import Path

import benchmarks.clients.measured  # noqa: F401 - every client's module needs it
from benchmarks.candidate import run

MIB = 1 << 20


async def main(options: argparse.Namespace) -> dict[str, float]:
    """`memory`, in MiB."""
    module, _, way = options.variant.partition(":")
    client = await import_module(module).connect(options.url, way) if module else None
    memory = resident() / MIB
    if client is not None:
        await client.close()
    return {"memory": memory}


def resident() -> int:
    """Bytes that this process has in memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


if __name__ == "__main__":
    run(main)
