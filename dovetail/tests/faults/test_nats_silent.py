"""The server hangs: the connection stands, and nothing is answered."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing, contextmanager

import pytest
import pytest_asyncio

from dovetail import Group, MessageQueue, NoAnswer, NobodyListening, Worker, connect
from dovetail.testing.conformance.names import Question, fresh, numbered, question
from dovetail.testing.conformance.waiting import until
from dovetail.testing.servers import NatsServer
from dovetail.transports.nats.transport import NatsTransport

pytestmark = pytest.mark.faults


@pytest_asyncio.fixture
async def server(new_nats_server: Callable[..., Awaitable[NatsServer]]) -> NatsServer:
    return await new_nats_server()


@pytest_asyncio.fixture
async def queue(server: NatsServer) -> AsyncIterator[MessageQueue]:
    async with connect(server.url) as queue:
        yield queue


async def test_cancelled_listener_leaves_nothing_behind(
    server: NatsServer, queue: MessageQueue
) -> None:
    at_first = subscriptions(queue)
    with silent(server):
        async with aclosing(queue.listen(numbered())) as messages:
            await cancelled_when_subscribed(queue, anext(messages))
    assert subscriptions(queue) == at_first


async def test_worker_that_never_started_answers_nothing(
    server: NatsServer, queue: MessageQueue
) -> None:
    kind, group = question(), Group(fresh("group"))

    @group.on(kind)
    async def answer(request: Question) -> str:
        return "from nowhere"

    at_first = subscriptions(queue)
    with silent(server):
        await cancelled_when_subscribed(queue, Worker(queue, [group]).__aenter__())
    assert subscriptions(queue) == at_first
    with pytest.raises(NobodyListening):
        await queue.request(kind(1), timeout=20)


async def test_request_ends_in_time(server: NatsServer, queue: MessageQueue) -> None:
    with silent(server):
        started = time.monotonic()
        with pytest.raises(NoAnswer):
            await queue.request(question()(1), timeout=0.3)
        assert time.monotonic() - started < 4


@contextmanager
def silent(server: NatsServer) -> Iterator[None]:
    """The server hangs meanwhile."""
    server.pause()
    try:
        yield
    finally:
        server.resume()


async def cancelled_when_subscribed(queue: MessageQueue, work: Awaitable[object]) -> None:
    """Cancel this while it waits for the server to see its subscription; it ends at once."""
    before, task = subscriptions(queue), asyncio.ensure_future(work)
    await until(lambda: more(queue, before), "it has subscribed")
    task.cancel()
    started = time.monotonic()
    await asyncio.wait([task])
    assert task.cancelled()
    assert time.monotonic() - started < 4


async def more(queue: MessageQueue, before: int) -> bool:
    return subscriptions(queue) > before


def subscriptions(queue: MessageQueue) -> int:
    """How many the connection has, and would make again."""
    assert isinstance(queue.transport, NatsTransport)
    return len(queue.transport._client._subscriptions)
