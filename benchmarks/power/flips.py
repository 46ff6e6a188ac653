"""`python -m benchmarks.power.flips --times 20`: bits of the embedded server's store flip while it is off.

For each kind of file: whether the server starts, what is missing or changed then, and whether that was said.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
from collections import Counter
from dataclasses import dataclass, field
from random import Random

from benchmarks.power.embedded import Embedded
from benchmarks.power.machine import PowerDisk
from benchmarks.power.trial import end_with_sigterm, place
from dovetail import DovetailError
from dovetail.testing.servers import ServerFailed

#: The files of a store, by what they hold.
KINDS = {
    "messages": "*/msgs/*.blk",
    "index of the messages": "*/msgs/index.db",
    "a stream's configuration": "*/streams/dovetail-events/meta.inf",
    "a group's configuration": "*/obs/*/meta.inf",
    "a group's progress": "*/obs/*/o.dat",
}
LOAD_SECONDS = 1.0


@dataclass
class Flipped:
    """Counts of one kind of file."""

    kind: str
    times: int = 0
    missing: int = 0
    skipped: int = 0
    #: Of the times: something was missing or skipped; and nobody had said anything.
    lossy: int = 0
    silent: int = 0
    failures: list[str] = field(default_factory=list)
    said: Counter[str] = field(default_factory=Counter)


class Heard(logging.Handler):
    """What workers and publishers say, but for the connection."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if not record.getMessage().startswith("connection to"):
            self.lines.append(record.getMessage())


async def flip(outcome: Flipped, seed: int, *, in_order: bool) -> None:
    """One bit, of a store that is at rest."""
    heard = Heard()
    logging.getLogger("dovetail").addHandler(heard)
    with place() as folder:
        async with PowerDisk(folder) as disk:
            tested = Embedded([folder])
            try:
                await tested.start()
                async with tested.load() as load:
                    await load.run(LOAD_SECONDS)
                    await load.settle()
                    await (tested.end() if in_order else tested.kill([0]))
                    await disk.sync()
                    await disk.off(seed)
                    if not await disk.flip(seed, KINDS[outcome.kind]):
                        return
                    await disk.on()
                    outcome.times += 1
                    await tested.start()
                    await load.run(0)
                    await load.again()
                    found = await load.settle()
                said = tested.said() + heard.lines
                outcome.missing += len(found.missing)
                outcome.skipped += len(found.skipped)
                outcome.lossy += bool(found.missing or found.skipped)
                outcome.silent += bool((found.missing or found.skipped) and not said)
                outcome.said.update(dict.fromkeys(said, 1))
            except (ServerFailed, DovetailError, TimeoutError) as error:
                outcome.failures.append(f"{type(error).__name__}: {error} {tested.said()[-1:]}")
            finally:
                await tested.close()
                logging.getLogger("dovetail").removeHandler(heard)


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="benchmarks.power.flips", description=__doc__)
    parser.add_argument("--times", type=int, default=20, help="for each kind of file")
    parser.add_argument("--killed", action="store_true", help="the server was not ended in order")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


async def main(options: argparse.Namespace) -> None:
    """One kind after another, as a table in Markdown. SIGTERM ends it with nothing left."""
    end_with_sigterm()
    print("| file | flips | that lost | missing or changed | skipped | silent | did not serve |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for kind in KINDS:
        outcome, random = Flipped(kind), Random(options.seed)
        for _ in range(options.times):
            await flip(outcome, random.getrandbits(32), in_order=not options.killed)
        numbers = (outcome.times, outcome.lossy, outcome.missing, outcome.skipped, outcome.silent)
        row = (kind, *map(str, numbers), str(len(outcome.failures)))
        print(f"| {' | '.join(row)} |", flush=True)
        for line in (*outcome.failures, *(f"{n} times: {one}" for one, n in outcome.said.items())):
            print(f"    {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    logging.basicConfig(handlers=[logging.NullHandler()])
    asyncio.run(main(arguments()))
