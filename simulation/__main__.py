"""`python -m simulation`: runs many seeds, replays one, makes one shorter, or takes safeguards away."""

from __future__ import annotations

import argparse
import os
import sys
from contextlib import nullcontext
from typing import get_args

from simulation.ablation import ABLATIONS, without
from simulation.drawing import draw
from simulation.regressions import REGRESSIONS
from simulation.scenario import Queue
from simulation.shrinking import shrink
from simulation.simulate import Outcome, run, run_seed
from simulation.situations import SITUATIONS, of_queue
from simulation.source import source
from simulation.sweep import Broken, Report, ablate, sweep

SEEDS = 2000
#: After so many failing seeds the rest is not run.
MOST_BROKEN = 10


def _count(text: str) -> int:
    if not text.isdecimal() or (number := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"{text} is no number from 1 on")
    return number


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="make simulate ARGS=", description=__doc__)
    parser.add_argument(
        "--queue",
        choices=get_args(Queue),
        default="memory",
        help="what is below the library: the queue in memory, or a real transport over a fake server",
    )
    parser.add_argument("--seeds", type=_count, default=SEEDS, metavar="N", help="how many seeds")
    parser.add_argument("--first", type=int, default=0, metavar="SEED", help="the first of them")
    parser.add_argument(
        "--jobs", type=_count, default=min(2, os.cpu_count() or 1), help="processes"
    )
    parser.add_argument(
        "--seed", type=int, help="replay this one, and print all that happens in it"
    )
    parser.add_argument("--shrink", type=int, metavar="SEED", help="make this one shorter")
    parser.add_argument(
        "--ablation", action="store_true", help="which seed notices that a safeguard is missing"
    )
    parser.add_argument(
        "--only", choices=ABLATIONS, metavar="SAFEGUARD", help="this one, with --ablation"
    )
    parser.add_argument(
        "--without", choices=ABLATIONS, metavar="SAFEGUARD", help="with --seed or --shrink"
    )
    options = parser.parse_args()
    one = options.seed is not None or options.shrink is not None
    if options.only and not options.ablation:
        parser.error("--only SAFEGUARD goes with --ablation")
    if options.without and not one:
        parser.error("--without SAFEGUARD goes with --seed or --shrink")
    name = options.only or options.without
    if name and not ABLATIONS[name].concerns(options.queue):
        parser.error(f"it is there with --queue {ABLATIONS[name].queue} only: {name}")
    return options


def main() -> int:
    """0 where every promise was kept."""
    options = arguments()
    with without(ABLATIONS[options.without]) if options.without else nullcontext():
        if options.seed is not None:
            return replay(options.seed, options.queue)
        if options.shrink is not None:
            return shorten(options.shrink, options.queue)
    if options.ablation:
        there = [name for name, one in ABLATIONS.items() if one.concerns(options.queue)]
        names = [options.only] if options.only else there
        return table(names, options.queue, options.jobs, options.seeds)
    seeds = range(options.first, options.first + options.seeds)
    return run_all(seeds, options.queue, options.jobs)


def replay(seed: int, queue: Queue) -> int:
    """One seed, with all that happened."""
    outcome = run_seed(seed, queue, trace=True)
    print(outcome.history)
    print(f"\n{outcome.steps} steps, {outcome.seconds:.1f} virtual seconds")
    print(f"history {outcome.history.digest()[:16]}, every decision {outcome.digest[:16]}")
    return _verdict(f"seed {seed}", outcome)


def shorten(seed: int, queue: Queue) -> int:
    """One seed, as short as it can be and still break the same promise."""
    scenario = shrink(draw(seed, queue), lambda size: print(size, file=sys.stderr))
    print(source(scenario))
    return _verdict("the scenario above", run(scenario))


def table(names: list[str], queue: Queue, jobs: int, seeds: int) -> int:
    """What notices that a safeguard is missing; 1 where nothing does."""
    missed = 0
    print(f"| without this safeguard: | seed | breaks |\n|{'-' * 3}|{'-' * 3}|{'-' * 3}|")
    for name, seed, promise in ablate(names, queue, jobs, seeds):
        missed += seed == "none"
        print(f"| {name} | {seed} | {promise} |", flush=True)
    return 1 if missed else 0


def run_all(seeds: range, queue: Queue, jobs: int) -> int:
    """Every regression and every situation, and then every seed."""
    status = 0
    for name, scenario in of_queue({**REGRESSIONS, **SITUATIONS}, queue):
        status |= _verdict(name, run(scenario))
    report, failed = Report(), 0
    for one in sweep(seeds, queue, jobs, report):
        failed += 1
        _say(one, queue)
        if failed == MOST_BROKEN:
            print(f"{failed} seeds have failed: the rest is not run")
            break
    rate = report.seeds / report.seconds
    hours = report.virtual_seconds / 3600
    print(
        f"{report.seeds} seeds in {report.seconds:.0f} s ({rate:.0f} a second, {report.steps} steps, "
        f"{hours:.0f} virtual hours): {failed or 'none'} broke a promise"
    )
    return 1 if failed else status


def _say(broken: Broken, queue: Queue) -> None:
    which = "" if queue == "memory" else f"--queue {queue} "
    print(f"\nseed {broken.seed}: {broken.why}")
    print(
        f'  make simulate ARGS="{which}--seed {broken.seed}" replays it, --shrink makes it shorter\n'
    )


def _verdict(what: str, outcome: Outcome) -> int:
    if outcome.error is None:
        print(f"{what}: every promise was kept")
        return 0
    print(f"{what}: {outcome.promise or type(outcome.error).__name__}\n  {outcome.error}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
