"""Other clients of the same NATS server, and operators who change what is not theirs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

import nats
import pytest
import pytest_asyncio
from nats.aio.client import Client
from nats.js.api import AckPolicy, ConsumerConfig, DiscardPolicy, RetentionPolicy, StreamConfig

from dovetail import (
    Backoff,
    ConfigurationError,
    DecodeError,
    Group,
    MessageQueue,
    NoGroup,
    Received,
    Worker,
    connect,
)
from dovetail.delivery import Claim
from dovetail.testing.conformance.base import recording
from dovetail.testing.conformance.listening import listening
from dovetail.testing.conformance.names import (
    Numbered,
    Order,
    fresh,
    fresh_subject,
    numbered,
    numbers,
    order,
    question,
)
from dovetail.testing.conformance.waiting import Seen, all_handled, until
from dovetail.testing.servers import NatsServer
from dovetail.testing.servers.nats import caught_up
from dovetail.transports.nats import provisioning, topology
from dovetail.transports.nats.api_errors import NO_FOLDER, ApiError
from dovetail.transports.nats.jetstream import JetStream

NewServer = Callable[..., Awaitable[NatsServer]]
pytestmark = pytest.mark.faults


@pytest_asyncio.fixture
async def queue(nats_server: NatsServer) -> AsyncIterator[MessageQueue]:
    async with connect(nats_server.url) as queue:
        yield queue


@pytest_asyncio.fixture
async def foreign(nats_server: NatsServer) -> AsyncIterator[Client]:
    client = await nats.connect(nats_server.url)
    yield client
    await client.close()


async def test_subjects_of_any_bytes(
    queue: MessageQueue, foreign: Client, nats_server: NatsServer
) -> None:
    """nats-server passes on whatever it gets; nothing of that may end our connection."""
    top, seen, group = (
        fresh_subject(),
        Seen[Received](),
        Group(fresh("group"), retry=Backoff(tries=1)),
    )

    @group.on(f"{top}.>")
    async def fail(message: Received) -> None:
        seen.add(message)
        raise ValueError("no")

    async with listening(queue, f"{top}.>") as heard, Worker(queue, [group]):
        for word in (b"\xff\xfe", "é".encode(), b"a$b", b"%s", b"dovetail"):
            foreign._transport.write(  # type: ignore[union-attr]
                b"PUB " + top.encode() + b"." + word + b" 2\r\nhi\r\n"
            )
        await caught_up(foreign)
        await seen.has(5)
        await heard.has(5)
        await all_handled(queue, group.name)
        assert queue.connected
    letters = await queue.dead_letters.list(group=group.name)
    assert [letter.subject.removeprefix(f"{top}.") for letter in reversed(letters)] == [
        "\ufffd\ufffd",
        "é",
        "a$b",
        "%s",
        "dovetail",
    ]


async def test_largest_message_of_others_can_be_given_up(
    queue: MessageQueue, foreign: Client
) -> None:
    """Its dead letter has no room for the reason beside the whole of it."""
    event, seen = numbered(), Seen[Numbered]()
    await queue.publish(numbered()())  # which makes the stream
    for size in (foreign.max_payload, foreign.max_payload - 300, foreign.max_payload - 40_000):
        await foreign.publish(event.__subject__, b"x" * size)
    await caught_up(foreign)
    async with Worker(queue, [group := recording(event, seen)]):
        await queue.publish(event(1))
        await all_handled(queue, group.name)
        assert numbers(seen.items) == [1]
        letters = await queue.dead_letters.list(group=group.name)
        assert len(letters) == 3
        for letter in letters:
            assert letter.reason.startswith("DecodeError: ")
            assert letter.body.startswith(b"x" * (foreign.max_payload - 70_000))
            await queue.dead_letters.replay(letter)
        await all_handled(queue, group.name)
    assert len(await queue.dead_letters.list(group=group.name)) == 3


async def test_answers_that_are_none(queue: MessageQueue, foreign: Client) -> None:
    """Whoever answers with something else harms neither the connection nor later requests."""
    kind = question()

    async def answer(message: Any) -> None:
        await message.respond(b"junk")

    await foreign.subscribe(kind.__subject__, cb=answer)
    await caught_up(foreign)
    with pytest.raises(DecodeError):
        await queue.request(kind(1))
    assert queue.connected


@pytest.mark.parametrize("what", ["consumer", "stream"])
async def test_deleted_under_a_running_worker(
    new_nats_server: NewServer, caplog: pytest.LogCaptureFixture, what: str
) -> None:
    server, event, seen = await new_nats_server(), numbered(), Seen[Numbered]()
    client = await nats.connect(server.url)
    async with connect(server.url) as queue, Worker(queue, [group := recording(event, seen)]):
        await queue.publish(event(1))
        await all_handled(queue, group.name)
        if what == "stream":
            await client.jetstream().delete_stream(topology.EVENTS)
        else:
            name = topology.consumer_of(group.name, event.__subject__)
            await client.jetstream().delete_consumer(topology.EVENTS, name)
        await queue.publish(event(2))
        await until(lambda: _has(seen, 2), "the worker goes on")
        await all_handled(queue, group.name)
    await client.close()
    said = {"stream": "has lost the stream dovetail-events", "consumer": "knows no more how far"}
    assert caplog.text.count(said[what]) == 1


async def test_stream_made_anew_while_a_handler_holds_a_message(new_nats_server: NewServer) -> None:
    """The new stream counts from 1 again: its first message is not the one in hand."""
    server, event, calls, go_on = (
        await new_nats_server(),
        numbered(),
        Seen[Numbered](),
        asyncio.Event(),
    )
    client = await nats.connect(server.url)
    group = Group(fresh("group"), retry=Backoff(tries=1), concurrency=2)

    @group.on(event)
    async def fail(message: Numbered) -> None:
        calls.add(message)
        if message.number == 1:
            await go_on.wait()
        raise ValueError(f"no {message.number}")

    async with connect(server.url) as queue, Worker(queue, [group]):
        await queue.publish(event(0))
        await queue.publish(event(1))
        await calls.has(2)
        await client.jetstream().delete_stream(topology.EVENTS)
        await queue.publish(event(2))
        await queue.publish(event(3))
        await calls.has(4)
        go_on.set()
        await all_handled(queue, group.name)
        letters = await queue.dead_letters.list()
    assert {letter.reason for letter in letters} == {
        f"ValueError: no {number}" for number in range(4)
    }
    await client.close()


async def test_stream_of_a_command_deleted_under_a_running_worker(
    new_nats_server: NewServer,
) -> None:
    server, command, seen = await new_nats_server(), order(), Seen[Order]()
    client = await nats.connect(server.url)
    async with connect(server.url) as queue, Worker(queue, [recording(command, seen)]):
        await queue.send(command(1))
        await seen.has(1)
        await client.jetstream().delete_stream(topology.command_stream(command.__subject__))
        await until(lambda: _sent(queue, command(2)), "the worker has claimed it again")
        await seen.has(2)
    await client.close()


async def test_streams_that_were_there_before(new_nats_server: NewServer) -> None:
    """An operator's own settings of our streams are left as they are, where nothing is lost by them."""
    server, event, seen = await new_nats_server(), numbered(), Seen[Numbered]()
    client = await nats.connect(server.url)
    await client.jetstream().add_stream(
        _events_stream(max_bytes=1_000_000, discard=DiscardPolicy.NEW, description="mine")
    )
    async with connect(server.url, limit_bytes=5_000_000) as queue:
        async with Worker(queue, [group := recording(event, seen)]):
            await queue.publish(event(1))
            await all_handled(queue, group.name)
        assert (await queue.status()).limit_bytes == 1_000_000
    info = await client.jetstream().stream_info(topology.EVENTS)
    assert info.config.description == "mine"
    await client.close()


