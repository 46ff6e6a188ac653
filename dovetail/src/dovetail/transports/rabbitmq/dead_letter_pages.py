"""Reads a queue of dead letters in pages, from its first on. What is read is not in the queue meanwhile.

A queue tells nothing of what is in it but by delivering it. So whoever reads has all that it did not remove
requeued in the end, and is alone meanwhile: others would see less.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress

from pamqp import commands

from dovetail.limits import FIRST_PAGE, PAGE_BYTES
from dovetail.network.protocol import ConnectionLost
from dovetail.transports.rabbitmq import limits
from dovetail.transports.rabbitmq.channel import Channel, ChannelClosed
from dovetail.transports.rabbitmq.client import Client
from dovetail.transports.rabbitmq.frames import Content
from dovetail.transports.rabbitmq.locks import lock


class DeadLetterPages:
    """Of one queue, read once. `channel` is its own, and confirms what is published on it."""

    def __init__(self, channel: Channel, queue: str, count: int, limit: asyncio.Timeout) -> None:
        self.channel = channel
        self._queue = queue
        self._limit = limit
        #: How many messages there were when it began, and how many of them it has removed.
        self.count = count
        self.removed = 0
        self._size = FIRST_PAGE
        #: Read, and not removed: in all, and of what came on the channel that is read now.
        self.unacked = self._unacked_here = 0
        self._reading = channel
        self._channels = [channel]
        #: Those with acks that the queue may not have heard of.
        self._acked: set[Channel] = set()
        #: Called in the end, still with nobody else reading, when the queue has all that was not removed.
        self.on_requeued: Callable[[Channel], Awaitable[object]] | None = None

    async def read(self, left: int) -> AsyncIterator[list[Content]]:
        """The first so many messages, page by page."""
        while left > 0:
            self.progress()
            page = await self._page(min(left, self._size))
            if not page:
                return
            left -= len(page)
            self.unacked += len(page)
            self._unacked_here += len(page)
            yield page
            size = sum(len(one.body) for one in page)
            self._size = max(1, min(limits.PAGE, PAGE_BYTES * len(page) // max(1, size)))

    async def _page(self, wanted: int) -> list[Content]:
        """So many, or what there was when somebody removed the queue."""
        if self._unacked_here >= max(
            limits.UNACKED_ON_CHANNEL, self.count // limits.READING_CHANNELS
        ):
            self._reading, self._unacked_here = await Channel.open(self.channel.wire), 0
            self._channels.append(self._reading)
        page: list[Content] = []
        channel = self._reading
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def ended() -> None:
            if not done.done() and channel.error is not None:
                done.set_exception(channel.error)
                done.exception()  # it may have come before anybody waits for that

        def came(content: Content) -> None:
            page.append(content)
            if len(page) == wanted and not done.done():
                done.set_result(None)

        def removed(_consumer: str) -> None:
            if not done.done():
                done.set_result(None)

        channel.on_end, channel.on_cancel = ended, removed
        # With a limit of its own: without one the server sends 2,000, and waits.
        consumer = await channel.consume(self._queue, came, prefetch=wanted)
        await done
        await channel.cancel(consumer)
        return page

    def remove(self, contents: Sequence[Content]) -> None:
        """These, of the last page, are done with."""
        if len(contents) == self._unacked_here and contents:
            self._reading.tell(commands.Basic.Ack(contents[-1].tag, True))
        else:
            for one in contents:
                self._reading.tell(commands.Basic.Ack(one.tag))
        self._acked.add(self._reading)
        self.removed += len(contents)
        self.unacked -= len(contents)
        self._unacked_here -= len(contents)

    async def close(self) -> None:
        """What was not removed is requeued."""
        await asyncio.gather(*map(self._heard, self._acked))
        await asyncio.gather(*(one.close() for one in self._channels))

    async def _heard(self, channel: Channel) -> None:
        """Return when the queue has heard of all acks.

        A channel that has many keeps some of them to itself until the queue has answered to the others; what
        it has then is lost with it. To consume and to cancel are each answered by the queue, in turn.
        """
        if channel.error is not None:
            return
        try:
            consumer = await channel.consume(self._queue, lambda content: None, prefetch=1)
            await channel.cancel(consumer)
        except ChannelClosed as error:
            if not error.is_missing:
                raise

    def progress(self) -> None:
        """It goes on: the time for what comes next begins."""
        self._limit.reschedule(asyncio.get_running_loop().time() + limits.PATIENCE_SECONDS)


async def read_pages(
    client: Client, queue: str, use: Callable[[DeadLetterPages], Awaitable[None]]
) -> None:
    """Read, with nobody else reading. What was not removed is there again when this returns.

    `use` is called again where the connection was lost meanwhile.
    """
    expected = 0

    async def locked(channel: Channel) -> None:
        nonlocal expected
        async with lock(channel.wire, f"{queue}+lock"):
            await _has(channel, queue, expected)
            own = await Channel.open(channel.wire, confirms=True)
            pages = DeadLetterPages(own, queue, await own.count(queue) or 0, limit)
            pages.progress()
            try:
                await use(pages)
            except BaseException:
                # A cancellation must not be taken for one of these.
                with suppress(ConnectionLost, ChannelClosed):
                    await requeue(channel, pages)
                raise
            await requeue(channel, pages)

    async def requeue(channel: Channel, pages: DeadLetterPages) -> None:
        nonlocal expected
        expected = pages.count - pages.removed
        await pages.close()
        if await _has(channel, queue, expected) and pages.on_requeued is not None:
            await pages.on_requeued(channel)

    now = asyncio.get_running_loop().time()
    client.start()
    try:
        async with asyncio.timeout_at(now + limits.PATIENCE_SECONDS) as limit:
            await client.run(locked, deadline=now + limits.FOR_EVER_SECONDS)
    except TimeoutError as error:
        why = f"no answer about {queue!r} for {limits.PATIENCE_SECONDS:g} s; does somebody else work on it?"
        raise client.unavailable(why if client.connected else "") from error


async def _has(channel: Channel, queue: str, count: int) -> bool:
    """Wait until the server has requeued what was read, here or on a connection that was lost.

    Whether it has.
    """
    try:
        async with asyncio.timeout(limits.REQUEUE_SECONDS):
            while await _has_fewer(channel, queue, count):  # noqa: ASYNC110 - it has no signal
                await asyncio.sleep(limits.RETRY_SECONDS)
    except TimeoutError:
        return False
    return True


async def _has_fewer(channel: Channel, queue: str, count: int) -> bool:
    found = await channel.count(queue)
    return found is not None and found < count
