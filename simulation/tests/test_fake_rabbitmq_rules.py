"""What the fake RabbitMQ does as the real one: each test runs on both, by a client that is not ours."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

import aiormq
import pytest
import pytest_asyncio
from aiormq.abc import AbstractChannel, AbstractConnection, DeliveredMessage
from pamqp.commands import Basic

from dovetail.testing.conformance.names import fresh
from dovetail.testing.conformance.waiting import Seen
from dovetail.testing.servers import Server
from simulation.servers.rabbitmq import FakeRabbit
from simulation.servers.threaded import ThreadedServer

QUORUM = {"x-queue-type": "quorum", "x-delivery-limit": 2_000_000_000}
STREAM = {"x-queue-type": "stream", "x-stream-max-segment-size-bytes": 50_000_000}
KINDS = pytest.mark.parametrize("kind", [QUORUM, {}], ids=["quorum", "classic"])


@pytest_asyncio.fixture
async def fake_server() -> AsyncIterator[ThreadedServer]:
    async with ThreadedServer(FakeRabbit) as server:
        yield server


@pytest.fixture(params=["fake_server", "rabbit_server"], ids=["fake", "real"])
def url(request: pytest.FixtureRequest) -> str:
    server: Server = request.getfixturevalue(request.param)
    return server.url


@pytest_asyncio.fixture
async def connection(url: str) -> AsyncIterator[AbstractConnection]:
    connection = await aiormq.connect(url)
    yield connection
    await connection.close()


class Consumed:
    """What a consumer got."""

    def __init__(self, channel: AbstractChannel, queue: str) -> None:
        self.channel = channel
        self.queue = queue
        self.tag = ""
        self.seen = Seen[DeliveredMessage]()

    async def bodies(self, count: int) -> list[str]:
        """Of the first so many."""
        return [one.body.decode() for one in await self.seen.has(count)][:count]

    async def has_no_more(self, count: int) -> None:
        """What the queue has sent before it was asked, and the channel before it answered, has come then."""
        await self.channel.queue_declare(self.queue, passive=True)
        await self.channel.basic_qos(prefetch_count=1)
        assert len(self.seen) == count

    def number(self, at: int) -> int:
        """The delivery tag of one."""
        tag = self.seen.items[at].delivery_tag
        assert tag is not None
        return tag

    def count(self, at: int) -> Any:
        """How often one was delivered before, as the server says."""
        return (self.seen.items[at].header.properties.headers or {}).get("x-delivery-count")


async def declared(connection: AbstractConnection, arguments: dict[str, Any]) -> str:
    channel = await connection.channel()
    name = fresh("queue")
    await channel.queue_declare(name, durable=True, arguments=arguments)
    return name


async def put(connection: AbstractConnection, queue: str, bodies: Sequence[str]) -> None:
    channel = await connection.channel()
    for body in bodies:
        properties = Basic.Properties(delivery_mode=2)
        await channel.basic_publish(body.encode(), routing_key=queue, properties=properties)


async def consuming(
    connection: AbstractConnection,
    queue: str,
    prefetch: int,
    *,
    channel: AbstractChannel | None = None,
    **more: Any,
) -> Consumed:
    channel = channel or await connection.channel()
    if prefetch:
        await channel.basic_qos(prefetch_count=prefetch)
    consumed = Consumed(channel, queue)

    async def take(message: DeliveredMessage) -> None:
        consumed.seen.add(message)

    consumed.tag = str((await channel.basic_consume(queue, take, **more)).consumer_tag)
    return consumed


async def counts(connection: AbstractConnection, queue: str) -> tuple[int, int]:
    channel = await connection.channel()
    found = await channel.queue_declare(queue, passive=True)
    return int(found.message_count or 0), int(found.consumer_count or 0)


async def refusal(channel: AbstractChannel, attempt: Any) -> str:
    with pytest.raises(aiormq.exceptions.AMQPError) as caught:
        await attempt
    assert channel.is_closed
    return str(caught.value.args[0])


async def test_what_is_requeued_comes_first_and_is_counted(connection: AbstractConnection) -> None:
    queue = await declared(connection, QUORUM)
    await put(connection, queue, "abcde")
    first = await consuming(connection, queue, 3)
    assert await first.bodies(3) == ["a", "b", "c"]
    assert await counts(connection, queue) == (2, 1)
    await first.channel.basic_cancel(first.tag)
    for at in (2, 0, 1):
        await first.channel.basic_nack(first.number(at), requeue=True)
    second = await consuming(connection, queue, 10)
    assert await second.bodies(5) == ["c", "a", "b", "d", "e"]
    assert [second.count(at) for at in range(5)] == [1, 1, 1, None, None]
    assert [one.redelivered for one in second.seen.items] == [True, True, True, False, False]
    await second.channel.close()
    third = await consuming(connection, queue, 10)
    assert await third.bodies(5) == ["c", "a", "b", "d", "e"]
    assert [third.count(at) for at in range(5)] == [2, 2, 2, 1, 1]
    await third.channel.basic_ack(third.number(4), multiple=True)
    await third.channel.basic_cancel(third.tag)
    assert await counts(connection, queue) == (0, 0)


async def test_what_is_requeued_in_memory_takes_its_place(connection: AbstractConnection) -> None:
    queue = await declared(connection, {})
    await put(connection, queue, "abcde")
    first = await consuming(connection, queue, 3)
    await first.seen.has(3)
    await first.channel.basic_cancel(first.tag)
    for at in (2, 0, 1):
        await first.channel.basic_nack(first.number(at), requeue=True)
    second = await consuming(connection, queue, 10)
    assert await second.bodies(5) == ["a", "b", "c", "d", "e"]
    assert [second.count(at) for at in range(5)] == [None] * 5
    assert [one.redelivered for one in second.seen.items] == [True, True, True, False, False]


@KINDS
async def test_consumers_take_turns_as_far_as_they_have_room(
    connection: AbstractConnection, kind: dict[str, Any]
) -> None:
    queue = await declared(connection, kind)
    wide = await consuming(connection, queue, 10)
    one = await consuming(connection, queue, 2)
    other = await consuming(connection, queue, 2, channel=one.channel)
    await put(connection, queue, "123456789")
    assert await wide.bodies(5) == ["1", "4", "7", "8", "9"]
    assert await one.bodies(2) == ["2", "5"]
    assert await other.bodies(2) == ["3", "6"]
    assert await counts(connection, queue) == (0, 3)
    await one.channel.close()
    assert sorted((await wide.bodies(9))[5:]) == ["2", "3", "5", "6"]


@KINDS
async def test_what_a_cancelled_consumer_has_stays_its_own(
    connection: AbstractConnection, kind: dict[str, Any]
) -> None:
    queue = await declared(connection, kind)
    await put(connection, queue, "ab")
    first = await consuming(connection, queue, 2)
    await first.seen.has(2)
    await first.channel.basic_cancel(first.tag)
    other = await consuming(connection, queue, 2)
    await other.has_no_more(0)
    await first.channel.basic_ack(first.number(0))
    await first.channel.close()
    assert await other.bodies(1) == ["b"]


@pytest.mark.parametrize(("kind", "most"), [(QUORUM, 2000), ({}, 2100)], ids=["quorum", "classic"])
async def test_without_a_limit_a_quorum_queue_has_one_of_its_own(
    connection: AbstractConnection, kind: dict[str, Any], most: int
) -> None:
    queue = await declared(connection, kind)
    publishing = await connection.channel(publisher_confirms=False)
    for number in range(2100):
        await publishing.basic_publish(str(number).encode(), routing_key=queue)
    consumed = await consuming(connection, queue, 0)
    await consumed.seen.has(most)
    await consumed.has_no_more(most)


async def test_what_expires_goes_to_the_other_queue_also_once_it_is_requeued(
    connection: AbstractConnection,
) -> None:
    target = await declared(connection, QUORUM)
    waiting = await declared(
        connection,
        {
            **QUORUM,
            "x-message-ttl": 200,
            "x-dead-letter-exchange": "",
            "x-dead-letter-routing-key": target,
            "x-dead-letter-strategy": "at-least-once",
            "x-overflow": "reject-publish",
        },
    )
    holding = await consuming(connection, waiting, 1)
    arrived = await consuming(connection, target, 10)
    await put(connection, waiting, "ab")
    assert await arrived.bodies(1) == ["b"]
    assert await holding.bodies(1) == ["a"]
    await holding.channel.close()
    assert await arrived.bodies(2) == ["b", "a"]
    message = arrived.seen.items[1]
    assert (message.exchange, message.routing_key) == ("", target)
    assert (message.redelivered, arrived.count(1)) == (False, None)
    headers = message.header.properties.headers or {}
    assert headers["x-first-death-queue"] == waiting
    assert await counts(connection, waiting) == (0, 0)


async def test_a_stream_is_read_from_anywhere_in_chunks(connection: AbstractConnection) -> None:
    stream = await declared(connection, STREAM)
    await put(connection, stream, "abc")
    for start, wanted in (("first", "abc"), (1, "bc"), ("last", "c")):
        reader = await consuming(connection, stream, 2, arguments={"x-stream-offset": start})
        await reader.seen.has(min(2, len(wanted)))
        await reader.has_no_more(min(2, len(wanted)))  # each is a chunk, and there is room for two
        await reader.channel.basic_ack(reader.number(-1), multiple=True)
        assert await reader.bodies(len(wanted)) == list(wanted)
        offsets = [one.header.properties.headers for one in reader.seen.items]
        assert [(one or {})["x-stream-offset"] for one in offsets] == [
            "abc".index(body) for body in wanted
        ]
        assert not any(one.redelivered for one in reader.seen.items)
    later = await consuming(connection, stream, 2, arguments={"x-stream-offset": "next"})
    await put(connection, stream, "d")
    assert await later.bodies(1) == ["d"]


async def test_hidden_keys_reach_their_queues_and_are_not_seen(
    connection: AbstractConnection,
) -> None:
    first, second = await declared(connection, QUORUM), await declared(connection, {})
    channel = await connection.channel()
    properties = Basic.Properties(headers={"BCC": [second, second, "nobody"], "kept": 1})
    await channel.basic_publish(b"copied", routing_key=first, properties=properties, mandatory=True)
    for queue in (first, second):
        consumed = await consuming(connection, queue, 1)
        assert await consumed.bodies(1) == ["copied"]
        message = consumed.seen.items[0]
        assert message.header.properties.headers == {"kept": 1}
        assert message.routing_key == first


async def test_what_nobody_takes_goes_elsewhere_or_is_returned(
    connection: AbstractConnection,
) -> None:
    channel = await connection.channel()
    queue, events, rest = await declared(connection, QUORUM), fresh("events"), fresh("rest")
    await channel.exchange_declare(exchange=rest, exchange_type="fanout", durable=True)
    await channel.exchange_declare(
        exchange=events, exchange_type="topic", durable=True, arguments={"alternate-exchange": rest}
    )
    with pytest.raises(aiormq.exceptions.PublishError):
        await channel.basic_publish(b"", exchange=events, routing_key="a.b", mandatory=True)
    await channel.queue_bind(queue, rest)
    await channel.basic_publish(b"rest", exchange=events, routing_key="a.b", mandatory=True)
    own = fresh("own")
    await channel.exchange_declare(exchange=own, exchange_type="fanout", durable=True)
    await channel.queue_bind(queue, own)
    await channel.exchange_bind(destination=own, source=events, routing_key="a.#")
    await channel.exchange_bind(destination=own, source=events, routing_key="*.b")
    await channel.basic_publish(b"own", exchange=events, routing_key="a.b", mandatory=True)
    consumed = await consuming(connection, queue, 10)
    assert await consumed.bodies(2) == ["rest", "own"]
    assert {one.exchange for one in consumed.seen.items} == {events}
    await consumed.has_no_more(2)


async def test_a_queue_that_is_deleted_tells_its_consumers(connection: AbstractConnection) -> None:
    queue = await declared(connection, QUORUM)
    await put(connection, queue, "abc")
    channel = await connection.channel()
    consumed = await consuming(connection, queue, 2)
    await consumed.seen.has(2)
    deleted = await channel.queue_delete(queue)
    assert deleted.message_count == 1
    await consumed.channel.basic_ack(consumed.number(1), multiple=True)  # nobody minds
    assert (await consumed.channel.queue_declare("", exclusive=True)).queue
    assert (await channel.queue_delete(queue)).message_count == 0
    with pytest.raises(aiormq.exceptions.ChannelNotFoundEntity):
        await channel.queue_declare(queue, passive=True)


async def test_what_one_connection_has_for_itself_ends_with_it(
    url: str, connection: AbstractConnection
) -> None:
    name = fresh("lock")
    async with await aiormq.connect(url) as other:
        await (await other.channel()).queue_declare(name, exclusive=True)
        channel = await connection.channel()
        said = await refusal(channel, channel.queue_declare(name, exclusive=True))
        assert said.startswith(
            f"RESOURCE_LOCKED - cannot obtain exclusive access to locked queue '{name}'"
        )
    channel = await connection.channel()
    own = await channel.queue_declare("", exclusive=True, auto_delete=True)
    assert str(own.queue).startswith("amq.gen-")
    consumed = await consuming(connection, str(own.queue), 0, no_ack=True)
    await consumed.channel.basic_cancel(consumed.tag)
    said = await refusal(channel, channel.queue_declare(str(own.queue), passive=True))
    assert said == f"NOT_FOUND - no queue '{own.queue}' in vhost '/'"


@pytest.mark.parametrize(
    ("there", "declared_as", "said"),
    [
        (
            {**STREAM, "x-max-age": "100s"},
            STREAM,
            "inequivalent arg 'x-max-age' for queue '{}' in vhost '/': received none but current is the "
            "value '100s' of type 'longstr'",
        ),
        (
            {**STREAM, "x-max-age": "100s"},
            {**STREAM, "x-max-age": "7s"},
            "inequivalent arg 'x-max-age' for queue '{}' in vhost '/': received '7s' but current is '100s'",
        ),
        (
            QUORUM,
            {**QUORUM, "x-quorum-initial-group-size": 3},
            "inequivalent arg 'x-quorum-initial-group-size' for queue '{}' in vhost '/': received the value "
            "'3' of type 'byte' but current is none",
        ),
        (
            QUORUM,
            {},
            "inequivalent arg 'x-queue-type' for queue '{}' in vhost '/': received none but current is the "
            "value 'quorum' of type 'longstr'",
        ),
    ],
    ids=["none", "another age", "copies", "kind"],
)
async def test_what_is_there_otherwise(
    connection: AbstractConnection, there: dict[str, Any], declared_as: dict[str, Any], said: str
) -> None:
    name = await declared(connection, there)
    channel = await connection.channel()
    attempt = channel.queue_declare(name, durable=True, arguments=declared_as)
    assert await refusal(channel, attempt) == f"PRECONDITION_FAILED - {said.format(name)}"


async def test_what_is_not_there(connection: AbstractConnection) -> None:
    channel = await connection.channel()
    attempt = channel.queue_declare("nobody", passive=True)
    assert await refusal(channel, attempt) == "NOT_FOUND - no queue 'nobody' in vhost '/'"
    channel = await connection.channel()
    bind = channel.queue_bind("nobody", "nowhere")
    assert await refusal(channel, bind) == "NOT_FOUND - no exchange 'nowhere' in vhost '/'"
    channel = await connection.channel()
    publish = channel.basic_publish(b"", exchange="nowhere", routing_key="a")
    assert await refusal(channel, publish) == "NOT_FOUND - no exchange 'nowhere' in vhost '/'"
    channel = await connection.channel()
    await channel.exchange_unbind(destination="nowhere", source="nowhere", routing_key="a")
    await channel.exchange_delete(exchange="nowhere")


async def test_answers_find_the_channel_that_asked(connection: AbstractConnection) -> None:
    queue = await declared(connection, {})
    asking = await consuming(connection, "amq.rabbitmq.reply-to", 0, no_ack=True)
    asked = await consuming(connection, queue, 0, no_ack=True)
    properties = Basic.Properties(reply_to="amq.rabbitmq.reply-to", correlation_id="7")
    await asking.channel.basic_publish(b"question", routing_key=queue, properties=properties)
    await asked.seen.has(1)
    place = str(asked.seen.items[0].header.properties.reply_to)
    assert place.startswith("amq.rabbitmq.reply-to.")
    await asked.channel.basic_publish(
        b"answer", routing_key=place, properties=Basic.Properties(correlation_id="7")
    )
    await asking.seen.has(1)
    answer = asking.seen.items[0]
    assert (answer.body, answer.exchange, answer.routing_key) == (b"answer", "", place)
    assert answer.header.properties.correlation_id == "7"
    channel = await connection.channel()
    said = await refusal(
        channel, channel.basic_publish(b"", routing_key=queue, properties=properties)
    )
    assert said == "PRECONDITION_FAILED - fast reply consumer does not exist"
