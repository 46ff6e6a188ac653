"""The table at the end, and the same as JSON."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from statistics import median
from textwrap import indent
from typing import Any

from benchmarks.comparison import Aim, Candidate, Figure, Outcome

PACKAGES = (
    "dovetail-messaging",
    "nats-py",
    "redis",
    "coredis",
    "hiredis",
    "aiormq",
    "faststream",
    "fastapi",
    "sqlalchemy",
    "asyncpg",
    "uvicorn",
)
#: Columns for the names.
LABEL = 54


def machine() -> dict[str, Any]:
    """Where this is measured, and with what."""
    return {
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in PACKAGES},
    }


def table(outcomes: Sequence[Outcome], found: dict[str, Any]) -> str:
    """Every figure with its ratios, and the aims. `found` is what `machine` said before the start."""
    packages = ", ".join(f"{name} {number}" for name, number in found["packages"].items())
    where = f"Python {found['python']}, {found['cores']} cores, {found['system']}"
    lines = ["", f"{where}, load {found['load']:.1f} before the start", packages]
    for outcome in outcomes:
        lines += _comparison(outcome)
    aims = [_aim(outcome, aim) for outcome in outcomes for aim in outcome.comparison.aims]
    if aims:
        lines += ["", "Aims, in this run", *aims]
    lines += [
        "",
        "Medians of the rounds, with the lowest and the highest. A ratio is the median of the",
        "rounds' own ratios, to the best candidate of its kind; above 1 is better, for times too.",
    ]
    return "\n".join(lines)


def _comparison(outcome: Outcome) -> Iterator[str]:
    comparison = outcome.comparison
    yield ""
    yield f"{comparison.title} ({comparison.rounds} rounds)"
    titles = "".join(f"{one.title:>{_width(one.title)}}" for one in comparison.baselines)
    for figure in comparison.figures:
        yield ""
        yield f"  {figure.title:<{LABEL}}{'median':>9}{'lowest':>9}{'highest':>9}{titles}"
        for candidate in comparison.candidates:
            yield _row(outcome, candidate, figure)
    if comparison.notes:
        yield ""
        yield indent(comparison.notes, "  ")


def _width(title: str) -> int:
    return len(title) + 3


def _row(outcome: Outcome, candidate: Candidate, figure: Figure) -> str:
    values = outcome.values(candidate, figure)
    if not values:
        return f"  {candidate.label:<{LABEL}}{'failed':>9}"
    places = 0 if figure.more else 1
    numbers = (median(values), min(values), max(values))
    ratios = ""
    for baseline in outcome.comparison.baselines:
        best = outcome.best(baseline, figure)
        ratio = outcome.ratio(candidate, best, figure) if best else None
        ratios += f"{'-' if ratio is None else f'{ratio:.2f}':>{_width(baseline.title)}}"
    return (
        f"  {candidate.label:<{LABEL}}"
        + "".join(f"{one:>9,.{places}f}" for one in numbers)
        + ratios
    )


def _aim(outcome: Outcome, aim: Aim) -> str:
    best = outcome.best(aim.baseline, aim.figure)
    ratio = outcome.ratio(aim.candidate, best, aim.figure) if best else None
    what = f"{outcome.comparison.name}, {aim.figure.title}: {aim.candidate.label}"
    if best is None or ratio is None:
        return f"  not measured  {what}"
    verdict = "met" if ratio >= aim.at_least else "not met"
    return f"  {verdict:<8}{ratio:6.2f} of {aim.at_least:<4}  {what}, to {best.label}"


def as_json(outcomes: Sequence[Outcome], found: dict[str, Any]) -> dict[str, Any]:
    """All rounds as they were measured, and where."""
    return {
        "machine": found,
        "comparisons": {
            outcome.comparison.name: {
                "title": outcome.comparison.title,
                "rounds": outcome.rounds,
                "aims": [_aim(outcome, aim).strip() for aim in outcome.comparison.aims],
            }
            for outcome in outcomes
        },
    }
