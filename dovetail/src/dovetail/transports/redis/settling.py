"""Tells the server what became of the messages of one member. Each is settled once."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Sequence

from dovetail.dead_letter import DeadLetter
from dovetail.errors import DovetailError
from dovetail.transports.redis import limits
from dovetail.transports.redis.client import Client
from dovetail.transports.redis.dead_letters import DeadLetterStore
from dovetail.transports.redis.entries import RedisDelivery
from dovetail.transports.redis.in_flight import InFlight
from dovetail.transports.redis.topology import Member, queue_of
from dovetail.unforeseen import Unforeseen

log = logging.getLogger("dovetail.redis")


class Settling:
    """Acks go out together, in the background; the rest is done when a method returns."""

    def __init__(self, client: Client, member: Member, in_flight: InFlight) -> None:
        self._client = client
        self._dead_letters = DeadLetterStore(client)
        self._member = member
        self._queue = queue_of(member.group, member.claimed)
        self._in_flight = in_flight
        self._acked: dict[str, list[RedisDelivery]] = {}
        #: Those of one stream that are on their way.
        self._acking: list[RedisDelivery] = []
        self._task: asyncio.Task[None] | None = None
        self._unforeseen = Unforeseen(log, f"acking messages of {member.group}")

    # Acks

    def ack(self, deliveries: Sequence[RedisDelivery]) -> None:
        for delivery in deliveries:
            if self._in_flight.settled(delivery):
                self._acked.setdefault(delivery.stream, []).append(delivery)
        if self._acked and (self._task is None or self._task.done()):
            self._task = asyncio.get_running_loop().create_task(self._send_acks())

    def unconfirmed_acks(self) -> list[bytes]:
        """Ids that the server may not know to be acked."""
        acked = (one for several in self._acked.values() for one in several)
        return [one.id for one in (*self._acking, *acked)]

    async def acks_arrived(self, timeout: float) -> None:
        """Return when the server has all of them, or the time is over."""
        if self._task is None:
            return
        try:
            _, late = await asyncio.wait([self._task], timeout=timeout)
        finally:
            self._task.cancel()  # also where whoever waits is told to stop: it would try for ever
        if late:
            await asyncio.wait(late)
            count = len(self.unconfirmed_acks())
            log.warning("%d handled messages come again: acking failed", count)

    async def _send_acks(self) -> None:
        while self._acked:
            stream, acked = self._acked.popitem()
            for first in range(0, len(acked), limits.ACKED_AT_ONCE):
                self._acking = acked[first:]
                await self._send_ack(stream, acked[first : first + limits.ACKED_AT_ONCE])
            self._acking = []

    async def _send_ack(self, stream: str, acked: list[RedisDelivery]) -> None:
        ids = [one.id for one in acked]
        while self._client.started:
            try:
                if stream == self._queue:
                    count = await self._client.script("ack", stream, self._member.group, *ids)
                else:
                    count = await self._client.run("XACK", stream, self._member.group, *ids)
                if count < len(ids):  # leases had ended: say so to whoever has the messages now
                    keys = [one.key for one in acked]
                    await self._client.script("late_acks", *self._member, *keys)
            except DovetailError as error:
                log.warning("acking %d messages failed, trying again: %s", len(ids), error)
            except Exception as error:  # noqa: BLE001 - or the others would not be acked, either
                self._unforeseen.tell(error)
            else:
                return
            await asyncio.sleep(limits.RETRY_SECONDS)

    # The rest

    async def still_to_be_handled(
        self, deliveries: list[RedisDelivery], *, all_are_doubtful: bool
    ) -> list[RedisDelivery]:
        """Without those that others have by now, or have acked late; what came again is always doubtful."""
        doubtful = [one for one in deliveries if all_are_doubtful or one.key_or_none]
        if not doubtful:
            return deliveries
        about = [word for one in doubtful for word in (one.stream, one.id, one.key)]
        try:
            results = await self._client.script("handled", *self._member, *about)
        except DovetailError as error:
            log.warning("it cannot be seen whether messages were handled meanwhile: %s", error)
            return deliveries
        handled = {id(one) for one, said in zip(doubtful, results, strict=True) if said == b"1"}
        for one in doubtful:
            if id(one) in handled:
                self._in_flight.settled(one)
        return [one for one in deliveries if id(one) not in handled]

    async def retry(self, delivery: RedisDelivery, pause: float) -> None:
        await self._requeue([delivery], math.ceil(pause * 1000), failed=1)

    async def release(self, deliveries: Sequence[RedisDelivery]) -> None:
        try:
            await self._requeue(deliveries, 0, failed=0)
        except DovetailError as error:
            log.warning("what is released comes again when its lease ends: %s", error)

    async def bury(self, delivery: RedisDelivery, letter: DeadLetter) -> None:
        for one in self._in_flight.begin_to_settle([delivery]):
            try:
                await self._dead_letters.keep(self._member, one.stream, one.id, letter)
            finally:
                self._in_flight.settled(one)

    async def _requeue(
        self, deliveries: Sequence[RedisDelivery], milliseconds: int, *, failed: int
    ) -> None:
        """To any member, after a pause. `failed` is how many attempts more are counted."""
        begun, most = self._in_flight.begin_to_settle(deliveries), limits.SETTLED_AT_ONCE
        try:
            for stream in self._in_flight.by_stream:
                there = [one for one in begun if one.stream == stream]
                for first in range(0, len(there), most):
                    about = [
                        word
                        for one in there[first : first + most]
                        for word in (one.id, one.attempt + failed, one.unsettled)
                    ]
                    await self._client.script(
                        "requeue", *self._member, stream, milliseconds, *about
                    )
        finally:
            for one in begun:
                self._in_flight.settled(one)
