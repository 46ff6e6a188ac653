"""Wrong passwords and vhosts, users who may not, servers too old or full: RabbitMQ. One line each."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import cast

import pytest
import pytest_asyncio
from pamqp import commands, frame
from pamqp.base import Frame
from pamqp.common import FieldTable

from dovetail import (
    ConfigurationError,
    Group,
    MessageQueue,
    MessageTooLarge,
    QueueError,
    QueueFull,
    QueueUnavailable,
    Received,
    Unsupported,
    Worker,
    connect,
)
from dovetail.options import QueueOptions
from dovetail.testing.conformance.base import recording
from dovetail.testing.conformance.names import (
    Numbered,
    fresh,
    fresh_subject,
    numbered,
    numbers,
    question,
)
from dovetail.testing.conformance.requests import answering
from dovetail.testing.conformance.waiting import LIMIT_SECONDS, Seen, all_handled, until
from dovetail.testing.servers import Proxy, RabbitServer
from dovetail.transports.rabbitmq.address import parse_address
from dovetail.transports.rabbitmq.channel import Channel
from dovetail.transports.rabbitmq.client import NEEDED, Client
from dovetail.transports.rabbitmq.topology import EVENTS, HISTORY, queue_of
from dovetail.transports.rabbitmq.transport import RabbitTransport

pytestmark = pytest.mark.faults

SETTING = "TODO_QUEUE_URL"
SECRET = "s3cret-word"
MOST_BYTES = 100_000
MOST_CHANNELS = 20
ALL, NONE = ".*", "^$"
USERS = {
    "outsider:p": None,
    "looker:p": (NONE, NONE, ALL),
    "mute:p": (ALL, NONE, ALL),
    "deaf:p": (ALL, ALL, NONE),
    "modest:p": (NEEDED, NEEDED, NEEDED),
}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def server() -> AsyncIterator[RabbitServer]:
    """One for all; a test with an alarm ends it."""
    settings = {"max_message_size": str(MOST_BYTES), "channel_max": str(MOST_CHANNELS)}
    server = RabbitServer(settings=settings, others=USERS)
    server.vhosts += ["queue", "exchange", "kept", "ever", "1-3", "3-1", "3-5"]
    async with server:
        yield server


async def refused(url: str) -> str:
    """What connecting raises at once: waiting does not make it right."""
    started = time.monotonic()
    with pytest.raises(ConfigurationError) as caught:
        await connect(url, setting=SETTING).__aenter__()
    assert time.monotonic() - started < 3
    assert caught.value.setting == SETTING
    assert SETTING in str(caught.value)
    return str(caught.value)


# Who we are


@pytest.mark.parametrize(
    ("login", "vhost", "says"),
    [
        (f"guest:{SECRET}", "", "refused the user or the password"),
        ("guest:guest", "nowhere", "does not let this user into the vhost 'nowhere'"),
        ("outsider:p", "", "does not let this user into the vhost '/'"),
        ("looker:p", "", "does not let this user do what is needed"),
        ("mute:p", "", "does not let this user do what is needed"),
        ("deaf:p", "", "does not let this user do what is needed"),
    ],
)
async def test_users(
    server: RabbitServer, caplog: pytest.LogCaptureFixture, login: str, vhost: str, says: str
) -> None:
    error = await refused(f"amqp://{login}@{server.host}:{server.port}/{vhost}")
    assert says in error
    assert ("grant it configure, write and read" in error) == ("needed" in says)
    assert SECRET not in f"{error}{caplog.text}"


async def test_user_who_may_do_only_what_is_needed(server: RabbitServer) -> None:
    """What the error says to grant is enough."""
    event, kind, seen = numbered(), question(), Seen[Numbered]()
    async with (
        connect(f"amqp://modest:p@{server.host}:{server.port}") as queue,
        Worker(queue, [group := recording(event, seen), answering(kind)]),
    ):
        await queue.publish(event(1))
        await seen.has(1)
        assert await queue.request(kind(2)) == "answer 2"
        await all_handled(queue, group.name)


@pytest.mark.parametrize(
    ("product", "version", "says"),
    [
        ("RabbitMQ", "3.9.29", "is RabbitMQ 3.9.29: RabbitMQ 3.10 or later is needed"),
        ("Qpid", "1.0", "is Qpid 1.0: RabbitMQ 3.10 or later is needed"),
    ],
)
async def test_server_is_too_old(product: str, version: str, says: str) -> None:
    """No such server can be had here."""
    properties: FieldTable = {"product": product, "version": version}
    greeting = frame.marshal(commands.Connection.Start(0, 9, properties), 0)
    async with greeted(greeting) as port:
        assert says in await refused(f"amqp://127.0.0.1:{port}")


@asynccontextmanager
async def greeted(greeting: bytes) -> AsyncIterator[int]:
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(len(b"AMQP\x00\x00\x09\x01"))
        writer.write(greeting)
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


def test_room_is_limited_on_the_server() -> None:
    with pytest.raises(Unsupported, match="disk_free_limit and vm_memory_high_watermark"):
        connect("amqp://localhost", limit_bytes=1_000_000)


# What is there already


@asynccontextmanager
async def somebody(url: str) -> AsyncIterator[Client]:
    """Signed in, and nothing is made."""
    client = Client(parse_address(url, SETTING), QueueOptions())
    await client.open()
    try:
        yield client
    finally:
        await client.close()


@pytest.mark.parametrize(
    ("vhost", "name", "makes", "removes"),
    [
        (
            "queue",
            HISTORY,
            commands.Queue.Declare(queue=HISTORY, durable=True),
            commands.Queue.Delete(queue=HISTORY),
        ),
        (
            "exchange",
            EVENTS,
            commands.Exchange.Declare(exchange=EVENTS, exchange_type="direct", durable=True),
            commands.Exchange.Delete(exchange=EVENTS),
        ),
    ],
    ids=["classic queue", "direct exchange"],
)
async def test_name_that_is_taken(
    server: RabbitServer, vhost: str, name: str, makes: Frame, removes: Frame
) -> None:
    """As somebody else might have made it; connecting succeeds when it is gone."""
    url = f"{server.url}/{vhost}"
    async with somebody(url) as client:
        await client.ask(makes)
        error = await refused(url)
        assert "has a queue or exchange of this name with other settings" in error
        assert name in error
        await client.ask(removes)
    async with connect(url) as queue:
        await queue.publish(numbered()(1))


@pytest.mark.parametrize(("there", "here"), [(1, 3), (3, 1), (3, 5)])
async def test_another_number_of_replicas(server: RabbitServer, there: int, here: int) -> None:
    """The option is named, with both values."""
    url = f"{server.url}/{there}-{here}"
    async with connect(url, replicas=there) as queue:
        await queue.publish(numbered()(1))
    with pytest.raises(ConfigurationError) as caught:
        await connect(url, replicas=here).__aenter__()
    assert f"with replicas={there}, and not replicas={here} as here" in str(caught.value)
    assert caught.value.setting == "replicas"


async def test_history_that_another_process_keeps_longer(
    server: RabbitServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    url, event, seen = f"{server.url}/kept", numbered(), Seen[Numbered]()
    async with connect(url, keep=timedelta(days=2)) as queue:
        await queue.publish(event(1))
    assert "the history is kept" not in caplog.text
    async with connect(url, keep=timedelta(days=1)) as queue:
        assert "the history is kept for 172800s" in caplog.text
        await queue.publish(event(2))
        async with Worker(queue, [recording(event, seen)]):
            assert numbers(await seen.has(2)) == [1, 2]


async def test_history_for_ever_and_after_it(
    server: RabbitServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    url, event = f"{server.url}/ever", numbered()
    for keep, said in ((None, ""), (timedelta(days=1), "kept for ever"), (None, "")):
        caplog.clear()
        async with connect(url, keep=keep) as queue:
            await queue.publish(event(1))
        assert said in caplog.text
        assert ("the history is kept" in caplog.text) is bool(said)


async def test_queue_deleted_under_a_running_worker(
    server: RabbitServer, caplog: pytest.LogCaptureFixture
) -> None:
    event, seen = numbered(), Seen[Numbered]()
    group = recording(event, seen)
    name = queue_of(group.name, event.__subject__)
    async with (
        connect(server.url) as queue,
        Worker(queue, [group]),
        somebody(server.url) as operator,
    ):
        await queue.publish(event(1))
        await seen.has(1)
        await operator.ask(commands.Queue.Delete(queue=name))

        async def is_back() -> bool:
            try:
                [found] = await operator.ask(commands.Queue.Declare(queue=name, passive=True))
            except QueueError:
                return False
            return bool(found.consumer_count)

        await until(is_back, "the worker has made its queue again")
        await queue.publish(event(2))
        assert numbers(await seen.has(2)) == [1, 2]
    assert f"lets us read the queue {name} no more" in caplog.text


# Room


async def test_message_that_is_too_large_harms_no_other(server: RabbitServer) -> None:
    """The server closes the channel that all of them go over."""
    event, seen = numbered(), Seen[Numbered]()
    async with connect(server.url) as queue, Worker(queue, [group := recording(event, seen)]):
        large = queue.publish(event(0, "x" * MOST_BYTES), id="large")
        others = [queue.publish(event(number)) for number in range(1, 101)]
        results = await asyncio.gather(*others[:50], large, *others[50:], return_exceptions=True)
        [error] = [one for one in results if isinstance(one, BaseException)]
        assert isinstance(error, MessageTooLarge)
        assert (error.limit, error.id, error.setting) == (MOST_BYTES, "large", "max_message_size")
        await all_handled(queue, group.name)
    assert set(numbers(seen.items)) == set(range(1, 101))


async def test_request_that_is_too_large_harms_no_later_one(server: RabbitServer) -> None:
    """The server closes the channel that all requests and answers go over."""
    kind = question()
    async with connect(server.url) as queue, Worker(queue, [answering(kind)]):
        for _ in range(2):
            with pytest.raises(MessageTooLarge) as caught:
                await queue.request(kind(0, "x" * MOST_BYTES))
            assert (caught.value.limit, caught.value.setting) == (MOST_BYTES, "max_message_size")
            assert await queue.request(kind(1)) == "answer 1"


async def test_cut_while_a_channel_is_opened_again(
    server: RabbitServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is too large closes the channel; the connection is lost before there is another."""
    event, cuts = numbered(), iter(range(3))
    async with Proxy(server) as proxy, connect(proxy.url) as queue:
        publisher = cast(RabbitTransport, queue.transport)._publisher
        provision = publisher._provision

        async def cut_before(channel: Channel) -> None:
            if next(cuts, None) is not None:
                proxy.cut()
            await provision(channel)

        await queue.publish(event(1))
        monkeypatch.setattr(publisher, "_provision", cut_before)
        with pytest.raises(MessageTooLarge):
            await queue.publish(event(0, "x" * MOST_BYTES))
        await queue.publish(event(2))
    assert next(cuts, None) is None, "it was not cut"


