"""Runs many seeds in several processes, and says which of them break a promise."""

from __future__ import annotations

import gc
import multiprocessing
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from simulation.ablation import ABLATIONS, without
from simulation.drawing import draw
from simulation.scenario import Queue
from simulation.simulate import run, run_seed
from simulation.situations import SITUATIONS, of_queue

#: Seeds that a process takes at once.
CHUNK = 10


@dataclass(frozen=True)
class Broken:
    """One seed that broke a promise."""

    seed: int
    promise: str
    why: str


@dataclass
class Report:
    """What came of a sweep."""

    seeds: int = 0
    steps: int = 0
    virtual_seconds: float = 0.0
    seconds: float = 0.0


def prepare() -> None:
    """What is imported is not looked at again by each run's garbage collection."""
    gc.collect()
    gc.freeze()


def sweep(seeds: Sequence[int], queue: Queue, jobs: int, report: Report) -> Iterator[Broken]:
    """What is broken, as it is found; tells how far it has come."""
    started = said = time.monotonic()
    chunks = [(queue, seeds[start : start + CHUNK]) for start in range(0, len(seeds), CHUNK)]
    with multiprocessing.get_context("spawn").Pool(jobs, prepare) as pool:
        for broken, ran, steps, seconds in pool.imap_unordered(_run_chunk, chunks):
            report.seeds += ran
            report.steps += steps
            report.virtual_seconds += seconds
            report.seconds = time.monotonic() - started
            if time.monotonic() - said > (1 if sys.stdout.isatty() else 15):
                said = time.monotonic()
                _progress(report, len(seeds))
            yield from broken
    if sys.stdout.isatty():
        print("\r\033[K", end="")


def _run_chunk(chunk: tuple[Queue, Sequence[int]]) -> tuple[list[Broken], int, int, float]:
    queue, seeds = chunk
    broken, steps, seconds = [], 0, 0.0
    for seed in seeds:
        outcome = run_seed(seed, queue)
        steps += outcome.steps
        seconds += outcome.seconds
        if outcome.error is not None:
            broken.append(Broken(seed, outcome.promise, str(outcome.error)))
    return broken, len(seeds), steps, seconds


def _progress(report: Report, total: int) -> None:
    text = f"{report.seeds} of {total} seeds, {report.seeds / report.seconds:.0f} a second"
    print(f"\r\033[K{text}" if sys.stdout.isatty() else text, end="", flush=True)
    if not sys.stdout.isatty():
        print(flush=True)


def first_caught(job: tuple[str, Queue, int]) -> tuple[str, str, str]:
    """What notices first that a safeguard is missing, and the promise that it breaks.

    That is one of so many seeds, or else a situation; "none" where neither does.
    """
    name, queue, most = job
    drawn = ((str(seed), draw(seed, queue)) for seed in range(most))
    with without(ABLATIONS[name]):
        for called, scenario in chain(drawn, of_queue(SITUATIONS, queue)):
            outcome = run(scenario)
            if outcome.error is not None:
                return name, called, outcome.promise
    return name, "none", ""


def ablate(
    names: Sequence[str], queue: Queue, jobs: int, most: int
) -> Iterator[tuple[str, str, str]]:
    """For each safeguard, as it is found."""
    with multiprocessing.get_context("spawn").Pool(jobs, prepare) as pool:
        yield from pool.imap(first_caught, [(name, queue, most) for name in names])
