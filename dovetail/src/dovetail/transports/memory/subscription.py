"""One member's share in a backlog."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import count
from typing import cast

from dovetail.delivery import Delivery
from dovetail.letters import DeadLetter
from dovetail.transports.memory.store import Backlog, Held, Store

_members = count(1)


class MemoryDelivery(Delivery):
    """Known by its sequence."""

    __slots__ = ("held",)

    held: Held

    @property
    def key(self) -> str:
        """The sequence in the store."""
        return str(self.held.message.sequence)


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
        self._keeper = asyncio.create_task(self._keep())

    async def fetch(self, most: int) -> Sequence[Delivery]:
        """As Subscription.fetch."""
        backlog = self._backlog
        while not self._stopped:
            backlog.arrived.clear()
            room = self._prefetch - backlog.count_of(self._member)
            if taken := backlog.take(self._member, min(most, room)):
                if backlog.waiting:
                    backlog.arrived.set()  # for the other members
                return [_delivery(held) for held in taken]
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
        """As Subscription.ack."""
        for delivery in deliveries:
            self._take_back(delivery)

    async def retry(self, delivery: Delivery, pause: float) -> None:
        """As Subscription.retry."""
        if held := self._take_back(delivery):
            self._backlog.add(held.message, delay=pause, attempt=held.attempt + 1, lost=held.lost)

    async def release(self, deliveries: Sequence[Delivery]) -> None:
        """As Subscription.release."""
        for delivery in deliveries:
            if held := self._take_back(delivery):
                self._backlog.add(held.message, attempt=held.attempt, lost=held.lost)

    async def bury(self, delivery: Delivery, letter: DeadLetter) -> None:
        """As Subscription.bury."""
        if self._take_back(delivery):
            self._store.letterbox.keep(letter)

    async def stop(self) -> None:
        """As Subscription.stop."""
        self._stopped = True
        self._backlog.arrived.set()

    async def close(self) -> None:
        """As Subscription.close."""
        await self.stop()
        if not self._closed:
            self._closed = True
            self._backlog.members -= 1
            self._backlog.left = datetime.now(UTC)
        self._keeper.cancel()
        await asyncio.gather(self._keeper, return_exceptions=True)

    def _take_back(self, delivery: Delivery) -> Held | None:
        self._backlog.arrived.set()  # there is room again
        held = cast(MemoryDelivery, delivery).held
        return held if self._backlog.settle(held) else None

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(self._backlog.claim.lease / 3)
            self._backlog.renew(self._member)


def _delivery(held: Held) -> MemoryDelivery:
    message = held.message
    delivery = MemoryDelivery(
        message.subject, message.body, message.headers, held.attempt, held.lost
    )
    delivery.held = held
    return delivery
