"""What waits for a command's group that was removed: all of it goes to the group that claims it next.

No count of the server's tells when that is all: a server that is busy says 0, and what a delay is over for is
in no queue until it is back. So a mark is put behind all that is there, in each queue; those in queues for
delays come back from there as everything does. When all have come, so has what was before them.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager

from pamqp import commands

from dovetail import clock
from dovetail.options import QueueOptions
from dovetail.transports.rabbitmq import limits
from dovetail.transports.rabbitmq.backfill import NewArrivals, store
from dovetail.transports.rabbitmq.channel import INTERNAL_ERROR, Channel, ChannelClosed
from dovetail.transports.rabbitmq.claims import RegisteredClaim
from dovetail.transports.rabbitmq.delivery import copied
from dovetail.transports.rabbitmq.frames import Content, Properties
from dovetail.transports.rabbitmq.topology import (
    ATTEMPT,
    COMMANDS,
    MARK,
    delay_of,
    exchange,
    exchange_of,
    quorum_queue,
)
from dovetail.transports.rabbitmq.wire import Wire

log = logging.getLogger("dovetail.rabbitmq")


async def take_over(
    channel: Channel,
    queue: str,
    former: RegisteredClaim,
    arrivals: NewArrivals,
    options: QueueOptions,
) -> None:
    """Move all that waits for the former claim to `queue`, and end its own queues.

    The channel confirms what is published. Attempts still count.
    """
    own = exchange_of(former.queue)
    # An interrupted try may have deleted them.
    await channel.call(exchange(own, "fanout"))
    await channel.call(
        commands.Exchange.Unbind(destination=own, source=COMMANDS, routing_key=former.subject)
    )
    if not await _exists(channel.wire, former.queue):
        await channel.call(quorum_queue(former.queue, options))
    delays = [delay_of(former.queue, step) for step in former.delays]
    names = [former.queue, *[one for one in delays if await _exists(channel.wire, one)]]
    async with _emptying(channel, former.queue, names) as parts:
        async for part in parts:
            unseen = await arrivals.without(part)
            await store(channel, queue, [(_with_attempt(one), one.body) for one in unseen])
    for one in reversed(names):
        await channel.call(commands.Queue.Delete(queue=one))
    await channel.call(commands.Exchange.Delete(exchange=own))


def _with_attempt(content: Content) -> Properties:
    attempt = (content.headers or {}).get(ATTEMPT)
    return copied(content, {ATTEMPT: attempt} if attempt else {})


def _is_mark(content: Content) -> bool:
    return MARK in (content.headers or {})


async def _exists(wire: Wire, queue: str) -> bool:
    channel = await Channel.open(wire)
    try:
        return await channel.count(queue) is not None
    finally:
        await channel.close()


@asynccontextmanager
async def _emptying(
    channel: Channel, own: str, names: Sequence[str]
) -> AsyncIterator[AsyncIterator[list[Content]]]:
    reading = await Channel.open(channel.wire)
    try:
        emptying = _Emptying(channel, reading, own, names)
        await emptying.begin()
        async with aclosing(emptying.parts()) as parts:
            yield parts
    finally:
        await reading.close()


class _Emptying:
    """Takes all messages off some queues, of which all but `own` are for delays and lead there."""

    def __init__(self, channel: Channel, reading: Channel, own: str, names: Sequence[str]) -> None:
        self._channel = channel
        self._reading = reading
        self._own = own
        self._names = names
        self._came: list[Content] = []
        self._arrived = asyncio.Event()
        #: Marks that have not come back.
        self._marks: set[str] = set()
        self._told_of_others = False
        self._gone = False
        reading.on_end = self._arrived.set
        reading.on_cancel = lambda _: self._cancelled()

    async def begin(self) -> None:
        """Have the messages sent."""
        prefetch = max(1, limits.TAKEN_AT_ONCE // len(self._names))
        for name in self._names:
            await self._reading.consume(name, self._take, prefetch=prefetch)

    def _take(self, content: Content) -> None:
        self._came.append(content)
        self._arrived.set()

    def _cancelled(self) -> None:
        self._gone = True
        self._arrived.set()

    async def parts(self) -> AsyncGenerator[list[Content]]:
        """In batches, until nothing is left; each is removed when the next one is asked for."""
        quiet_since, pause = clock.monotonic(), limits.RETRY_SECONDS
        while True:
            for name in self._names:
                await self._mark(name)
            while self._marks:
                part = await self._more()
                if messages := [one for one in part if not _is_mark(one)]:
                    quiet_since, pause = clock.monotonic(), limits.RETRY_SECONDS
                    yield messages
                for one in part:
                    self._remove(one)
            if await self._is_over(clock.monotonic() - quiet_since):
                return
            await asyncio.sleep(pause)
            pause = min(2 * pause, limits.LONGEST_RETRY_SECONDS)

    async def _mark(self, name: str) -> None:
        mark = clock.token()
        self._marks.add(mark)
        properties = Properties(message_id=mark, headers={MARK: name}, delivery_mode=2)
        await store(self._channel, name, [(properties, b"")])

    def _remove(self, content: Content) -> None:
        """Take one off its queue. A mark goes from a queue for delays to `own`, as all that is there does."""
        if _is_mark(content) and content.key != self._own:
            self._reading.tell(commands.Basic.Nack(content.tag, False, False))
            return
        self._reading.tell(commands.Basic.Ack(content.tag))
        self._marks.discard(content.properties.message_id or "")

    async def _more(self) -> list[Content]:
        while not self._came:
            if self._reading.error is not None:
                raise self._reading.error
            if self._gone:  # begin anew: it is made again, and is empty
                raise ChannelClosed(INTERNAL_ERROR, f"a queue of {self._own!r} was removed")
            self._arrived.clear()
            await self._arrived.wait()
        part, self._came = self._came, []
        return part

    async def _is_over(self, quiet: float) -> bool:
        """Whether nobody has anything in flight that may come again; nothing has come for so many seconds.

        A connection that was lost has, until the server notices; one to a node that is down has nothing, and
        is counted until that is back. Where the server counts no consumer, not even ours, it had no time to.
        """
        for name in self._names:
            found = await self._reading.call(commands.Queue.Declare(queue=name, passive=True))
            if found.consumer_count > 1 and not self._told_of_others:
                self._told_of_others = True
                log.warning("others still read the queue %s: waiting until they let go", name)
            others = found.consumer_count > 1 and quiet < limits.OTHERS_SECONDS
            if others or not found.consumer_count or found.message_count:
                return False
        return True
