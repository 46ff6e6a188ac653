"""What one member has in its hands: waiting for a handler, or with one."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence

from dovetail.prefetch import MOST_BYTES, SLOW_SECONDS, Window
from dovetail.transports.rabbitmq.entry import RabbitDelivery


class Hands:
    """Bounded by the window: `wanted` says how many messages the server may have sent us at once."""

    def __init__(self, prefetch: int) -> None:
        self._prefetch = prefetch
        #: In the order in which they came.
        self.held: dict[int, RabbitDelivery] = {}
        self._waiting: deque[RabbitDelivery] = deque()
        self._bytes = 0
        self._window = Window(prefetch)
        self._arrived = asyncio.Event()
        #: Set when `wanted` may have changed.
        self.changed = asyncio.Event()
        self.stopped = False
        #: Handlers that wait for a message.
        self._idle = 0
        #: The handlers are busy for so long that we want nothing more until they ask.
        self._busy = False
        self._clock = asyncio.get_running_loop().time

    def put(self, delivery: RabbitDelivery, *, for_handler: bool) -> None:
        """One that came."""
        delivery.arrived = self._clock()
        self.held[id(delivery)] = delivery
        self._bytes += delivery.size
        if for_handler:
            self._waiting.append(delivery)
            self._window.came += 1
            self._arrived.set()
        if self._bytes > MOST_BYTES:
            self.changed.set()

    async def take(self, most: int) -> list[RabbitDelivery]:
        """Wait for messages; gives 1 to `most` of them, or nothing after `stop`."""
        waiting = self._waiting
        if self._busy:
            self._busy = False
            self.changed.set()
        if len(waiting) < most:
            self._window.too_little(self._clock())
            self.changed.set()
        self._idle += 1
        try:
            while not waiting and not self.stopped:
                self._arrived.clear()
                await self._arrived.wait()
        finally:
            self._idle -= 1
        if self.stopped:
            return []
        self._window.taken(self._clock() - waiting[0].arrived)
        if self._idle:  # the others are to have work, too
            most = min(most, -(-len(waiting) // (self._idle + 1)))
        return [waiting.popleft() for _ in range(min(most, len(waiting)))]

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

    def stop(self) -> None:
        """Hand over no more."""
        self.stopped = True
        self._arrived.set()
        self.changed.set()

    def unfetched(self) -> list[RabbitDelivery]:
        """Hand back all that nobody has taken."""
        unfetched = list(self._waiting)
        self._waiting.clear()
        return unfetched

    def overdue(self) -> bool:
        """Whether something waits so long that another member had better have it; then nothing is wanted."""
        if not self._waiting or (waited := self._clock() - self._waiting[0].arrived) < SLOW_SECONDS:
            return False
        self._window.taken(waited)
        self._busy = not self._idle
        return True

    def wanted(self) -> int:
        """How many messages the server may have sent us that are not settled; 0 for none at all."""
        if self.stopped or self._busy or self._bytes > MOST_BYTES:
            return 0
        most = self._window.size
        if self.held:  # what is to come is taken to be as large as what is here
            most = min(most, max(1, MOST_BYTES * len(self.held) // max(1, self._bytes)))
        return max(most, min(self._idle, self._prefetch))
