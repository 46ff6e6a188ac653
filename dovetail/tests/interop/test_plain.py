"""Programs without any library for CloudEvents, both ways."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from dovetail import Backoff, Context, Group, MessageQueue, Received, Worker
from dovetail.testing.conformance.base import adding_to, recording
from dovetail.testing.conformance.listening import listening
from dovetail.testing.conformance.names import Numbered, fresh, fresh_subject, numbered, numbers
from dovetail.testing.conformance.waiting import Seen, all_handled

from .foreign import Foreign, Message

STRUCTURED = b'{"specversion":"1.0","id":"7","source":"/elsewhere","type":"x","data":{"number":5}}'
ATTRIBUTES = {"specversion": "1.0", "id": "7", "source": "/elsewhere", "type": "x"}
AT = datetime(2030, 1, 31, 18, 0, 0, tzinfo=UTC)


def binary(body: bytes, prefix: str = "ce-", **more: Any) -> Message:
    """A message in binary mode."""
    attributes = {prefix + name: value for name, value in (ATTRIBUTES | more).items()}
    return Message(body, {**attributes, "content-type": "application/json"})


async def test_they_read_what_we_store(queue: MessageQueue, foreign: Foreign) -> None:
    event = numbered()
    async with foreign.reading(event.__subject__) as read:
        ids = [await queue.publish(event(number, "é ☃")) for number in range(3)]
        found = [json.loads(one.body) for one in await read(3)]
    assert [one["data"] for one in found] == [{"number": n, "text": "é ☃"} for n in range(3)]
    assert [one["id"] for one in found] == ids
    assert {(one["specversion"], one["source"], one["type"]) for one in found} == {
        ("1.0", "/dovetail", event.__subject__)
    }


async def test_live_both_ways(queue: MessageQueue, foreign: Foreign) -> None:
    subject = fresh_subject()
    async with listening(queue, subject) as ours, foreign.hearing(subject) as theirs:
        await queue.publish_raw(subject, b"ping", durable=False)
        assert await theirs.has(1) == [b"ping"]
        await foreign.tell(subject, b"pong")
        assert [(one.data, one.id) for one in await ours.has(2)] == [
            (b"ping", None),
            (b"pong", None),
        ]
        await theirs.has(2)
        await queue.publish(numbered(subject)(3))  # durable events are live too
        assert json.loads((await theirs.has(3))[2])["data"] == {"number": 3, "text": ""}


async def test_stored_before_any_group_and_after(queue: MessageQueue, foreign: Foreign) -> None:
    event, seen = numbered(), Seen[Numbered]()
    await foreign.store(event.__subject__, Message(STRUCTURED))
    async with Worker(queue, [group := recording(event, seen)]):
        await seen.has(1)
        await foreign.store(event.__subject__, Message(STRUCTURED))
        assert numbers(await seen.has(2)) == [5, 5]
        await all_handled(queue, group.name)


@pytest.mark.parametrize("technology", ["nats", "rabbit"], indirect=True)
async def test_binary_mode_live(queue: MessageQueue, foreign: Foreign) -> None:
    """Redis's Pub/Sub has no headers."""
    event = numbered()
    async with listening(queue, event) as heard:
        await foreign.store(event.__subject__, binary(b'{"number": 5}'))
        [message] = await heard.has(1)
    assert (message.id, message.source, message.data) == ("7", "/elsewhere", {"number": 5})


async def test_binary_mode_through_a_retry(queue: MessageQueue, foreign: Foreign) -> None:
    """What is delivered again has its headers still."""
    event, tried = numbered(), Seen[tuple[Numbered, int]]()
    group = Group(fresh("group"), retry=Backoff(first=0.05))

    @group.on(event)
    async def fail_once(message: Numbered, context: Context) -> None:
        tried.add((message, context.attempt))
        if context.attempt == 1:
            raise ValueError("no")

    async with Worker(queue, [group]):
        await foreign.store(event.__subject__, binary('{"number": 5, "text": "é"}'.encode()))
        assert await tried.has(2) == [(event(5, "é"), 1), (event(5, "é"), 2)]
        await all_handled(queue, group.name)


