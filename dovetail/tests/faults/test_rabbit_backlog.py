"""RabbitMQ: how long the oldest message waits is found behind what others handled, or told as an estimate."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from dovetail import Event, MessageQueue, Worker, connect
from dovetail.testing.conformance.base import recording
from dovetail.testing.conformance.names import Numbered, numbered
from dovetail.testing.conformance.waiting import Seen
from dovetail.testing.servers import RabbitServer
from dovetail.transports.rabbitmq import claims, limits, streams
from dovetail.transports.rabbitmq.backlog import BacklogSearch, Position
from dovetail.transports.rabbitmq.claims import RegisteredClaim
from dovetail.transports.rabbitmq.frames import Content
from dovetail.transports.rabbitmq.topology import HISTORY, UNCLAIMED
from dovetail.transports.rabbitmq.transport import RabbitTransport
from dovetail.transports.rabbitmq.wire import Wire

#: Of the messages of a test, each third is of the one group and the others of the other.
MESSAGES = 30


@pytest_asyncio.fixture
async def queue(rabbit_server: RabbitServer) -> AsyncIterator[MessageQueue]:
    async with connect(rabbit_server.url) as queue:
        yield queue


@pytest.fixture
def small_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "FIRST_WINDOW", 3)
    monkeypatch.setattr(limits, "LARGEST_WINDOW", 7)


class Waiting:
    """Two groups that do not run, with messages that wait for them by turns."""

    def __init__(
        self, wire: Wire, rare: RegisteredClaim, frequent: RegisteredClaim, place: range
    ) -> None:
        self.wire, self.rare, self.frequent, self.place = wire, rare, frequent, place

    @classmethod
    async def of(cls, queue: MessageQueue) -> Waiting:
        rare, frequent = numbered(), numbered()
        groups = [recording(one, Seen[Numbered]()) for one in (rare, frequent)]
        async with Worker(queue, groups):
            pass
        events: list[Event] = [
            (frequent if number % 3 else rare)(number) for number in range(MESSAGES)
        ]
        await queue.publish_many(events)
        assert isinstance(queue.transport, RabbitTransport)
        wire = await queue.transport._client.ready()
        entries = await claims.read(wire)
        [one, other] = [
            entry for group in groups for entry in entries.values() if entry.group == group.name
        ]
        end = (await streams.ends(wire, HISTORY))[HISTORY].stop
        return cls(wire, one, other, range(end - MESSAGES, end))

    async def first(self, ready: dict[RegisteredClaim, int]) -> dict[RegisteredClaim, Position]:
        ends = await streams.ends(self.wire, UNCLAIMED, HISTORY)
        return await BacklogSearch(self.wire, ends).first_waiting(ready)


async def test_found_at_every_window_boundary(queue: MessageQueue, small_windows: None) -> None:
    waiting = await Waiting.of(queue)
    offsets: dict[RegisteredClaim, list[int]] = {waiting.rare: [], waiting.frequent: []}
    async for part in streams.within(waiting.wire, HISTORY, waiting.place):
        for offset, content in part:
            [entry] = [one for one in offsets if one.takes(content)]
            offsets[entry].append(offset)
    assert len(offsets[waiting.rare]) == MESSAGES // 3
    for ready in range(1, MESSAGES // 3 + 1):
        found = await waiting.first({waiting.rare: ready, waiting.frequent: ready})
        places = {entry: (one.offset, one.estimated) for entry, one in found.items()}
        assert places == {entry: (those[-ready], False) for entry, those in offsets.items()}


async def test_estimated_by_what_was_seen(
    queue: MessageQueue, small_windows: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When there is no time for the rest: from the share that a group has of what was read."""
    waiting, read = await Waiting.of(queue), BacklogSearch._read

    async def read_half(
        look: BacklogSearch, stream: str, window: range
    ) -> list[tuple[int, Content]] | None:
        return await read(look, stream, window) if window.start >= waiting.place[-12] else None

    monkeypatch.setattr(BacklogSearch, "_read", read_half)
    found = await waiting.first({waiting.rare: 10, waiting.frequent: 20})
    for place in found.values():
        assert place.estimated
        assert place.published
        assert abs(place.offset - waiting.place.start) < 6


async def test_status_where_there_is_no_time(
    queue: MessageQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = await Waiting.of(queue)
    monkeypatch.setattr(limits, "STATUS_SECONDS", -1.0)
    status = await queue.status()
    assert status.estimated
    [row] = [one for one in status.groups if one.group == waiting.rare.group]
    assert (row.waiting, row.estimates) == (MESSAGES // 3, ("oldest",))
    monkeypatch.undo()
    [row] = [one for one in (await queue.status()).groups if one.group == waiting.rare.group]
    assert row.oldest is not None
    assert row.estimates == ()
