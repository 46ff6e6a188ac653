"""Streams: messages that stay, read from anywhere by everybody."""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import Callable, Sequence

from simulation.servers.base import FakeServer
from simulation.servers.rabbitmq.messages import Message
from simulation.servers.rabbitmq.queues import Confirm, Consumer, Declaration, Entry, Queue
from simulation.servers.rabbitmq.refusals import away, not_simulated, precondition

#: How long it takes after a start of the server until a stream can be read.
_AWAY_SECONDS = (0.0, 0.1)


class Stream(Queue):
    """Nothing is ever taken away. What is written in one turn of the event loop is a chunk, sent whole."""

    def __init__(self, name: str, declaration: Declaration, server: FakeServer) -> None:
        super().__init__(name, declaration, server)
        self._entries: list[Entry] = []
        #: Where each chunk begins, and whether the last one may still grow.
        self._chunks: list[int] = []
        self._growing = False
        #: Until when nobody can read it, after a start of the server.
        self._away_until = 0.0
        self._next: dict[Consumer, int] = {}
        self._credit: dict[Consumer, int] = {}

    @property
    def ready(self) -> int:
        return len(self._entries)

    def publish(self, message: Message, confirm: Confirm) -> None:
        def written() -> None:
            if not self._growing:
                self._chunks.append(len(self._entries))
                self._growing = True
                asyncio.get_running_loop().call_soon(self._complete)
            self._entries.append(Entry(message, len(self._entries)))
            confirm()

        self._log.write(written)

    def _complete(self) -> None:
        self._growing = False
        self._changed()

    def settle(self, consumer: Consumer, entries: Sequence[Entry]) -> None:
        if consumer in self._credit:
            self._credit[consumer] += len(entries)
            self._send(consumer)

    def requeue(self, consumer: Consumer, entries: Sequence[Entry]) -> None:
        raise not_simulated("requeue to a stream")

    def consume(self, consumer: Consumer, begun: Callable[[], object]) -> None:
        loop = asyncio.get_running_loop()
        if loop.time() < self._away_until:
            raise away(self.name)
        if not consumer.prefetch:
            raise precondition(
                f"consumer prefetch count is not set for 'queue '{self.name}' in vhost '/''"
            )
        if consumer.no_ack:
            raise not_simulated("a consumer of a stream that does not ack")
        self._next[consumer] = self._start(consumer.arguments.get("x-stream-offset", "next"))
        self._credit[consumer] = consumer.prefetch
        begun()
        self.consumers.append(consumer)
        # It says that it begins, and begins some time later.
        seconds = self._server.random.uniform(*self._server.disk_seconds)
        loop.call_later(seconds, self._send, consumer)

    def _start(self, offset: object) -> int:
        if isinstance(offset, int):
            return offset
        places = {"first": 0, "next": len(self._entries)}
        if offset == "last":  # the last chunk
            return self._chunks[-1] if self._chunks else 0
        if offset not in places:
            raise not_simulated(f"the stream offset {offset!r}")
        return places[str(offset)]

    def leave(self, consumer: Consumer) -> None:
        self._end(consumer)

    def _end(self, consumer: Consumer) -> None:
        super()._end(consumer)
        self._next.pop(consumer, None)
        self._credit.pop(consumer, None)

    def crash(self) -> None:
        super().crash()
        self._next.clear()
        self._credit.clear()

    def recover(self) -> None:
        super().recover()
        seconds = self._server.random.uniform(*_AWAY_SECONDS)
        self._away_until = asyncio.get_running_loop().time() + seconds

    def _left_behind(self, entries: Sequence[Entry]) -> None:
        """All that was read is there still."""

    def _changed(self) -> None:
        for consumer in list(self.consumers):
            self._send(consumer)

    def _send(self, consumer: Consumer) -> None:
        """Chunks as a whole, as long as there is credit for any of it."""
        complete = self._chunks[-1] if self._growing else len(self._entries)
        while (credit := self._credit.get(consumer, 0)) > 0 and self._next[consumer] < complete:
            first = self._next[consumer]
            chunk = self._chunk_after(first)
            self._next[consumer] = chunk
            self._credit[consumer] = credit - (chunk - first)
            for entry in self._entries[first:chunk]:
                message = entry.message.with_number("x-stream-offset", entry.position)
                consumer.channel.deliver(consumer, entry, message)

    def _chunk_after(self, offset: int) -> int:
        """Where the chunk ends that has this offset."""
        at = bisect_right(self._chunks, offset)
        return self._chunks[at] if at < len(self._chunks) else len(self._entries)
