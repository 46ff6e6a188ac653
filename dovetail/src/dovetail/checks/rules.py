"""What may be given for an option. A rule takes a value and gives it as it is used."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from inspect import iscoroutinefunction
from typing import Any

from dovetail.limits import LONGEST_ID, MOST_SECONDS

#: A time: a number of seconds, or a timedelta. What checks it gives seconds.
Seconds = float | timedelta

#: Raises NotAllowed for what it does not take.
Rule = Callable[[Any], Any]

#: Characters of a wrong value that an error shows.
_MOST_SHOWN = 80


class NotAllowed(Exception):
    """Its text says what is allowed."""


def not_allowed(call: str, name: str, value: Any, allowed: NotAllowed) -> str:
    """What an error says: the call, the option, the value, and what is allowed."""
    return f"{call}: {name}={shown(value)} is not allowed; {name} is {allowed}"


def shown(value: Any) -> str:
    """A value on one line, and not too much of it."""
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001 - somebody else's __repr__
        text = f"<{type(value).__name__}>"
    text = " ".join(text.encode(errors="backslashreplace").decode().split())
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}…"


def optional(rule: Rule) -> Rule:
    """What the rule takes, or None."""

    def take(value: Any) -> Any:
        if value is None:
            return None
        try:
            return rule(value)
        except NotAllowed as allowed:
            raise NotAllowed(f"{allowed}, or None") from None

    return take


def seconds(*, least: float = 0.0, above: float | None = None) -> Rule:
    """A number of seconds, or a timedelta: `least` or more, or more than `above`. Gives a float."""
    bound = f"from {least:g} on" if above is None else f"above {above:g}"

    def take(value: Any) -> float:
        number = value.total_seconds() if isinstance(value, timedelta) else value
        if (
            isinstance(number, (int, float))
            and not isinstance(number, bool)
            and (number >= least if above is None else number > above)
            and number <= MOST_SECONDS
        ):
            return float(number)
        raise NotAllowed(f"a number of seconds {bound} (a century at most), or a timedelta")

    return take


def number(allowed: str, fits: Callable[[float], bool]) -> Rule:
    """A number that fits. Gives a float."""

    def take(value: Any) -> float:
        if isinstance(value, (int, float)) and not isinstance(value, bool) and fits(value):
            return float(value)
        raise NotAllowed(allowed)

    return take


def whole(least: int, most: int | None = None) -> Rule:
    """A whole number within these bounds."""
    bounds = f"from {least} on" if most is None else f"from {least} to {most}"

    def take(value: Any) -> int:
        if (
            isinstance(value, int)
            and not isinstance(value, bool)
            and value >= least
            and (most is None or value <= most)
        ):
            return value
        raise NotAllowed(f"a whole number {bounds}")

    return take


def yes_or_no(value: Any) -> bool:
    """True or False, and nothing that merely counts as one."""
    if isinstance(value, bool):
        return value
    raise NotAllowed("True or False")


def text(value: Any) -> str:
    """A text that can be sent and shown: not empty, on one line, without control characters."""
    if isinstance(value, str) and value.strip() and value.isprintable():
        return value
    raise NotAllowed("a text of printable characters, not empty")


def message_id(value: Any) -> str:
    """An id that every queue carries: AMQP has 255 bytes for it, NATS a line of a header."""
    if (
        isinstance(value, str)
        and value.strip()
        and value.isprintable()  # as `text`, which would be another call for each message
        and len(value.encode()) <= LONGEST_ID
    ):
        return str(value)
    raise NotAllowed(f"a text of printable characters, 1 to {LONGEST_ID} bytes long")


def a_function(value: Any) -> Any:
    """What is called, and not awaited."""
    if callable(value) and not iscoroutinefunction(value):
        return value
    raise NotAllowed("a plain function")


def printable(most: int) -> Rule:
    """A text as `text` has it, of so many bytes at most."""

    def take(value: Any) -> str:
        if (
            isinstance(value, str)
            and value.strip()
            and value.isprintable()
            and len(value.encode()) <= most
        ):
            return value
        raise NotAllowed(f"a text of printable characters, 1 to {most} bytes long")

    return take


def duration(value: Any) -> timedelta:
    """A timedelta, where a bare number would leave open of what."""
    if isinstance(value, timedelta) and timedelta(0) <= value <= timedelta(seconds=MOST_SECONDS):
        return value
    raise NotAllowed("a timedelta from 0 on, as in timedelta(days=7)")


def one_of(*words: str) -> Rule:
    """One of these words."""

    def take(value: Any) -> str:
        if isinstance(value, str) and value in words:
            return value
        raise NotAllowed(" or ".join(repr(word) for word in words))

    return take


def an_object(kind: type | tuple[type, ...], allowed: str) -> Rule:
    """An object of this class, or of one of these."""

    def take(value: Any) -> Any:
        if isinstance(value, kind) and not (kind is int and isinstance(value, bool)):
            return value
        raise NotAllowed(allowed)

    return take


def each(rule: Rule, allowed: str) -> Rule:
    """A list or tuple, each of which the rule takes."""

    def take(value: Any) -> list[Any]:
        if isinstance(value, (list, tuple)):
            try:
                return [rule(one) for one in value]
            except NotAllowed:
                pass
        raise NotAllowed(allowed)

    return take