async def test_more_listeners_than_the_server_grants(server: RabbitServer) -> None:
    """One more is told so; the others hear, and so does whoever comes when they have gone."""
    subject = fresh_subject()
    async with connect(server.url) as queue:
        async with AsyncExitStack() as listeners:
            heard: list[AsyncIterator[Received]] = []

            async def listen_more() -> None:
                while True:
                    listening = queue.transport.listen(subject)
                    heard.append(await listeners.enter_async_context(listening))

            with pytest.raises(QueueError, match=f"the {MOST_CHANNELS} channels .* channel_max"):
                await listen_more()
            await queue.transport.broadcast(subject, b"heard")
            async with asyncio.timeout(LIMIT_SECONDS):
                assert {(await anext(events)).body for events in heard} == {b"heard"}
        async with queue.transport.listen(subject) as events:
            await queue.transport.broadcast(subject, b"heard again")
            async with asyncio.timeout(LIMIT_SECONDS):
                assert (await anext(events)).body == b"heard again"


class Attempts:
    """What became of publishing one event after another."""

    def __init__(self, queue: MessageQueue, event: type[Numbered], first: int) -> None:
        self._queue = queue
        self._event = event
        self._next = first
        self.accepted: set[int] = set()
        self.full: dict[int, str] = {}
        #: Whether these were accepted is not known.
        self.unconfirmed: dict[int, str] = {}

    async def publish(self) -> bool:
        """Whether the next is accepted."""
        number, self._next = self._next, self._next + 1
        try:
            await self._queue.publish(self._event(number))
        except QueueFull as error:
            self.full[number] = str(error)
        except QueueUnavailable as error:
            self.unconfirmed[number] = str(error)
        else:
            self.accepted.add(number)
        return number in self.accepted

    async def refused(self) -> bool:
        """Whether the next is refused because the server has no room."""
        await self.publish()
        return bool(self.full)