async def test_binary_mode_through_the_dead_letters(queue: MessageQueue, foreign: Foreign) -> None:
    event, seen, broken = numbered(), Seen[Numbered](), True
    group = Group(fresh("group"), retry=Backoff(tries=1))

    @group.on(event)
    async def handle(message: Numbered) -> None:
        if broken:
            raise ValueError("no")
        seen.add(message)

    async with Worker(queue, [group]):
        await foreign.store(event.__subject__, binary(b'{"number": 5}', time=AT.isoformat()))
        await all_handled(queue, group.name)
        [letter] = await queue.dead_letters.list(group=group.name)
        assert (letter.message_id, letter.published_at) == ("7", AT)
        broken = False
        await queue.dead_letters.replay(letter)
        assert await seen.has(1) == [event(5)]


async def test_odd_attributes_through_the_dead_letters(
    queue: MessageQueue, foreign: Foreign
) -> None:
    """An id of AMQP has 255 bytes at most, and its time begins in 1970; CloudEvents' have no such bounds."""
    event, tried = numbered(), Seen[Numbered]()
    group = Group(fresh("group"), retry=Backoff(tries=1))

    @group.on(event)
    async def fail_once(message: Numbered) -> None:
        tried.add(message)
        if len(tried) == 1:
            raise ValueError("no")

    odd = b'"%s","time":"1950-01-01T00:00:00Z"' % ("é" * 200).encode()
    body = STRUCTURED.replace(b'"7"', odd)
    async with Worker(queue, [group]):
        await foreign.store(event.__subject__, Message(body))
        await all_handled(queue, group.name)
        [letter] = await queue.dead_letters.list(group=group.name)
        assert letter.message_id == "é" * 200
        assert letter.published_at == datetime(1950, 1, 1, tzinfo=UTC)
        await queue.dead_letters.replay(letter)
        assert numbers(await tried.has(2)) == [5, 5]
        await all_handled(queue, group.name)


async def test_bytes_without_any_envelope(queue: MessageQueue, foreign: Foreign) -> None:
    """A handler of any message gets them; one of events leaves them to a person."""
    event, raw, seen = numbered(), Seen[Received](), Seen[Numbered]()
    anything = Group(fresh("group"))
    anything.on(event.__subject__)(adding_to(raw))  # type: ignore[type-var]
    typed = recording(event, seen)
    bodies = [b"ping", b"", b"\xff\xfe", b'{"number": 1}', b"[]"]
    async with Worker(queue, [anything, typed]):
        for body in bodies:
            await foreign.store(event.__subject__, Message(body))
        await queue.publish(event(9))
        await all_handled(queue, anything.name, typed.name)
    assert [one.body for one in raw.items[:-1]] == [one.data for one in raw.items[:-1]] == bodies
    assert numbers(seen.items) == [9]
    letters = await queue.dead_letters.list(group=typed.name)
    assert [letter.body for letter in reversed(letters)] == bodies


@pytest.mark.parametrize("technology", ["rabbit"], indirect=True)
@pytest.mark.parametrize("prefix", ["cloudEvents_", "cloudEvents:", "ce-"])
@pytest.mark.parametrize(
    "time", [AT, AT.isoformat(), int(AT.timestamp() * 1000)], ids=["timestamp", "text", "number"]
)
async def test_types_of_amqp(queue: MessageQueue, foreign: Foreign, prefix: str, time: Any) -> None:
    subject, seen, group = fresh_subject(), Seen[Received](), Group(fresh("group"))
    group.on(subject)(adding_to(seen))  # type: ignore[type-var]
    message = binary(
        b"{}", prefix, time=time, id="50%25", other=7, flag=True, raw=bytearray(b"\xff")
    )
    async with Worker(queue, [group]):
        await foreign.store(subject, message)
        [came] = await seen.has(1)
    # Only where `ce-` marks them are values percent-encoded.
    assert (came.id, came.time) == ("50%" if prefix == "ce-" else "50%25", AT)
    assert came.data == {}
