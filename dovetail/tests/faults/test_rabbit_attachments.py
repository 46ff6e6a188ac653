"""RabbitMQ: listeners and answerers on a new connection: many of them, and one that does not work."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
from pamqp import commands

from dovetail import MessageQueue, NobodyListening, Received, connect
from dovetail.network.protocol import ConnectionLost
from dovetail.testing.conformance.names import fresh, fresh_subject, question
from dovetail.testing.conformance.waiting import Seen, until
from dovetail.testing.servers import Proxy, RabbitServer
from dovetail.transports.rabbitmq import limits, live_channel
from dovetail.transports.rabbitmq.channel import INTERNAL_ERROR, Channel, ChannelClosed
from dovetail.transports.rabbitmq.frames import Content
from dovetail.transports.rabbitmq.topology import REQUESTS, answers_of
from dovetail.transports.rabbitmq.transport import RabbitTransport
from dovetail.transports.rabbitmq.wire import Wire

pytestmark = pytest.mark.faults

#: More than any server takes for one step of these tests; all steps together take longer.
STEP_SECONDS = 3.0


async def _wire(queue: MessageQueue) -> Wire:
    assert isinstance(queue.transport, RabbitTransport)
    return await queue.transport._client.ready()


async def _hears(queue: MessageQueue, events: AsyncIterator[Received], subject: str) -> None:
    """Return when the listener hears what is published now."""

    async def published() -> bool:
        await queue.transport.broadcast(subject, b"heard")
        return bool(heard.items)

    async def listen() -> None:
        heard.add(await anext(events))

    heard = Seen[Received]()
    listening = asyncio.create_task(listen())
    try:
        await until(published, f"{subject} is heard")
    finally:
        listening.cancel()


async def test_many_listeners(rabbit_server: RabbitServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each takes its time on a server far away; the connection comes back all the same, and all hear."""
    own_queue, subjects = live_channel.own_queue, [fresh_subject() for _ in range(40)]

    async def far_away(
        channel: Channel, exchange: str, key: str, taker: Callable[[Content], None]
    ) -> None:
        await asyncio.sleep(STEP_SECONDS / 20)
        await own_queue(channel, exchange, key, taker)

    async with (
        Proxy(rabbit_server) as proxy,
        connect(proxy.url) as queue,
        AsyncExitStack() as listeners,
    ):
        heard = [
            await listeners.enter_async_context(queue.transport.listen(subject))
            for subject in subjects
        ]
        monkeypatch.setattr(live_channel, "own_queue", far_away)
        monkeypatch.setattr(limits, "PREPARE_SECONDS", STEP_SECONDS)
        proxy.cut()
        for subject, events in zip(subjects, heard, strict=True):
            await _hears(queue, events, subject)
        assert queue.connected


async def test_one_that_does_not_work(
    rabbit_server: RabbitServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The others do; when it works again it says so, and that something may not have come."""
    caplog.set_level(logging.WARNING)
    good, bad, own_queue = fresh_subject(), fresh_subject(), live_channel.own_queue
    tries, missed, mended = Seen[str](), Seen[str](), asyncio.Event()

    async def down(
        channel: Channel, exchange: str, key: str, taker: Callable[[Content], None]
    ) -> None:
        if key == bad and not mended.is_set():
            tries.add(key)
            raise ChannelClosed(INTERNAL_ERROR, "its node is down")
        await own_queue(channel, exchange, key, taker)

    async with (
        Proxy(rabbit_server) as proxy,
        connect(proxy.url) as queue,
        queue.transport.listen(bad, lambda: missed.add(bad)) as bad_events,
        queue.transport.listen(good) as good_events,
    ):
        monkeypatch.setattr(live_channel, "own_queue", down)
        proxy.cut()
        await tries.has(3)
        await _hears(queue, good_events, good)
        assert queue.connected
        before = len(missed)
        mended.set()
        await _hears(queue, bad_events, bad)
        assert len(missed) == before + 1
    said = [one.getMessage() for one in caplog.records if bad in one.getMessage()]
    assert said == [
        f"listening to {bad} does not work for now: {INTERNAL_ERROR} its node is down; trying again",
        f"listening to {bad} works again",
    ]


async def test_queue_of_requests_is_removed(rabbit_server: RabbitServer) -> None:
    """It is made again on the same connection."""
    kind, group = question(), fresh("group")

    async def answer(body: bytes) -> bytes:
        return body

    async with connect(rabbit_server.url) as queue:
        stop = await queue.transport.serve(kind.__subject__, group, answer)
        wire = await _wire(queue)
        async with connect(rabbit_server.url) as another:
            assert isinstance(another.transport, RabbitTransport)
            delete = commands.Queue.Delete(queue=answers_of(group, kind.__subject__))
            await another.transport._client.ask(delete)

        async def answered() -> bool:
            try:
                async with queue.transport.request(kind.__subject__, b"1", 5.0) as answers:
                    return await anext(answers) == b"1"
            except NobodyListening:
                return False

        await until(answered, "it answers again")
        assert await _wire(queue) is wire
        await stop()


async def test_queue_of_requests_made_by_an_older_version(rabbit_server: RabbitServer) -> None:
    """It was durable; its members and newer ones share it."""
    kind, group = question(), fresh("group")
    name, asked = answers_of(group, kind.__subject__), Seen[Content]()

    async def answer(body: bytes) -> bytes:
        return body

    async with connect(rabbit_server.url) as queue:
        older = await Channel.open(await _wire(queue))
        await older.call(commands.Queue.Declare(queue=name, durable=True, auto_delete=True))
        await older.call(
            commands.Queue.Bind(queue=name, exchange=REQUESTS, routing_key=kind.__subject__)
        )
        await older.consume(name, asked.add, no_ack=True)
        stop = await queue.transport.serve(kind.__subject__, group, answer)

        async def both_were_asked() -> bool:
            async with queue.transport.request(kind.__subject__, b"1", 0.1) as answers:
                answered.extend([one async for one in answers])
            return bool(answered) and len(asked) > 0

        answered: list[bytes] = []
        await until(both_were_asked, "they take turns")
        await stop()
        await older.close()


async def test_server_that_refuses_transient_queues(
    rabbit_server: RabbitServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ends the connection for it, as AMQP has it for 541; the next one asks for what it takes."""
    kind, group, consume_bound = question(), fresh("group"), live_channel.consume_bound
    refused = Seen[str]()

    async def refuse(
        channel: Channel, declare: Any, exchange: str, key: str, taker: Callable[[Content], None]
    ) -> None:
        if declare.queue and not declare.durable:
            why = "541 INTERNAL_ERROR - Feature `transient_nonexcl_queues` is deprecated"
            refused.add(why)
            channel.wire.abort(why)
            raise ConnectionLost(why)
        await consume_bound(channel, declare, exchange, key, taker)

    async def answer(body: bytes) -> bytes:
        return body

    monkeypatch.setattr(live_channel, "consume_bound", refuse)
    async with connect(rabbit_server.url) as queue:
        stop = await queue.transport.serve(kind.__subject__, group, answer)
        async with queue.transport.request(kind.__subject__, b"1", 5.0) as answers:
            assert await anext(answers) == b"1"
        await stop()
    assert len(refused) == 1
