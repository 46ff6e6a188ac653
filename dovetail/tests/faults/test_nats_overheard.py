"""Others hear what is published to a stream, and may answer it: that confirms nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from itertools import count

import nats
import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg

from dovetail import Group, QueueUnavailable, Request, Worker, connect
from dovetail.testing.conformance.base import recording
from dovetail.testing.conformance.names import Numbered, fresh, numbered, numbers
from dovetail.testing.conformance.waiting import Seen, all_handled
from dovetail.testing.servers import NatsServer
from dovetail.testing.servers.nats import caught_up
from dovetail.transports.nats import topology

pytestmark = pytest.mark.faults

NewServer = Callable[..., Awaitable[NatsServer]]


async def answering(server: NatsServer, subject: str, answer: bytes) -> Client:
    client = await nats.connect(server.url)

    async def answers(message: Msg) -> None:
        await message.respond(answer)

    await client.subscribe(subject, cb=answers)
    await caught_up(client)
    return client


@pytest.mark.parametrize("answer", [b"", b'{"error"', b'{"ok":true}'], ids=["none", "cut", "json"])
@pytest.mark.parametrize("together", [1, 3], ids=["one", "some"])
async def test_whoever_else_answers_does_not_confirm(
    new_nats_server: NewServer, answer: bytes, together: int
) -> None:
    """The stream is gone, which nobody tells where somebody listens to its subject."""
    server = await new_nats_server()
    event, seen = numbered(), Seen[Numbered]()
    async with connect(server.url, timeout=0.5) as queue:
        await queue.publish(event(0))
        client = await answering(server, event.__subject__, answer)
        await client.jetstream().delete_stream(topology.EVENTS)
        with pytest.raises(QueueUnavailable):
            await queue.publish_many([event(number) for number in range(together)])
        # Now it is looked whether the stream is there, and all are confirmed beside the other's answers.
        await queue.publish_many([event(number) for number in range(10)])
        async with Worker(queue, [group := recording(event, seen)]):
            await all_handled(queue, group.name)
        await client.close()
    assert numbers(seen.items) == list(range(10))


async def test_a_stream_of_others_confirms_nothing(new_nats_server: NewServer) -> None:
    """It took the subject while ours was gone."""
    server = await new_nats_server()
    event = numbered()
    async with connect(server.url, timeout=2) as queue:
        await queue.publish(event(0))
        client = await nats.connect(server.url)
        await client.jetstream().delete_stream(topology.EVENTS)
        await client.jetstream().add_stream(name="theirs", subjects=[event.__subject__])
        with pytest.raises(Exception, match="overlap"):
            await queue.publish(event(1))
        await client.close()


async def test_events_on_the_subject_of_a_request_are_no_requests(
    new_nats_server: NewServer,
) -> None:
    server = await new_nats_server()
    event, calls, asked, seen = numbered(), count(1), Seen[int](), Seen[Numbered]()

    class Asked(Request[int], frozen=True, subject=event.__subject__):
        number: int = 0

    answers = Group(fresh("group"))

    @answers.on(Asked)
    async def answer(request: Asked) -> int:
        asked.add(request.number)
        return next(calls)

    async with connect(server.url) as queue, Worker(queue, [answers, recording(event, seen)]):
        await queue.publish_many([event(number) for number in range(5)])
        assert await queue.request(Asked(7)) == 1
        assert numbers(await seen.has(5)) == list(range(5))
    assert asked.items == [7]
