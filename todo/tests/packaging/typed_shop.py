"""What a user of the library writes, as strictly typed as can be: mypy reads it beside the wheel."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import assert_type

from dovetail import (
    Backoff,
    Command,
    Context,
    DeadLetter,
    Event,
    Group,
    MessageQueue,
    Received,
    Request,
    Worker,
    connect,
)
from dovetail.testing import memory_queue


class Ordered(Event, frozen=True, subject="events.shop.ordered"):
    article: str
    pieces: int = 1


class Shipped(Event, subject="events.shop.shipped"):  # as frozen as one that says so
    article: str


class Pack(Command, frozen=True, subject="commands.shop.pack"):
    article: str


class CountOrders(Request[int], frozen=True, subject="requests.shop.count"):
    since: int = 0


shipping = Group("shipping", retry=Backoff(first=0.2, most=60, tries=10), lease=30)


@shipping.on(Ordered, batch=100)
async def ship(events: list[Ordered], contexts: list[Context]) -> list[Shipped]:
    return [Shipped(event.article) for event in events]


@shipping.on(Pack)
async def pack(command: Pack, context: Context) -> None:
    assert_type(context.attempt, int)


@shipping.on(CountOrders)
async def count(request: CountOrders) -> int:
    return request.since


@shipping.on("events.audit.>")
async def audit(message: Received) -> None:
    assert_type(message.body, bytes)


async def use(queue: MessageQueue) -> None:
    assert_type(await queue.publish(Ordered("kettle")), str)
    assert_type(await queue.send(Pack("kettle")), str)
    assert_type(await queue.request(CountOrders(), timeout=1), int)
    assert_type((await queue.gather(CountOrders(), timeout=1)).answers, list[int])
    for letter in await queue.dead_letters.list():
        assert_type(letter, DeadLetter)
        await queue.dead_letters.replay(letter)
    async for message in queue.listen("events.shop.>"):
        assert_type(message, Received)
    async for event in queue.listen(Shipped):
        assert_type(event, Shipped)
    async with memory_queue(shipping) as memory:
        assert_type(await memory.settled(timeout=timedelta(seconds=1)), None)


async def main() -> None:
    async with connect("memory://", keep=timedelta(days=1)) as queue, Worker(queue, [shipping]):
        await use(queue)


if __name__ == "__main__":
    asyncio.run(main())
