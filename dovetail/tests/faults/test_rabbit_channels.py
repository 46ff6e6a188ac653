"""Whoever is cancelled while the server is asked leaves no channel behind, and nobody waiting."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Any

import pytest
import pytest_asyncio
from pamqp.base import Frame

from dovetail import MessageQueue, connect
from dovetail.delivery import Claim
from dovetail.testing.conformance.names import fresh, fresh_subject
from dovetail.testing.conformance.waiting import until
from dovetail.testing.servers import RabbitServer
from dovetail.transports.rabbitmq.channel import Channel

pytestmark = pytest.mark.faults

Use = Callable[[MessageQueue], Awaitable[None]]


@pytest_asyncio.fixture
async def queue(rabbit_server: RabbitServer) -> AsyncIterator[MessageQueue]:
    async with connect(rabbit_server.url) as queue:
        yield queue


async def cancelled_at_each_question(
    monkeypatch: pytest.MonkeyPatch, use: Callable[[], Awaitable[None]]
) -> AsyncIterator[int]:
    """Cancel it when it has put its first question to the server, then at the second, until it ends.

    Gives the number of the question each time.
    """
    call = Channel.call
    last = 0
    while True:
        last, left = last + 1, last

        async def cancelling(self: Channel, command: Frame) -> Any:
            nonlocal left
            left -= 1
            if left < 0:
                task.cancel()  # noqa: B023 - this round's
            return await call(self, command)

        with monkeypatch.context() as patch:
            patch.setattr(Channel, "call", cancelling)
            task = asyncio.ensure_future(use())
            await asyncio.wait([task])
        if not task.cancelled():
            task.result()
            return
        yield last


async def channels(server: RabbitServer) -> tuple[int, int]:
    """How many channels and consumers there are on the server."""
    open_ones = await server.control("list_channels", "pid")
    consumers = await server.control("list_consumers", "channel_pid")
    return len(open_ones.split()), len(consumers.split())


async def listen(queue: MessageQueue) -> None:
    async with queue.transport.listen("events.>"):
        pass


async def serve(queue: MessageQueue) -> None:
    async def answer(body: bytes) -> bytes:
        return body

    await (await queue.transport.serve(fresh_subject("requests"), fresh("group"), answer))()


@pytest.mark.parametrize("use", [listen, serve])
async def test_nothing_stays_open(
    new_rabbit_server: Callable[..., Awaitable[RabbitServer]],
    monkeypatch: pytest.MonkeyPatch,
    use: Use,
) -> None:
    server = await new_rabbit_server()
    async with connect(server.url) as queue:
        await use(queue)
        before = await channels(server)
        rounds = [one async for one in cancelled_at_each_question(monkeypatch, partial(use, queue))]
        assert len(rounds) >= 4

        async def as_before() -> bool:
            return await channels(server) == before

        await until(as_before, "no channel and no consumer more")


async def join(queue: MessageQueue, subject: str) -> None:
    claim = Claim("members", subject, "event", "first", lease=15, prefetch=10)
    member = await queue.transport.claim(claim)
    await member.stop()
    await member.close()


async def test_others_can_join(
    rabbit_server: RabbitServer, queue: MessageQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    subjects: list[str] = []

    async def join_anew() -> None:
        subjects.append(fresh_subject())
        await join(queue, subjects[-1])

    async with connect(rabbit_server.url) as another:
        async for _ in cancelled_at_each_question(monkeypatch, join_anew):
            await join(another, subjects[-1])
