"""What one member has of its streams and has not settled: waiting for a handler, or with one."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

from dovetail.limits import IN_FLIGHT_BYTES
from dovetail.transports.common.buffer import Buffer
from dovetail.transports.redis.entries import Fields, RedisDelivery, delivery_of


class InFlight:
    """Bounded by the buffer's window. `streams` are those of which the member has a share."""

    def __init__(self, claimed: str, streams: Sequence[str], prefetch: int) -> None:
        self._claimed = claimed
        self._prefetch = prefetch
        self.by_stream: dict[str, dict[bytes, RedisDelivery]] = {stream: {} for stream in streams}
        self._bytes = 0
        #: The largest body that came lately: what is asked for next is taken to be as large.
        self._size = 1
        #: Set when there may be room for more.
        self.freed = asyncio.Event()
        self.buffer: Buffer[RedisDelivery] = Buffer(prefetch, self.freed.set)
        #: Whether something came that was delivered before, to us or to others.
        self.doubtful = False

    def put(self, stream: str, entries: Sequence[tuple[bytes, Fields]]) -> None:
        """Entries that came from a stream."""
        deliveries, claimed, largest = self.by_stream[stream], self._claimed, 1
        for entry, fields in entries:
            delivery = delivery_of(stream, entry, fields, claimed)
            if (former := deliveries.get(entry)) is not None:
                self._bytes -= len(former.body)  # the server has gone back to what it had before
            deliveries[entry] = delivery
            size = len(delivery.body)
            self._bytes += size
            largest = max(largest, size)
            if delivery.key_or_none:
                self.doubtful = True
            self.buffer.put(delivery)
        if entries:
            self._size = largest

    def settled(self, delivery: RedisDelivery) -> bool:
        """It is not in flight any more; False where it was not before."""
        if self.by_stream[delivery.stream].pop(delivery.id, None) is None:
            return False
        self._bytes -= len(delivery.body)
        self.freed.set()
        return True

    def begin_to_settle(self, deliveries: Sequence[RedisDelivery]) -> list[RedisDelivery]:
        """Those that nobody has begun to settle. They stay in flight until the server knows."""
        begun = [
            one for one in deliveries if one.id in self.by_stream[one.stream] and not one.settling
        ]
        for one in begun:
            one.settling = True
        return begun

    def forget(self, stream: str, ids: Iterable[bytes]) -> None:
        """They went to another member. What a handler has of them stays: it may yet be acked."""
        there = self.by_stream[stream]
        for delivery in self.buffer.discard(one for entry in ids if (one := there.get(entry))):
            self.settled(delivery)

    def clear(self) -> None:
        """Nothing is in flight any more."""
        for deliveries in self.by_stream.values():
            deliveries.clear()

    def overdue(self) -> list[RedisDelivery]:
        """Hand back what waits so long that it had better gone to another member."""
        return self.buffer.drain() if self.buffer.is_overdue() or self.buffer.busy else []

    def excess(self) -> list[RedisDelivery]:
        """Hand back what came beyond the prefetch, because two streams were read at once."""
        return self.buffer.newest(self.count - self._prefetch)

    @property
    def count(self) -> int:
        """How many there are."""
        return sum(map(len, self.by_stream.values()))

    def room(self) -> int:
        """How many messages to read next; 0 where it is not worth while."""
        count, buffer = self.count, self.buffer
        room = buffer.window.room(count, self._bytes)
        if buffer.idle and not len(buffer):
            room = max(room, min(buffer.idle, self._prefetch - count))
        elif buffer.busy or (len(buffer) and room * 2 < buffer.window.size):
            return 0
        return min(room, max(1, (IN_FLIGHT_BYTES - self._bytes) // self._size))
