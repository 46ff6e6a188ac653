"""Makes a scenario shorter for as long as it still breaks the same promise."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import fields, is_dataclass, replace
from functools import partial
from typing import Any, TypeVar

from simulation.scenario import GroupPlan, Member, Planned, Scenario
from simulation.simulate import run

Item = TypeVar("Item")
#: Leaves something out; where that is gone already, it gives the same scenario.
Edit = Callable[[Scenario], Scenario]

#: What happens at once happens in another order in a shorter scenario: so many orders are tried of each.
ORDERS = 4
#: To so many places times are rounded.
PLACES = 4


def shrink(scenario: Scenario, say: Callable[[str], None]) -> Scenario:
    """A shorter one; the same where it breaks nothing."""
    broken = run(scenario).promise
    if not broken:
        return scenario
    before = None
    while scenario != before:
        before = scenario
        for edit in _edits(scenario):
            candidate = edit(scenario)
            if candidate != scenario and (found := _breaks(candidate, broken)) is not None:
                scenario = found
                say(_size(scenario))
    return scenario


def _breaks(scenario: Scenario, promise: str) -> Scenario | None:
    for order in range(ORDERS):
        tried = replace(scenario, seed=scenario.seed + order * 1_000_003)
        if run(tried).promise == promise:
            return tried
    return None


def _size(scenario: Scenario) -> str:
    return (
        f"{len(scenario.messages)} messages, {len(scenario.groups)} groups, {len(scenario.members)} members, "
        f"{len(scenario.faults)} faults, {len(scenario.steps)} steps of an operator"
    )


# What is left out, that first which leaves out most


def _edits(scenario: Scenario) -> Iterator[Edit]:
    for numbers in _parts([one.number for one in scenario.messages]):
        yield partial(_without_messages, numbers)
    for faults in _parts(scenario.faults):
        yield partial(_without, "faults", faults)
    for steps in _parts(scenario.steps):
        yield partial(_without, "steps", steps)
    for group in scenario.groups:
        yield partial(_without_group, group.name)
    for member in scenario.members:
        yield partial(_without_member, member.host)
    yield from _simpler(scenario)


def _parts(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    """The whole, its halves, and so on, down to one by one."""
    size = len(items)
    while size >= 1:
        for start in range(0, len(items), size):
            yield items[start : start + size]
        size //= 2


def _without(what: str, items: Collection[object], scenario: Scenario) -> Scenario:
    kept: Any = tuple(one for one in getattr(scenario, what) if one not in items)
    return replace(scenario, **{what: kept})


def _without_messages(numbers: Collection[int], scenario: Scenario) -> Scenario:
    kept = tuple(one for one in scenario.messages if one.number not in numbers)
    return replace(scenario, messages=_closed(kept))


def _closed(messages: tuple[Planned, ...]) -> tuple[Planned, ...]:
    """Without what nobody causes any more, nor publishes; nothing causes what is not there."""
    there = {one.number for one in messages}
    kept = tuple(
        replace(
            one,
            causes=tuple(
                (group, left)
                for group, numbers in one.causes
                if (left := tuple(n for n in numbers if n in there))
            ),
        )
        for one in messages
    )
    caused = {n for one in kept for _, numbers in one.causes for n in numbers}
    closed = tuple(one for one in kept if one.publisher is not None or one.number in caused)
    return closed if len(closed) == len(kept) else _closed(closed)


def _without_group(name: str, scenario: Scenario) -> Scenario:
    if len(scenario.groups) == 1:
        return scenario
    members = tuple(
        replace(one, groups=tuple(g for g in one.groups if g != name))
        for one in scenario.members
        if one.groups != (name,)
    )
    messages = tuple(
        replace(
            one,
            causes=tuple(c for c in one.causes if c[0] != name),
            behaviours=tuple(b for b in one.behaviours if b[0] != name),
        )
        for one in scenario.messages
    )
    return replace(
        scenario,
        groups=tuple(g for g in scenario.groups if g.name != name),
        members=members,
        messages=_closed(messages),
        steps=tuple(one for one in scenario.steps if one.group != name),
    )


def _without_member(host: str, scenario: Scenario) -> Scenario:
    """With what it publishes, and what befalls it."""
    published = {one.number for one in scenario.messages if one.publisher == host}
    left = _without_messages(published, scenario)
    return replace(
        left,
        members=tuple(one for one in left.members if one.host != host),
        faults=tuple(one for one in left.faults if one.host != host),
    )


# What is made simpler


def _simpler(scenario: Scenario) -> Iterator[Edit]:
    """Values as where nothing is said."""
    for name in ("keep", "limit_bytes", "disk"):
        yield partial(_usual, name)
    for group in scenario.groups:
        for field in fields(GroupPlan)[2:]:
            yield partial(_with_usual, "groups", "name", group.name, field.name)
    for member in scenario.members:
        for field in fields(Member)[2:]:
            yield partial(_with_usual, "members", "host", member.host, field.name)
    for message in scenario.messages:
        for names in (("repeats", "repeat_after"), ("behaviours",), ("causes",)):
            yield partial(_with_usual_message, message.number, names)
    yield _rounded


def _with_usual(what: str, key: str, value: str, name: str, scenario: Scenario) -> Scenario:
    """One group or member with the usual value of one field."""
    changed: Any = tuple(
        _usual(name, one) if getattr(one, key) == value else one for one in getattr(scenario, what)
    )
    return replace(scenario, **{what: changed})


def _with_usual_message(number: int, names: Sequence[str], scenario: Scenario) -> Scenario:
    messages = []
    for one in scenario.messages:
        plain = one
        for name in names if one.number == number else ():
            plain = _usual(name, plain)
        messages.append(plain)
    return replace(scenario, messages=_closed(tuple(messages)))


def _usual(name: str, value: Any) -> Any:
    """This field as where nothing is said."""
    [default] = [one.default for one in fields(value) if one.name == name]
    return replace(value, **{name: default})


def _rounded(value: Any) -> Any:
    """With times that are short to write."""
    if is_dataclass(value) and not isinstance(value, type):
        there = {one.name: getattr(value, one.name) for one in fields(value)}
        return replace(value, **{name: _rounded(one) for name, one in there.items()})
    if isinstance(value, tuple):
        return tuple(map(_rounded, value))
    return round(value, PLACES) if isinstance(value, float) else value
