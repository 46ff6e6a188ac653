"""Reads a member's share of its streams ahead of the handlers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

from hiredis import ReplyError

from dovetail.errors import DovetailError
from dovetail.transports.redis.client import Client, NoSuchGroup
from dovetail.transports.redis.in_flight import InFlight
from dovetail.transports.redis.wire import ConnectionLost

log = logging.getLogger("dovetail.redis")

#: One read waits for so long on the server; less than a ping may take, which waits behind it.
BLOCK_SECONDS = 2.0
RETRY_SECONDS = 0.1
#: How often a read that waits is told to end, where the word crossed it.
UNBLOCK_SECONDS = 0.02


class Reader:
    """Reads on a connection of its own, since a read that waits holds up all that is behind it.

    `recover` fetches what the server delivered on a connection that was lost, `restore` makes the group again
    where it is gone, and `came` is called after each read.
    """

    def __init__(
        self,
        connection: Client,
        in_flight: InFlight,
        member: tuple[str, str],
        recover: Callable[[], Awaitable[None]],
        restore: Callable[[], Awaitable[None]],
    ) -> None:
        self._connection = connection
        self._in_flight = in_flight
        self._member = member
        self._recover = recover
        self._restore = restore
        self._streams = list(in_flight.held)
        #: What was given back by a member that stopped comes before what nobody had yet.
        self._queue_first = len(self._streams) > 1
        self._read_under_way: asyncio.Future[Any] | None = None
        self._may_read = asyncio.Event()
        self._may_read.set()
        self._task = asyncio.create_task(self._run())
        self._task.add_done_callback(self._ended)

    async def interrupt(self, client: Client) -> None:
        """Return when a read that waits has ended, by word of the other connection."""
        read = self._read_under_way
        # The word may come there before the read does; then it is said again.
        while read and not read.done() and self._connection.connected and client.connected:
            try:
                await client.run("CLIENT", "UNBLOCK", self._connection.server.id)
            except DovetailError as error:
                log.debug("the read ends by itself: %s", error)
                return
            await asyncio.wait([read], timeout=UNBLOCK_SECONDS)
        await asyncio.sleep(0)  # what it gave is in flight then

    @contextmanager
    def giving_back(self) -> Iterator[None]:
        """Nothing is read meanwhile; what was given back is read before what nobody had yet."""
        self._may_read.clear()
        try:
            yield
        finally:
            self._queue_first = len(self._streams) > 1
            self._may_read.set()

    async def stop(self, client: Client) -> None:
        """Return when nothing comes any more."""
        while not self._task.done() and self._connection.connected and client.connected:
            await self.interrupt(client)
            await asyncio.wait([self._task], timeout=UNBLOCK_SECONDS)
        self._task.cancel()
        await asyncio.wait([self._task])

    def _ended(self, task: asyncio.Task[None]) -> None:
        """What nobody foresaw is for whoever waits for messages."""
        if not task.cancelled() and (error := task.exception()):
            self._in_flight.buffer.fail(error)

    async def _run(self) -> None:
        while not self._in_flight.buffer.stopped:
            try:
                await self._read()
            except ConnectionLost:
                await self._try(self._recover)
            except NoSuchGroup:
                await self._try(self._restore)
            except DovetailError as error:
                log.warning("reading %s failed, trying again: %s", self._streams[-1], error)
                await asyncio.sleep(RETRY_SECONDS)

    async def _try(self, mend: Callable[[], Awaitable[None]]) -> None:
        while not self._in_flight.buffer.stopped:
            try:
                await self._connection.ready()
                await mend()
            except DovetailError as error:
                log.warning("%s cannot be read now, trying again: %s", self._streams[-1], error)
                await asyncio.sleep(RETRY_SECONDS)
            else:
                return

    async def _read(self) -> None:
        in_flight = self._in_flight
        wire = await self._connection.ready()
        while not ((room := in_flight.room()) or in_flight.buffer.stopped):
            in_flight.freed.clear()
            await in_flight.freed.wait()
        await self._may_read.wait()
        if in_flight.buffer.stopped:
            return
        streams = self._streams[:1] if self._queue_first else self._streams
        wait = () if self._queue_first else ("BLOCK", int(BLOCK_SECONDS * 1000))
        # Redis counts for each stream on its own.
        count = max(1, room // len(streams))
        words = ("XREADGROUP", "GROUP", *self._member, "COUNT", count, *wait, "STREAMS", *streams)
        self._read_under_way = wire.call(*words, *(">" for _ in streams))
        reply = await self._read_under_way
        if isinstance(reply, ReplyError):
            self._connection.repair(wire, str(reply))
            await asyncio.sleep(RETRY_SECONDS)
            return
        self._queue_first = self._queue_first and bool(reply)
        for stream, entries in (reply or {}).items():
            in_flight.put(stream.decode(), entries)
