"""What one member has in flight, the leases of that, and how it is settled."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from copy import copy
from typing import Any

from dovetail.delivery import Claim
from dovetail.errors import DovetailError, QueueFull
from dovetail.transports.nats.client import Client
from dovetail.transports.nats.delivery import NatsDelivery
from dovetail.transports.nats.limits import ROOM_SECONDS
from dovetail.transports.nats.protocol import pub

log = logging.getLogger("dovetail.nats")

#: What became of a delivery, as JetStream has it.
ACK, NAK, TERM, IN_PROGRESS = b"+ACK", b"-NAK", b"+TERM", b"+WPI"
_ACKED = pub(b"%s", ACK)


class InFlight:
    """Messages that wait here or are with a handler: their leases are renewed until they are settled.

    `start` runs what nobody waits for.
    """

    def __init__(
        self, client: Client, claim: Claim, start: Callable[[Coroutine[Any, Any, None]], None]
    ) -> None:
        self._client = client
        self._most = claim.prefetch
        #: Leases are renewed three times in this. Where they were not, the event loop was blocked.
        self._longest = claim.lease * 2 / 3
        self._start = start
        self._clock = asyncio.get_running_loop().time
        self._renewed = self._clock()
        #: Sequences of what was in flight while leases may have ended: other members may have that, too.
        self._doubtful: set[bytes] = set()
        #: By their sequence in the stream.
        self.messages: dict[bytes, NatsDelivery] = {}
        #: How many stay only because the store is full.
        self._without_room = 0
        self.bytes = 0
        #: Nothing waits for room any more.
        self.leaving = False

    def __len__(self) -> int:
        return len(self.messages)

    def __contains__(self, delivery: NatsDelivery) -> bool:
        """Whether it is not settled. What came again after that is another delivery, which others handle."""
        return self.messages.get(delivery.sequence) is delivery

    def add(self, delivery: NatsDelivery) -> None:
        """One more."""
        self.messages[delivery.sequence] = delivery
        self.bytes += len(delivery.body)

    def renew(self) -> None:
        """Renew the leases of all."""
        renewals = [pub(one.reply, IN_PROGRESS) for one in self.messages.values()]
        self._client.write(b"".join(renewals))
        self._renewed = self._clock()

    @property
    def late(self) -> bool:
        """Whether leases may have ended because the event loop was blocked."""
        return self._clock() - self._renewed > self._longest

    def doubt(self) -> None:
        """Leases may have ended of all that is in flight now."""
        self._doubtful = set(self.messages)

    def is_doubtful(self, delivery: NatsDelivery) -> bool:
        """Whether another member may have it, too."""
        return self.late or delivery.sequence in self._doubtful

    def ack(self, deliveries: Sequence[NatsDelivery]) -> Sequence[NatsDelivery]:
        """Settle these as handled. Gives those whose lease may have ended."""
        messages, acks, settled = self.messages, [], []
        for delivery in deliveries:  # all messages pass here
            if messages.get(delivery.sequence) is delivery:
                del messages[delivery.sequence]
                self.bytes -= len(delivery.body)
                acks.append(_ACKED % delivery.reply)
                settled.append(delivery)
        self._client.write(b"".join(acks))
        if self._doubtful or self.late:
            return [one for one in settled if self.is_doubtful(one)]
        return ()

    def settle(self, delivery: NatsDelivery, verdict: bytes) -> None:
        """Send what became of it."""
        if self.let_go(delivery):
            self._client.write(pub(delivery.reply, verdict))

    async def settle_after(
        self, keep: Callable[[], Awaitable[None]], delivery: NatsDelivery, verdict: bytes
    ) -> None:
        """Settle it once the queue keeps what goes with the verdict: a crash between the two loses nothing.

        Where the queue fails, the message returns when its lease ends. But while there is only no room it
        stays here: let go again and again, it would look as if its workers died.
        """
        try:
            await keep()
        except DovetailError as error:
            is_full = isinstance(error, QueueFull) and not self.leaving
            # No more than half of what may be in flight: the others are to be handled, too.
            waits = is_full and self._without_room < self._most // 2
            mine = self.take_over(delivery) if waits else None
            if mine is None:
                self.let_go(delivery)
                raise
            log.warning("message %s stays here until there is room: %s", delivery.message_id, error)
            self._without_room += 1
            self._start(self._settle_later(keep, mine, verdict))
        else:
            self.settle(delivery, verdict)

    async def _settle_later(
        self, keep: Callable[[], Awaitable[None]], delivery: NatsDelivery, verdict: bytes
    ) -> None:
        try:
            while delivery in self and not self.leaving:
                await asyncio.sleep(ROOM_SECONDS)
                with suppress(QueueFull):
                    await keep()
                    self.settle(delivery, verdict)
        except DovetailError as error:
            log.warning(
                "message %s comes again when its lease ends: %s", delivery.message_id, error
            )
        self._without_room -= 1
        self.let_go(delivery)

    def let_go(self, delivery: NatsDelivery) -> bool:
        """Renew its lease no more; False where it was settled before."""
        if self.messages.get(delivery.sequence) is not delivery:
            return False
        del self.messages[delivery.sequence]
        self.bytes -= len(delivery.body)
        return True

    def take_over(self, delivery: NatsDelivery) -> NatsDelivery | None:
        """Hold its message as another delivery: whoever has this one settles nothing by it any more."""
        if not self.let_go(delivery):
            return None
        mine = copy(delivery)
        self.add(mine)
        return mine

    def clear(self) -> None:
        """Let go of all."""
        self.messages.clear()
        self.bytes = 0
