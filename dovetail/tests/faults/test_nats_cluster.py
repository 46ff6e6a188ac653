"""Three NATS servers that replicate each other, of which one is killed at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import count

import nats
import pytest
import pytest_asyncio
from nats.js.api import StreamInfo

from dovetail import (
    Backoff,
    ConfigurationError,
    Context,
    Event,
    Group,
    MessageQueue,
    NoAnswer,
    QueueUnavailable,
    Reject,
    Worker,
    connect,
)
from dovetail.testing.conformance.base import recording
from dovetail.testing.conformance.names import Numbered, Order, fresh, numbered, order, question
from dovetail.testing.conformance.requests import answering
from dovetail.testing.conformance.waiting import Seen, all_handled
from dovetail.testing.servers import NatsCluster, NatsServer
from dovetail.transports.nats.topology import EVENTS, command_stream

#: Three servers; the limit is for a hang, and lets a machine be slow and busy.
pytestmark = [pytest.mark.faults, pytest.mark.heavy, pytest.mark.timeout(300)]

#: Seconds. An election takes up to ten, and a server that is killed may have led everything.
PATIENCE = 60.0


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def started() -> AsyncIterator[NatsCluster]:
    async with NatsCluster() as cluster:
        yield cluster


@pytest_asyncio.fixture
async def cluster(started: NatsCluster) -> NatsCluster:
    """All its servers run, also after a test that failed."""
    await started.mend()
    return started


class Traffic:
    """Events that cause others, fail at first or for good, commands and requests, all at once."""

    def __init__(self) -> None:
        self.event, self.caused, self.order = numbered(), numbered(), order()
        self.question = question()
        self.accepted, self.sent, self.answered = Seen[int](), Seen[int](), Seen[int]()
        self.effects, self.orders = Seen[tuple[str, int]](), Seen[Order]()
        self.attempts: dict[int, int] = {}
        self.numbers = count()
        self.first = Group(fresh("first"), lease=2.0, retry=Backoff(first=0.05, most=1, tries=3))
        self.second = Group(fresh("second"), lease=2.0)
        self.commanded = recording(self.order, self.orders, lease=2.0)
        self.groups = [self.first, self.second, self.commanded, answering(self.question)]

        @self.first.on(self.event)
        async def handle(message: Numbered, context: Context) -> Event:
            if is_rejected(message.number):
                raise Reject("not this one")
            if needs_retries(message.number) and context.attempt < 3:
                raise ValueError("not yet")
            self.attempts[message.number] = context.attempt
            return self.caused(message.number)

        @self.second.on(self.caused)
        async def note(message: Numbered, context: Context) -> None:
            self.effects.add((context.id, message.number))

    @asynccontextmanager
    async def flowing(self, queue: MessageQueue) -> AsyncIterator[None]:
        """Leaving the context waits until the last of each kind has succeeded."""
        stopping = asyncio.Event()

        async def repeat(step: Callable[[MessageQueue, int], Awaitable[None]]) -> None:
            while not stopping.is_set():
                await step(queue, next(self.numbers))

        steps = [*[self._publish] * 8, *[self._send] * 2, self._ask]
        tasks = [asyncio.create_task(repeat(step)) for step in steps]
        try:
            yield
            stopping.set()
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def goes_on(self) -> None:
        """Return when everything has come further than it was."""
        for seen in (self.accepted, self.sent, self.answered, self.effects, self.orders):
            await seen.has(len(seen) + 30, within=PATIENCE)

    async def _publish(self, queue: MessageQueue, number: int) -> None:
        await queue.publish(self.event(number))
        self.accepted.add(number)
        await asyncio.sleep(0.05)  # a flow, not a flood: all has to be handled in the end

    async def _send(self, queue: MessageQueue, number: int) -> None:
        await queue.send(self.order(number))
        self.sent.add(number)
        await asyncio.sleep(0.05)

    async def _ask(self, queue: MessageQueue, number: int) -> None:
        try:
            answer = await queue.request(self.question(number), timeout=0.5)
        except (NoAnswer, QueueUnavailable):
            await asyncio.sleep(0.05)  # at most once: whoever asks again is answered sometime
            return
        assert answer == f"answer {number}"
        self.answered.add(number)


def is_rejected(number: int) -> bool:
    return number % 50 == 7


def needs_retries(number: int) -> bool:
    return number % 10 == 1


@pytest.mark.slow
async def test_one_server_after_another_fails(cluster: NatsCluster) -> None:
    traffic = Traffic()
    async with (
        connect(cluster.url, replicas=3, timeout=PATIENCE) as publisher,
        connect(cluster.url, replicas=3, timeout=PATIENCE) as queue,
        Worker(queue, traffic.groups),
    ):
        async with traffic.flowing(publisher):
            await traffic.goes_on()
            async with killed(cluster, await cluster.leader()):
                await traffic.goes_on()
                await new_groups_work(queue)
            async with killed(cluster, await cluster.leader(EVENTS)):
                await traffic.goes_on()
            async with hanging(await cluster.leader(command_stream(traffic.order.__subject__))):
                await traffic.goes_on()
        await all_handled(queue, *(group.name for group in traffic.groups[:3]), within=PATIENCE)
        await check(traffic, queue, cluster)


@asynccontextmanager
async def killed(cluster: NatsCluster, server: NatsServer) -> AsyncIterator[None]:
    """Afterwards it is there again and has caught up."""
    await server.kill()
    try:
        yield
    finally:
        await server.start()
        await cluster.ready()


@asynccontextmanager
async def hanging(server: NatsServer) -> AsyncIterator[None]:
    """Its connections stay open, and nothing says that it is gone."""
    server.pause()
    try:
        yield
    finally:
        server.resume()


async def test_more_copies_than_a_stream_was_made_with(cluster: NatsCluster) -> None:
    command = order()
    group = recording(command, Seen())
    for asked, kept in ((1, 1), (3, 3), (1, 3)):
        async with connect(cluster.url, replicas=asked) as queue, Worker(queue, [group]):
            assert await copies(cluster, command_stream(command.__subject__)) == kept


async def test_more_copies_than_servers(cluster: NatsCluster) -> None:
    async with connect(cluster.url, replicas=5, patience=0.5) as queue:
        with pytest.raises(QueueUnavailable, match="cannot have 5 copies now: no suitable peers"):
            async with Worker(queue, [recording(order(), Seen())]):
                pass


async def test_copies_on_a_server_alone(nats_server: NatsServer) -> None:
    async with connect(nats_server.url, replicas=3) as queue:
        with pytest.raises(ConfigurationError, match="replicas=3 needs a cluster") as caught:
            async with Worker(queue, [recording(order(), Seen())]):
                pass
    assert caught.value.setting == "replicas"


async def test_one_copy_on_a_cluster_is_told(
    cluster: NatsCluster, caplog: pytest.LogCaptureFixture
) -> None:
    async with connect(cluster.url, replicas=3):
        assert not caplog.messages
    async with connect(cluster.url):
        assert "connect with replicas=3" in caplog.text


async def check(traffic: Traffic, queue: MessageQueue, cluster: NatsCluster) -> None:
    """Nothing is lost, and nothing is doubled on the store or in its effect."""
    numbers = set(traffic.accepted.items)
    rejected = {number for number in numbers if is_rejected(number)}
    assert len(traffic.accepted) == len(numbers) > 0
    assert await stored(cluster, traffic.event) == len(numbers)
    assert {number for _, number in traffic.effects.items} == numbers - rejected
    assert len({message_id for message_id, _ in traffic.effects.items}) == len(numbers - rejected)
    assert await stored(cluster, traffic.caused) == len(numbers - rejected)
    assert {one.number for one in traffic.orders.items} == set(traffic.sent.items)
    assert {number for number, attempts in traffic.attempts.items() if attempts >= 3} == {
        number for number in numbers if needs_retries(number)
    }
    letters = await queue.dead_letters.list(group=traffic.first.name, most=len(numbers))
    assert len(letters) == len(rejected)
    assert not await queue.dead_letters.list(group=traffic.second.name)


async def new_groups_work(queue: MessageQueue) -> None:
    """Streams and consumers are made though a server is missing."""
    event, command, events, orders = numbered(), order(), Seen[Numbered](), Seen[Order]()
    async with Worker(queue, [recording(event, events), recording(command, orders)]):
        await queue.publish(event(1))
        await queue.send(command(1))
        await events.has(1, PATIENCE)
        await orders.has(1, PATIENCE)


async def stored(cluster: NatsCluster, event: type[Event]) -> int:
    """How many messages the stream of events has of this kind."""
    info = await stream_info(cluster, EVENTS, subjects_filter=event.__subject__)
    return (info.state.subjects or {}).get(event.__subject__, 0)


async def copies(cluster: NatsCluster, stream: str) -> int | None:
    """How many copies the stream has, by its own word."""
    return (await stream_info(cluster, stream)).config.num_replicas


async def stream_info(cluster: NatsCluster, stream: str, **wanted: str) -> StreamInfo:
    """What another client sees of a stream."""
    client = await nats.connect(cluster.url.split(","))
    try:
        return await client.jetstream().stream_info(stream, **wanted)
    finally:
        await client.close()
