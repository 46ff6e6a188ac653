"""RabbitMQ: a handler fails, and the server does not store what is to become of the message."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from dovetail import Backoff, Context, Group, MessageQueue, Received, Retry, Worker, connect
from dovetail.options import QueueOptions
from dovetail.testing.conformance.names import Numbered, fresh, fresh_subject, numbered
from dovetail.testing.conformance.waiting import Seen, all_handled
from dovetail.testing.servers import RabbitServer
from dovetail.transports.rabbitmq import limits
from dovetail.transports.rabbitmq.address import parse_address
from dovetail.transports.rabbitmq.channel import Batch
from dovetail.transports.rabbitmq.client import Client
from dovetail.transports.rabbitmq.frames import Properties
from dovetail.transports.rabbitmq.topology import EVENTS

pytestmark = pytest.mark.faults

#: Seconds; the next one is twice as long.
SHORTEST_PAUSE = 0.1


@pytest_asyncio.fixture
async def queue(rabbit_url: str) -> AsyncIterator[MessageQueue]:
    async with connect(rabbit_url) as queue:
        yield queue


async def _publish_as_another_program(url: str, subject: str, body: bytes) -> None:
    client = Client(parse_address(url, "url"), QueueOptions())
    await client.open()
    async with client.channel(confirms=True) as channel:
        batch = Batch(1, asyncio.get_running_loop().create_future())
        channel.publish(batch, EVENTS, subject, Properties(message_id="large"), body)
        await batch.done
    await client.close()


async def test_message_larger_than_we_publish(queue: MessageQueue, rabbit_url: str) -> None:
    """Another program has published it, so the server takes it: it is retried, given up and replayed."""
    subject, attempts, go_on = fresh_subject(), Seen[int](), asyncio.Event()
    body = b"x" * (limits.MESSAGE_BYTES + 1)
    group = Group(fresh("group"), retry=Backoff(first=0.01, tries=2))

    @group.on(f"{subject}.>")
    async def fail(message: Received, context: Context) -> None:
        attempts.add(context.attempt)
        assert message.body == body
        if not go_on.is_set():
            raise ValueError("no")

    async with Worker(queue, [group]):
        await _publish_as_another_program(rabbit_url, f"{subject}.large", body)
        await attempts.has(2)
        await all_handled(queue, group.name)
        assert attempts.items == [1, 2]
        [letter] = await queue.dead_letters.list(group=group.name)
        assert letter.body == body
        go_on.set()
        await queue.dead_letters.replay(letter)
        await attempts.has(3)
        await all_handled(queue, group.name)
    assert attempts.items == [1, 2, 1]
    assert not await queue.dead_letters.list(group=group.name)


async def test_server_takes_no_more_queues(
    queue: MessageQueue,
    rabbit_url: str,
    rabbit_server: RabbitServer,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """There can be none for delays: the message comes again, after longer and longer pauses."""
    caplog.set_level(logging.WARNING)
    event, calls, vhost = numbered(), Seen[tuple[int, float]](), rabbit_url.rpartition("/")[2]
    group = Group(fresh("group"), retry=Backoff(tries=3))
    clock = asyncio.get_running_loop().time

    @group.on(event)
    async def fail(message: Numbered, context: Context) -> None:
        calls.add((context.attempt, clock()))
        if context.attempt == 1:
            raise Retry(after=0.05)

    async with Worker(queue, [group]):
        await rabbit_server.control("set_vhost_limits", "-p", vhost, '{"max-queues": 1}')
        await queue.publish(event(1))
        refused = (await calls.has(4))[:4]
        await rabbit_server.control("clear_vhost_limits", "-p", vhost)
        await all_handled(queue, group.name)
    assert {attempt for attempt, _ in refused} == {1}
    times = [time for _, time in refused]
    pauses = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert all(one >= SHORTEST_PAUSE * 2**count for count, one in enumerate(pauses))
    assert [attempt for attempt, _ in calls.items][-1] == 2
    assert "comes again, as what becomes of it could not be stored" in caplog.text
