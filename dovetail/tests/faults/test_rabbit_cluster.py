"""Three RabbitMQ nodes that replicate each other's queues, of which one is killed at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import count

import pytest
import pytest_asyncio

from dovetail import (
    Backoff,
    CommandClaimed,
    Context,
    Group,
    MessageQueue,
    NoAnswer,
    NobodyListening,
    Worker,
    connect,
)
from dovetail.testing.conformance.base import recording
from dovetail.testing.conformance.names import Numbered, Order, fresh, numbered, order, question
from dovetail.testing.conformance.requests import answering
from dovetail.testing.conformance.waiting import Seen, until
from dovetail.testing.servers import RabbitCluster, RabbitServer

#: Three servers; the limit is for a hang, and lets a machine be slow and busy.
pytestmark = [pytest.mark.faults, pytest.mark.heavy, pytest.mark.timeout(300)]

#: Seconds. An election takes some of them, and a node that is killed may have led everything.
PATIENCE = 60.0


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def started() -> AsyncIterator[RabbitCluster]:
    async with RabbitCluster() as cluster:
        yield cluster


@pytest_asyncio.fixture
async def cluster(started: RabbitCluster) -> RabbitCluster:
    """All its nodes run, also after a test that failed."""
    await started.mend()
    return started


class Traffic:
    """Events, of which some fail at first, and commands, all at once."""

    def __init__(self) -> None:
        self.event, self.order = numbered(), order()
        self.accepted, self.sent = Seen[int](), Seen[int]()
        self.handled, self.orders = Seen[int](), Seen[Order]()
        self.numbers = count()
        self.group = Group(fresh("group"), lease=2.0, retry=Backoff(first=0.05, most=1, tries=9))
        self.commanded = recording(self.order, self.orders, lease=2.0)

        @self.group.on(self.event)
        async def handle(message: Numbered, context: Context) -> None:
            if message.number % 10 == 1 and context.attempt < 3:
                raise ValueError("not yet")
            self.handled.add(message.number)

    @asynccontextmanager
    async def flowing(self, queue: MessageQueue) -> AsyncIterator[None]:
        """Leaving the context waits until the last of each kind is accepted."""
        stopping = asyncio.Event()

        async def repeat(step: Callable[[MessageQueue, int], Awaitable[None]]) -> None:
            while not stopping.is_set():
                await step(queue, next(self.numbers))
                await asyncio.sleep(0.05)  # a flow, not a flood: all has to be handled in the end

        async with asyncio.TaskGroup() as flows:  # one that fails ends the test
            for step in [*[self._publish] * 6, *[self._send] * 3]:
                flows.create_task(repeat(step))
            yield
            stopping.set()

    async def goes_on(self) -> None:
        """Return when everything has come further than it was."""
        for seen in (self.accepted, self.sent, self.handled, self.orders):
            await seen.has(len(seen) + 30, within=PATIENCE)

    async def _publish(self, queue: MessageQueue, number: int) -> None:
        await queue.publish(self.event(number))
        self.accepted.add(number)

    async def _send(self, queue: MessageQueue, number: int) -> None:
        await queue.send(self.order(number))
        self.sent.add(number)

    async def check(self, queue: MessageQueue) -> None:
        """Nothing is lost, and nothing was given up. What was in hand may have been handled again."""

        async def all_came() -> bool:
            orders = {one.number for one in self.orders.items}
            return orders >= set(self.sent.items) and set(self.handled.items) >= accepted

        accepted = set(self.accepted.items)
        await until(all_came, "everything accepted is handled", within=PATIENCE)
        assert not await queue.dead_letters.list()


@pytest.mark.slow
async def test_one_node_after_another_is_killed(cluster: RabbitCluster) -> None:
    traffic = Traffic()
    async with (
        connect(cluster.url, replicas=3, timeout=PATIENCE) as publisher,
        connect(cluster.url, replicas=3, timeout=PATIENCE) as queue,
        Worker(queue, [traffic.group, traffic.commanded]),
    ):
        async with traffic.flowing(publisher):
            for server in cluster.servers:
                await traffic.goes_on()
                async with killed(cluster, server):
                    await traffic.goes_on()
                    await new_group_works(queue, traffic)
        await traffic.check(queue)


@asynccontextmanager
async def killed(cluster: RabbitCluster, server: RabbitServer) -> AsyncIterator[None]:
    """Afterwards it is there again, with all its replicas."""
    await server.kill()
    try:
        yield
    finally:
        await server.start()
        await cluster.ready()


async def new_group_works(queue: MessageQueue, traffic: Traffic) -> None:
    """It gets what was accepted before, though a node is missing, and commands of its own."""
    before, command = set(traffic.accepted.items), order()
    events, orders = Seen[Numbered](), Seen[Order]()
    async with Worker(queue, [recording(traffic.event, events), recording(command, orders)]):
        await queue.send(command(1))
        await orders.has(1, PATIENCE)
        await gets_all(events, before)


async def gets_all(seen: Seen[Numbered], numbers: set[int]) -> None:
    """Return when a group has handled all of these, and maybe more."""
    missing = numbers
    while missing := missing - {one.number for one in seen.items}:
        await seen.has(len(seen) + 1, PATIENCE)


@pytest.mark.slow  # three nodes, one of which is held back
async def test_founded_through_a_node_that_lags(cluster: RabbitCluster) -> None:
    """The publisher's node has all; the one that was away is asked before it has caught up."""
    event, accepted = numbered(), set[int]()
    near, *others = cluster.servers

    async def publish(queue: MessageQueue, numbers: range) -> None:
        await queue.publish_many([event(number) for number in numbers])
        accepted.update(numbers)

    async def found(through: RabbitServer) -> None:
        before, seen = set(accepted), Seen[Numbered]()
        async with (
            connect(through.url, replicas=3) as queue,
            Worker(queue, [recording(event, seen)]),
        ):
            await gets_all(seen, before)

    async with connect(near.url, replicas=3, timeout=PATIENCE) as queue:
        await publish(queue, range(1000))
        await asyncio.gather(*map(found, others))
        await others[0].kill()
        await publish(queue, range(1000, 3000))
        await others[0].start()
        await publish(queue, range(3000, 4000))
        await asyncio.gather(*map(found, cluster.servers))
    await cluster.ready()


