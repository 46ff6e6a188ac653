"""One member's share in a backlog."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import count
from typing import cast

from dovetail import clock
from dovetail.dead_letter import DeadLetter
from dovetail.delivery import Delivery
from dovetail.transports.memory.backlog import Backlog, Pending
from dovetail.transports.memory.store import Store

_members = count(1)


class MemoryDelivery(Delivery):
    """Known by its sequence in the store."""

    __slots__ = ("pending",)

    def __init__(self, pending: Pending) -> None:
        one = pending.message
        super().__init__(one.subject, one.body, one.headers, pending.attempt, pending.unsettled)
        self.pending = pending

    @property
    def key(self) -> str:
        return str(self.pending.sequence)


class MemorySubscription:
    """As dovetail.transport.Subscription says."""

    def __init__(self, store: Store, backlog: Backlog, prefetch: int) -> None:
        self._store = store
        self._backlog = backlog
        self._prefetch = prefetch
        self._member = next(_members)
        self._closed = False
        backlog.members += 1
        self._stopped = False
        self._renewal = asyncio.create_task(self._renew())

    async def fetch(self, most: int) -> Sequence[Delivery]:
        backlog = self._backlog
        while not self._stopped:
            backlog.arrived.clear()
            room = self._prefetch - backlog.count_of(self._member)
            if taken := backlog.take(self._member, min(most, room)):
                if backlog.waiting:
                    backlog.arrived.set()  # for the other members
                return [MemoryDelivery(pending) for pending in taken]
            backlog.idle += 1
            try:
                async with asyncio.timeout(backlog.next_change()):
                    await backlog.arrived.wait()
            except TimeoutError:
                continue
            finally:
                backlog.idle -= 1
        return ()

    def ack(self, deliveries: Sequence[Delivery]) -> None:
        for delivery in deliveries:
            self._settle(delivery)

    async def retry(self, delivery: Delivery, pause: float) -> None:
        if pending := self._settle(delivery):
            pending.attempt += 1
            self._backlog.put_back(pending, pause)

    async def release(self, deliveries: Sequence[Delivery]) -> None:
        for delivery in deliveries:
            if pending := self._settle(delivery):
                self._backlog.put_back(pending)

    async def bury(self, delivery: Delivery, letter: DeadLetter) -> None:
        claim = self._backlog.claim
        is_there = self._store.backlogs.get((claim.group, claim.subject)) is self._backlog
        if self._settle(delivery) and is_there:  # a group that was removed has no letters
            self._store.dead_letters.keep(letter)

    async def stop(self) -> None:
        self._stopped = True
        self._backlog.arrived.set()

    async def close(self) -> None:
        await self.stop()
        if not self._closed:
            self._closed = True
            self._backlog.members -= 1
            self._backlog.left = clock.now()
        self._renewal.cancel()
        await asyncio.gather(self._renewal, return_exceptions=True)

    def _settle(self, delivery: Delivery) -> Pending | None:
        """What was in flight; None where it was settled before, or its lease has ended."""
        self._backlog.arrived.set()  # there is room again
        pending = cast(MemoryDelivery, delivery).pending
        return pending if self._backlog.settle(pending) else None

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(self._backlog.claim.lease / 3)
            self._backlog.renew(self._member)
