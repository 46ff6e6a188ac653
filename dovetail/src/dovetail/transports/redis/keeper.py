"""What a member does in the background: renews, gives back, moves what is due, and what the dead had."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from dovetail.delivery import Claim, Delivery
from dovetail.errors import DovetailError
from dovetail.transports.redis.client import Client
from dovetail.transports.redis.in_flight import InFlight
from dovetail.transports.redis.settling import Settling

log = logging.getLogger("dovetail.redis")

#: Any member looks for what is due so often, also for what others have delayed.
LOOK_SECONDS = 1.0
#: What is due is moved in portions, so that the server is not held up for long.
MOST_AT_ONCE = 200


class Keeper:
    """Runs until it is stopped."""

    def __init__(
        self,
        client: Client,
        claim: Claim,
        in_flight: InFlight,
        settling: Settling,
        give_back: Callable[[Sequence[Delivery]], Awaitable[None]],
    ) -> None:
        self._client = client
        self._claim = claim
        self._in_flight = in_flight
        self._settling = settling
        self._give_back = give_back
        self._clock = asyncio.get_running_loop().time
        self._due = self._renewal = 0.0
        self._renewed = self._clock()
        self._sooner = asyncio.Event()
        self._task = asyncio.create_task(self._run())

    def is_due_in(self, seconds: float) -> None:
        """Something is to be moved then."""
        due = self._clock() + seconds
        if due < self._due:
            self._due = due
            self._sooner.set()

    @property
    def late(self) -> bool:
        """Whether leases may have ended, because the event loop was blocked: others may have what we hold."""
        return self._clock() - self._renewed > self._claim.lease * 2 / 3

    async def recover(self) -> None:
        """Give back what the server delivered to us on a connection that was lost."""
        await self._reclaim(0, self._settling.consumer)

    async def stop(self) -> None:
        """Renew no more."""
        self._task.cancel()
        await asyncio.wait([self._task])

    async def _run(self) -> None:
        while True:
            try:
                if self._due <= self._clock():
                    await self._move_due()
                    await self._give_back(self._in_flight.overdue())
                if self._renewal <= self._clock():
                    self._renewal = self._clock() + self._claim.lease / 3
                    await self._renew()
                    # While the server was away nobody could renew: now all have a lease's time for it.
                    if self._clock() - self._client.connected_at >= self._claim.lease:
                        await self._reclaim(int(self._claim.lease * 1000), "")
            except DovetailError as error:
                log.warning("%s: %s", self._claim.group, error)
            await self._wait(min(self._due, self._renewal))

    async def _wait(self, until: float) -> None:
        self._sooner.clear()
        try:
            async with asyncio.timeout_at(until):
                await self._sooner.wait()
        except TimeoutError:
            return

    async def _move_due(self) -> None:
        self._due = self._clock() + LOOK_SECONDS
        group, claimed = self._claim.group, self._claim.subject
        what = group, claimed, MOST_AT_ONCE, self._settling.consumer
        milliseconds = await self._client.script("due", *what)
        if milliseconds >= 0:
            self.is_due_in(milliseconds / 1000)

    async def _renew(self) -> None:
        now = self._clock()
        for stream, held in self._in_flight.held.items():
            if held:
                member = self._claim.group, self._settling.consumer
                gone = await self._client.script("renew", stream, *member, *held)
                self._in_flight.forget(stream, gone)
        self._renewed = now

    async def _reclaim(self, silent: int, whose: str) -> None:
        """What nobody said a word about for so many milliseconds goes to whoever is free."""
        for stream, held in self._in_flight.held.items():
            place = stream, self._claim.group, self._claim.subject
            count = MOST_AT_ONCE
            while count == MOST_AT_ONCE:
                ours = (*held, *self._settling.acks.unsent())
                limits = silent, MOST_AT_ONCE, whose
                count = await self._client.script("reclaim", *place, *limits, *ours)
