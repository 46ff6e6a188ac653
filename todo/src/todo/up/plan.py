"""What `todo up` is to run, from its options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from todo.components import COMPONENTS, QUEUE, SCALABLE, USUAL
from todo.process import CannotRun

ALL = (QUEUE, *COMPONENTS)


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
    counts = dict(_count(one) for one in scale)
    return Options(_names(only), _names(added), _names(without), counts)


@dataclass(frozen=True)
class Instance:
    """One process: its name, as logs show it, and the component that it runs."""

    name: str
    component: str


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
        for instance in _instances(component, options.scale.get(component, 1))
    ]
    queue = embedded and QUEUE in wanted
    if not queue and not instances:
        raise WrongPlan("that leaves nothing to run")
    return Plan(queue, tuple(instances))


def _instances(component: str, count: int) -> list[Instance]:
    if count == 1:
        return [Instance(component, component)]
    return [Instance(f"{component}.{number}", component) for number in range(1, count + 1)]


def _names(text: str) -> list[str]:
    names = [one.strip() for one in text.split(",") if one.strip()]
    for name in names:
        if name not in ALL:
            raise WrongPlan(f"there is no component {name!r}; there are {', '.join(ALL)}")
    return names


def _count(text: str) -> tuple[str, int]:
    name, _, number = text.partition("=")
    if name not in SCALABLE or not number.isdecimal() or int(number) > 100:
        raise WrongPlan(
            f"{text!r} is no scale: write like save-handler=3, up to 100; "
            f"{', '.join(SCALABLE)} can be scaled"
        )
    return name, int(number)
