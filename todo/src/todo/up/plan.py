"""What `todo up` is to run, from its options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from todo.components import COMPONENTS, MOST_OF_ONE, ONLY_ONE, QUEUE, SCALABLE, USUAL
from todo.process import CannotRun
from todo.up.instances import Instance, new_instances

ALL = (QUEUE, *COMPONENTS)
_SCALABLE = ", ".join(SCALABLE)


class WrongPlan(CannotRun):
    """The options contradict each other, or name what there is not."""


@dataclass(frozen=True)
class Options:
    """What was asked for on the command line."""

    only: Sequence[str] = ()
    added: Sequence[str] = ()
    without: Sequence[str] = ()
    #: How many of each.
    scale: Mapping[str, int] = field(default_factory=dict)


def read_options(only: str, added: str, without: str, scale: Sequence[str]) -> Options:
    """The options from the command line's words, names with commas between them. Raises WrongPlan."""
    return Options(_names(only), _names(added), _names(without), read_counts(scale))


def read_counts(words: Sequence[str]) -> dict[str, int]:
    """How many of each, from words like `save-handler=3`. Raises WrongPlan."""
    counts: dict[str, int] = {}
    for word in words:
        name, count = _count(word)
        if name in counts:
            raise WrongPlan(f"{name} is named twice: how many are there to be?")
        counts[name] = count
    return counts


@dataclass(frozen=True)
class Plan:
    """The processes to run, and whether the queue is among them."""

    queue: bool
    instances: tuple[Instance, ...]

    def has(self, component: str) -> bool:
        """Whether it runs."""
        return any(one.component == component for one in self.instances)


def make_plan(options: Options, *, embedded: bool) -> Plan:
    """The plan for these options, or WrongPlan. `embedded`: the queue is for us to run, or may be."""
    wanted = {*(options.only or USUAL), *options.added, *options.scale} - {*options.without}
    if QUEUE in (*options.only, *options.added) and not embedded:
        raise WrongPlan("the queue is not ours to run: TODO_QUEUE_URL names another one")
    instances = [
        instance
        for component in COMPONENTS
        if component in wanted
        for instance in new_instances(component, options.scale.get(component, 1))
    ]
    queue = embedded and QUEUE in wanted
    if not queue and not instances:
        raise WrongPlan("that leaves nothing to run")
    return Plan(queue, tuple(instances))


def _names(text: str) -> list[str]:
    names = [one.strip() for one in text.split(",") if one.strip()]
    for name in names:
        if name not in ALL:
            raise WrongPlan(f"there is no component {name!r}; there are {', '.join(ALL)}")
    return names


def _count(text: str) -> tuple[str, int]:
    name, _, number = text.partition("=")
    if name in ONLY_ONE:
        raise WrongPlan(f"{text!r} cannot be: {ONLY_ONE[name]}; what can be scaled is {_SCALABLE}")
    if name not in SCALABLE:
        raise WrongPlan(f"{text!r} names no handler; what can be scaled is {_SCALABLE}")
    if not number.isdecimal() or int(number) > MOST_OF_ONE:
        raise WrongPlan(f"{text!r} is no scale: write like {name}=3, from 0 to {MOST_OF_ONE}")
    return name, int(number)
