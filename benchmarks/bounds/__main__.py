"""`python -m benchmarks.bounds nats`: measure both bounds. Exit code 1 where one does not hold."""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys

from benchmarks.bounds import delays, flood
from benchmarks.servers import QUEUES

MEBIBYTE = 1 << 20


async def measure_flood(queue: str) -> bool:
    """Print the peaks; whether they are within bounds."""
    peaks = await flood.measure(queue)
    print(
        f"{queue}: {flood.MESSAGES:,} messages published while {peaks.handled:,} were handled; "
        f"at most {peaks.publisher / MEBIBYTE:.0f} MiB in the publisher and "
        f"{peaks.worker / MEBIBYTE:.0f} MiB in the worker, of {flood.MOST_BYTES / MEBIBYTE:.0f} allowed"
    )
    return peaks.good


async def measure_delays(queue: str) -> bool:
    """Print how the groups fare; whether both are within bounds."""
    compared = await delays.measure(queue)
    print(f"{queue}: {delays.PENDING:,} delayed retries pending, {delays.ROUNDS} rounds")
    for one in compared:
        print(
            f"  group {one.group!r}: {one.rates[0]:,.0f} messages/s beside them, "
            f"{one.rates[1]:,.0f} without (x {one.rate_ratio:.2f}); {one.times[0] * 1e3:.2f} ms for one, "
            f"{one.times[1] * 1e3:.2f} without (x {one.time_ratio:.2f})"
        )
    return all(one.good for one in compared)


BOUNDS = {"flood": measure_flood, "delays": measure_delays}


async def measure(queue: str, names: list[str]) -> bool:
    """One after the other."""
    return all([await BOUNDS[name](queue) for name in names])


def main() -> int:
    """0 where all hold."""
    parser = argparse.ArgumentParser(prog="benchmarks.bounds", description=__doc__)
    parser.add_argument("queue", choices=QUEUES)
    parser.add_argument("--only", choices=BOUNDS)
    options = parser.parse_args()
    logging.getLogger("dovetail").setLevel(logging.ERROR)  # each retry is a warning
    good = asyncio.run(measure(options.queue, [options.only] if options.only else list(BOUNDS)))
    print("good" if good else "NOT GOOD")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
