"""`listen` with a class of events gives objects of that class."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, assert_type, cast
from uuid import UUID

import msgspec
import pytest

from dovetail import ConfigurationError, Event, Received, connect
from dovetail.codec.encoding import encoding_of
from dovetail.codec.envelope import received
from dovetail.codec.live_events import typed


class Shipped(Event, frozen=True, subject="events.shipped"):
    number: int = 0
    at: datetime | None = None
    price: Decimal = Decimal(0)
    id: UUID | None = None
    raw: bytes = b""
    counts: dict[int, float] = msgspec.field(default_factory=dict)
    tags: frozenset[str] = frozenset()
    more: Any = None

    def __post_init__(self) -> None:
        if self.number == 13:
            raise ValueError("unlucky")


async def coming(bodies: Sequence[bytes]) -> AsyncGenerator[Received]:
    for body in bodies:
        yield received("events.shipped", body)


def encoded(event: Event) -> bytes:
    return encoding_of(event, "publish", ("event",)).encode(event, "1", "test")


EVENTS = [
    Shipped(),
    Shipped(2**63, datetime(2025, 1, 1, tzinfo=UTC), Decimal("1.10"), UUID(int=7)),
    Shipped(raw=b"\0\xff", counts={1: 2.0, -3: 0.5}, tags=frozenset("ab"), more={"a": [None]}),
]


async def test_as_it_was_published() -> None:
    assert [one async for one in typed(coming([*map(encoded, EVENTS)]), Shipped)] == EVENTS


async def test_what_is_no_such_event_is_left_out_and_said(
    caplog: pytest.LogCaptureFixture,
) -> None:
    wrong = encoded(Shipped()).replace(b'"number":0', b'"number":"x"')
    unlucky = encoded(Shipped()).replace(b'"number":0', b'"number":13')
    nothing = b'{"specversion":"1.0","id":"1","source":"s","type":"t"}'
    bodies = [b"", b"{", b"\xff", b"[]", nothing, wrong, unlucky, encoded(Shipped(1)), b"\n\x1b[0m"]
    with caplog.at_level(logging.WARNING, "dovetail"):
        assert [one async for one in typed(coming(bodies), Shipped)] == [Shipped(1)]
    said = [record.getMessage() for record in caplog.records]
    assert [text.split("(")[1].split(")")[0] for text in said] == [
        f"{count} so far" for count in (1, 2, 4, 8)
    ]
    assert all(
        "a listener on events.shipped left out a message that is no Shipped" in one for one in said
    )
    assert not any(character in text for text in said for character in "\n\x1b")


async def test_types() -> None:
    async with connect("memory://") as queue:
        async with aclosing(queue.listen(Shipped)) as events:
            assert_type(events, AsyncGenerator[Shipped])
        async with aclosing(queue.listen("events.>")) as any_events:
            assert_type(any_events, AsyncGenerator[Received])


def test_wrong_patterns_are_said_at_once() -> None:
    with pytest.raises(ConfigurationError, match="is not a subject pattern"):
        connect("memory://").listen("a..b")


def test_who_is_told_what_was_missed_is_a_plain_function() -> None:
    async def missed() -> None: ...

    for wrong in (missed, True):
        with pytest.raises(ConfigurationError, match="missed is a plain function, or None"):
            connect("memory://").listen("a.b", missed=cast(Any, wrong))
