"""What listens and answers on each connection: one channel for each, which is made again wherever it ends."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from dovetail.errors import QueueError
from dovetail.network.protocol import ConnectionLost
from dovetail.transports.rabbitmq import limits
from dovetail.transports.rabbitmq.channel import INTERNAL_ERROR, Channel, ChannelClosed
from dovetail.transports.rabbitmq.client import Client
from dovetail.transports.rabbitmq.wire import Wire

log = logging.getLogger("dovetail.rabbitmq")

#: Makes what a connection needs, on a channel of its own.
Attach = Callable[[Channel], Awaitable[None]]


class Attachments:
    """Of one process. One that does not work holds up neither the connection nor the others."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._all: list[_Attachment] = []
        self._room = asyncio.Semaphore(limits.ATTACHED_AT_ONCE)
        client.on_connected.append(self._connected)

    async def _connected(self, wire: Wire) -> None:
        """Return when each was tried; those that take long go on by themselves."""
        if tried := [one.begin(wire) for one in self._all]:
            await asyncio.wait(tried, timeout=limits.ATTACHING_SECONDS)
        if wire.closed:
            raise ConnectionLost("lost again at once")

    @asynccontextmanager
    async def attached(
        self, what: str, attach: Attach, late: Callable[[], None] = lambda: None
    ) -> AsyncIterator[None]:
        """Attached now and on each later connection; `late` is called when it was not for a while."""
        one = _Attachment(what, attach, late, self._room)
        deadline = asyncio.get_running_loop().time() + limits.ATTACH_SECONDS
        try:
            await self._client.with_wire(one.open, deadline=deadline)
            self._all.append(one)
            yield
        finally:
            if one in self._all:
                self._all.remove(one)
            await one.close()


class _Attachment:
    def __init__(
        self, what: str, attach: Attach, late: Callable[[], None], room: asyncio.Semaphore
    ) -> None:
        self._what = what
        self._attach = attach
        self._late = late
        self._room = room
        self._channel: Channel | None = None
        self._trying: asyncio.Task[None] | None = None
        self._over = False

    def begin(self, wire: Wire, *, late: bool = False) -> asyncio.Future[None]:
        """On this connection from now on; gives what is done when it was tried."""
        if self._trying is not None:
            self._trying.cancel()
        tried: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._trying = asyncio.create_task(self._keep_trying(wire, tried, late))
        return tried

    async def _keep_trying(self, wire: Wire, tried: asyncio.Future[None], late: bool) -> None:
        try:
            failed = why = await self._try(wire)
        finally:
            if not tried.done():
                tried.set_result(None)
        if why and not wire.closed:
            log.warning("%s does not work for now: %s; trying again", self._what, why)
        pause = limits.RETRY_SECONDS
        while why and not wire.closed:
            await asyncio.sleep(pause)
            pause = min(2 * pause, limits.LONGEST_RETRY_SECONDS)
            why = await self._try(wire)
        if failed and not why:
            log.warning("%s works again", self._what)
        if (failed or late) and not why:
            self._late()

    async def _try(self, wire: Wire) -> str:
        """Attach; gives why that failed."""
        try:
            async with self._room, asyncio.timeout(limits.PREPARE_SECONDS):
                await self.open(wire)
        except TimeoutError:
            return "the server does not answer"
        except (ConnectionLost, ChannelClosed, QueueError) as error:
            return str(error)
        return ""

    async def open(self, wire: Wire) -> None:
        """Attach on a channel of its own."""
        channel, gone = await Channel.open(wire), list[str]()
        channel.on_cancel = gone.append
        try:
            await self._attach(channel)
        except BaseException:
            channel.leave()
            raise
        if gone or channel.error is not None:
            error = channel.error or ChannelClosed(INTERNAL_ERROR, "its queue is gone again")
            channel.leave()
            raise error
        self._channel = channel
        channel.on_end = lambda: self._ended(channel)
        channel.on_cancel = lambda consumer: self._ended(channel)

    def _ended(self, channel: Channel) -> None:
        """The server has closed the channel, or the queue is gone, perhaps with its node."""
        if self._over or self._channel is not channel or channel.wire.closed:
            return
        self._channel = None
        why = channel.error or "its queue is gone"
        log.warning("%s was ended by the server: %s; beginning anew", self._what, why)
        channel.leave()
        self.begin(channel.wire, late=True)

    async def close(self) -> None:
        """What it has made goes with its channel."""
        self._over = True
        if self._trying is not None:
            self._trying.cancel()
            await asyncio.wait([self._trying])
        if self._channel is not None:
            await self._channel.close()
