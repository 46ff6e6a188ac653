"""One cluster under load, in trouble again and again, and then left to settle."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from benchmarks.partitions.clusters import CLUSTERS
from benchmarks.partitions.faults import FAULTS, Fault, Scene
from benchmarks.partitions.network import Network
from benchmarks.partitions.outcome import Outcome
from benchmarks.partitions.programs import Programs
from benchmarks.partitions.splits import Hosts

#: Servers, and hosts with a publisher each.
HOSTS = Hosts(servers=("a", "b", "c"), clients=("p", "q"))


@dataclass(frozen=True)
class Trial:
    """What is done, for how many seconds, in an order that follows from the seed."""

    queue: str
    seed: int
    seconds: float
    faults: Mapping[str, Fault] = field(default_factory=lambda: FAULTS)
    #: The clients that have a worker as well.
    workers: tuple[str, ...] = HOSTS.clients
    #: Tasks published in a second, by all publishers together.
    rate: float = 60.0
    #: How many seconds a fault lasts, and how long all is well between two.
    lasts: tuple[float, float] = (3.0, 12.0)
    well: tuple[float, float] = (4.0, 8.0)


async def run(trial: Trial, folder: Path, outcome: Outcome) -> None:
    """Add to the outcome what came of it. Journals and logs are in the folder."""
    async with Network(*HOSTS.everyone) as network:
        servers = [network.hosts[name] for name in HOSTS.servers]
        clients = [network.hosts[name] for name in HOSTS.clients]
        async with (
            CLUSTERS[trial.queue](servers) as cluster,
            Programs(cluster, clients, folder) as programs,
        ):
            await programs.start(trial.rate, trial.workers)
            began = await trouble(trial, Scene(network, HOSTS, cluster, Random(trial.seed)))
            left = await programs.finish()
    outcome.failed += programs.failed
    outcome.left(left)
    outcome.count(folder, began)


async def trouble(trial: Trial, scene: Scene) -> list[tuple[float, str]]:
    """Every kind in turn, in an order that is drawn anew each time; when each began."""
    began: list[tuple[float, str]] = []
    first, waiting = time.monotonic(), list[str]()
    while (passed := time.monotonic() - first) < trial.seconds:
        if not waiting:
            waiting = scene.random.sample(list(trial.faults), len(trial.faults))
        name, lasts = waiting.pop(), scene.random.uniform(*trial.lasts)
        began.append((time.monotonic(), name))
        async with trial.faults[name](scene) as what:
            print(f"{passed:6.1f} s  {name} for {lasts:.1f} s: {what}", flush=True)
            await asyncio.sleep(lasts)
        await asyncio.sleep(scene.random.uniform(*trial.well))
    return began
