"""What one member has of its queue and has not settled: waiting for a handler, or with one."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from dovetail.buffer import Buffer
from dovetail.prefetch import MOST_BYTES
from dovetail.transports.rabbitmq.entry import RabbitDelivery


class InFlight:
    """Bounded by the buffer's window: `wanted` says how many messages the server may have sent us at once."""

    def __init__(self, prefetch: int) -> None:
        self._prefetch = prefetch
        #: In the order in which they came.
        self.held: dict[int, RabbitDelivery] = {}
        self._bytes = 0
        #: Set when `wanted` may have changed.
        self.changed = asyncio.Event()
        self.buffer: Buffer[RabbitDelivery] = Buffer(prefetch, self.changed.set)

    def put(self, delivery: RabbitDelivery, *, for_handler: bool) -> None:
        """One that came."""
        self.held[id(delivery)] = delivery
        self._bytes += delivery.size
        if for_handler:
            self.buffer.put(delivery)
        if self._bytes > MOST_BYTES:
            self.changed.set()

    def let_go(self, delivery: RabbitDelivery) -> bool:
        """It is settled; False where it was before."""
        if self.held.pop(id(delivery), None) is None:
            return False
        if self._bytes > MOST_BYTES:
            self.changed.set()
        self._bytes -= delivery.size
        return True

    def unsettled(self, deliveries: Sequence[RabbitDelivery]) -> list[RabbitDelivery]:
        """Those that nobody has begun to settle; from now on they are being settled."""
        mine = [one for one in deliveries if id(one) in self.held and not one.settling]
        for one in mine:
            one.settling = True
        return mine

    def overdue(self) -> bool:
        """Whether something waits so long that another member had better have it; then nothing is wanted."""
        if not self.buffer.is_overdue():
            return False
        self.buffer.rest()
        return True

    def wanted(self) -> int:
        """How many messages the server may have sent us that are not settled; 0 for none at all."""
        if self.buffer.stopped or self.buffer.busy or self._bytes > MOST_BYTES:
            return 0
        most = self.buffer.window.size
        if self.held:  # what is to come is taken to be as large as what is here
            most = min(most, max(1, MOST_BYTES * len(self.held) // max(1, self._bytes)))
        # At least one for each handler that has nothing to do, however slow the others are.
        return max(most, min(len(self.held) + self.buffer.idle, self._prefetch))
