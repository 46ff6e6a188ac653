"""Queues in memory: those of one connection, and one that is kept with what is persistent in it."""

from __future__ import annotations

from bisect import insort
from collections.abc import Sequence
from operator import attrgetter

from simulation.servers.base import FakeServer
from simulation.servers.rabbitmq.messages import Message
from simulation.servers.rabbitmq.queues import Confirm, Consumer, Declaration, Entry, Queue


class ClassicQueue(Queue):
    """What is requeued takes its place again. Where there is too much, the first ones are dropped."""

    def __init__(self, name: str, declaration: Declaration, server: FakeServer) -> None:
        super().__init__(name, declaration, server)
        self._ready: list[Entry] = []
        self._published = 0
        self._most = declaration.arguments.get("x-max-length")
        self._most_bytes = declaration.arguments.get("x-max-length-bytes")

    @property
    def ready(self) -> int:
        return len(self._ready)

    def publish(self, message: Message, confirm: Confirm) -> None:
        self._published += 1
        self._ready.append(Entry(message, self._published))
        self._changed()
        self._drop()
        if self.declaration.durable and message.persistent:
            self._log.write(confirm)
        else:
            confirm()

    def _drop(self) -> None:
        size = sum(len(one.message.body) for one in self._ready) if self._most_bytes else 0
        while self._ready and (
            (self._most is not None and len(self._ready) > self._most)
            or (self._most_bytes is not None and size > self._most_bytes)
        ):
            size -= len(self._ready.pop(0).message.body)

    def settle(self, consumer: Consumer, entries: Sequence[Entry]) -> None:
        for one in entries:
            consumer.held.pop(one, None)
        self._in_turn(consumer)
        self._changed()

    def requeue(self, consumer: Consumer, entries: Sequence[Entry]) -> None:
        self._left_behind([one for one in entries if one in consumer.held])
        self.settle(consumer, entries)

    def _left_behind(self, entries: Sequence[Entry]) -> None:
        for one in entries:
            one.deliveries += 1
            insort(self._ready, one, key=attrgetter("position"))

    def crash(self) -> None:
        super().crash()
        self._ready = [one for one in self._ready if one.message.persistent]

    def _changed(self) -> None:
        while self._ready and (consumer := self._next_consumer()):
            entry = self._ready.pop(0)
            if not consumer.no_ack:
                consumer.held[entry] = None
            self._in_turn(consumer)
            consumer.channel.deliver(consumer, entry, entry.message)
