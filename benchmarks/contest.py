"""A contest: its contenders take turns over several rounds, each in a process and on a server of its own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from statistics import median
from subprocess import CalledProcessError

from dovetail.testing.servers import ServerFailed, ServerMissing

#: What one contender reached in one round: a value for each figure of its contest.
Values = dict[str, float]


@dataclass(frozen=True)
class Options:
    """How the contests are held."""

    #: Shorter and less exact.
    quick: bool = False
    #: NATS writes every message through to the disk before it confirms, as PostgreSQL does.
    fsync: bool = False


class ContenderFailed(Exception):
    """A contender did not do what it was to do; the text says why."""


@dataclass(frozen=True)
class Contender:
    """One program in a contest."""

    label: str
    #: What to run, and in which of its ways.
    module: str
    variant: str = ""
    #: How many messages it is given, where the contest counts them.
    messages: int = 0


@dataclass(frozen=True)
class Figure:
    """One value that a contest measures."""

    key: str
    title: str
    #: More is better, or less.
    more: bool = True


@dataclass(frozen=True)
class Baseline:
    """What the others are compared with: for each figure the best of these contenders."""

    title: str
    contenders: Sequence[Contender]


@dataclass(frozen=True)
class Aim:
    """A contender is to be at least so many times as good as a baseline in one figure."""

    figure: Figure
    contender: Contender
    baseline: Baseline
    at_least: float


@dataclass(frozen=True)
class Contest:
    """What is compared, and how one contender is measured once."""

    name: str
    title: str
    contenders: Sequence[Contender]
    figures: Sequence[Figure]
    baselines: Sequence[Baseline]
    aims: Sequence[Aim]
    rounds: int
    measure: Callable[[Contender], Awaitable[Values]]


@dataclass
class Outcome:
    """All rounds of a contest: what each contender reached in each, or None where it failed."""

    contest: Contest
    rounds: dict[str, list[Values | None]] = field(default_factory=dict)

    def values(self, contender: Contender, figure: Figure) -> list[float]:
        """The figure in every round in which the contender did not fail."""
        return [one[figure.key] for one in self.rounds[contender.label] if one is not None]

    def best(self, baseline: Baseline, figure: Figure) -> Contender | None:
        """The one to beat: the best median. None where all failed."""
        medians = {
            one: median(values)
            for one in baseline.contenders
            if (values := self.values(one, figure))
        }
        if not medians:
            return None
        return (max if figure.more else min)(medians, key=lambda one: medians[one])

    def ratio(self, left: Contender, right: Contender, figure: Figure) -> float | None:
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


async def hold(contest: Contest) -> Outcome:
    """Run every round; a contender that fails is reported, and the others go on."""
    outcome = Outcome(contest, {contender.label: [] for contender in contest.contenders})
    for number in range(contest.rounds):
        # Another one begins each round, so that none always follows the same one.
        turn = number % len(contest.contenders)
        for contender in [*contest.contenders[turn:], *contest.contenders[:turn]]:
            where = f"{contest.name} {number + 1}/{contest.rounds}  {contender.label:<42}"
            values: Values | None = None
            try:
                values = await contest.measure(contender)
            except (ContenderFailed, ServerFailed, ServerMissing, CalledProcessError) as error:
                print(f"{where} failed: {error}", flush=True)
            else:
                shown = "".join(f"{values[one.key]:>10,.0f}" for one in contest.figures)
                print(where, shown, flush=True)
            outcome.rounds[contender.label].append(values)
    return outcome
