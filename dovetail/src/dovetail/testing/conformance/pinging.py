"""Whether the queue answers and would take a message."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing
from datetime import timedelta

import pytest

from dovetail import (
    Group,
    MessageQueue,
    QueueError,
    QueueFull,
    QueueUnavailable,
    Received,
    Worker,
    connect,
)
from dovetail.testing.conformance.base import Conformance, recording
from dovetail.testing.conformance.names import Numbered, fresh, numbered
from dovetail.testing.conformance.waiting import LIMIT_SECONDS, Seen, until
from dovetail.testing.servers.process import Server

#: What a ping waits in these tests, and what it may take beyond that.
TIMEOUT_SECONDS, GRACE_SECONDS = 0.5, 2.0


class Pinging(Conformance):
    """It says what a publisher would be told."""

    async def test_ping_leaves_nothing_behind(self, own_address: str) -> None:
        event, seen = numbered(), Seen[str]()
        group = Group(fresh("group"))

        @group.on(">")
        async def take(message: object) -> None:
            seen.add(getattr(message, "subject", ""))

        async with connect(own_address) as queue, Worker(queue, [group]):
            await queue.ping(LIMIT_SECONDS)
            before = await queue.status()
            async with aclosing(queue.listen(">")) as heard:
                first = asyncio.ensure_future(anext(heard))
                await asyncio.gather(*(queue.ping(LIMIT_SECONDS) for _ in range(20)))
                assert await queue.status() == before
                # Heard after all that was before it.
                await until(lambda: _published(queue, event, first), "it listens")
                assert first.result().subject == event.__subject__
            await seen.has(1)
            assert set(seen.items) == {event.__subject__}
            assert not await queue.dead_letters.list()

    async def test_first_thing_asked_of_an_empty_queue(self, own_address: str) -> None:
        async with connect(own_address) as queue:
            await queue.ping()
            assert (await queue.status()).messages == 0
            await queue.publish(numbered()(1))
            await queue.ping()

    async def test_ping_says_that_the_store_is_full(self, own_address: str) -> None:
        self.need("limits_store")
        event, seen = numbered(), Seen[Numbered]()
        async with connect(own_address, limit_bytes=300_000, keep=timedelta(0)) as queue:
            await queue.ping()
            while await _accepts(queue, event(0, "x" * 10_000)):
                pass
            with pytest.raises(QueueFull, match="full"):
                await queue.ping()
            async with Worker(queue, [recording(event, seen)]):
                await until(lambda: _answers(queue), "there is room")

    async def test_ping_is_told_in_time_that_nobody_answers(self, server: Server) -> None:
        async with connect(server.url) as queue:
            await queue.ping(LIMIT_SECONDS)
            server.pause()
            await _is_told(queue)
            server.resume()
            await until(lambda: _answers(queue), "it goes on")
            await server.kill()
            await _is_told(queue)
            await server.start()
            await until(lambda: _answers(queue), "it is back")

    async def test_closed_queue_does_not_answer(self, address: str) -> None:
        async with connect(address) as queue:
            await queue.ping(LIMIT_SECONDS)
        with pytest.raises(QueueUnavailable):
            await queue.ping(TIMEOUT_SECONDS)


async def _published(
    queue: MessageQueue, event: type[Numbered], heard: asyncio.Future[Received]
) -> bool:
    await queue.publish(event())
    return heard.done()


async def _accepts(queue: MessageQueue, event: Numbered) -> bool:
    try:
        await queue.publish(event)
    except QueueFull:
        return False
    return True


async def _is_told(queue: MessageQueue) -> None:
    started = time.monotonic()
    with pytest.raises(QueueUnavailable):
        await queue.ping(TIMEOUT_SECONDS)
    assert time.monotonic() - started < TIMEOUT_SECONDS + GRACE_SECONDS


async def _answers(queue: MessageQueue) -> bool:
    try:
        await queue.ping(TIMEOUT_SECONDS)
    except QueueError:
        return False
    return True
