"""One member's share in a group."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import cast

from dovetail.dead_letter import DeadLetter
from dovetail.delivery import Claim, Delivery
from dovetail.errors import DovetailError
from dovetail.network.protocol import ConnectionLost
from dovetail.transports.rabbitmq import limits
from dovetail.transports.rabbitmq.channel import Channel, ChannelClosed
from dovetail.transports.rabbitmq.claims import RegisteredClaim
from dovetail.transports.rabbitmq.client import Client
from dovetail.transports.rabbitmq.consumers import Consumers
from dovetail.transports.rabbitmq.dead_letters import DeadLetterStore
from dovetail.transports.rabbitmq.delays import Delays, left_of
from dovetail.transports.rabbitmq.delivery import RabbitDelivery
from dovetail.transports.rabbitmq.frames import Content
from dovetail.transports.rabbitmq.in_flight import InFlight
from dovetail.transports.rabbitmq.wire import Wire
from dovetail.unforeseen import Unforeseen

log = logging.getLogger("dovetail.rabbitmq")


#: Called with the channel of each new connection, before messages come.
OnChannel = Callable[[Channel], Awaitable[None]]


class RabbitSubscription:
    """As dovetail.transport.Subscription says. `connection` is its own, not started yet."""

    def __init__(
        self,
        connection: Client,
        claim: Claim,
        delays: Delays,
        dead_letters: DeadLetterStore,
        on_channel: OnChannel,
    ) -> None:
        self._connection = connection
        self._claim = RegisteredClaim.of(claim)
        self._delays = delays
        self._dead_letters = dead_letters
        self._on_channel = on_channel
        self.in_flight = InFlight(claim.prefetch)
        self._consumers: Consumers | None = None
        self._channel: Channel | None = None
        self._delaying: set[asyncio.Task[None]] = set()
        connection.on_connected.append(self._connected)
        self._adjusting = asyncio.create_task(self._adjust())

    # The connection

    async def _connected(self, wire: Wire) -> None:
        self._consumers = None
        self.in_flight.disconnected()
        channel = await Channel.open(wire)
        await self._on_channel(channel)
        channel.on_end = lambda: wire.abort(f"{channel.error}")
        channel.on_cancel = lambda _: self._cancelled(wire)
        self.in_flight.connected(channel)
        self._channel = channel
        self._consumers = Consumers(channel, self._claim.queue, self._came)

    def _cancelled(self, wire: Wire) -> None:
        """The server does so where the queue was deleted, or has lost its leader."""
        log.error(
            "the server lets us read the queue %s no more: where somebody has deleted it, what waited there "
            "is lost. It is made again, and what comes from now on is handled",
            self._claim.queue,
        )
        wire.abort(f"the queue {self._claim.queue!r} is gone")

    def _came(self, content: Content) -> None:
        delivery = self.in_flight.came(content, self._claim.subject)
        if delivery is None:
            return
        left = left_of(content.headers) if content.headers is not None else 0.0
        early = left > limits.TOLERANCE_SECONDS
        self.in_flight.put(delivery, for_handler=not early)
        if early:
            task = asyncio.get_running_loop().create_task(self._delay(delivery, left))
            self._delaying.add(task)
            task.add_done_callback(self._delaying.discard)

    async def _delay(self, delivery: RabbitDelivery, left: float) -> None:
        """It has more to wait than there is a queue for."""
        try:
            await self._deliver_again([delivery], left)
        except DovetailError as error:
            log.warning("what is not due yet comes again after a pause: %s", error)

    async def _adjust(self) -> None:
        """Have as much sent as the handlers get through."""
        unforeseen = Unforeseen(log, f"asking for messages for {self._claim.group}")
        while True:
            try:
                async with asyncio.timeout(limits.OVERDUE_SECONDS):
                    await self.in_flight.changed.wait()
            except TimeoutError:
                overdue = self.in_flight.overdue()
            else:
                overdue = False
            self.in_flight.changed.clear()
            try:
                await self._adjust_once(overdue=overdue)
            except (ConnectionLost, ChannelClosed):
                continue  # it begins anew on the next connection
            except Exception as error:  # noqa: BLE001 - or nothing more would come
                unforeseen.tell(error)

    async def _adjust_once(self, *, overdue: bool) -> None:
        consumers = self._consumers
        if consumers is not None and not self.in_flight.buffer.stopped:
            await consumers.adjust(self.in_flight.wanted(), len(self.in_flight.held))
        if overdue:  # only now, or what is requeued would come to us at once, and out of order
            await self.release(self.in_flight.buffer.drain())

    # As Subscription

    async def fetch(self, most: int) -> Sequence[Delivery]:
        """Those that wait for a handler."""
        return await self.in_flight.buffer.take(most)

    def ack(self, deliveries: Sequence[Delivery]) -> None:
        """Sent at the end of the turn of the event loop."""
        for delivery in cast(Sequence[RabbitDelivery], deliveries):
            self.in_flight.ack(delivery)

    async def retry(self, delivery: Delivery, pause: float) -> None:
        """A copy waits in a queue for delays."""
        await self._deliver_again([cast(RabbitDelivery, delivery)], pause, failed=True)

    async def release(self, deliveries: Sequence[Delivery]) -> None:
        """Requeued by the server; what was so too often is copied to the end of the queue."""
        mine = self.in_flight.unsettled(cast(Sequence[RabbitDelivery], deliveries))
        often = [one for one in mine if one.unsettled >= limits.MOST_REQUEUED]
        for delivery in mine:
            if delivery not in often:
                self.in_flight.requeue(delivery)
        try:
            await self._deliver_again(often, 0)
        except DovetailError as error:
            log.warning("what is released comes again after a pause: %s", error)

    async def bury(self, delivery: Delivery, letter: DeadLetter) -> None:
        """The letter has a queue of its own."""
        await self._settle(
            [cast(RabbitDelivery, delivery)],
            lambda mine: self._dead_letters.bury(self._claim, letter),
        )

    async def _deliver_again(
        self, deliveries: Sequence[RabbitDelivery], pause: float, *, failed: bool = False
    ) -> None:
        await self._settle(
            deliveries,
            lambda mine: self._delays.deliver_again(self._claim, mine, pause, failed=failed),
        )

    async def _settle(
        self,
        deliveries: Sequence[RabbitDelivery],
        store: Callable[[Sequence[RabbitDelivery]], Awaitable[None]],
    ) -> None:
        """Store what becomes of them, and only then take them off the queue.

        What is lost with its connection is not ours to settle: it comes again, to us or to others, and what
        was stored of it would be there beside it.
        """
        mine = self.in_flight.unsettled(deliveries)
        if not mine:
            return
        if self._is_lost(mine):
            for one in mine:
                self.in_flight.requeue(one)
            log.warning("%d messages come again: the connection was lost meanwhile", len(mine))
            return
        self.in_flight.settling(mine)
        try:
            await store(mine)
        except DovetailError:
            self._hold(mine)
            raise
        except BaseException:
            for one in mine:
                self.in_flight.requeue(one)
            raise
        for one in mine:
            self.in_flight.ack(one)

    def _hold(self, deliveries: Sequence[RabbitDelivery]) -> None:
        """Requeue them after a pause, which grows: what the server refuses now it may refuse for long."""
        for one in deliveries:
            times = min(one.unsettled, limits.MOST_REQUEUED)
            pause = min(limits.HELD_SECONDS * 2**times, limits.LONGEST_HELD_SECONDS)
            asyncio.get_running_loop().call_later(pause, self.in_flight.requeue, one)

    def _is_lost(self, deliveries: Sequence[RabbitDelivery]) -> bool:
        """Whether one of them came on a connection that is lost, or is taken for dead by the server."""
        channel = self._channel
        if channel is None or channel.error is not None or channel.wire.late:
            return True
        return not all(one.tag for one in deliveries)

    async def stop(self) -> None:
        """Ends the consumers first: what is released then goes to other members."""
        self.in_flight.buffer.stop()
        self._adjusting.cancel()
        await asyncio.wait([self._adjusting])
        if self._consumers is not None:
            try:
                await self._consumers.stop()
            except (ConnectionLost, ChannelClosed) as error:
                log.debug("nothing comes any more: %s", error)
        await self.release(self.in_flight.buffer.drain())

    async def close(self) -> None:
        """Ends the connection, and with it the leases."""
        try:
            if not self.in_flight.buffer.stopped:
                await self.stop()
            await asyncio.gather(*self._delaying)
            self.in_flight.flush()
            if self._channel is not None:
                await self._channel.close()
        finally:  # or what it holds would stay with it
            await self._connection.close()
            self.in_flight.held.clear()
