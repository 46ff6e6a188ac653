"""Quorum queues: everything is written first; deliveries are counted; what is dead moves to another queue."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Sequence
from typing import Any, Literal

from simulation.servers.base import FakeServer
from simulation.servers.rabbitmq.messages import Message
from simulation.servers.rabbitmq.queues import (
    Confirm,
    Consumer,
    Declaration,
    Entry,
    Queue,
    Receiver,
)

#: What a consumer gets that wants no limit.
_UNLIMITED = 2000
#: A channel keeps what is settled to itself while the queue has not written so many commands of it. When it
#: is closed then, that is lost.
_COMMANDS_AT_ONCE = 32
#: Until what could not be moved to another queue is tried again.
_MOVE_AGAIN_SECONDS = 180.0
#: How long it takes after a start to notice that the consumers of before are gone.
_NOTICED_SECONDS = (0.0, 0.05)

#: Puts a message into another queue; gives whether there is one, and calls back when it is kept there.
Move = Callable[[Message, Confirm], bool]
#: Why a message goes to the exchange for dead letters.
Reason = Literal["expired", "rejected"]


class QuorumQueue(Queue):
    """What is requeued comes before everything else. `move` is where dead messages go."""

    def __init__(self, name: str, declaration: Declaration, server: FakeServer, move: Move) -> None:
        super().__init__(name, declaration, server)
        self._returned: deque[Entry] = deque()
        self._messages: deque[Entry] = deque()
        self._published = 0
        #: Dead, by the reason, and not kept elsewhere yet.
        self._dead: dict[Entry, Reason] = {}
        self._move = move
        arguments = declaration.arguments
        ttl = arguments.get("x-message-ttl")
        self._ttl_seconds = float("inf") if ttl is None else ttl / 1000
        self._dead_letter_exchange = arguments.get("x-dead-letter-exchange")
        self._dead_letter_key = arguments.get("x-dead-letter-routing-key")
        self._timer: asyncio.TimerHandle | None = None
        #: What consumers had when the process ended; it is noticed a moment after the next start.
        self._orphans: list[Entry] = []
        self._noticing: asyncio.TimerHandle | None = None
        #: Dead, while there was no queue to move to.
        self._unmoved: list[Entry] = []
        self._moving_again: asyncio.TimerHandle | None = None
        #: By channel, how many of its commands are not written yet, and what it keeps to itself meanwhile.
        self._unwritten: Counter[Receiver] = Counter()
        self._unsent: dict[Receiver, list[Callable[[], None]]] = {}

    @property
    def ready(self) -> int:
        return len(self._returned) + len(self._messages)

    # What channels ask for

    def publish(self, message: Message, confirm: Confirm) -> None:
        def written() -> None:
            self._published += 1
            expires = asyncio.get_running_loop().time() + self._ttl_seconds
            self._messages.append(Entry(message, self._published, expires=expires))
            confirm()
            self._changed()

        self._log.write(written)

    def settle(self, consumer: Consumer, entries: Sequence[Entry]) -> None:
        def written() -> None:
            for one in entries:
                consumer.held.pop(one, None)

        self._command(consumer, written)

    def requeue(self, consumer: Consumer, entries: Sequence[Entry]) -> None:
        def written() -> None:
            self._left_behind([one for one in entries if one in consumer.held])
            for one in entries:
                consumer.held.pop(one, None)

        self._command(consumer, written)

    def reject(self, consumer: Consumer, entries: Sequence[Entry]) -> None:
        def written() -> None:
            for one in entries:
                if one in consumer.held and self._dead_letter_exchange is not None:
                    self._die(one, "rejected")
                consumer.held.pop(one, None)

        self._command(consumer, written)

    def _left_behind(self, entries: Sequence[Entry]) -> None:
        for one in entries:
            one.deliveries += 1
            self._returned.append(one)

    def _command(self, consumer: Consumer, apply: Callable[[], None]) -> None:
        channel = consumer.channel

        def send() -> None:
            self._unwritten[channel] += 1
            self._log.write(written)

        def written() -> None:
            apply()
            self._in_turn(consumer)
            self._unwritten[channel] -= 1
            if channel in self._unsent and self._unwritten[channel] < _COMMANDS_AT_ONCE:
                for one in self._unsent.pop(channel):
                    one()
            self._changed()

        if self._unwritten[channel] < _COMMANDS_AT_ONCE:
            send()
        else:
            self._unsent.setdefault(channel, []).append(send)

    def consume(self, consumer: Consumer, begun: Callable[[], object]) -> None:
        consumer.prefetch = consumer.prefetch or _UNLIMITED
        start = super().consume
        self._log.write(lambda: start(consumer, begun))

    def cancel(self, consumer: Consumer, ended: Callable[[], object]) -> None:
        end = super().cancel
        self._log.write(lambda: end(consumer, ended))

    def leave(self, consumer: Consumer) -> None:
        self._unsent.pop(consumer.channel, None)

        def written() -> None:
            self._end(consumer)
            self._begun.pop(consumer, None)
            self._left_behind(list(consumer.held))
            consumer.held.clear()
            self._unwritten.pop(consumer.channel, None)
            self._changed()
            self._unused_without_consumers()

        self._log.write(written)

    # What the server does

    def close(self) -> None:
        super().close()
        for timer in (self._timer, self._moving_again, self._noticing):
            if timer is not None:
                timer.cancel()
        self._timer = self._moving_again = self._noticing = None

    def crash(self) -> None:
        super().crash()
        self._unwritten.clear()
        self._unsent.clear()
        self._unmoved.clear()

    def recover(self) -> None:
        super().recover()
        seconds = self._server.random.uniform(*_NOTICED_SECONDS)
        self._noticing = asyncio.get_running_loop().call_later(seconds, self._resume)

    def _orphaned(self, entries: Sequence[Entry]) -> None:
        self._orphans += entries

    def _resume(self) -> None:
        self._noticing = None
        self._left_behind(self._orphans)
        self._orphans = []
        for entry in list(self._dead):  # it may be in the other queue already
            self._move_on(entry)
        self._changed()

    def _changed(self) -> None:
        if self.deleted:
            return
        self._expire()
        while self.ready and (consumer := self._next_consumer()):
            entry = (self._returned or self._messages).popleft()
            if not consumer.no_ack:
                consumer.held[entry] = None
            self._in_turn(consumer)
            message = entry.message
            if entry.deliveries:
                message = message.with_number("x-delivery-count", entry.deliveries)
            consumer.channel.deliver(consumer, entry, message)
            self._expire()

    # Expiry, and what else ends in the exchange for dead letters

    def _expire(self) -> None:
        """Only what is first in the queue expires."""
        if self._ttl_seconds == float("inf"):
            return
        loop = asyncio.get_running_loop()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while first := self._first():
            if first.expires > loop.time():
                self._timer = loop.call_at(first.expires, self._changed)
                return
            (self._returned or self._messages).popleft()
            self._die(first, "expired")

    def _first(self) -> Entry | None:
        queue = self._returned or self._messages
        return queue[0] if queue else None

    def _die(self, entry: Entry, reason: Reason) -> None:
        self._dead[entry] = reason
        self._move_on(entry)

    def _move_on(self, entry: Entry) -> None:
        """It is ours until the other queue has it; a crash in between leaves it in both."""
        message = entry.message
        died: dict[str, Any] = {
            "x-first-death-exchange": message.exchange,
            "x-first-death-queue": self.name,
            "x-first-death-reason": self._dead[entry],
        }
        exchange = str(self._dead_letter_exchange)
        key = message.key if self._dead_letter_key is None else str(self._dead_letter_key)
        moved = message.with_headers(died).moved(exchange, key)
        if not self._move(moved, lambda: self._log.write(lambda: self._dead.pop(entry, None))):
            self._unmoved.append(entry)
            if self._moving_again is None:
                loop = asyncio.get_running_loop()
                self._moving_again = loop.call_later(_MOVE_AGAIN_SECONDS, self._move_again)

    def _move_again(self) -> None:
        self._moving_again = None
        entries, self._unmoved = self._unmoved, []
        for entry in entries:
            self._move_on(entry)
