"""The instances of a component, and their names."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from itertools import count, islice


@dataclass(frozen=True)
class Instance:
    """One process: its name, as logs show it, and the component that it runs."""

    name: str
    component: str


def new_instances(component: str, more: int, running: Collection[str] = ()) -> list[Instance]:
    """So many more beside those that run, which keep their names.

    One alone is called as the component is, several `component.1` and so on. Where the one that was alone
    gets company it counts as the first. The lowest numbers that are free are taken.
    """
    if more == 1 and not running:
        return [Instance(component, component)]
    free = (
        name
        for number in count(1)
        if (name := f"{component}.{number}") not in running
        and not (number == 1 and component in running)
    )
    return [Instance(name, component) for name in islice(free, more)]
