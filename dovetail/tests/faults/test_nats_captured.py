"""Requests and live messages on subjects that a stream of events takes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import count

import nats
import pytest
import pytest_asyncio
from nats.aio.msg import Msg

from dovetail import Group, MessageQueue, MessageTooLarge, NoAnswer, Received, Worker, connect
from dovetail.testing.conformance.listening import listening
from dovetail.testing.conformance.names import Question, fresh, fresh_subject
from dovetail.testing.conformance.waiting import Seen, all_handled
from dovetail.testing.servers import NatsServer
from dovetail.testing.servers.nats import caught_up

pytestmark = pytest.mark.faults


@pytest_asyncio.fixture
async def queue(nats_server: NatsServer) -> AsyncIterator[MessageQueue]:
    async with connect(nats_server.url) as queue:
        yield queue


def captured() -> tuple[type[Question], Group, Seen[Received]]:
    """A request, and a group that takes all events from the request's subject downwards."""
    top, seen, group = fresh_subject("desk"), Seen[Received](), Group(fresh("group"))

    class Asked(Question, frozen=True, subject=f"{top}.question"):
        pass

    @group.on(f"{top}.>")
    async def keep(message: Received) -> None:
        seen.add(message)

    return Asked, group, seen


def answering(kind: type[Question]) -> Group:
    """Answers each with its number."""
    group, calls = Group(fresh("group")), count(1)

    @group.on(kind, every_member=True)
    async def answer(request: Question) -> str:
        return f"call {next(calls)}"

    return group


async def test_requests_are_answered_by_handlers_only(queue: MessageQueue) -> None:
    """The stream that takes the subject neither answers nor keeps them."""
    kind, group, seen = captured()
    async with Worker(queue, [group]), Worker(queue, [answering(kind)]):
        await queue.publish_raw(f"{kind.__subject__}.other", b"an event")
        assert [await queue.request(kind(1)) for _ in range(5)] == [
            f"call {n}" for n in range(1, 6)
        ]
        gathered = await queue.gather(kind(1), timeout=20, most=1)
        assert gathered.answers == ["call 6"]
        await all_handled(queue, group.name)
    assert [one.body for one in seen.items] == [b"an event"]


async def test_nobody_answers(queue: MessageQueue) -> None:
    """With a stream on the subject the server cannot tell that nobody listens."""
    kind, group, _ = captured()
    async with Worker(queue, [group]):
        with pytest.raises(NoAnswer):
            await queue.request(kind(1), timeout=0.3)
        assert not (await queue.gather(kind(1), timeout=0.3)).answers


@pytest.mark.parametrize(
    "answer",
    [b'{"error":{"code":400}}', b'{"error":{"code":', b'{"stream":"dovetail-events","seq":1}'],
)
async def test_answers_of_others_that_look_like_a_streams(
    queue: MessageQueue, nats_server: NatsServer, answer: bytes
) -> None:
    subject, client = fresh_subject("desk"), await nats.connect(nats_server.url)

    async def respond(message: Msg) -> None:
        await message.respond(answer)

    await client.subscribe(subject, cb=respond)
    await caught_up(client)
    async with queue.transport.request(subject, b"", 10) as answers:
        assert await anext(answers) == answer
    await client.close()


async def test_live_messages_as_large_as_the_server_takes(queue: MessageQueue) -> None:
    """The header that keeps streams away from them counts, too."""
    subject = fresh("channel")
    async with listening(queue, subject) as heard:
        with pytest.raises(MessageTooLarge) as caught:
            await queue.publish_raw(subject, b"x" * 1_048_576, durable=False)
        await queue.publish_raw(subject, b"x" * caught.value.limit, durable=False)
        [message] = await heard.has(1)
    assert len(message.body) == caught.value.limit
