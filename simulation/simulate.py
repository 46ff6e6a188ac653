"""Runs one scenario, and says what it broke."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from unittest.mock import patch

from simulation.drawing import draw
from simulation.history import History
from simulation.invariants import check
from simulation.loop import SimulationLoop, in_pieces, simulated
from simulation.scenario import Queue, Scenario
from simulation.world import World


@dataclass
class Outcome:
    """What came of one scenario."""

    scenario: Scenario
    history: History
    error: Exception | None
    #: Decisions of the loop, and virtual seconds.
    steps: int
    seconds: float
    #: The same for runs whose every decision was the same.
    digest: str = ""

    @property
    def promise(self) -> str:
        """What was broken, in short; empty where nothing was."""
        if self.error is None:
            return ""
        return str(getattr(self.error, "promise", type(self.error).__name__))


class _NoWatch:
    """Instead of the thread that looks whether the event loop is blocked."""

    def __init__(self, groups: object) -> None:
        pass

    def stop(self) -> None:
        """There is nothing to stop."""


@contextmanager
def without_threads() -> Iterator[None]:
    """Let workers start no thread."""
    with patch("dovetail.worker.LoopWatch", _NoWatch):
        yield


def run_seed(seed: int, queue: Queue = "memory", *, trace: bool = False) -> Outcome:
    """The scenario of this seed."""
    return run(draw(seed, queue), trace=trace)


def _world(scenario: Scenario, loop: SimulationLoop) -> World:
    if scenario.queue == "memory":
        return World(scenario, loop)
    # What a server needs is not imported without one.
    from simulation.server_world import ServerWorld  # noqa: PLC0415

    return ServerWorld(scenario, loop)


def run(scenario: Scenario, *, trace: bool = False) -> Outcome:
    """This scenario. `trace` digests every decision of the loop."""
    logging.disable(logging.CRITICAL if not trace else logging.NOTSET)
    with without_threads(), in_pieces(), simulated(scenario.seed, trace=trace) as loop:
        world = _world(scenario, loop)
        error: Exception | None = None
        try:
            loop.run_until_complete(world.run())
            check(scenario, world.history)
        except Exception as caught:  # noqa: BLE001 - whatever it is, it is the outcome
            error = caught
        seen = list(world.history.seen)
        digest = loop.trace_hash() if trace else ""
        outcome = Outcome(scenario, world.history, error, loop.steps, loop.true_time(), digest)
    outcome.history.seen = seen
    return outcome
