"""The server is killed and started again on its store, in the middle of the stream."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

import pytest

from dovetail import (
    MessageQueue,
    NoAnswer,
    NoGroup,
    QueueUnavailable,
    Received,
    Worker,
    connect,
)
from dovetail.testing.conformance.asking import answering
from dovetail.testing.conformance.base import recording
from dovetail.testing.conformance.listening import listening
from dovetail.testing.conformance.names import Numbered, Order, Question, numbered, order, question
from dovetail.testing.conformance.waiting import Seen, all_handled, until
from dovetail.testing.servers import NatsServer

from .load import Load

NewServer = Callable[..., Awaitable[NatsServer]]
pytestmark = pytest.mark.faults


async def kill_and_start(server: NatsServer, times: int = 1) -> None:
    for _ in range(times):
        await server.kill()
        await server.start()


async def test_restarted_at_one_third_and_at_half(new_nats_server: NewServer) -> None:
    server, load, count = await new_nats_server(), Load(), 10_000
    async with connect(server.url) as publisher, connect(server.url) as queue:
        async with Worker(queue, [load.group]):
            publishing = asyncio.create_task(load.publish(publisher, range(count)))
            for enough in (count // 3, count // 2):
                await load.accepted.has(enough)
                await kill_and_start(server)
            await publishing
            await all_handled(queue, load.group.name)
        load.check(count)
        assert len(load.handled) < count * 1.5
        assert not await queue.dead_letters.list()


async def test_restarted_twice_in_a_row(new_nats_server: NewServer) -> None:
    server, load, count = await new_nats_server(), Load(), 3000
    async with connect(server.url) as publisher, connect(server.url) as queue:
        async with Worker(queue, [load.group]):
            publishing = asyncio.create_task(load.publish(publisher, range(count)))
            await load.accepted.has(count // 3)
            await kill_and_start(server, times=3)
            await publishing
            await all_handled(queue, load.group.name)
        load.check(count)
        assert not await queue.dead_letters.list()


async def test_restarted_while_only_waiting(new_nats_server: NewServer) -> None:
    """A worker that has nothing to do must still be there after the restart."""
    server, load = await new_nats_server(), Load()
    async with connect(server.url) as queue, Worker(queue, [load.group]):
        for number in range(3):
            await load.publish(queue, range(number, number + 1))
            await load.handled.has(number + 1)
            await kill_and_start(server)
        await load.publish(queue, range(3, 4))
        await load.handled.has(4)


async def test_what_was_accepted_outlives_everything(new_nats_server: NewServer) -> None:
    """Messages that wait, attempts that were counted, dead letters, and commands."""
    server, load = await new_nats_server(), Load()
    command, orders = order(), Seen[Order]()
    commanded = recording(command, orders)
    async with connect(server.url) as queue:
        async with Worker(queue, [commanded]):
            pass
        await load.publish(queue, range(500))
        await queue.send(command(1))
        await queue.publish_raw(load.event.__subject__, b"junk")
    await kill_and_start(server)
    async with connect(server.url) as queue, Worker(queue, [load.group, commanded]):
        await all_handled(queue, load.group.name, commanded.name)
    await kill_and_start(server)
    async with connect(server.url) as queue:
        assert [letter.body for letter in await queue.dead_letters.list()] == [b"junk"]
    load.check(500)
    assert len(orders) == 1


async def test_command_is_never_told_that_it_has_no_group(new_nats_server: NewServer) -> None:
    server, command, orders = await new_nats_server(), order(), Seen[Order]()
    async with connect(server.url, timeout=20) as queue:
        async with Worker(queue, [group := recording(command, orders)]):

            async def send(first: int) -> None:
                for number in range(first, 300, 10):
                    await queue.send(command(number), id=f"order-{number}")

            sending = asyncio.gather(*(send(first) for first in range(10)))
            await orders.has(50)
            await kill_and_start(server)
            await sending
            await all_handled(queue, group.name)
        assert {one.number for one in orders.items} == set(range(300))
        with pytest.raises(NoGroup):
            await queue.send(order()(1))


async def test_listeners_and_request_handlers_come_back(new_nats_server: NewServer) -> None:
    server, event, kind = await new_nats_server(), numbered(), question()
    async with (
        connect(server.url) as queue,
        connect(server.url) as asking,
        listening(queue, event) as heard,
        Worker(queue, [answering(kind)]),
    ):
        for number in range(3):
            await until(partial(_heard, asking, event(number), heard), "live events come again")
            await until(partial(_answers, asking, kind(number)), "requests are answered again")
            await kill_and_start(server)


async def test_stopped_properly_and_started(new_nats_server: NewServer) -> None:
    """As an operator does for an upgrade: the server says goodbye first."""
    server, load = await new_nats_server(), Load()
    async with connect(server.url) as publisher, connect(server.url) as queue:
        async with Worker(queue, [load.group]):
            publishing = asyncio.create_task(load.publish(publisher, range(2000)))
            await load.accepted.has(1000)
            await server.restart()
            await publishing
            await all_handled(queue, load.group.name)
        load.check(2000)


async def _heard(queue: MessageQueue, event: Numbered, heard: Seen[Received]) -> bool:
    """Whether the listener is there again; nobody promises when, and nothing is kept for it."""
    try:
        await queue.publish(event, durable=False)
        await heard.has(len(heard) + 1, within=0.2)
    except (QueueUnavailable, AssertionError):
        return False
    return bool(heard.items[-1].data["number"] == event.number)


async def _answers(queue: MessageQueue, request: Question) -> bool:
    try:
        return await queue.request(request, timeout=0.2) == f"answer {request.number}"
    except (NoAnswer, QueueUnavailable):
        return False