@pytest.mark.slow  # three nodes, one claim after the other
async def test_command_that_is_claimed_through_each_node_belongs_to_one(
    cluster: RabbitCluster,
) -> None:
    async with AsyncExitStack() as stack:
        queues = [
            await stack.enter_async_context(connect(server.url, replicas=3, timeout=PATIENCE))
            for server in cluster.servers * 2
        ]
        for _ in range(3):
            await claimed_by_one(queues)
        async with killed(cluster, cluster.servers[0]):
            await claimed_by_one(queues[1:3] * 2)


async def claimed_by_one(queues: list[MessageQueue]) -> None:
    """Whoever is refused is told who has it, and that one gets what anybody sends."""
    command, seen, done = order(), Seen[Order](), asyncio.Event()

    async def claim(queue: MessageQueue) -> str:
        group = recording(command, seen)
        try:
            async with Worker(queue, [group]):
                claimed.add(group.name)
                await done.wait()
        except CommandClaimed as error:
            refused.add(str(error))
        return ""

    claimed, refused = Seen[str](), Seen[str]()
    claims = asyncio.gather(*map(claim, queues))
    await refused.has(len(queues) - 1, PATIENCE)
    [owner] = await claimed.has(1, PATIENCE)
    assert all(owner in one for one in refused.items)
    await asyncio.gather(*(queue.send(command(number)) for number, queue in enumerate(queues)))
    await seen.has(len(queues), PATIENCE)
    done.set()
    await claims


@pytest.mark.slow  # three nodes, one of which is killed and started again
async def test_requests_while_the_node_of_their_queue_is_down(cluster: RabbitCluster) -> None:
    """The first who answers has the queue made on its node: that one dies, and all others are connected."""
    kind, event, seen = question(), numbered(), Seen[Numbered]()
    first, *others = cluster.servers

    async def answered() -> bool:
        try:
            return await queue.request(kind(1), timeout=1.0) == "answer 1"
        except (NoAnswer, NobodyListening):
            return False

    async with AsyncExitStack() as stack:
        connected = [
            await stack.enter_async_context(connect(one.url, replicas=3, timeout=PATIENCE))
            for one in (first, *others)
        ]
        answerers = answering(kind)
        for one in connected:
            await stack.enter_async_context(Worker(one, [answerers]))
        queue = connected[-1]
        await until(answered, "it is answered")
        async with killed(cluster, first):
            await until(answered, "it is answered by the others", within=30)
            async with connect(others[0].url, replicas=3, timeout=PATIENCE) as late:
                await late.publish(event(1))
                async with Worker(late, [recording(event, seen)]):
                    await seen.has(1, PATIENCE)
            assert connected[1].connected
            assert queue.connected
        await until(answered, "it is answered when the node is back", within=30)
