"""`python -m benchmarks`: run the comparisons and print the table."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks import handlers, http, observing, publish, sync, wrk
from benchmarks.clients import comparisons as clients
from benchmarks.comparison import Comparison, Options, Outcome, run_rounds
from benchmarks.report import as_json, machine, table

#: Some names stand for several comparisons.
COMPARISONS: dict[str, Callable[[Options], Sequence[Comparison]]] = {
    "handlers": lambda options: [handlers.comparison(options)],
    "publish": lambda options: [publish.comparison(options)],
    "clients": clients.comparisons,
    "sync": lambda options: [sync.comparison(options)],
    "observing": lambda options: [observing.comparison(options)],
    "http": lambda options: [http.comparison(options)],
}


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("--only", choices=COMPARISONS, help="run what has this name")
    parser.add_argument("--quick", action="store_true", help="shorter and less exact")
    parser.add_argument(
        "--fsync",
        action="store_true",
        help="NATS syncs every message to the disk, as PostgreSQL does",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all rounds to a file")
    return parser.parse_args()


async def run_all(names: list[str], options: Options) -> list[Outcome]:
    """Run these comparisons one after the other."""
    return [await run_rounds(one) for name in names for one in COMPARISONS[name](options)]


def main() -> int:
    """0 when everything was measured, whether the aims are met or not."""
    options, started, found = arguments(), time.monotonic(), machine()
    names = [options.only] if options.only else list(COMPARISONS)
    complete = True
    if "http" in names and not wrk.available():
        print("http is left out: wrk was not found; on Debian: apt-get install wrk")
        names.remove("http")
        complete = False
    how = Options(quick=options.quick, fsync=options.fsync)
    outcomes = asyncio.run(run_all(names, how))
    print(table(outcomes, found))
    print(f"{time.monotonic() - started:.0f} s")
    if options.json:
        options.json.write_text(json.dumps(as_json(outcomes, found), indent=2) + "\n")
    failed = any(None in rounds for one in outcomes for rounds in one.rounds.values())
    return 0 if complete and not failed else 1


if __name__ == "__main__":
    sys.exit(main())
