"""What one member has in its hands: waiting for a handler, or with one."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Sequence

from dovetail.prefetch import MOST_BYTES, SLOW_SECONDS, Window
from dovetail.transports.redis.entry import Fields, RedisDelivery, delivery_of


class Hands:
    """Bounded by the window. `streams` are those of which the member has a share."""

    def __init__(self, claimed: str, streams: Sequence[str], prefetch: int) -> None:
        self._claimed = claimed
        self._prefetch = prefetch
        self.held: dict[str, dict[bytes, RedisDelivery]] = {stream: {} for stream in streams}
        self._waiting: deque[RedisDelivery] = deque()
        self._bytes = 0
        #: The largest body that came lately: what is asked for next is taken to be as large.
        self._size = 1
        self._window = Window(prefetch)
        self._arrived = asyncio.Event()
        #: Set when there may be room for more.
        self.freed = asyncio.Event()
        self.stopped = False
        self._failure: BaseException | None = None
        #: Handlers that wait for a message.
        self._idle = 0
        #: The handlers are busy for so long that we read nothing more until they ask.
        self._busy = False
        #: Whether something came that was delivered before, to us or to others.
        self.doubtful = False
        self._clock = asyncio.get_running_loop().time

    def put(self, stream: str, entries: Sequence[tuple[bytes, Fields]]) -> None:
        """Entries that came from a stream."""
        held, now, claimed = self.held[stream], self._clock(), self._claimed
        came: list[RedisDelivery] = []
        for entry, fields in entries:
            delivery = delivery_of(stream, entry, fields, claimed)
            delivery.arrived, delivery.settling = now, False
            held[entry] = delivery
            self._bytes += len(delivery.body)
            came.append(delivery)
            if delivery.key_or_none:
                self.doubtful = True
        if came:
            self._waiting.extend(came)
            self._window.came += len(came)
            self._size = max(1, *(len(one.body) for one in came))
            self._arrived.set()

    async def take(self, most: int) -> list[RedisDelivery]:
        """Wait for messages; gives 1 to `most` of them, or nothing after `stop`."""
        waiting = self._waiting
        self._busy = False
        if len(waiting) < most:
            self._window.too_little(self._clock())
            self.freed.set()
        self._idle += 1
        try:
            while not waiting and not self.stopped:
                if self._failure is not None:
                    raise self._failure
                self._arrived.clear()
                await self._arrived.wait()
        finally:
            self._idle -= 1
        if self.stopped:
            return []
        self._window.taken(self._clock() - waiting[0].arrived)
        if self._idle:  # the others are to have work, too
            most = min(most, -(-len(waiting) // (self._idle + 1)))
        if most < len(waiting):
            return [waiting.popleft() for _ in range(most)]
        taken = list(waiting)
        waiting.clear()
        if self._idle:
            self.freed.set()
        return taken

    def let_go(self, delivery: RedisDelivery) -> bool:
        """It is settled; False where it was before."""
        if self.held[delivery.stream].pop(delivery.id, None) is None:
            return False
        self._bytes -= len(delivery.body)
        self.freed.set()
        return True

    def holds(self, delivery: RedisDelivery) -> bool:
        """Whether it is not settled yet."""
        return delivery.id in self.held[delivery.stream]

    def forget(self, stream: str, ids: Iterable[bytes]) -> None:
        """They went to another member. What a handler has of them stays: it may yet be acked."""
        held = self.held[stream]
        gone = {id(one) for entry in ids if (one := held.get(entry))}
        for delivery in [one for one in self._waiting if id(one) in gone]:
            self._waiting.remove(delivery)
            self.let_go(delivery)

    def clear(self) -> None:
        """Let go of everything."""
        for held in self.held.values():
            held.clear()

    def stop(self) -> None:
        """Hand over no more."""
        self.stopped = True
        self._arrived.set()
        self.freed.set()

    def fail(self, error: BaseException) -> None:
        """Nothing comes any more: whoever waits for messages is told why."""
        self._failure = error
        self._arrived.set()

    def unfetched(self) -> list[RedisDelivery]:
        """Hand back all that nobody has taken."""
        return self._give_back(len(self._waiting))

    def overdue(self) -> list[RedisDelivery]:
        """Hand back what waits so long that it had better gone to another member."""
        if not self._waiting:
            return []
        waited = self._clock() - self._waiting[0].arrived
        self._window.taken(waited)
        return self.unfetched() if self._busy or waited > SLOW_SECONDS else []

    def rest(self) -> bool:
        """Read no more until a handler asks; False where one does."""
        self._busy = not self._idle
        return self._busy

    def excess(self) -> list[RedisDelivery]:
        """Hand back what came beyond the prefetch, because two streams were read at once."""
        return self._give_back(min(self.count - self._prefetch, len(self._waiting)))

    def _give_back(self, number: int) -> list[RedisDelivery]:
        return [self._waiting.pop() for _ in range(number)][::-1]

    @property
    def count(self) -> int:
        """How many there are."""
        return sum(map(len, self.held.values()))

    def room(self) -> int:
        """How many messages to read next; 0 where it is not worth while."""
        held = self.count
        room = self._window.room(held, self._bytes)
        if self._idle and not self._waiting:
            room = max(room, min(self._idle, self._prefetch - held))
        elif self._busy or (self._waiting and room * 2 < self._window.size):
            return 0
        return min(room, max(1, (MOST_BYTES - self._bytes) // self._size))