@pytest.mark.parametrize("refusals", [1, 100])
async def test_folder_of_a_deleted_stream_is_still_being_removed(
    queue: MessageQueue, monkeypatch: pytest.MonkeyPatch, refusals: int
) -> None:
    """The server says that a stream is deleted, and its folder may still be there when it is made anew."""
    call, left = JetStream.call, refusals

    async def call_in_vain(
        self: JetStream, subject: str, payload: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        nonlocal left
        if subject == f"STREAM.CREATE.{topology.EVENTS}" and left:
            left -= 1
            raise ApiError(NO_FOLDER, "error creating store for stream")
        return await call(self, subject, payload)

    monkeypatch.setattr(JetStream, "call", call_in_vain)
    monkeypatch.setattr(provisioning, "RETRY_SECONDS", 0.001)
    claim = Claim(fresh("group"), fresh_subject(), "event", "first", lease=15, prefetch=10)
    if refusals == 1:
        await (await queue.transport.claim(claim)).close()
        assert not left
    else:
        with pytest.raises(ConfigurationError, match="error creating store for stream"):
            await queue.transport.claim(claim)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"retention": RetentionPolicy.INTEREST}, "retention is 'interest', not 'limits'"),
        ({"retention": RetentionPolicy.WORK_QUEUE}, "retention is 'workqueue', not 'limits'"),
        ({"max_bytes": 1_000_000}, "discard is 'old', not 'new'"),
        ({"max_msgs": 1000}, "discard is 'old', not 'new'"),
        ({"max_age": 3600}, "max_age is 3600000000000, not 0"),
        ({"max_msgs_per_subject": 1}, "max_msgs_per_subject is 1, not -1"),
        ({"no_ack": True}, "no_ack is True, not False"),
    ],
)
async def test_stream_that_would_lose_messages(
    new_nats_server: NewServer, settings: dict[str, Any], says: str
) -> None:
    """Nothing is accepted, and no worker starts, until the operator has mended it."""
    server, event, seen = await new_nats_server(), numbered(), Seen[Numbered]()
    client = await nats.connect(server.url)
    await client.jetstream().add_stream(_events_stream(**settings))
    named = rf"'{topology.EVENTS}' was there with settings that lose messages: {says}"
    async with connect(server.url) as queue:
        with pytest.raises(ConfigurationError, match=named):
            await queue.publish(event(1))
        with pytest.raises(ConfigurationError, match=named):
            await Worker(queue, [recording(event, seen)]).__aenter__()
        assert (await client.jetstream().stream_info(topology.EVENTS)).state.messages == 0

        await client.jetstream().delete_stream(topology.EVENTS)
        await queue.publish(event(2))
        async with Worker(queue, [group := recording(event, seen)]):
            await all_handled(queue, group.name)
    assert numbers(seen.items) == [2]
    await client.close()


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"ack_policy": AckPolicy.NONE}, "ack_policy is 'none', not 'explicit'"),
        ({"max_deliver": 3}, "max_deliver is 3, not -1"),
        ({"max_ack_pending": 10}, "max_ack_pending is 10, not -1"),
        ({"deliver_subject": "somewhere"}, "it pushes, and must be pulled from"),
        ({"filter_subject": "events.other"}, r"filter_subjects is \['events.other'\], not"),
    ],
)
async def test_consumer_that_would_lose_messages(
    new_nats_server: NewServer, settings: dict[str, Any], says: str
) -> None:
    server, event, seen = await new_nats_server(), numbered(), Seen[Numbered]()
    group, subject = recording(event, seen), event.__subject__
    name = topology.consumer_of(group.name, subject)
    client = await nats.connect(server.url)
    async with connect(server.url) as queue:
        await queue.publish(event(1))
        filters = [subject, topology.replay_subject(group.name, subject, ">")]
        ours: dict[str, Any] = {"max_ack_pending": -1, "filter_subjects": filters}
        if "filter_subject" in settings:
            del ours["filter_subjects"]
        await client.jetstream().add_consumer(
            topology.EVENTS, ConsumerConfig(durable_name=name, **(ours | settings))
        )
        with pytest.raises(ConfigurationError, match=says) as caught:
            await Worker(queue, [group]).__aenter__()
        assert f"nats consumer rm {topology.EVENTS} {name}" in str(caught.value)

        await client.jetstream().delete_consumer(topology.EVENTS, name)
        async with Worker(queue, [group]):
            await all_handled(queue, group.name)
    assert numbers(seen.items) == [1]
    await client.close()


def _events_stream(**settings: Any) -> StreamConfig:
    return StreamConfig(
        name=topology.EVENTS, subjects=["events.>", "dovetail.replay.>"], **settings
    )


async def test_subjects_that_another_stream_has(new_nats_server: NewServer) -> None:
    server, event = await new_nats_server(), numbered("a.theirs.not")
    client = await nats.connect(server.url)
    await client.jetstream().add_stream(StreamConfig(name="theirs", subjects=["a.theirs"]))
    async with connect(server.url) as queue:
        await queue.publish(event(1))
        with pytest.raises(ConfigurationError, match=r"cannot keep events on 'a.\*'.*overlap"):
            await Worker(queue, [_by_pattern("a.*")]).__aenter__()
    await client.close()


async def _has(seen: Seen[Numbered], number: int) -> bool:
    return number in numbers(seen.items)


async def _sent(queue: MessageQueue, command: Order) -> bool:
    try:
        await queue.send(command)
    except NoGroup:
        return False
    return True


def _by_pattern(pattern: str) -> Group:
    group = Group(fresh("group"))

    @group.on(pattern)
    async def take(message: Received) -> None: ...

    return group
