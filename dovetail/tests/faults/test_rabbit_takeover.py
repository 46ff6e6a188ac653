"""RabbitMQ: a command's group is removed; all that waits for it goes to the group that claims it next."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from pamqp import commands

from dovetail import Backoff, Group, MessageQueue, Retry, Worker, connect
from dovetail.options import QueueOptions
from dovetail.testing.conformance.base import adding_to, recording
from dovetail.testing.conformance.names import Numbered, Order, fresh, numbered, numbers, order
from dovetail.testing.conformance.waiting import LIMIT_SECONDS, Seen, all_handled, until
from dovetail.testing.servers import RabbitServer
from dovetail.transports.rabbitmq import limits
from dovetail.transports.rabbitmq.address import parse_address
from dovetail.transports.rabbitmq.channel import Arguments, Channel, OnContent
from dovetail.transports.rabbitmq.client import Client
from dovetail.transports.rabbitmq.frames import Content
from dovetail.transports.rabbitmq.topology import delay_of, queue_of

pytestmark = pytest.mark.faults

#: Seconds by which messages are late, of a server that is busy.
LATE = 1.2


@pytest_asyncio.fixture
async def queue(rabbit_url: str) -> AsyncIterator[MessageQueue]:
    async with connect(rabbit_url) as queue:
        yield queue


@pytest_asyncio.fixture
async def operator(rabbit_url: str, queue: MessageQueue) -> AsyncIterator[Client]:
    client = Client(parse_address(rabbit_url, "url"), QueueOptions())
    await client.open()
    yield client
    await client.close()


async def left_behind(
    queue: MessageQueue, command: type[Order], count: int, group: Group | None = None
) -> str:
    """So many commands wait for a group that is gone; gives the name of its queue."""
    former = group or recording(command, Seen[Order]())
    async with Worker(queue, [former]):
        pass
    await asyncio.gather(*(queue.send(command(number)) for number in range(count)))
    await queue.remove_group(former.name)
    return queue_of(former.name, command.__subject__)


async def test_server_that_is_slow(queue: MessageQueue, monkeypatch: pytest.MonkeyPatch) -> None:
    """More than a second passes before the next commands come from the former group's queue."""
    command, seen, consume = order(), Seen[Order](), Channel.consume
    count = limits.TAKEN_AT_ONCE + 100
    former = await left_behind(queue, command, count)

    async def late(
        channel: Channel,
        name: str,
        taker: OnContent,
        *,
        prefetch: int = 0,
        no_ack: bool = False,
        arguments: Arguments | None = None,
    ) -> str:
        later = asyncio.get_running_loop().call_later

        def take_later(content: Content) -> None:
            later(LATE, taker, content)

        take = take_later if name == former else taker
        return await consume(
            channel, name, take, prefetch=prefetch, no_ack=no_ack, arguments=arguments
        )

    monkeypatch.setattr(Channel, "consume", late)
    async with Worker(queue, [recording(command, seen)]):
        assert sorted(numbers(await seen.has(count))) == list(range(count))


async def test_what_is_just_coming_back_from_its_delay(
    queue: MessageQueue, operator: Client, rabbit_server: RabbitServer
) -> None:
    """It is in no queue then. Here it stays so until the next group has begun to take over."""
    command, tried, seen = order(), Seen[Order](), Seen[Order]()
    former = Group(fresh("group"), retry=Backoff(tries=100))
    next_one = recording(command, seen)

    @former.on(command)
    async def fail(message: Order) -> None:
        tried.add(message)
        raise Retry(after=0.4)

    delayed = delay_of(queue_of(former.name, command.__subject__), 400)

    async def in_no_queue() -> bool:
        [found] = await operator.ask(commands.Queue.Declare(queue=delayed, passive=True))
        return bool(found.message_count == 0)

    async with Worker(queue, [former]):
        await queue.send(command(1))
        await tried.has(2)  # the queue for delays, and what moves its messages, are there
        await _each_mover(rabbit_server, "suspend")
        await until(in_no_queue, "its pause is over")
    try:
        await queue.remove_group(former.name)
        new = asyncio.create_task(Worker(queue, [next_one]).__aenter__())
        await until(lambda: _has_another(operator, delayed, new), "it takes over")
    finally:
        await _each_mover(rabbit_server, "resume")
    worker = await new
    try:
        assert numbers(await seen.has(1, within=10)) == [1]
        await all_handled(queue, next_one.name)
    finally:
        await worker.__aexit__(None, None, None)


async def _has_another(operator: Client, queue: str, claiming: asyncio.Task[Worker]) -> bool:
    """Whether somebody reads the queue, or it was too late for that."""
    if claiming.done():
        return True
    [found] = await operator.ask(commands.Queue.Declare(queue=queue, passive=True))
    return bool(found.consumer_count)


async def _each_mover(server: RabbitServer, do: str) -> None:
    """Of the server's processes that bring back what a delay is over for."""
    movers = "supervisor:which_children(rabbit_fifo_dlx_sup)"
    await server.control("eval", f"[sys:{do}(Pid) || {{_, Pid, _, _}} <- {movers}].")


async def test_connection_that_is_lost_has_some(
    queue: MessageQueue, operator: Client, caplog: pytest.LogCaptureFixture
) -> None:
    """The server has not noticed yet: it counts what that connection has among nothing."""
    caplog.set_level(logging.WARNING)
    command, seen, held = order(), Seen[Order](), Seen[Content]()
    former = await left_behind(queue, command, 20)
    async with operator.channel() as lost:
        await lost.consume(former, held.add, prefetch=5)
        await held.has(5)
        new = asyncio.create_task(Worker(queue, [recording(command, seen)]).__aenter__())

        async def waits() -> bool:
            return new.done() or f"others still read the queue {former}" in caplog.text

        await until(waits, "it waits for the others")
    async with asyncio.timeout(LIMIT_SECONDS):
        worker = await new
    try:
        assert sorted(numbers(await seen.has(20, within=10))) == list(range(20))
    finally:
        await worker.__aexit__(None, None, None)


async def test_group_that_is_back_keeps_its_queue(queue: MessageQueue) -> None:
    """It claimed the command, was removed, came back, and takes events there now: those are its own."""
    command, seen, events = order(), Seen[Order](), Seen[Numbered]()
    event, group = numbered(command.__subject__), recording(command, Seen[Order]())
    after = Group(group.name)
    after.on(event)(adding_to(events))
    await left_behind(queue, command, 1, group)
    async with Worker(queue, [group]):
        await all_handled(queue, group.name)
    async with Worker(queue, [after]):
        pass
    await queue.publish(event(2))
    async with Worker(queue, [recording(command, seen)]):
        await queue.send(command(3))
        await seen.has(1)
    async with Worker(queue, [after]):
        await all_handled(queue, after.name)
    assert (numbers(seen.items), numbers(events.items)) == ([3], [2])
