"""Commands on NATS as older versions laid them out: on the command's own subject."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import nats
import pytest
from nats.js import JetStreamContext

from dovetail import CommandClaimed, Group, MessageQueue, Received, Worker, connect
from dovetail.testing.conformance.base import recording
from dovetail.testing.conformance.names import Order, fresh, numbered, numbers, order
from dovetail.testing.conformance.waiting import Seen, all_handled
from dovetail.testing.servers import NatsServer
from dovetail.transports.nats.topology import command_stream, consumer_of

NewServer = Callable[..., Awaitable[NatsServer]]
pytestmark = pytest.mark.faults


async def _as_before(js: JetStreamContext, command: type[Order], group: Group) -> None:
    """The stream and the consumer that version 1.0 made."""
    subject = command.__subject__
    await js.add_stream(
        name=command_stream(subject), subjects=[subject], retention="workqueue", discard="new"
    )
    await js.add_consumer(
        command_stream(subject),
        durable_name=consumer_of(group.name, subject),
        filter_subject=subject,
        ack_policy="explicit",
        ack_wait=15,
        max_deliver=-1,
        max_ack_pending=-1,
    )


async def _subjects(js: JetStreamContext, command: type[Order]) -> list[str]:
    return (await js.stream_info(command_stream(command.__subject__))).config.subjects or []


def _body(number: int) -> bytes:
    return b'{"specversion":"1.0","id":"%d","source":"s","type":"t","data":{"number":%d}}' % (
        number,
        number,
    )


async def test_goes_on_and_is_moved_where_events_want_the_subject(
    new_nats_server: NewServer,
) -> None:
    server, command, handled = await new_nats_server(), order(), Seen[Order]()
    subject, group, seen = command.__subject__, recording(command, handled), Seen[Received]()
    client = await nats.connect(server.url)
    js = client.jetstream()
    await _as_before(js, command, group)
    await js.publish(subject, _body(1))
    async with connect(server.url) as queue:
        await queue.send(command(2))  # before a worker of this version has been there
        async with Worker(queue, [group]):
            assert numbers(await handled.has(2)) == [1, 2]
            await queue.send(command(3))
            await js.publish(subject, _body(4))
            assert numbers(await handled.has(4)) == [1, 2, 3, 4]
            assert await _subjects(js, command) == [subject]
            async with Worker(queue, [_taking(f"{subject.split('.')[0]}.>", seen)]):
                # The publisher believes that the command is still sent as before.
                await queue.send(command(5))
                await queue.publish(numbered(subject)(6))
                assert numbers(await handled.has(5)) == [1, 2, 3, 4, 5]
                [event] = await seen.has(1)
                assert event.data == {"number": 6, "text": ""}
                await all_handled(queue, group.name)
        await _refuses_another(queue, command, group)
    assert await _subjects(js, command) == [f"dovetail.command.{subject}"]
    await client.close()


async def test_what_waits_is_handled_after_it_was_moved(new_nats_server: NewServer) -> None:
    server, command, handled = await new_nats_server(), order(), Seen[Order]()
    subject, group = command.__subject__, recording(command, handled)
    client = await nats.connect(server.url)
    js = client.jetstream()
    await _as_before(js, command, group)
    await js.publish(subject, _body(1))
    async with connect(server.url) as queue:
        await queue.publish(numbered(subject)(2))
        await queue.send(command(3))
        async with Worker(queue, [group]):
            assert numbers(await handled.has(2)) == [1, 3]
            await all_handled(queue, group.name)
    assert numbers(handled.items) == [1, 3]
    await client.close()


async def _refuses_another(queue: MessageQueue, command: type[Order], group: Group) -> None:
    with pytest.raises(CommandClaimed) as caught:
        await Worker(queue, [recording(command, Seen[Order]())]).__aenter__()
    assert caught.value.group == group.name


def _taking(pattern: str, seen: Seen[Received]) -> Group:
    group = Group(fresh("group"))

    @group.on(pattern)
    async def take(event: Received) -> None:
        seen.add(event)

    return group
