"""What all kinds of queues have in common: how they were declared, their consumers, and whose turn it is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from simulation.servers.base import FakeServer
from simulation.servers.rabbitmq.log import Log
from simulation.servers.rabbitmq.messages import Message
from simulation.servers.rabbitmq.refusals import not_simulated

Confirm = Callable[[], None]


@dataclass(eq=False, slots=True)
class Entry:
    """One message in one queue."""

    message: Message
    #: Where in the queue it lies.
    position: int
    #: How often it was delivered before.
    deliveries: int = 0
    #: When it is taken out, by the event loop's clock.
    expires: float = float("inf")


class Receiver(Protocol):
    """The channel on which a consumer was begun."""

    def deliver(self, consumer: Consumer, entry: Entry, message: Message) -> None:
        """Send this; the entry is to be settled, unless the consumer needs not."""

    def cancelled(self, consumer: Consumer) -> None:
        """The server has ended the consumer."""


@dataclass(eq=False, slots=True)
class Consumer:
    """Gets no more than `prefetch` messages that are not settled; 0 is for as many as there are."""

    channel: Receiver
    tag: str
    queue: Queue
    no_ack: bool
    prefetch: int
    arguments: dict[str, Any]
    #: What it has, as far as the queue knows, in the order in which it was delivered.
    held: dict[Entry, None] = field(default_factory=dict)
    ended: bool = False

    @property
    def wants(self) -> bool:
        """Whether it may get another message."""
        return not self.ended and (not self.prefetch or len(self.held) < self.prefetch)


@dataclass(frozen=True)
class Declaration:
    """How a queue was declared. `owner` is the connection that has it for itself."""

    durable: bool
    auto_delete: bool
    owner: object | None
    arguments: dict[str, Any]


class Queue(ABC):
    """`on_unused` is called when an auto-delete queue has lost its last consumer."""

    def __init__(self, name: str, declaration: Declaration, server: FakeServer) -> None:
        self.name = name
        self.declaration = declaration
        self.consumers: list[Consumer] = []
        self.on_unused: Callable[[], object] = lambda: None
        self.deleted = False
        self._server = server
        self._log = Log(server)
        #: Those that may have messages, also when they were cancelled.
        self._begun: dict[Consumer, None] = {}
        #: Consumers that may get something, in turn.
        self._turns: deque[Consumer] = deque()

    # What channels ask for

    @abstractmethod
    def publish(self, message: Message, confirm: Confirm) -> None:
        """Take a message; `confirm` is called when it is kept."""

    @abstractmethod
    def settle(self, consumer: Consumer, entries: Sequence[Entry]) -> None:
        """These are done with."""

    @abstractmethod
    def requeue(self, consumer: Consumer, entries: Sequence[Entry]) -> None:
        """These are to be delivered again."""

    def reject(self, consumer: Consumer, entries: Sequence[Entry]) -> None:
        """These are dead: they go where the queue's dead letters go, or nowhere."""
        raise not_simulated(f"nack without requeue, on {self.name}")

    def consume(self, consumer: Consumer, begun: Callable[[], object]) -> None:
        """Have it get messages; `begun` is called before the first."""
        begun()
        self.consumers.append(consumer)
        self._begun[consumer] = None
        self._turns.append(consumer)
        self._changed()

    def cancel(self, consumer: Consumer, ended: Callable[[], object]) -> None:
        """Have it get no more; what it has stays its own. `ended` is called behind the last."""
        self._end(consumer)
        ended()
        self._unused_without_consumers()

    def leave(self, consumer: Consumer) -> None:
        """Its channel is closed: what it has is delivered again."""
        self._end(consumer)
        self._begun.pop(consumer, None)
        self.requeue(consumer, list(consumer.held))
        self._unused_without_consumers()

    @property
    @abstractmethod
    def ready(self) -> int:
        """How many messages wait for a consumer."""

    # What the server does

    def delete(self) -> int:
        """End it, with all that is in it; gives how many waited."""
        self._log.finish()
        self.deleted = True
        count = self.ready
        for consumer in self.consumers:
            consumer.ended = True
            consumer.channel.cancelled(consumer)
        self.consumers.clear()
        self._turns.clear()
        self.close()
        return count

    def close(self) -> None:
        """End its timers."""
        self._log.close()

    def crash(self) -> None:
        """Nobody consumes it any more; what was in memory only, or on its way, may be lost."""
        self._log.crash()
        for consumer in self._begun:
            self._orphaned(list(consumer.held))
        self.consumers.clear()
        self._begun.clear()
        self._turns.clear()
        self.close()

    def recover(self) -> None:
        """Go on with what is there, when all queues have crashed."""
        self._log.recover()

    # For the subclasses

    def _end(self, consumer: Consumer) -> None:
        consumer.ended = True
        if consumer in self.consumers:
            self.consumers.remove(consumer)

    def _unused_without_consumers(self) -> None:
        if self.declaration.auto_delete and not self.consumers and not self.deleted:
            self.on_unused()

    def _next_consumer(self) -> Consumer | None:
        """Whose turn it is."""
        while self._turns:
            consumer = self._turns.popleft()
            if consumer.wants:
                return consumer
        return None

    def _in_turn(self, consumer: Consumer) -> None:
        if consumer.wants and consumer not in self._turns:
            self._turns.append(consumer)

    @abstractmethod
    def _left_behind(self, entries: Sequence[Entry]) -> None:
        """These were a consumer's that is gone."""

    def _orphaned(self, entries: Sequence[Entry]) -> None:
        """These were a consumer's when the process ended."""
        self._left_behind(entries)

    @abstractmethod
    def _changed(self) -> None:
        """Deliver what there is to who may have it."""
