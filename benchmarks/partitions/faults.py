"""What is done to a cluster for a while: its network is split, a server is paused, a clock is wrong."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from random import Random

from benchmarks.partitions import clock
from benchmarks.partitions.clusters import Cluster
from benchmarks.partitions.network import Network
from benchmarks.partitions.splits import SPLITS, Hosts, Split
from dovetail.testing.servers import Server

HOUR_SECONDS = 3600
#: Tries to stop a process outside of the functions that tell it the time.
_TRIES = 100


@dataclass(frozen=True)
class Scene:
    """What faults act on."""

    network: Network
    hosts: Hosts
    cluster: Cluster
    random: Random


@asynccontextmanager
async def split_network(split: Split, scene: Scene) -> AsyncIterator[str]:
    """Whose packets are dropped, for a person."""
    cuts = split(scene.hosts, scene.random)
    await scene.network.cut(cuts)
    try:
        yield " ".join(f"{source}>{target}" for source, target in sorted(cuts))
    finally:
        await scene.network.heal()


@asynccontextmanager
async def server_paused(scene: Scene) -> AsyncIterator[str]:
    """Everything on one server's host is frozen: connections stay open, and nothing answers."""
    name = scene.random.choice(scene.hosts.servers)
    servers = scene.cluster.servers[name]
    for server in servers:
        server.pause()
    try:
        yield name
    finally:
        for server in servers:
            server.resume()


@asynccontextmanager
async def clock_ahead(scene: Scene) -> AsyncIterator[str]:
    """The clock of one server's host jumps an hour ahead, and then back."""
    name = scene.random.choice(scene.hosts.servers)
    servers = scene.cluster.servers[name]
    for server in servers:
        set_clock(server, HOUR_SECONDS)
    try:
        yield name
    finally:
        for server in servers:
            set_clock(server, 0)


def set_clock(server: Server, seconds: int) -> None:
    """Have the server see the clock so many seconds ahead, 0 for as it is."""
    for _ in range(_TRIES):
        server.pause()
        try:
            clock.move(server.pid, seconds)
        except ProcessLookupError:
            continue
        else:
            return
        finally:
            server.resume()
    raise RuntimeError(f"process {server.pid} does nothing but look at its clock")


Fault = Callable[[Scene], AbstractAsyncContextManager[str]]
FAULTS: dict[str, Fault] = {
    **{split.__name__: partial(split_network, split) for split in SPLITS},
    "server_paused": server_paused,
    **({"clock_ahead": clock_ahead} if clock.movable() else {}),
}
