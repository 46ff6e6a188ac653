"""What happens to the server, to connections and to workers, every few seconds."""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from benchmarks.soak.content import LEASE_SECONDS
from benchmarks.soak.processes import Processes
from dovetail import QueueUnavailable, connect
from dovetail.testing.servers import Proxy, RabbitServer, Server
from dovetail.transports.rabbitmq import lost_streams

#: How long a broker that has started may say that a stream is down, before that is mended.
STREAM_SECONDS = 15.0


@dataclass
class Targets:
    """What faults act on."""

    server: Server
    proxy: Proxy
    processes: Processes
    random: random.Random
    #: How often a stream of RabbitMQ stayed down until it was mended as an operator would.
    streams_mended: int = 0


async def kill_worker(targets: Targets) -> None:
    """SIGKILL a worker, and start another."""
    await targets.processes.replace(
        targets.random.choice(targets.processes.workers), signal.SIGKILL
    )


async def drain_worker(targets: Targets) -> None:
    """SIGTERM a worker that is at work, and start another when it has drained."""
    worker = targets.random.choice(targets.processes.workers)
    await targets.processes.at_work(worker)
    await targets.processes.replace(worker, signal.SIGTERM)


async def freeze_worker(targets: Targets) -> None:
    """SIGSTOP a worker until its leases have ended, and let it go on."""
    worker = targets.random.choice(targets.processes.workers)
    worker.send_signal(signal.SIGSTOP)
    await asyncio.sleep(LEASE_SECONDS * targets.random.uniform(1.2, 3))
    worker.send_signal(signal.SIGCONT)


async def kill_server(targets: Targets) -> None:
    """SIGKILL the server, and start it a moment later."""
    await targets.server.kill()
    await asyncio.sleep(targets.random.uniform(0, 2))
    await targets.server.start()
    await mend_streams(targets)


async def restart_server(targets: Targets) -> None:
    """Stop the server as an operator does, and start it."""
    await targets.server.restart()
    await mend_streams(targets)


async def freeze_server(targets: Targets) -> None:
    """Let the server hang for a moment."""
    targets.server.pause()
    await asyncio.sleep(targets.random.uniform(0.5, 3))
    targets.server.resume()


async def cut_connections(targets: Targets) -> None:
    """End every connection at once."""
    targets.proxy.cut()


async def mend_streams(targets: Targets) -> None:
    """RabbitMQ before 3.11.3 may never serve a stream again: do what the client then says."""
    server = targets.server
    if not isinstance(server, RabbitServer):
        return
    try:
        async with connect(server.url, patience=STREAM_SECONDS):
            return
    except QueueUnavailable as error:
        if lost_streams.EXPRESSION not in str(error):
            raise
    targets.streams_mended += 1
    print("          a stream stayed down, and is mended", flush=True)
    await server.control("eval", lost_streams.EXPRESSION)


Fault = Callable[[Targets], Awaitable[None]]
FAULTS: list[Fault] = [
    kill_worker,
    drain_worker,
    freeze_worker,
    kill_server,
    restart_server,
    freeze_server,
    cut_connections,
]
