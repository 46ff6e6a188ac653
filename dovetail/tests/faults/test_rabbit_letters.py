"""RabbitMQ: whatever happens during a look at dead letters, each is there once, and replayed once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
import pytest_asyncio
from pamqp import commands
from pamqp.base import Frame

from dovetail import Backoff, DeadLetter, Group, MessageQueue, Worker, connect
from dovetail.testing.conformance.names import Numbered, fresh, numbered, numbers
from dovetail.testing.conformance.waiting import LIMIT_SECONDS, Seen, all_handled
from dovetail.testing.servers import Proxy, RabbitServer
from dovetail.transports.rabbitmq import letterbox
from dovetail.transports.rabbitmq.channel import Channel
from dovetail.transports.rabbitmq.frames import Content
from dovetail.transports.rabbitmq.layout import dead_of, queue_of

pytestmark = pytest.mark.faults


@pytest_asyncio.fixture
async def proxy(rabbit_server: RabbitServer) -> AsyncIterator[Proxy]:
    async with Proxy(rabbit_server) as proxy:
        yield proxy


class Failing:
    """A group of one subject whose handler fails, and what it was called with."""

    def __init__(self) -> None:
        self.event, self.calls = numbered(), Seen[Numbered]()
        self.group = Group(fresh("group"), retry=Backoff(tries=1))

        @self.group.on(self.event)
        async def fail(message: Numbered) -> None:
            self.calls.add(message)
            raise ValueError("no")

    async def letters(self, queue: MessageQueue) -> Sequence[DeadLetter]:
        return await queue.dead_letters.list(group=self.group.name)

    async def fail(self, queue: MessageQueue) -> DeadLetter:
        """One letter, of the message 1; no worker runs then."""
        async with Worker(queue, [self.group]):
            await queue.publish(self.event(1))
            await all_handled(queue, self.group.name)
        [letter] = await self.letters(queue)
        return letter


@pytest_asyncio.fixture
async def queue(proxy: Proxy) -> AsyncIterator[MessageQueue]:
    async with connect(proxy.url) as queue:
        yield queue


async def test_connection_lost_after_a_look(
    queue: MessageQueue, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing, each, cuts = Failing(), letterbox._each, iter(range(2))
    letter = await failing.fail(queue)

    async def look_and_cut(*arguments: Any) -> None:
        await each(*arguments)
        if next(cuts, None) is not None:
            proxy.cut()

    monkeypatch.setattr(letterbox, "_each", look_and_cut)
    assert await failing.letters(queue) == [letter]
    assert next(cuts, None) is None, "it was not cut"


@pytest.mark.parametrize("arrives", [True, False])
async def test_connection_lost_when_a_letter_is_taken_away(
    queue: MessageQueue, proxy: Proxy, monkeypatch: pytest.MonkeyPatch, arrives: bool
) -> None:
    """Whether or not that arrived: it is gone, and the group gets it once."""
    failing, tell, close, cuts = Failing(), Channel.tell, Channel.close, iter([1])
    letter = await failing.fail(queue)

    def ack(channel: Channel, command: Frame) -> None:
        if arrives or not isinstance(command, commands.Basic.Ack) or next(cuts, None) is None:
            tell(channel, command)
        else:
            proxy.cut()

    async def close_and_cut(channel: Channel) -> None:
        looked = bool(channel._consumers)
        await close(channel)
        if looked and next(cuts, None) is not None:
            proxy.cut()

    monkeypatch.setattr(Channel, "tell", ack)
    monkeypatch.setattr(Channel, "close", close_and_cut)
    await queue.dead_letters.replay(letter)
    assert next(cuts, None) is None, "it was not cut"
    assert not await failing.letters(queue)
    async with Worker(queue, [failing.group]):
        await all_handled(queue, failing.group.name)
    assert numbers(failing.calls.items) == [1, 1]


async def test_queue_removed_during_a_look(
    queue: MessageQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With letters that have not come yet: they will not."""
    failing, each = Failing(), letterbox._each
    letter = await failing.fail(queue)
    name = dead_of(queue_of(failing.group.name, failing.event.__subject__))

    async def look(channel: Channel, queue: str, count: int, take: Any) -> None:
        def remove(content: Content) -> None:
            take(content)
            channel.tell(commands.Queue.Delete(queue=name))

        await each(channel, queue, count + 1, remove)

    monkeypatch.setattr(letterbox, "_each", look)
    async with asyncio.timeout(LIMIT_SECONDS):
        assert await failing.letters(queue) == [letter]
    monkeypatch.undo()
    assert not await failing.letters(queue)


async def test_letters_that_the_server_puts_back_late(
    queue: MessageQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a busy one does, after it has closed the channel: whoever looks again sees them all the same."""
    failing, close, loop = Failing(), Channel.close, asyncio.get_running_loop()
    letter = await failing.fail(queue)

    async def close_later(channel: Channel) -> None:
        if len(channel._consumers) == 1:
            loop.call_later(0.2, channel.leave)
        else:
            await close(channel)

    monkeypatch.setattr(Channel, "close", close_later)
    assert await failing.letters(queue) == [letter]
    await queue.dead_letters.drop(letter)
    assert not await failing.letters(queue)
