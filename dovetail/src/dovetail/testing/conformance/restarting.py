"""The server is killed and started again on its store, in the middle of the stream."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from dovetail import (
    Backoff,
    Context,
    Group,
    MessageQueue,
    NoAnswer,
    NoGroup,
    QueueUnavailable,
    Received,
    Worker,
    connect,
)
from dovetail.testing.conformance.base import Conformance, recording
from dovetail.testing.conformance.listening import listening
from dovetail.testing.conformance.load import Load
from dovetail.testing.conformance.names import (
    Numbered,
    Order,
    Question,
    fresh,
    numbered,
    order,
    question,
)
from dovetail.testing.conformance.requests import answering
from dovetail.testing.conformance.sizes import size
from dovetail.testing.conformance.waiting import LIMIT_SECONDS, Seen, all_handled, until
from dovetail.testing.servers.process import Server

#: As many as in Watermill's TestReconnect.
MESSAGES, PUBLISHERS = 10_000, 100
IN_A_ROW_MESSAGES = 3000
STOPPED_MESSAGES = 2000
STORED_MESSAGES = 500
COMMANDS, SENDERS = 300, 10


class Restarting(Conformance):
    """What was accepted is handled, and who was there is there again."""

    @size(messages=MESSAGES, publishers=PUBLISHERS, kills=2)
    async def test_killed_at_one_third_and_at_half(self, server: Server) -> None:
        load = Load()
        async with connect(server.url) as publisher, connect(server.url) as queue:
            async with Worker(queue, [load.group]):
                async with load.publishing(publisher, MESSAGES, PUBLISHERS):
                    for enough in (MESSAGES // 3, MESSAGES // 2):
                        await load.accepted.has(enough)
                        await kill_and_start(server)
                await all_handled(queue, load.group.name)
            load.check(MESSAGES)
            # A killed server may forget who handled what, but nothing comes again without a reason.
            assert len(load.handled) <= MESSAGES * 3
            assert not await queue.dead_letters.list(group=load.group.name)

    @size(messages=IN_A_ROW_MESSAGES, kills=2)
    async def test_killed_twice_in_a_row(self, server: Server) -> None:
        load = Load()
        async with connect(server.url) as publisher, connect(server.url) as queue:
            async with Worker(queue, [load.group]):
                async with load.publishing(publisher, IN_A_ROW_MESSAGES):
                    await load.accepted.has(IN_A_ROW_MESSAGES // 3)
                    await kill_and_start(server)
                    await kill_and_start(server)
                await all_handled(queue, load.group.name)
            load.check(IN_A_ROW_MESSAGES)
            assert not await queue.dead_letters.list(group=load.group.name)

    @size(messages=STOPPED_MESSAGES, restarts=1)
    async def test_stopped_properly_and_started(self, server: Server) -> None:
        """As an operator does for an upgrade: the server says goodbye first."""
        load = Load()
        async with connect(server.url) as publisher, connect(server.url) as queue:
            async with Worker(queue, [load.group]):
                async with load.publishing(publisher, STOPPED_MESSAGES):
                    await load.accepted.has(STOPPED_MESSAGES // 2)
                    await server.restart()
                await all_handled(queue, load.group.name)
            load.check(STOPPED_MESSAGES)

    @size(kills=2)
    async def test_who_only_waits_is_there_again(self, server: Server) -> None:
        """Workers that have nothing to do, listeners, and handlers of requests."""
        load, event, kind = Load(), numbered(), question()
        async with (
            connect(server.url) as queue,
            connect(server.url) as asking,
            listening(queue, event) as heard,
            Worker(queue, [load.group, answering(kind)]),
        ):
            for number in range(3):
                if number:
                    await kill_and_start(server)
                await load.publish(asking, range(number, number + 1))
                await load.handled.has(number + 1)
                await until(partial(_heard, asking, event(number), heard), "live events come again")
                await until(partial(_answers, asking, kind(number)), "requests are answered again")

    @size(messages=STORED_MESSAGES, kills=1)
    async def test_everything_on_the_store_outlives_it(self, server: Server) -> None:
        """Messages that wait, commands, dead letters, and attempts that were counted."""
        load, event, command = Load(), numbered(), order()
        orders, attempts = Seen[Order](), Seen[int]()
        commanded, trying = recording(command, orders), _failing_once(event, attempts)
        async with connect(server.url) as queue:
            async with Worker(queue, [commanded, trying]):
                await queue.publish(event())
                await queue.publish_raw(event.__subject__, b"junk")
                await attempts.has(1)
                await until(partial(_has_letter, queue, trying.name), "the dead letter is kept")
            await load.publish(queue, range(STORED_MESSAGES))
            await queue.send(command(1))
        await kill_and_start(server)
        async with connect(server.url) as queue:
            async with Worker(queue, [load.group, commanded, trying]):
                await all_handled(queue, load.group.name, commanded.name, trying.name)
            [letter] = await queue.dead_letters.list(group=trying.name)
        assert letter.body == b"junk"
        assert (attempts.items, len(orders)) == ([1, 2], 1)
        load.check(STORED_MESSAGES)

    @size(commands=COMMANDS, senders=SENDERS, kills=1)
    async def test_command_is_never_told_that_it_has_no_group(self, server: Server) -> None:
        command, orders = order(), Seen[Order]()
        async with connect(server.url, timeout=LIMIT_SECONDS) as queue:
            async with Worker(queue, [group := recording(command, orders)]):

                async def send(first: int) -> None:
                    for number in range(first, COMMANDS, SENDERS):
                        await queue.send(command(number), id=f"{group.name}-{number}")

                sending = asyncio.gather(*(send(first) for first in range(SENDERS)))
                await orders.has(COMMANDS // 6)
                await kill_and_start(server)
                await sending
                await all_handled(queue, group.name)
            assert {one.number for one in orders.items} == set(range(COMMANDS))
            with pytest.raises(NoGroup):
                await queue.send(order()(1))


async def kill_and_start(server: Server) -> None:
    """As after a crash of its process."""
    await server.kill()
    await server.start()


def _failing_once(event: type[Numbered], attempts: Seen[int]) -> Group:
    # Not every server remembers the pause: then the end of the lease is what brings it again.
    group = Group(fresh("group"), retry=Backoff(first=0.5, jitter=0), lease=2)

    @group.on(event)
    async def fail_once(message: Numbered, context: Context) -> None:
        attempts.add(context.attempt)
        if len(attempts) == 1:
            raise ValueError("not yet")

    return group


async def _has_letter(queue: MessageQueue, group: str) -> bool:
    return len(await queue.dead_letters.list(group=group)) == 1


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
