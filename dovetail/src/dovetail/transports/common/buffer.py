"""What came for one member and waits for its handlers; the same on every queue that sends ahead of them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from typing import Generic, Protocol, TypeVar

from dovetail.limits import SLOW_SECONDS
from dovetail.transports.common.prefetch_window import Window


class Arrived(Protocol):
    """A delivery that knows since when it waits: the event loop's time, in seconds."""

    arrived: float


AnyDelivery = TypeVar("AnyDelivery", bound=Arrived)


class Buffer(Generic[AnyDelivery]):
    """In the order in which they came. `wanted` is called when there may be room for more in the window."""

    def __init__(self, most: int, wanted: Callable[[], None]) -> None:
        self.window = Window(most)
        #: The handlers are busy for so long that nothing more is to come until one asks.
        self.busy = False
        self.stopped = False
        self._wanted = wanted
        self._waiting: deque[AnyDelivery] = deque()
        self._takers: deque[asyncio.Future[None]] = deque()
        #: Those, and the ones that were woken and did not run yet.
        self._idle = 0
        self._failure: BaseException | None = None
        self._loop = asyncio.get_running_loop()

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def idle(self) -> int:
        """Handlers that have nothing to do, and for which nothing has come."""
        return len(self._takers)

    def put(self, delivery: AnyDelivery) -> None:
        """One more for a handler."""
        delivery.arrived = self._loop.time()
        self._waiting.append(delivery)
        self.window.came += 1
        if self._takers:
            self._wake_one()

    async def take(self, most: int) -> list[AnyDelivery]:
        """Wait for messages; gives 1 to `most` of them, nothing after `stop`. Raises what `fail` was told."""
        waiting = self._waiting
        is_short = len(waiting) < most
        if is_short:
            self.window.too_little(self._loop.time())
        if is_short or self.busy:
            self.busy = False
            self._wanted()
        while not waiting and not self.stopped:
            if self._failure is not None:
                raise self._failure
            await self._arrival()
        if self.stopped:
            return []
        self.window.taken(self._loop.time() - waiting[0].arrived)
        if self._idle:  # the others are to have work, too
            most = min(most, -(-len(waiting) // (self._idle + 1)))
        if most < len(waiting):
            return [waiting.popleft() for _ in range(most)]
        taken = self.drain()
        if self._takers:
            self._wanted()
        return taken

    def drain(self) -> list[AnyDelivery]:
        """All that nobody has taken."""
        drained = list(self._waiting)
        self._waiting.clear()
        return drained

    def newest(self, most: int) -> list[AnyDelivery]:
        """So many of those that came last, in their order."""
        number = max(0, min(most, len(self._waiting)))
        return [self._waiting.pop() for _ in range(number)][::-1]

    def discard(self, deliveries: Iterable[AnyDelivery]) -> list[AnyDelivery]:
        """Of these, those that nobody has taken; they are taken out."""
        meant = set(map(id, deliveries))
        gone = [one for one in self._waiting if id(one) in meant]
        for delivery in gone:
            self._waiting.remove(delivery)
        return gone

    def is_overdue(self) -> bool:
        """Whether something waits so long that it had better gone to another member: then less is held."""
        if not self._waiting:
            return False
        waited = self._loop.time() - self._waiting[0].arrived
        self.window.taken(waited)
        return waited > SLOW_SECONDS

    def rest(self) -> bool:
        """Want nothing more until a handler asks; False where one does."""
        self.busy = not self._idle
        return self.busy

    def stop(self) -> None:
        """Hand over no more."""
        self.stopped = True
        self._wake_all()
        self._wanted()

    def fail(self, error: BaseException) -> None:
        """Nothing comes any more: whoever waits for messages is told why."""
        self._failure = error
        self._wake_all()

    async def _arrival(self) -> None:
        taker: asyncio.Future[None] = self._loop.create_future()
        self._takers.append(taker)
        self._idle += 1
        self._wanted()
        try:
            await taker
        except asyncio.CancelledError:
            if taker in self._takers:
                self._takers.remove(taker)
            elif self._waiting:
                self._wake_one()
            raise
        finally:
            self._idle -= 1

    def _wake_one(self) -> None:
        while self._takers:
            taker = self._takers.popleft()
            if not taker.done():
                taker.set_result(None)
                return

    def _wake_all(self) -> None:
        while self._takers:
            self._wake_one()
