"""The output of `todo scale`."""

from __future__ import annotations

from collections.abc import Sequence

from todo.control.messages import Accepted, Answer, Changed, InstanceState, Listed

_SPANS = ((86_400, "d"), (3_600, "h"), (60, "m"), (1, "s"))


def lines(answer: Answer) -> list[str]:
    """An answer in words."""
    match answer:
        case Accepted(waits=True):
            return ["another `todo scale` is at work; this one waits for its turn"]
        case Changed():
            return [answer.text]
        case Listed(instances=[]):
            return [f"`todo up` with pid {answer.pid} runs none of the components."]
        case Listed():
            rows = [("Name", "Pid", "Runs for", "Restarts"), *map(_row, answer.instances)]
            return [f"`todo up` with pid {answer.pid} runs:", "", *_table(rows)]
        case _:
            return []


def _row(one: InstanceState) -> tuple[str, ...]:
    runs_for = "is down" if one.seconds is None else _span(one.seconds)
    return one.name, str(one.pid or "-"), "is ending" if one.ending else runs_for, str(one.restarts)


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    """The first column to the left, the others to the right."""
    first, *others = (max(map(len, column)) for column in zip(*rows, strict=True))
    return ["   ".join([row[0].ljust(first), *map(str.rjust, row[1:], others)]) for row in rows]


def _span(seconds: float) -> str:
    """A length of time in its two largest units: `2 m 3 s`."""
    left = int(seconds)
    parts = []
    for size, unit in _SPANS:
        if left >= size:
            parts.append(f"{left // size} {unit}")
            left %= size
    return " ".join(parts[:2]) or "0 s"
