"""What happens to the server, to connections and to workers, every few seconds."""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from benchmarks.soak.content import LEASE_SECONDS
from benchmarks.soak.crew import Crew
from dovetail.testing.servers import Proxy, Server


@dataclass
class Scene:
    """What faults act on."""

    server: Server
    proxy: Proxy
    crew: Crew
    random: random.Random


async def kill_worker(scene: Scene) -> None:
    """SIGKILL a worker, and start another."""
    await scene.crew.replace(scene.random.choice(scene.crew.workers), signal.SIGKILL)


async def drain_worker(scene: Scene) -> None:
    """SIGTERM a worker, and start another when it has drained."""
    await scene.crew.replace(scene.random.choice(scene.crew.workers), signal.SIGTERM)


async def freeze_worker(scene: Scene) -> None:
    """SIGSTOP a worker until its leases have ended, and let it go on."""
    worker = scene.random.choice(scene.crew.workers)
    worker.send_signal(signal.SIGSTOP)
    await asyncio.sleep(LEASE_SECONDS * scene.random.uniform(1.2, 3))
    worker.send_signal(signal.SIGCONT)


async def kill_server(scene: Scene) -> None:
    """SIGKILL the server, and start it a moment later."""
    await scene.server.kill()
    await asyncio.sleep(scene.random.uniform(0, 2))
    await scene.server.start()


async def restart_server(scene: Scene) -> None:
    """Stop the server as an operator does, and start it."""
    await scene.server.restart()


async def freeze_server(scene: Scene) -> None:
    """Let the server hang for a moment."""
    scene.server.pause()
    await asyncio.sleep(scene.random.uniform(0.5, 3))
    scene.server.resume()


async def cut_connections(scene: Scene) -> None:
    """End every connection at once."""
    scene.proxy.cut()


Fault = Callable[[Scene], Awaitable[None]]
FAULTS: list[Fault] = [
    kill_worker,
    drain_worker,
    freeze_worker,
    kill_server,
    restart_server,
    freeze_server,
    cut_connections,
]
