"""What is cancelled or ended at any moment leaves nothing behind on RabbitMQ, and nobody else without."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from typing import Any

import pytest
import pytest_asyncio
from pamqp import commands
from pamqp.base import Frame

from dovetail import Group, MessageQueue, NoAnswer, NobodyListening, Worker, connect
from dovetail.delivery import Claim
from dovetail.testing.conformance.base import recording
from dovetail.testing.conformance.names import (
    Numbered,
    Question,
    fresh,
    fresh_subject,
    numbered,
    numbers,
    question,
)
from dovetail.testing.conformance.waiting import LIMIT_SECONDS, Seen, all_handled, until
from dovetail.testing.servers import Proxy, RabbitServer
from dovetail.transports.rabbitmq import backfill, limits, live_channel
from dovetail.transports.rabbitmq.backfill import NewArrivals
from dovetail.transports.rabbitmq.channel import Channel
from dovetail.transports.rabbitmq.frames import Content
from dovetail.transports.rabbitmq.locks import lock
from dovetail.transports.rabbitmq.topology import HISTORY
from dovetail.transports.rabbitmq.transport import RabbitTransport
from dovetail.transports.rabbitmq.wire import Wire

pytestmark = pytest.mark.faults


@pytest_asyncio.fixture
async def queue(rabbit_server: RabbitServer) -> AsyncIterator[MessageQueue]:
    async with connect(rabbit_server.url) as queue:
        yield queue


async def _wire(queue: MessageQueue) -> Wire:
    assert isinstance(queue.transport, RabbitTransport)
    return await queue.transport._client.ready()


async def _cancelled_after(
    asked: type[Frame], wire: Wire, doing: Coroutine[Any, Any, None]
) -> None:
    """Cancel it when it has asked the server for something, before there is an answer."""
    task, write, told = asyncio.create_task(doing), wire.write, asyncio.Event()

    def write_and_cancel(data: bytes) -> None:
        write(data)
        if data[7:11] == asked.index.to_bytes(4, "big"):
            task.cancel()
            told.set()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(wire, "write", write_and_cancel)
        async with asyncio.timeout(LIMIT_SECONDS):
            await told.wait()
        with pytest.raises(asyncio.CancelledError):
            await task


@pytest.mark.parametrize(
    "asked",
    [
        commands.Channel.Open,
        commands.Queue.Declare,
        commands.Queue.Bind,
        commands.Basic.Consume,
    ],
)
async def test_cancelled_while_it_begins(queue: MessageQueue, asked: type[Frame]) -> None:
    wire, kind = await _wire(queue), question()
    channels = len(wire._channels)

    async def listen() -> None:
        async with queue.transport.listen(fresh_subject()):
            raise AssertionError("it was to be cancelled before")

    async def answer(body: bytes) -> bytes:
        return body

    async def serve(group: str | None) -> None:
        await queue.transport.serve(kind.__subject__, group, answer)

    async def closed() -> bool:
        return len(wire._channels) == channels

    for begin in (listen(), serve(None), serve(fresh("group"))):
        await _cancelled_after(asked, wire, begin)
        await until(closed, "its channels are closed")
    with pytest.raises(NobodyListening):
        await queue.request(kind(1))


async def test_lock_of_one_who_was_cancelled(
    queue: MessageQueue, rabbit_server: RabbitServer
) -> None:
    wire, name = await _wire(queue), fresh_subject("lock")

    async def take() -> None:
        async with lock(wire, name):
            raise AssertionError("it was to be cancelled before")

    await _cancelled_after(commands.Queue.Declare, wire, take())
    async with (
        connect(rabbit_server.url) as another,
        asyncio.timeout(LIMIT_SECONDS),
        lock(await _wire(another), name),
    ):
        pass


async def test_listener_that_ends_while_the_connection_is_made_again(
    rabbit_server: RabbitServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one after it in the row listens on."""
    first, second = fresh_subject(), fresh_subject()
    begun, ended, own_queue = asyncio.Event(), asyncio.Event(), live_channel.own_queue

    async def held(
        channel: Channel, exchange: str, key: str, taker: Callable[[Content], None]
    ) -> None:
        if key == first:
            begun.set()
            await ended.wait()
        await own_queue(channel, exchange, key, taker)

    async with Proxy(rabbit_server) as proxy, connect(proxy.url) as queue:
        channels = len((await _wire(queue))._channels)
        leaving = queue.transport.listen(first)
        await leaving.__aenter__()
        async with queue.transport.listen(second) as events:
            monkeypatch.setattr(live_channel, "own_queue", held)
            proxy.cut()
            await begun.wait()
            await leaving.__aexit__(None, None, None)
            ended.set()
            wire = await _wire(queue)
            await queue.transport.broadcast(second, b"heard")
            async with asyncio.timeout(LIMIT_SECONDS):
                assert (await anext(events)).body == b"heard"
            assert len(wire._channels) == channels + 1


