"""The server is away, or answers nothing, for a while."""

from __future__ import annotations

import asyncio
import time

import pytest

from dovetail import MessageQueue, NoAnswer, QueueUnavailable, Worker, connect
from dovetail.testing.conformance.base import Conformance, recording
from dovetail.testing.conformance.load import Load
from dovetail.testing.conformance.names import Numbered, fresh, numbered, numbers, question
from dovetail.testing.conformance.requests import answering
from dovetail.testing.conformance.sizes import size
from dovetail.testing.conformance.waiting import LIMIT_SECONDS, Seen, all_handled, until
from dovetail.testing.servers.process import Server

#: How long these publishers wait for a confirmation, and what they may take beyond that.
TIMEOUT_SECONDS, GRACE_SECONDS = 0.4, 1.1
#: What a worker takes to stop at most: its ten seconds, in which the server may come back.
STOP_SECONDS = 11.0
WAITING = 100
FROZEN = 200


class Outages(Conformance):
    """Who waits is told in time; who waits longer need not know."""

    @size(messages=WAITING, kills=1)
    async def test_publishers_are_told_in_time_or_wait(self, server: Server) -> None:
        event, seen = numbered(), Seen[Numbered]()
        async with (
            connect(server.url, timeout=TIMEOUT_SECONDS) as queue,
            connect(server.url, timeout=LIMIT_SECONDS) as patient,
        ):
            await queue.publish(event(0))
            await server.kill()
            ids = [await _refused(queue, event(number)) for number in range(1, 4)]
            with pytest.raises((QueueUnavailable, NoAnswer)):
                await queue.request(question()(), timeout=0.3)
            assert not queue.connected
            more = range(4, 4 + WAITING)
            waiting = asyncio.gather(*(patient.publish(event(number)) for number in more))
            await asyncio.sleep(0)
            assert not waiting.done()

            await server.start()
            await waiting
            await until(lambda: _connected(queue), "the connection is back")
            for number, event_id in enumerate(ids, start=1):
                await queue.publish(event(number), id=event_id)
            async with Worker(queue, [group := recording(event, seen)]):
                await all_handled(queue, group.name)
        assert sorted(set(numbers(seen.items))) == list(range(4 + WAITING))
        if self.features.deduplicates:
            assert len(seen) == 4 + WAITING

    @size(messages=FROZEN, freezes=1)
    async def test_frozen_server_is_waited_for(self, server: Server) -> None:
        """Connections stay open and nothing answers, as when its machine hangs."""
        load = Load()
        async with connect(server.url, timeout=TIMEOUT_SECONDS) as queue:
            async with Worker(queue, [load.group]):
                await load.publish(queue, range(FROZEN // 2))
                server.pause()
                publishing = asyncio.create_task(
                    load.publish(queue, range(FROZEN // 2, FROZEN), at_once=10)
                )
                await until(lambda: _was_refused(load), "publishers are told in time")
                server.resume()
                await load.accepted.has(FROZEN)
                await publishing
                await all_handled(queue, load.group.name)
            load.check(FROZEN)

    @size(kills=1)
    async def test_worker_stops_in_time_without_its_server(self, server: Server) -> None:
        load = Load()
        async with connect(server.url, timeout=1) as queue:
            await load.publish(queue, range(100))
            async with Worker(queue, [load.group, answering(question())]):
                await load.handled.has(1)
                await server.kill()
                stopping = time.monotonic()
            assert time.monotonic() - stopping < STOP_SECONDS
        await server.start()
        async with connect(server.url) as queue:
            async with Worker(queue, [load.group]):
                await all_handled(queue, load.group.name)
            load.check(100)


async def _refused(queue: MessageQueue, event: Numbered) -> str:
    """The id under which it may be published again."""
    started, event_id = time.monotonic(), fresh("id")
    with pytest.raises(QueueUnavailable) as caught:
        await queue.publish(event, id=event_id)
    assert caught.value.id == event_id
    assert time.monotonic() - started < TIMEOUT_SECONDS + GRACE_SECONDS
    return event_id


async def _connected(queue: MessageQueue) -> bool:
    return queue.connected


async def _was_refused(load: Load) -> bool:
    return load.refusals > 0
