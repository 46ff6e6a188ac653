"""Renews the leases of one member, and moves on what waits for a time: retries, and what the dead had."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable, Sequence

from dovetail.delivery import Delivery
from dovetail.errors import DovetailError
from dovetail.transports.redis.client import Client
from dovetail.transports.redis.in_flight import InFlight
from dovetail.transports.redis.limits import DUE_SECONDS, MOVED_AT_ONCE
from dovetail.transports.redis.settling import Settling
from dovetail.transports.redis.topology import Member
from dovetail.unforeseen import Unforeseen

log = logging.getLogger("dovetail.redis")


class LeaseRenewal:
    """Runs in the background until it is stopped. `release` is the member's own."""

    def __init__(
        self,
        client: Client,
        member: Member,
        lease: float,
        in_flight: InFlight,
        settling: Settling,
        release: Callable[[Sequence[Delivery]], Awaitable[None]],
    ) -> None:
        self._client = client
        self._member = member
        self._lease = lease
        self._in_flight = in_flight
        self._settling = settling
        self._release = release
        self._clock = asyncio.get_running_loop().time
        #: When to look next for what is due, and when to renew next.
        self._due = self._renewal = 0.0
        self._renewed = self._clock()
        #: Since when renewing succeeds without a gap; infinity where it was just refused, as with a full
        #: disk or too few replicas.
        self._steady_since = self._renewed
        self._sooner = asyncio.Event()
        self._unforeseen = Unforeseen(log, f"renewing the leases of {member.group}")
        self._task = asyncio.create_task(self._run())

    def is_due_in(self, seconds: float) -> None:
        """Something is to be moved then."""
        due = self._clock() + seconds
        if due < self._due:
            self._due = due
            self._sooner.set()

    @property
    def late(self) -> bool:
        """Whether leases may have ended, because the event loop was blocked: others may have what we have."""
        return self._clock() - self._renewed > self._lease * 2 / 3

    @property
    def others_could_renew(self) -> bool:
        """Whether the server was there for a lease's time, and took writes all along."""
        since = max(self._client.connected_at, self._steady_since)
        return self._clock() - since >= self._lease

    async def requeue_unread(self) -> None:
        """What the server delivered to us on a connection that was lost goes to whoever is free."""
        await self._reclaim(0, self._member.consumer)

    async def stop(self) -> None:
        """Renew no more."""
        self._task.cancel()
        await asyncio.wait([self._task])

    async def _run(self) -> None:
        while True:
            try:
                if self._due <= self._clock():
                    await self._move_due()
                    await self._release(self._in_flight.overdue())
                if self._renewal <= self._clock():
                    self._renewal = self._clock() + self._lease / 3
                    await self._renew()
                    if self.others_could_renew:
                        await self._reclaim(int(self._lease * 1000), "")
            except DovetailError as error:
                log.warning("%s: %s", self._member.group, error)
            except Exception as error:  # noqa: BLE001 - or leases would end while handlers run
                self._unforeseen.tell(error)
            await self._wait(min(self._due, self._renewal))

    async def _wait(self, until: float) -> None:
        self._sooner.clear()
        try:
            async with asyncio.timeout_at(until):
                await self._sooner.wait()
        except TimeoutError:
            return

    async def _move_due(self) -> None:
        self._due = self._clock() + DUE_SECONDS
        milliseconds = await self._client.script("move_due", *self._member, MOVED_AT_ONCE)
        if milliseconds >= 0:
            self.is_due_in(milliseconds / 1000)

    async def _renew(self) -> None:
        """Also where there is nothing to renew, to see whether the server takes writes."""
        began, since, self._steady_since = self._clock(), self._steady_since, math.inf
        for stream, deliveries in self._in_flight.by_stream.items():
            gone = await self._client.script("renew", *self._member, stream, *deliveries)
            self._in_flight.forget(stream, gone)
        was_late, self._renewed = self.late, began
        self._steady_since = self._clock() if was_late else min(since, self._clock())

    async def _reclaim(self, silent: int, whose: str) -> None:
        """What nobody renewed for so many milliseconds goes to whoever is free; not what we have."""
        for stream, deliveries in self._in_flight.by_stream.items():
            member, count = self._member._replace(consumer=whose), MOVED_AT_ONCE
            while count == MOVED_AT_ONCE:
                ours = (*deliveries, *self._settling.unconfirmed_acks())
                # Repeated for longer, it might succeed when nobody could renew for a lease's time.
                deadline = self._clock() + self._lease / 3 if silent else None
                count = await self._client.script(
                    "reclaim", *member, stream, silent, MOVED_AT_ONCE, *ours, deadline=deadline
                )
