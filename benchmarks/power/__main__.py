"""`python -m benchmarks.power nats-always redis-everysec --cut-offs 100`: servers that lose their power.

Each setting is run under load on a disk that forgets what was not synced, cut off, started again, and what
was confirmed is compared with what is there. The table is Markdown. The exit code says nothing about it: 1
where a setting could not be run.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import time
from random import Random

from benchmarks.power.databases import DATABASES
from benchmarks.power.disk import RULES
from benchmarks.power.embedded import EMBEDDED
from benchmarks.power.outcome import Outcome, table
from benchmarks.power.queues import QUEUES
from benchmarks.power.tested import Tested
from benchmarks.power.trial import Conditions, end_with_sigterm, trial

SETTINGS = EMBEDDED | QUEUES | DATABASES


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="benchmarks.power", description=__doc__)
    parser.add_argument("settings", nargs="*", choices=[*SETTINGS, []], metavar="setting")
    parser.add_argument("--cut-offs", type=int, default=100, help="of each setting")
    parser.add_argument(
        "--each", type=int, default=10, help="cut-offs before the disk is a new one"
    )
    parser.add_argument("--names", choices=RULES, default="xfs")
    parser.add_argument(
        "--young", action="store_true", help="cut off before the system has written"
    )
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--verbose", action="store_true", help="with the library's log")
    return parser.parse_args()


async def outcome_of(setting: type[Tested], options: argparse.Namespace) -> Outcome:
    """As many machines as it takes."""
    named = setting.__doc__ or setting.__name__
    outcome, random = Outcome(named), Random(options.seed)
    conditions = Conditions(options.names, options.young)
    cut_offs: int = options.cut_offs
    while outcome.cut_offs < cut_offs:
        before, failed = outcome.cut_offs, len(outcome.failures)
        most = min(options.each, cut_offs - before)
        await trial(setting, outcome, most, random.getrandbits(32), conditions)
        print(
            f"{outcome.cut_offs:>4} of {cut_offs}: {outcome.confirmed} confirmed, {outcome.lost} lost, "
            f"{outcome.missing} missing, {outcome.skipped} skipped, {outcome.returned} came back, "
            f"{outcome.doubled} doubled, {len(outcome.failures)} failed",
            flush=True,
        )
        for line in outcome.failures[failed:]:
            print(f"  {line}", flush=True)
        if outcome.cut_offs == before:
            break
    return outcome


async def main(options: argparse.Namespace) -> int:
    """One setting after another. SIGTERM ends it with nothing left, as Ctrl-C does."""
    end_with_sigterm()
    outcomes = []
    print(f"seed {options.seed}")
    for name in options.settings or SETTINGS:
        print(name, flush=True)
        outcomes.append(await outcome_of(SETTINGS[name], options))
        last = outcomes[-1]
        print(f"  {' | '.join(last.row)}")
        print(f"  dropped: {last.dropped}", flush=True)
        for said, times in last.said.items():
            print(f"  {times} times: {said}")
    print(table(outcomes))
    return int(any(not one.cut_offs for one in outcomes))


if __name__ == "__main__":
    options = arguments()
    logging.basicConfig(level=logging.WARNING if options.verbose else logging.CRITICAL)
    sys.exit(asyncio.run(main(options)))
