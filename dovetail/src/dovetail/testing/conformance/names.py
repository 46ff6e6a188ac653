"""Messages of each test's own, so that one queue serves all tests."""

from __future__ import annotations

import secrets
from itertools import count
from typing import Any

from dovetail import Command, Event, Request

_run = secrets.token_hex(3)
_numbers = count(1)


def fresh(word: str) -> str:
    """A name that was never used on any queue."""
    return f"{word}-{_run}-{next(_numbers)}"


def fresh_subject(first: str = "events") -> str:
    """A subject that was never used on any queue."""
    return f"{first}.{fresh('test')}"


#: JSON of an event that is nested deeper than any parser goes.
NESTED = b'{"specversion":"1.0","id":"1","source":"s","type":"t","data":{"number":1,"text":%s}}' % (
    b"[" * 5000 + b"]" * 5000
)


class Numbered(Event, frozen=True):
    """An event that a test can tell from the others."""

    number: int = 0
    text: str = ""


class Order(Command, frozen=True):
    """A command that a test can tell from the others."""

    number: int = 0


class Question(Request[str], frozen=True):
    """A request whose answer says to what."""

    number: int = 0
    text: str = ""


def numbered(subject: str | None = None) -> type[Numbered]:
    """A class of events with a subject of its own."""

    class Fresh(Numbered, frozen=True, subject=subject or fresh_subject()):
        pass

    return Fresh


def order() -> type[Order]:
    """A class of commands with a subject of its own."""

    class Fresh(Order, frozen=True, subject=fresh_subject("commands")):
        pass

    return Fresh


def question() -> type[Question]:
    """A class of requests with a subject of its own."""

    class Fresh(Question, frozen=True, subject=fresh_subject("requests")):
        pass

    return Fresh


def numbers(events: list[Any]) -> list[int]:
    """What these messages are told apart by."""
    return [event.number for event in events]
