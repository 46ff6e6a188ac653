"""A comparison: candidates take turns over several rounds, each in a process and on a server of its own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field
from statistics import median
from subprocess import CalledProcessError

from dovetail.testing.servers import ServerFailed, ServerMissing

#: What one candidate reached in one round: a value for each figure of its comparison.
Values = dict[str, float]


@dataclass(frozen=True)
class Options:
    """How the comparisons are held."""

    #: Shorter and less exact.
    quick: bool = False
    #: NATS writes every message through to the disk before it confirms, as PostgreSQL does.
    fsync: bool = False


class CandidateFailed(Exception):
    """A candidate did not do what it was to do; the text says why."""


@dataclass(frozen=True)
class Candidate:
    """One program in a comparison."""

    label: str
    #: What to run, and in which of its ways.
    module: str
    variant: str = ""
    #: How many messages it is given, where the comparison counts them.
    messages: int = 0


@dataclass(frozen=True)
class Figure:
    """One value that a comparison measures."""

    key: str
    title: str
    #: More is better, or less.
    more: bool = True


@dataclass(frozen=True)
class Baseline:
    """What the others are compared with: for each figure the best of these candidates."""

    title: str
    candidates: Sequence[Candidate]


@dataclass(frozen=True)
class Aim:
    """A candidate is to be at least so many times as good as a baseline in one figure."""

    figure: Figure
    candidate: Candidate
    baseline: Baseline
    at_least: float


@dataclass(frozen=True)
class Comparison:
    """What is compared, and how one candidate is measured once."""

    name: str
    title: str
    candidates: Sequence[Candidate]
    figures: Sequence[Figure]
    baselines: Sequence[Baseline]
    aims: Sequence[Aim]
    rounds: int
    measure: Callable[[Candidate], Awaitable[Values]]
    #: What stands as long as the comparison lasts.
    during: AbstractAsyncContextManager[object] = field(default_factory=nullcontext)
    #: Printed beneath its table.
    notes: str = ""


@dataclass
class Outcome:
    """All rounds of a comparison: what each candidate reached in each, or None where it failed."""

    comparison: Comparison
    rounds: dict[str, list[Values | None]] = field(default_factory=dict)

    def values(self, candidate: Candidate, figure: Figure) -> list[float]:
        """The figure in every round in which the candidate did not fail."""
        return [one[figure.key] for one in self.rounds[candidate.label] if one is not None]

    def best(self, baseline: Baseline, figure: Figure) -> Candidate | None:
        """The one to beat: the best median. None where all failed."""
        medians = {
            one: median(values)
            for one in baseline.candidates
            if (values := self.values(one, figure))
        }
        if not medians:
            return None
        return (max if figure.more else min)(medians, key=lambda one: medians[one])

    def ratio(self, left: Candidate, right: Candidate, figure: Figure) -> float | None:
        """How many times better the left one is: the median of the rounds' own ratios.

        What slows the machine for a while slows both in the same round, so this moves less than the
        ratio of the medians.
        """
        pairs = zip(self.rounds[left.label], self.rounds[right.label], strict=True)
        ratios = [
            one[figure.key] / other[figure.key]
            for one, other in pairs
            if one is not None and other is not None
        ]
        if not ratios:
            return None
        return median(ratios) if figure.more else 1 / median(ratios)


async def run_rounds(comparison: Comparison) -> Outcome:
    """Run every round; a candidate that fails is reported, and the others go on."""
    async with comparison.during:
        return await _run_rounds(comparison)


async def _run_rounds(comparison: Comparison) -> Outcome:
    outcome = Outcome(comparison, {candidate.label: [] for candidate in comparison.candidates})
    for number in range(comparison.rounds):
        # Another one begins each round, so that none always follows the same one.
        turn = number % len(comparison.candidates)
        for candidate in [*comparison.candidates[turn:], *comparison.candidates[:turn]]:
            where = f"{comparison.name} {number + 1}/{comparison.rounds}  {candidate.label:<42}"
            values: Values | None = None
            try:
                values = await comparison.measure(candidate)
            except (CandidateFailed, ServerFailed, ServerMissing, CalledProcessError) as error:
                print(f"{where} failed: {error}", flush=True)
            else:
                shown = "".join(f"{values[one.key]:>10,.0f}" for one in comparison.figures)
                print(where, shown, flush=True)
            outcome.rounds[candidate.label].append(values)
    return outcome
