"""Looking at a queue of dead letters, from its first on: what is looked at is away until the look ends.

A queue tells nothing of what is in it but by handing it over. So whoever looks has all that it is not done
with handed back in the end, and is alone meanwhile: others would see less.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress

from pamqp import commands

from dovetail.transports.rabbitmq.channel import Channel, ChannelClosed
from dovetail.transports.rabbitmq.client import RETRY_SECONDS, Client, is_missing
from dovetail.transports.rabbitmq.frames import Content
from dovetail.transports.rabbitmq.locks import lock
from dovetail.transports.rabbitmq.wire import ConnectionLost

#: Until something comes, or nobody else looks any more.
PATIENCE_SECONDS = 60.0
#: What a busy server may take to put back what was looked at; it does so after it has closed the channel.
BACK_SECONDS = 5.0
#: Messages, and about how many bytes of them, that come in one go. The first go shows how large they are.
PAGE, PAGE_BYTES, FIRST_PAGE = 1000, 4 * 1024 * 1024, 20
#: The server looks for what is acked among all that the channel holds: another one is opened after so many,
#: or after a part of all, as a connection has 2,047 at most.
_CHANNEL_HELD, _MOST_CHANNELS = 1000, 1000
#: A look may take as long as it must. There are limits to its steps.
_FOR_EVER_SECONDS = 30 * 86_400.0


class Look:
    """One look. `channel` is its own, and confirms what is published on it."""

    def __init__(self, channel: Channel, queue: str, count: int, limit: asyncio.Timeout) -> None:
        self.channel = channel
        self._queue = queue
        self._limit = limit
        #: How many messages there were when it began, and how many of them it has removed.
        self.count = count
        self.removed = 0
        self._size = FIRST_PAGE
        #: Seen, and not removed: in all, and of what came on the channel that is read now.
        self.held = self._held_there = 0
        self._reading = channel
        self._channels = [channel]
        #: Those with acks that the queue may not have heard of.
        self._acked: set[Channel] = set()
        #: Called in the end, still with nobody else looking, when the server has all that was not removed.
        self.on_back: Callable[[Channel], Awaitable[object]] | None = None

    async def pages(self, left: int) -> AsyncIterator[list[Content]]:
        """The first so many messages, in parts."""
        while left > 0:
            self.progress()
            page = await self._page(min(left, self._size))
            if not page:
                return
            left -= len(page)
            self.held += len(page)
            self._held_there += len(page)
            yield page
            size = sum(len(one.body) for one in page)
            self._size = max(1, min(PAGE, PAGE_BYTES * len(page) // max(1, size)))

    async def _page(self, wanted: int) -> list[Content]:
        """So many, or what there was when somebody removed the queue."""
        if self._held_there >= max(_CHANNEL_HELD, self.count // _MOST_CHANNELS):
            self._reading, self._held_there = await Channel.open(self.channel.wire), 0
            self._channels.append(self._reading)
        page: list[Content] = []
        channel = self._reading
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def ended() -> None:
            if not done.done() and channel.error is not None:
                done.set_exception(channel.error)

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
        if len(contents) == self._held_there and contents:
            self._reading.tell(commands.Basic.Ack(contents[-1].tag, True))
        else:
            for one in contents:
                self._reading.tell(commands.Basic.Ack(one.tag))
        self._acked.add(self._reading)
        self.removed += len(contents)
        self.held -= len(contents)
        self._held_there -= len(contents)

    async def close(self) -> None:
        """What was not removed goes back."""
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
            if not is_missing(error):
                raise

    def progress(self) -> None:
        """It goes on: the time for what comes next begins."""
        self._limit.reschedule(asyncio.get_running_loop().time() + PATIENCE_SECONDS)


async def look_at(client: Client, queue: str, use: Callable[[Look], Awaitable[None]]) -> None:
    """Look, with nobody else looking. What was not removed is there again when this returns.

    `use` is called again where the connection was lost meanwhile.
    """
    expected = 0

    async def locked(channel: Channel) -> None:
        nonlocal expected
        async with lock(channel.wire, f"{queue}+lock"):
            await _has(channel, queue, expected)
            own = await Channel.open(channel.wire, confirms=True)
            look = Look(own, queue, await count_of(own, queue) or 0, limit)
            look.progress()
            try:
                await use(look)
            except BaseException:
                with suppress(
                    ConnectionLost, ChannelClosed
                ):  # or a cancellation would be taken for these
                    await put_back(channel, look)
                raise
            await put_back(channel, look)

    async def put_back(channel: Channel, look: Look) -> None:
        nonlocal expected
        expected = look.count - look.removed
        await look.close()
        if await _has(channel, queue, expected) and look.on_back is not None:
            await look.on_back(channel)

    now = asyncio.get_running_loop().time()
    client.start()
    try:
        async with asyncio.timeout_at(now + PATIENCE_SECONDS) as limit:
            await client.run(locked, deadline=now + _FOR_EVER_SECONDS)
    except TimeoutError as error:
        why = (
            f"no answer about {queue!r} for {PATIENCE_SECONDS:g} s; does somebody else work on it?"
        )
        raise client.unavailable(why if client.connected else "") from error


async def count_of(channel: Channel, queue: str) -> int | None:
    """How many messages are there; None where somebody has removed the queue, with what was in it."""
    try:
        declared = await channel.call(commands.Queue.Declare(queue=queue, passive=True))
    except ChannelClosed as error:
        if is_missing(error):
            return None
        raise
    return int(declared.message_count)


async def _has(channel: Channel, queue: str, count: int) -> bool:
    """Wait until the server has put back what was looked at, here or on a connection that was lost.

    Whether it has.
    """
    try:
        async with asyncio.timeout(BACK_SECONDS):
            while await _has_fewer(channel, queue, count):  # noqa: ASYNC110 - it has no signal
                await asyncio.sleep(RETRY_SECONDS)
    except TimeoutError:
        return False
    return True


async def _has_fewer(channel: Channel, queue: str, count: int) -> bool:
    found = await count_of(channel, queue)
    return found is not None and found < count
