"""`python -m benchmarks.soak nats --minutes 10`, or `--faults 1000`: load, and faults every few seconds.

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
from benchmarks.soak.faults import FAULTS, Targets
from benchmarks.soak.outcome import MOST_SILENCE_SECONDS, Outcome
from benchmarks.soak.processes import Processes, memory
from benchmarks.soak.progress import Progress
from benchmarks.soak.worker import GROUPS
from dovetail import DovetailError, connect
from dovetail.testing.servers import Proxy

#: Seconds between the end of a fault and the next one.
PAUSE_SECONDS = (2.0, 6.0)
#: The share of all faults, or of the time, after which the untouched worker is warm.
WARM = 0.2
#: How long the queue may take, after the last fault, to have everything handled.
SETTLE_SECONDS = 120.0


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="benchmarks.soak", description=__doc__)
    parser.add_argument("queue", choices=QUEUES)
    until = parser.add_mutually_exclusive_group()
    until.add_argument("--minutes", type=float, default=10.0)
    until.add_argument("--faults", type=int, help="go on until there were so many")
    parser.add_argument(
        "--pause",
        type=float,
        nargs=2,
        default=PAUSE_SECONDS,
        metavar=("LEAST", "MOST"),
        help="seconds between two faults",
    )
    parser.add_argument(
        "--workers", type=int, default=3, help="beside the one that no fault touches"
    )
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
        Processes(proxy.url, folder) as processes,
    ):
        targets = Targets(server, proxy, processes, random.Random(options.seed))
        processes.start_worker(untouched=True)
        for _ in range(options.workers):
            processes.start_worker()
        publisher = processes.start("publisher", "accepted", str(options.rate))
        await with_faults(targets, options, outcome, Progress(folder / "accepted"))
        outcome.streams_mended = targets.streams_mended
        await processes.end(publisher, signal.SIGTERM)
        await settle(server.url, outcome)
        outcome.memory = outcome.memory[0], await settled_memory(processes)
        outcome.failed = processes.ended_by_themselves()
        await processes.end_all()
        outcome.failed += sum(status != 0 for status in processes.statuses)
    outcome.count(folder)
    return outcome


async def with_faults(
    targets: Targets, options: argparse.Namespace, outcome: Outcome, accepted: Progress
) -> None:
    """Faults until it is over; in between, what the untouched worker has in memory when it is warm."""
    started = time.monotonic()
    done = 0.0
    while done < 1:
        await asyncio.sleep(targets.random.uniform(*options.pause))
        if done > WARM and not outcome.memory[0]:
            outcome.memory = await settled_memory(targets.processes), 0
        fault = targets.random.choice(FAULTS)
        passed = time.monotonic() - started
        print(f"{passed:6.1f} s  {fault.__name__}", flush=True)
        await fault(targets)
        outcome.faults[fault.__name__] += 1
        outcome.longest_silence = max(outcome.longest_silence, accepted.silence())
        if outcome.longest_silence > MOST_SILENCE_SECONDS:
            print(f"nothing was accepted for {outcome.longest_silence:.0f} s: the soak ends")
            return
        done = passed / (60 * options.minutes)
        if options.faults:
            done = outcome.faults.total() / options.faults


async def settled_memory(processes: Processes) -> int:
    """What the untouched worker has in memory, the median of some looks."""
    assert processes.untouched is not None
    looks = []
    for _ in range(5):
        looks.append(memory(processes.untouched))
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
    length = f"{options.faults} faults" if options.faults else f"{options.minutes:g} minutes"
    print(f"soak on {options.queue}: {length}, --seed {options.seed}", flush=True)
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
