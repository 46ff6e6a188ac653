"""The table at the end, and the same as JSON."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from statistics import median
from typing import Any

from benchmarks.contest import Aim, Contender, Figure, Outcome

PACKAGES = (
    "dovetail-messaging",
    "nats-py",
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
        lines += _contest(outcome)
    aims = [_aim(outcome, aim) for outcome in outcomes for aim in outcome.contest.aims]
    if aims:
        lines += ["", "Aims, in this run", *aims]
    lines += [
        "",
        "Medians of the rounds, with the lowest and the highest. A ratio is the median of the",
        "rounds' own ratios, to the best contender of its kind; above 1 is better, for times too.",
    ]
    return "\n".join(lines)


def _contest(outcome: Outcome) -> Iterator[str]:
    contest = outcome.contest
    yield ""
    yield f"{contest.title} ({contest.rounds} rounds)"
    titles = "".join(f"{one.title:>{_width(one.title)}}" for one in contest.baselines)
    for figure in contest.figures:
        yield ""
        yield f"  {figure.title:<{LABEL}}{'median':>9}{'lowest':>9}{'highest':>9}{titles}"
        for contender in contest.contenders:
            yield _row(outcome, contender, figure)


def _width(title: str) -> int:
    return len(title) + 3


def _row(outcome: Outcome, contender: Contender, figure: Figure) -> str:
    values = outcome.values(contender, figure)
    if not values:
        return f"  {contender.label:<{LABEL}}{'failed':>9}"
    places = 0 if figure.more else 1
    numbers = (median(values), min(values), max(values))
    ratios = ""
    for baseline in outcome.contest.baselines:
        best = outcome.best(baseline, figure)
        ratio = outcome.ratio(contender, best, figure) if best else None
        ratios += f"{'-' if ratio is None else f'{ratio:.2f}':>{_width(baseline.title)}}"
    return (
        f"  {contender.label:<{LABEL}}"
        + "".join(f"{one:>9,.{places}f}" for one in numbers)
        + ratios
    )


def _aim(outcome: Outcome, aim: Aim) -> str:
    best = outcome.best(aim.baseline, aim.figure)
    ratio = outcome.ratio(aim.contender, best, aim.figure) if best else None
    what = f"{outcome.contest.name}, {aim.figure.title}: {aim.contender.label}"
    if best is None or ratio is None:
        return f"  not measured  {what}"
    verdict = "met" if ratio >= aim.at_least else "not met"
    return f"  {verdict:<8}{ratio:6.2f} of {aim.at_least:<4}  {what}, to {best.label}"


def as_json(outcomes: Sequence[Outcome], found: dict[str, Any]) -> dict[str, Any]:
    """All rounds as they were measured, and where."""
    return {
        "machine": found,
        "contests": {
            outcome.contest.name: {
                "title": outcome.contest.title,
                "rounds": outcome.rounds,
                "aims": [_aim(outcome, aim).strip() for aim in outcome.contest.aims],
            }
            for outcome in outcomes
        },
    }
