"""Runs the embedded server as `todo up` does: `python -m benchmarks.power.owner FOLDER PORT MONITOR SYNC`.

Prints its address and its process, and logs what the library warns of.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import sys

from dovetail.embedded import EmbeddedServer, Sync


async def main(folder: str, port: str, monitor_port: str, sync: str) -> None:
    """Until it is killed, or ended by SIGTERM."""
    kept: Sync = "always" if sync == "always" else "interval"
    async with EmbeddedServer(folder, int(port), int(monitor_port), sync=kept) as server:
        ended = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
        print(server.url, server.pid, flush=True)
        await ended.wait()


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s")
    asyncio.run(main(*sys.argv[1:]))