async def test_connection_lost_while_a_group_is_provisioned(
    rabbit_server: RabbitServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Just when what it has written itself is to come back: it begins anew."""
    event, seen, cuts, take = numbered(), Seen[Numbered](), iter(range(3)), NewArrivals._take
    async with Proxy(rabbit_server) as proxy, connect(proxy.url) as queue:

        def cut_before(arrivals: NewArrivals, content: Content) -> None:
            if next(cuts, None) is None:
                take(arrivals, content)
            else:
                proxy.cut()

        async with Worker(queue, [recording(event, Seen[Numbered]())]):
            await queue.publish_many([event(number) for number in range(10)])
        monkeypatch.setattr(NewArrivals, "_take", cut_before)
        async with asyncio.timeout(LIMIT_SECONDS), Worker(queue, [recording(event, seen)]):
            assert numbers(await seen.has(10)) == list(range(10))
    assert next(cuts, None) is None, "it was not cut"


async def test_connection_lost_when_a_group_has_the_history(
    rabbit_server: RabbitServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before it says so: what begins anew does not give it the history a second time."""
    event, seen, cuts, copy = numbered(), Seen[Numbered](), iter(range(2)), backfill.copy
    count = 3 * limits.REMEMBERED_ACKS  # a member drops a copy of what it has acked lately
    async with Proxy(rabbit_server) as proxy, connect(proxy.url) as queue:

        async def cut_after(*args: Any) -> int:
            copied = await copy(*args)
            if copied and next(cuts, None) is not None:
                proxy.cut()
            return copied

        async with Worker(queue, [recording(event, Seen[Numbered]())]):
            await queue.publish_many([event(number) for number in range(count)])
        monkeypatch.setattr(backfill, "copy", cut_after)
        group = recording(event, seen)
        async with Worker(queue, [group]):
            await all_handled(queue, group.name)
    assert sorted(numbers(seen.items)) == list(range(count))
    assert next(cuts, None) is None, "it was not cut"


async def test_cancelled_while_the_history_is_copied(
    queue: MessageQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When it has ended, it reads no more: not only some time after that."""
    event, begun = numbered(), asyncio.Event()
    async with Worker(queue, [recording(event, Seen[Numbered]())]):
        await queue.publish(event(1))
    wire = await _wire(queue)
    channel = await Channel.open(wire, confirms=True)
    channels = len(wire._channels)

    async def held(_arrivals: NewArrivals, _contents: Sequence[Content]) -> list[Content]:
        begun.set()
        await asyncio.Event().wait()
        return []

    monkeypatch.setattr(NewArrivals, "without", held)
    claim = Claim(fresh("group"), event.__subject__, "event", "first", 15.0, 10)
    copying = asyncio.create_task(backfill.copy(channel, HISTORY, claim, NewArrivals(channel)))
    async with asyncio.timeout(LIMIT_SECONDS):
        await begun.wait()
    copying.cancel()
    with pytest.raises(asyncio.CancelledError):
        await copying
    assert len(wire._channels) == channels
    await channel.close()


async def test_last_of_a_group_leaves_while_another_joins(
    queue: MessageQueue, rabbit_server: RabbitServer
) -> None:
    """As when workers are replaced one by one: the queue of requests goes with the one who leaves."""
    kind = question()

    async def answer(body: bytes) -> bytes:
        return body

    async with connect(rabbit_server.url) as another:
        leave = await queue.transport.serve(kind.__subject__, "group", answer)
        for _ in range(20):
            joins = another.transport.serve(kind.__subject__, "group", answer)
            _, stop = await asyncio.gather(leave(), joins)
            async with queue.transport.request(
                kind.__subject__, b"asked", LIMIT_SECONDS
            ) as answers:
                assert await anext(answers) == b"asked"
            leave = await queue.transport.serve(kind.__subject__, "group", answer)
            await stop()
        await leave()


async def test_stopped_without_an_answer_of_the_server(rabbit_server: RabbitServer) -> None:
    """A handler of requests is cancelled at the end of the time to drain, as any other."""
    kind, begun, ended = question(), asyncio.Event(), asyncio.Event()
    group = Group(fresh("group"))

    @group.on(kind)
    async def answer(request: Question) -> str:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return "never"

    async with Proxy(rabbit_server) as proxy, connect(proxy.url) as queue:
        async with Worker(queue, [group], drain=0):
            with pytest.raises(NoAnswer):
                await queue.request(kind(1), timeout=0.1)
            async with asyncio.timeout(LIMIT_SECONDS):
                await begun.wait()
            proxy.black_hole(on=True)
        async with asyncio.timeout(LIMIT_SECONDS):
            await ended.wait()
