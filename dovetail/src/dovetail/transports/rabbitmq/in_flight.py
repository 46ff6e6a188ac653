"""What one member has in flight: waiting for a handler, or with one; and how it is settled."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from dovetail.limits import IN_FLIGHT_BYTES
from dovetail.transports.common.buffer import Buffer
from dovetail.transports.rabbitmq.acks import Acks
from dovetail.transports.rabbitmq.channel import Channel
from dovetail.transports.rabbitmq.delivery import RabbitDelivery, delivery_of
from dovetail.transports.rabbitmq.frames import Content


class InFlight:
    """Bounded by the buffer's window: `wanted` says how many messages the server may have sent us at once.

    The server keeps the lease: it ends with the connection, whose heartbeats renew it.
    """

    def __init__(self, prefetch: int) -> None:
        self._prefetch = prefetch
        #: In the order in which they came.
        self.held: dict[int, RabbitDelivery] = {}
        self._bytes = 0
        #: Of these, what is being settled: the server has yet to confirm what becomes of it.
        self._settling: set[int] = set()
        #: What handlers have from a connection that was lost, by identity: somebody gets it again.
        self._lost: dict[str, RabbitDelivery] = {}
        self._acks = Acks()
        #: Set when `wanted` may have changed.
        self.changed = asyncio.Event()
        self.buffer: Buffer[RabbitDelivery] = Buffer(prefetch, self.changed.set)

    # The connection

    def disconnected(self) -> None:
        """What no handler has is forgotten; the rest is recognised when it comes again."""
        for delivery in self.buffer.drain():
            self._let_go(delivery)
        self._lost = {}
        for delivery in self.held.values():
            delivery.tag = 0
            if delivery.identity:
                self._lost[delivery.identity] = delivery

    def connected(self, channel: Channel) -> None:
        """What comes from now on, comes on this channel."""
        self._acks.attach(channel)
        self.changed.set()

    def came(self, content: Content, claimed: str) -> RabbitDelivery | None:
        """What was delivered; None where it was handled before, or a handler has it still."""
        delivery = delivery_of(content, claimed)
        held = self._lost.pop(delivery.identity, None) if content.redelivered else None
        if held is not None and id(held) in self.held:
            held.tag, held.content = delivery.tag, content
            self._acks.came(held)
            return None
        return delivery if self._acks.came(delivery) else None

    def put(self, delivery: RabbitDelivery, *, for_handler: bool) -> None:
        """Hold one that came."""
        self.held[id(delivery)] = delivery
        self._bytes += delivery.size
        if for_handler:
            self.buffer.put(delivery)
        if self._bytes > IN_FLIGHT_BYTES:
            self.changed.set()

    # Settling

    def unsettled(self, deliveries: Sequence[RabbitDelivery]) -> list[RabbitDelivery]:
        """Those that nobody has settled, or begun to settle."""
        return [one for one in deliveries if id(one) in self.held and id(one) not in self._settling]

    def settling(self, deliveries: Sequence[RabbitDelivery]) -> None:
        """They are neither to be acked nor requeued by anyone else."""
        self._settling.update(map(id, deliveries))

    def ack(self, delivery: RabbitDelivery) -> None:
        """It is handled, or the server has what becomes of it; a second call does nothing."""
        if self._let_go(delivery):
            self._acks.ack(delivery)

    def requeue(self, delivery: RabbitDelivery) -> None:
        """Let the queue deliver it again, at once and in its place."""
        if self._let_go(delivery):
            self._acks.requeue(delivery)

    def flush(self) -> None:
        """Send the acks that wait."""
        self._acks.flush()

    def _let_go(self, delivery: RabbitDelivery) -> bool:
        """Whether it was held until now."""
        if self.held.pop(id(delivery), None) is None:
            return False
        self._settling.discard(id(delivery))
        if self._bytes > IN_FLIGHT_BYTES:
            self.changed.set()
        self._bytes -= delivery.size
        return True

    # How much is wanted

    def overdue(self) -> bool:
        """Whether something waits so long that another member had better have it; then nothing is wanted."""
        if not self.buffer.is_overdue():
            return False
        self.buffer.rest()
        return True

    def wanted(self) -> int:
        """How many messages the server may have sent us that are not settled; 0 for none at all."""
        if self.buffer.stopped or self.buffer.busy or self._bytes > IN_FLIGHT_BYTES:
            return 0
        most = self.buffer.window.size
        if self.held:  # what is to come is taken to be as large as what is here
            most = min(most, max(1, IN_FLIGHT_BYTES * len(self.held) // max(1, self._bytes)))
        # At least one for each handler that has nothing to do, however slow the others are.
        return max(most, min(len(self.held) + self.buffer.idle, self._prefetch))
