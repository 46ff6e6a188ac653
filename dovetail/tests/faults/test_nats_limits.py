"""Limits on what one request for messages may ask for: of the server, or of an operator's own."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

import pytest

from dovetail import Group, MessageQueue, Worker, connect
from dovetail.testing.conformance.base import recording
from dovetail.testing.conformance.names import Numbered, numbered, numbers
from dovetail.testing.conformance.waiting import Seen, all_handled, until
from dovetail.testing.servers import NatsServer
from dovetail.transports.nats import topology
from dovetail.transports.nats.transport import NatsTransport

pytestmark = pytest.mark.faults

NewServer = Callable[..., Awaitable[NatsServer]]


async def limit(queue: MessageQueue, group: Group, event: type[Numbered], **limits: int) -> None:
    """As `nats consumer edit` does."""
    assert isinstance(queue.transport, NatsTransport)
    name = topology.consumer_of(group.name, event.__subject__)
    known = await queue.transport._api.consumer(topology.EVENTS, name)
    assert known is not None
    await queue.transport._api.make_consumer(topology.EVENTS, known["config"] | limits)


async def test_requests_stay_within_the_servers_limit(
    new_nats_server: NewServer, caplog: pytest.LogCaptureFixture
) -> None:
    server = await new_nats_server(max_file_store="1GB\nlimits { max_request_batch: 2 }")
    event, seen = numbered(), Seen[Numbered]()
    async with connect(server.url) as queue, Worker(queue, [group := recording(event, seen)]):
        await queue.publish_many([event(number) for number in range(100)])
        await all_handled(queue, group.name)
    assert numbers(seen.items) == list(range(100))
    assert not caplog.records


async def test_limits_that_are_set_while_a_worker_runs(
    new_nats_server: NewServer, caplog: pytest.LogCaptureFixture
) -> None:
    """What is refused then is said, and asked for within the limits."""
    caplog.set_level(logging.WARNING, "dovetail.nats")
    server = await new_nats_server()
    event, seen = numbered(), Seen[Numbered]()
    async with connect(server.url) as queue, Worker(queue, [group := recording(event, seen)]):
        await limit(queue, group, event, max_batch=2, max_expires=topology.SECOND, max_bytes=10_000)
        await queue.publish_many([event(number) for number in range(100)])
        await all_handled(queue, group.name)
    assert numbers(seen.items) == list(range(100))
    assert "Exceeded Max" in caplog.text


async def test_a_message_that_is_larger_than_the_limit_is_said_to_be(
    new_nats_server: NewServer, caplog: pytest.LogCaptureFixture
) -> None:
    """It comes once the limit is raised."""
    caplog.set_level(logging.WARNING, "dovetail.nats")
    server = await new_nats_server()
    event, seen = numbered(), Seen[Numbered]()
    group = recording(event, seen)

    async def says() -> bool:
        return "Message Size Exceeds MaxBytes" in caplog.text

    async with connect(server.url) as queue:
        async with Worker(queue, [group]):
            await limit(queue, group, event, max_bytes=1000)
        async with Worker(queue, [group]):
            await queue.publish(event(1, "x" * 5000))
            await until(says, "it says so")
            await limit(queue, group, event, max_bytes=10_000)
            await all_handled(queue, group.name)
    assert numbers(seen.items) == [1]
