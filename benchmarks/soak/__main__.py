"""`python -m benchmarks.soak nats --minutes 10`: load with a random fault every few seconds.

Exit code 1 when something was lost or doubled in effect, went to the dead letters, was left, or when
the memory of the worker that no fault touches has grown.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import signal
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from benchmarks.servers import QUEUES
from benchmarks.soak.crew import Crew, memory
from benchmarks.soak.faults import FAULTS, Scene
from benchmarks.soak.outcome import Outcome
from benchmarks.soak.worker import GROUPS
from dovetail import DovetailError, connect
from dovetail.testing.servers import Proxy

#: Seconds between the end of a fault and the next one.
PAUSE_SECONDS = (2.0, 6.0)
#: The share of the time after which the spared worker is warm.
WARM = 0.2
#: How long the queue may take, after the last fault, to have everything handled.
SETTLE_SECONDS = 120.0


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="benchmarks.soak", description=__doc__)
    parser.add_argument("queue", choices=QUEUES)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--workers", type=int, default=3, help="beside the one that is spared")
    parser.add_argument("--rate", type=float, default=300.0, help="tasks published in a second")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--folder", type=Path, help="for logs and journals; kept where it is given")
    return parser.parse_args()


async def soak(options: argparse.Namespace, folder: Path) -> Outcome:
    """Run it, and count."""
    outcome = Outcome(options.queue)
    async with (
        QUEUES[options.queue]() as server,
        Proxy(server) as proxy,
        Crew(proxy.url, folder) as crew,
    ):
        scene = Scene(server, proxy, crew, random.Random(options.seed))
        crew.start_worker(spared=True)
        for _ in range(options.workers):
            crew.start_worker()
        publisher = crew.start("publisher", "accepted", str(options.rate))
        await trouble(scene, 60 * options.minutes, outcome)
        await crew.end(publisher, signal.SIGTERM)
        await settle(server.url, outcome)
        outcome.memory = outcome.memory[0], await at_rest(crew)
        outcome.failed = crew.ended_by_themselves()
        await crew.end_all()
        outcome.failed += sum(status != 0 for status in crew.statuses)
    outcome.count(folder)
    return outcome


async def trouble(scene: Scene, seconds: float, outcome: Outcome) -> None:
    """Faults until the time is over; in between, what the spared worker has in memory when it is warm."""
    started = time.monotonic()
    passed = 0.0
    while passed < seconds:
        await asyncio.sleep(scene.random.uniform(*PAUSE_SECONDS))
        passed = time.monotonic() - started
        if passed > seconds * WARM and not outcome.memory[0]:
            outcome.memory = await at_rest(scene.crew), 0
        fault = scene.random.choice(FAULTS)
        print(f"{passed:6.1f} s  {fault.__name__}", flush=True)
        await fault(scene)
        outcome.faults[fault.__name__] += 1


async def at_rest(crew: Crew) -> int:
    """What the spared worker has in memory, the median of some looks."""
    assert crew.spared is not None
    looks = []
    for _ in range(5):
        looks.append(memory(crew.spared))
        await asyncio.sleep(0.2)
    return int(median(looks))


async def settle(address: str, outcome: Outcome) -> None:
    """Wait until nothing is left to be handled, or the time is over."""
    deadline = time.monotonic() + SETTLE_SECONDS
    async with connect(address, patience=30) as queue:
        while True:
            try:
                rows = [one for one in (await queue.status()).groups if one.group in GROUPS]
                outcome.unhandled = sum(one.waiting + one.in_hand for one in rows)
                if (rows and not outcome.unhandled) or time.monotonic() > deadline:
                    break
            except DovetailError as error:
                print(f"the queue does not say how far it has come: {error}")
            await asyncio.sleep(0.5)
        outcome.dead = (await queue.status()).dead_letters


def main() -> int:
    """0 when every promise was kept."""
    options = arguments()
    print(
        f"soak on {options.queue}: {options.minutes:g} minutes, --seed {options.seed}", flush=True
    )
    if options.folder:
        options.folder.mkdir(parents=True, exist_ok=True)
        outcome = asyncio.run(soak(options, options.folder))
    else:
        with tempfile.TemporaryDirectory(prefix="dovetail-soak-") as folder:
            outcome = asyncio.run(soak(options, Path(folder)))
    print(outcome.table())
    return 0 if outcome.good else 1


if __name__ == "__main__":
    sys.exit(main())
