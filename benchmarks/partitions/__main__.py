"""`python -m benchmarks.partitions nats --seed 1 2`: a cluster whose network is split again and again.

Needs root: hosts are network namespaces. The exit code is 1 when something was lost or doubled in effect, was
left, went to the dead letters, or took longer than it may.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.partitions.clusters import CLUSTERS
from benchmarks.partitions.faults import FAULTS
from benchmarks.partitions.network import why_not
from benchmarks.partitions.outcome import Outcome
from benchmarks.partitions.trial import HOSTS, Trial, run


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="benchmarks.partitions", description=__doc__)
    parser.add_argument("queue", choices=CLUSTERS)
    parser.add_argument("--seconds", type=float, default=120.0, help="of faults, with each seed")
    parser.add_argument("--seed", type=int, nargs="+", default=[int(time.time())])
    parser.add_argument("--only", choices=FAULTS, nargs="+", default=list(FAULTS))
    parser.add_argument("--workers", choices=HOSTS.clients, nargs="+", default=HOSTS.clients)
    parser.add_argument("--rate", type=float, default=60.0, help="tasks published in a second")
    parser.add_argument("--folder", type=Path, help="for logs and journals; kept where it is given")
    return parser.parse_args()


def main() -> int:
    """0 when every promise was kept."""
    options = arguments()
    if reason := why_not():
        print(reason)
        return 2
    outcome = Outcome(options.queue)
    faults = {name: FAULTS[name] for name in options.only}
    for seed in options.seed:
        print(f"partitions of {options.queue}: {options.seconds:g} s, --seed {seed}", flush=True)
        workers = tuple(options.workers)
        trial = Trial(options.queue, seed, options.seconds, faults, workers, options.rate)
        with tempfile.TemporaryDirectory(prefix="dovetail-partitions-") as made:
            folder = Path(made)
            if options.folder:
                folder = options.folder / f"{options.queue}-{seed}"
                folder.mkdir(parents=True)
            asyncio.run(run(trial, folder, outcome))
    print(outcome.table())
    return 0 if outcome.good else 1


if __name__ == "__main__":
    sys.exit(main())