@pytest.mark.parametrize(
    ("setting", "begins", "ends"),
    [
        (
            "vm_memory_high_watermark",
            "set_vm_memory_high_watermark absolute 1",
            "set_vm_memory_high_watermark 0.4",
        ),
        ("disk_free_limit", "set_disk_free_limit 1000GB", "set_disk_free_limit 50MB"),
    ],
)
async def test_server_without_room(
    server: RabbitServer, setting: str, begins: str, ends: str
) -> None:
    """Publishers are told; workers go on with what is there; publishing succeeds when it is over."""
    event, seen, go_on = numbered(), Seen[Numbered](), asyncio.Event()
    group = Group(fresh("group"))

    @group.on(event)
    async def handle(message: Numbered) -> None:
        await go_on.wait()
        seen.add(message)

    async with connect(server.url, timeout=0.5) as queue, Worker(queue, [group]):
        await queue.publish_many([event(number) for number in range(100)])
        attempts = Attempts(queue, event, first=100)
        await server.control(*begins.split())
        try:
            await until(attempts.refused, "the publisher is told")
            tasks = len(asyncio.all_tasks())
            await asyncio.gather(*(attempts.refused() for _ in range(20)))
            assert len(asyncio.all_tasks()) <= tasks
            go_on.set()
            handled = numbers(await seen.has(100))
        finally:
            await server.control(*ends.split())
        assert handled[:100] == list(range(100))
        await until(attempts.publish, "the alarm is over")
        await all_handled(queue, group.name)
    for said in attempts.full.values():
        assert "nothing was accepted" in said
        assert f"change its {setting}" in said
    for said in attempts.unconfirmed.values():
        assert f"see its {setting}" in said
    came = set(numbers(seen.items)) - set(range(100))
    assert attempts.accepted <= came <= attempts.accepted | attempts.unconfirmed.keys()
