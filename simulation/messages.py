"""The messages of the scenarios: each says its number, and nothing else."""

from __future__ import annotations

from dovetail import Command, Event


class A(Event, subject="sim.a"):
    """An event."""

    number: int
    value: float = 0.0


class B(Event, subject="sim.b"):
    """Another."""

    number: int
    value: float = 0.0


class C(Event, subject="sim.c"):
    """A third."""

    number: int
    value: float = 0.0


class X(Command, subject="do.x"):
    """A command."""

    number: int
    value: float = 0.0


class Y(Command, subject="do.y"):
    """Another."""

    number: int
    value: float = 0.0


TYPES: dict[str, type[A | B | C | X | Y]] = {
    "sim.a": A,
    "sim.b": B,
    "sim.c": C,
    "do.x": X,
    "do.y": Y,
}
COMMANDS = {name for name, kind in TYPES.items() if issubclass(kind, Command)}
#: What no message can be encoded with.
UNREADABLE = float("nan")
