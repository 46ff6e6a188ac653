"""One member's share in a group."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast

from hiredis import ReplyError

from dovetail import clock
from dovetail.dead_letter import DeadLetter
from dovetail.delivery import Claim, Delivery
from dovetail.errors import DovetailError
from dovetail.network.protocol import ConnectionLost
from dovetail.transports.redis import limits
from dovetail.transports.redis.client import Client, NoSuchGroup
from dovetail.transports.redis.entries import RedisDelivery
from dovetail.transports.redis.in_flight import InFlight
from dovetail.transports.redis.lease_renewal import LeaseRenewal
from dovetail.transports.redis.provisioning import Provisioning
from dovetail.transports.redis.settling import Settling
from dovetail.transports.redis.topology import Member, streams_of

log = logging.getLogger("dovetail.redis")


class RedisSubscription:
    """Reads ahead of the handlers, on `connection`: a read that waits holds up all that is behind it."""

    def __init__(
        self, client: Client, connection: Client, claim: Claim, provisioning: Provisioning
    ) -> None:
        self._client = client
        self._connection = connection
        self._claim = claim
        self._provisioning = provisioning
        self._member = Member(claim.group, claim.subject, clock.token())
        self._streams = streams_of(claim)
        self._in_flight = InFlight(claim.subject, self._streams, claim.prefetch)
        self._settling = Settling(client, self._member, self._in_flight)
        self._leases = LeaseRenewal(
            client, self._member, claim.lease, self._in_flight, self._settling, self.release
        )
        #: What was released by a member that stopped comes before what nobody had yet.
        self._queue_first = len(self._streams) > 1
        self._read_under_way: asyncio.Future[Any] | None = None
        self._may_read = asyncio.Event()
        self._may_read.set()
        connection.start()
        self._reading = asyncio.create_task(self._read_on())
        self._reading.add_done_callback(self._reading_ended)

    async def fetch(self, most: int) -> Sequence[Delivery]:
        if excess := self._in_flight.excess():
            await self._settling.release(excess)
        while taken := await self._in_flight.buffer.take(most):
            if (late := self._leases.late) or self._in_flight.doubtful:
                taken = await self._settling.still_to_be_handled(taken, all_are_doubtful=late)
            if taken:
                break
        return taken

    def ack(self, deliveries: Sequence[Delivery]) -> None:
        self._settling.ack(cast(Sequence[RedisDelivery], deliveries))

    async def retry(self, delivery: Delivery, pause: float) -> None:
        await self._settling.retry(cast(RedisDelivery, delivery), pause)
        self._leases.is_due_in(pause)

    async def release(self, deliveries: Sequence[Delivery]) -> None:
        if not deliveries:
            return
        if not self._in_flight.buffer.stopped and self._in_flight.buffer.rest():
            # Or what we release would come to us at once.
            await self._interrupt()
        with self._not_reading():
            await self._settling.release(cast(Sequence[RedisDelivery], deliveries))

    async def bury(self, delivery: Delivery, letter: DeadLetter) -> None:
        await self._settling.bury(cast(RedisDelivery, delivery), letter)

    async def stop(self) -> None:
        self._in_flight.buffer.stop()
        while not self._reading.done() and self._both_connected:
            await self._interrupt()
            await asyncio.wait([self._reading], timeout=limits.UNBLOCK_SECONDS)
        self._reading.cancel()
        await asyncio.wait([self._reading])
        await self._settling.release(self._in_flight.buffer.drain())

    async def close(self) -> None:
        try:
            if not self._in_flight.buffer.stopped:
                await self.stop()
        finally:  # or it would go on taking messages
            await self._leases.stop()
            await self._connection.close()
        await self._settling.acks_arrived(limits.COMMAND_SECONDS)
        self._in_flight.clear()
        for stream in self._streams if self._client.connected else ():
            try:
                await self._client.script("leave", *self._member, stream)
            except DovetailError as error:
                log.debug("the member is forgotten later: %s", error)

    # Reading

    async def _read_on(self) -> None:
        while not self._in_flight.buffer.stopped:
            try:
                await self._read()
            except ConnectionLost:
                await self._mend(self._leases.requeue_unread)
            except NoSuchGroup:
                await self._mend(self._restore)
            except DovetailError as error:
                log.warning("reading %s failed, trying again: %s", self._streams[-1], error)
                await asyncio.sleep(limits.RETRY_SECONDS)

    async def _read(self) -> None:
        in_flight = self._in_flight
        wire = await self._connection.ready()
        while not ((room := in_flight.room()) or in_flight.buffer.stopped):
            in_flight.freed.clear()
            await in_flight.freed.wait()
        await self._may_read.wait()
        if in_flight.buffer.stopped:
            return
        self._read_under_way = wire.call(*self._read_command(room))
        reply = await self._read_under_way
        if isinstance(reply, ReplyError):
            self._connection.raise_final(wire, str(reply))
            await asyncio.sleep(limits.RETRY_SECONDS)
            return
        self._queue_first = self._queue_first and bool(reply)
        for stream, entries in (reply or {}).items():
            in_flight.put(stream.decode(), entries)

    def _read_command(self, room: int) -> tuple[str | int, ...]:
        streams = self._streams[:1] if self._queue_first else self._streams
        wait = () if self._queue_first else ("BLOCK", int(limits.READ_SECONDS * 1000))
        # Redis counts for each stream on its own.
        count = max(1, room // len(streams))
        group, _, consumer = self._member
        what = "COUNT", count, *wait, "STREAMS", *streams, *(">" * len(streams))
        return ("XREADGROUP", "GROUP", group, consumer, *what)

    async def _mend(self, mend: Callable[[], Awaitable[None]]) -> None:
        while not self._in_flight.buffer.stopped:
            try:
                await self._connection.ready()
                await mend()
            except DovetailError as error:
                log.warning("%s cannot be read now, trying again: %s", self._streams[-1], error)
                await asyncio.sleep(limits.RETRY_SECONDS)
            else:
                return

    async def _restore(self) -> None:
        await self._provisioning.restore(self._claim)

    def _reading_ended(self, task: asyncio.Task[None]) -> None:
        """What nobody foresaw is for whoever waits for messages."""
        if not task.cancelled() and (error := task.exception()):
            self._in_flight.buffer.fail(error)

    async def _interrupt(self) -> None:
        """Return when a read that waits has ended, by a command on the other connection."""
        read = self._read_under_way
        # The command may come there before the read does; then it is sent again.
        while read and not read.done() and self._both_connected:
            try:
                await self._client.run("CLIENT", "UNBLOCK", self._connection.server.id)
            except DovetailError as error:
                log.debug("the read ends by itself: %s", error)
                return
            await asyncio.wait([read], timeout=limits.UNBLOCK_SECONDS)
        await asyncio.sleep(0)  # what it gave is in flight then

    @contextmanager
    def _not_reading(self) -> Iterator[None]:
        """Nothing is read meanwhile; what was released is read before what nobody had yet."""
        self._may_read.clear()
        try:
            yield
        finally:
            self._queue_first = len(self._streams) > 1
            self._may_read.set()

    @property
    def _both_connected(self) -> bool:
        return self._connection.connected and self._client.connected
