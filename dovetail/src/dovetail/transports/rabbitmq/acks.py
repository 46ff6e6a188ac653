"""Acks of many messages together, and what is known of those whose ack may not have arrived."""

from __future__ import annotations

import asyncio
from collections import deque

from pamqp import commands

from dovetail.transports.rabbitmq import limits
from dovetail.transports.rabbitmq.channel import Channel
from dovetail.transports.rabbitmq.delivery import RabbitDelivery, identity_of
from dovetail.transports.rabbitmq.frames import Content


class Acks:
    """Sends what was acked at the end of the turn of the event loop."""

    def __init__(self) -> None:
        self._channel: Channel | None = None
        #: Tags that are neither acked nor requeued, in the order in which they came.
        self._open: dict[int, None] = {}
        self._acked: list[int] = []
        self._recent: deque[Content] = deque(maxlen=limits.REMEMBERED_ACKS)
        #: Identities of what was acked on connections that were lost.
        self._handled: set[str] = set()

    def attach(self, channel: Channel) -> None:
        """A new channel; what was delivered on another one comes again."""
        self._channel = channel
        self._open.clear()
        self._acked.clear()
        self._handled = {identity for one in self._recent if (identity := identity_of(one))}

    def came(self, delivery: RabbitDelivery) -> bool:
        """One was delivered. False where it is one that was handled before; then it is acked."""
        self._open[delivery.tag] = None
        if self._handled and delivery.content.redelivered and delivery.identity in self._handled:
            self.ack(delivery)
            return False
        return True

    def ack(self, delivery: RabbitDelivery) -> None:
        """Ack soon."""
        self._recent.append(delivery.content)
        if not delivery.tag:  # it comes again, and is known then
            if delivery.identity:
                self._handled.add(delivery.identity)
            return
        if delivery.tag in self._open:
            del self._open[delivery.tag]
            if not self._acked:
                asyncio.get_running_loop().call_soon(self.flush)
            self._acked.append(delivery.tag)

    def requeue(self, delivery: RabbitDelivery) -> None:
        """Let the queue deliver it again, at once and in its place."""
        if delivery.tag in self._open and self._channel is not None:
            del self._open[delivery.tag]
            self._channel.tell(commands.Basic.Nack(delivery.tag, False, True))

    def flush(self) -> None:
        """Send the acks: up to the first that is still open in one, and the others one by one."""
        acked, channel = self._acked, self._channel
        if not acked or channel is None:
            return
        self._acked = []
        first_open = next(iter(self._open), max(acked) + 1)
        below = [tag for tag in acked if tag < first_open]
        if below:
            channel.tell(commands.Basic.Ack(max(below), True))
        for tag in acked:
            if tag > first_open:
                channel.tell(commands.Basic.Ack(tag, False))
