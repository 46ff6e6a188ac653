"""The connection is cut, or swallows what it carries, while the server lives: the same on each queue."""

from __future__ import annotations

import asyncio
import logging

import pytest

from dovetail import MessageQueue, NoAnswer, QueueUnavailable, Worker, connect
from dovetail.testing.conformance.base import recording
from dovetail.testing.conformance.listening import listening
from dovetail.testing.conformance.load import Load
from dovetail.testing.conformance.names import Numbered, Question, numbered, numbers, question
from dovetail.testing.conformance.requests import answering
from dovetail.testing.conformance.waiting import Seen, all_handled, until
from dovetail.testing.servers import Proxy


class CutOff:
    """`proxy` is a fixture before the server; with `impatient` silence is noticed soon."""

    async def test_cut_again_and_again(self, proxy: Proxy) -> None:
        load, count = Load(), 3000
        async with connect(proxy.url) as publisher, connect(proxy.url) as queue:
            async with Worker(queue, [load.group]):
                publishing = asyncio.create_task(load.publish(publisher, range(count)))
                for enough in range(0, count, 300):
                    await load.accepted.has(enough)
                    proxy.cut()
                await publishing
                await all_handled(queue, load.group.name)
            load.check(count)
            assert not await queue.dead_letters.list(group=load.group.name)

    async def test_unconfirmed_message_published_again_is_one(self, proxy: Proxy) -> None:
        """The server took it, but the confirmation was lost: the worst moment."""
        event, seen = numbered(), Seen[Numbered]()
        async with (
            connect(proxy.server.url) as queue,
            connect(proxy.url, timeout=0.5) as publisher,
        ):
            await publisher.publish(event(0))
            async with listening(queue, event) as heard:
                proxy.swallow_answers = True
                with pytest.raises(QueueUnavailable, match="same id is harmless") as caught:
                    await publisher.publish(event(1))
                await heard.has(1)  # it did arrive
                proxy.swallow_answers = False
                proxy.cut()
                assert caught.value.id is not None
                await publisher.publish(event(1), id=caught.value.id)
            async with Worker(queue, [group := recording(event, seen)]):
                await all_handled(queue, group.name)
        assert numbers(seen.items) == [0, 1]

    async def test_black_hole_is_noticed_and_left(self, proxy: Proxy, impatient: None) -> None:
        load = Load()
        async with connect(proxy.url, timeout=0.5) as queue, Worker(queue, [load.group]):
            await load.publish(queue, range(100))
            await load.handled.has(100)
            proxy.black_hole(on=True)
            publishing = asyncio.create_task(load.publish(queue, range(100, 200)))
            await until(lambda: _refused(load), "publishing was refused")
            await until(lambda: _lost(queue), "the silence was noticed")
            proxy.black_hole(on=False)
            await publishing
            await all_handled(queue, load.group.name)
            load.check(200)

    async def test_handled_while_the_queue_is_away_is_acked_or_comes_again(
        self, proxy: Proxy
    ) -> None:
        """A handler ends while the connection is down: its message is not lost, nor dead."""
        event, effect = numbered(), numbered()
        go_on, calls, effects = asyncio.Event(), Seen[Numbered](), Seen[Numbered]()
        group = recording(effect, effects)

        @group.on(event)
        async def cause(message: Numbered) -> Numbered:
            calls.add(message)
            await go_on.wait()
            return effect(message.number)

        async with connect(proxy.url, timeout=0.5) as queue, Worker(queue, [group]):
            await queue.publish(event(1))
            await calls.has(1)
            proxy.black_hole(on=True)
            go_on.set()
            proxy.cut()
            await until(lambda: _lost(queue), "the connection is gone")
            proxy.black_hole(on=False)
            await effects.has(1)
            await all_handled(queue, group.name)
            assert numbers(effects.items) == [1]
            assert not await queue.dead_letters.list(group=group.name)

    async def test_requests_survive_a_cut(self, proxy: Proxy) -> None:
        kind = question()
        async with (
            connect(proxy.url) as queue,
            connect(proxy.url) as asking,
            Worker(queue, [answering(kind)]),
        ):
            for number in range(3):
                assert await asking.request(kind(number)) == f"answer {number}"
                proxy.cut()
                await until(lambda: answers(asking, kind(9)), "requests are answered again")

    async def test_says_that_it_lost_and_regained_the_connection(
        self, proxy: Proxy, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.WARNING)
        async with connect(proxy.url) as queue:
            proxy.cut()
            await until(lambda: said(caplog, "regained after"), "it says that it is back")
            assert queue.connected
        assert "lost" in caplog.text


async def _refused(load: Load) -> bool:
    return load.refusals > 0


async def _lost(queue: MessageQueue) -> bool:
    return not queue.connected


async def answers(queue: MessageQueue, request: Question) -> bool:
    try:
        return await queue.request(request, timeout=0.2) == f"answer {request.number}"
    except (NoAnswer, QueueUnavailable):
        return False


async def said(caplog: pytest.LogCaptureFixture, text: str) -> bool:
    return text in caplog.text
