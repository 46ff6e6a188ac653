"""One member's share in a group."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import cast

from dovetail.delivery import Claim, Delivery
from dovetail.errors import DovetailError
from dovetail.letters import DeadLetter
from dovetail.transports.rabbitmq.acks import Acks
from dovetail.transports.rabbitmq.channel import Channel, ChannelClosed
from dovetail.transports.rabbitmq.claimed import ClaimedQueues
from dovetail.transports.rabbitmq.client import Client
from dovetail.transports.rabbitmq.consumers import Consumers
from dovetail.transports.rabbitmq.delays import TOLERANCE_SECONDS, left_of
from dovetail.transports.rabbitmq.entry import RabbitDelivery, delivery_of
from dovetail.transports.rabbitmq.frames import Content
from dovetail.transports.rabbitmq.in_flight import InFlight
from dovetail.transports.rabbitmq.wire import ConnectionLost, Wire

log = logging.getLogger("dovetail.rabbitmq")

#: So often a member looks for what waits too long for a handler.
LOOK_SECONDS = 1.0
#: What was given back more often goes to the end of the queue instead, where its deliveries begin at 0: the
#: server counts them, and many are taken for workers that died.
MOST_GIVEN_BACK = 10

#: Called with the channel of each new connection, before messages come.
OnChannel = Callable[[Channel], Awaitable[None]]


class RabbitSubscription:
    """As dovetail.transport.Subscription says. `connection` is its own, not started yet."""

    def __init__(
        self, connection: Client, queues: ClaimedQueues, claim: Claim, on_channel: OnChannel
    ) -> None:
        self._connection = connection
        self._queues = queues
        self._claim = claim
        self._on_channel = on_channel
        self.in_flight = InFlight(claim.prefetch)
        self._acks = Acks()
        #: What handlers have from a connection that was lost, by identity: somebody gets it again.
        self._lost: dict[str, RabbitDelivery] = {}
        self._consumers: Consumers | None = None
        self._channel: Channel | None = None
        self._delaying: set[asyncio.Task[None]] = set()
        connection.on_connected.append(self._connected)
        self._tending = asyncio.create_task(self._tend())

    # The connection

    async def _connected(self, wire: Wire) -> None:
        self._consumers = None
        for delivery in self.in_flight.buffer.drain():
            self.in_flight.let_go(delivery)
        self._lost = {}
        for delivery in self.in_flight.held.values():
            delivery.tag = 0
            if delivery.identity:
                self._lost[delivery.identity] = delivery
        channel = await Channel.open(wire)
        await self._on_channel(channel)
        channel.on_end = lambda: wire.abort(f"{channel.error}")
        channel.on_cancel = lambda _: self._cancelled(wire)
        self._acks.attach(channel)
        self._channel = channel
        self._consumers = Consumers(channel, self._queues.name, self._came)
        self.in_flight.changed.set()

    def _cancelled(self, wire: Wire) -> None:
        """The server does so where the queue was deleted, or has lost its leader."""
        log.error(
            "the server lets us read the queue %s no more: where somebody has deleted it, what waited there "
            "is lost. It is made again, and what comes from now on is handled",
            self._queues.name,
        )
        wire.abort(f"the queue {self._queues.name!r} is gone")

    def _came(self, content: Content) -> None:
        delivery = delivery_of(content, self._claim.subject)
        held = self._lost.pop(delivery.identity, None) if content.redelivered else None
        if held is not None and id(held) in self.in_flight.held:  # a handler has it still
            held.tag, held.content = delivery.tag, content
            self._acks.came(held)
            return
        if not self._acks.came(delivery):
            return
        left = left_of(content.headers) if content.headers is not None else 0.0
        early = left > TOLERANCE_SECONDS
        self.in_flight.put(delivery, for_handler=not early)
        if early:
            task = asyncio.get_running_loop().create_task(self._delay(delivery, left))
            self._delaying.add(task)
            task.add_done_callback(self._delaying.discard)

    async def _delay(self, delivery: RabbitDelivery, left: float) -> None:
        """It has more to wait than there is a queue for."""
        try:
            await self._move([delivery], left)
        except DovetailError as error:
            log.warning("what is not due yet is given back: %s", error)

    async def _tend(self) -> None:
        """Have as much sent as the handlers get through."""
        while True:
            try:
                async with asyncio.timeout(LOOK_SECONDS):
                    await self.in_flight.changed.wait()
            except TimeoutError:
                overdue = self.in_flight.overdue()
            else:
                overdue = False
            self.in_flight.changed.clear()
            consumers = self._consumers
            if consumers is not None and not self.in_flight.buffer.stopped:
                try:
                    await consumers.adjust(self.in_flight.wanted(), len(self.in_flight.held))
                except (ConnectionLost, ChannelClosed):
                    continue  # it begins anew on the next connection
            if (
                overdue
            ):  # only now, or what is given back would come to us at once, and out of order
                await self.release(self.in_flight.buffer.drain())

    # As Subscription

    async def fetch(self, most: int) -> Sequence[Delivery]:
        """As Subscription.fetch."""
        return await self.in_flight.buffer.take(most)

    def ack(self, deliveries: Sequence[Delivery]) -> None:
        """As Subscription.ack."""
        for delivery in cast(Sequence[RabbitDelivery], deliveries):
            if self.in_flight.let_go(delivery):
                self._acks.ack(delivery)

    async def retry(self, delivery: Delivery, pause: float) -> None:
        """As Subscription.retry."""
        mine = cast(RabbitDelivery, delivery)
        mine.attempt += 1
        await self._move([mine], pause)

    async def release(self, deliveries: Sequence[Delivery]) -> None:
        """As Subscription.release."""
        mine = self.in_flight.unsettled(cast(Sequence[RabbitDelivery], deliveries))
        worn = [one for one in mine if one.deliveries >= MOST_GIVEN_BACK]
        for delivery in mine:
            if delivery not in worn:
                self.in_flight.let_go(delivery)
                self._acks.give_back(delivery)
        if worn:
            for delivery in worn:
                delivery.settling = False
            try:
                await self._move(worn, 0)
            except DovetailError as error:
                log.warning("what is released goes back when the connection is closed: %s", error)

    async def bury(self, delivery: Delivery, letter: DeadLetter) -> None:
        """As Subscription.bury."""
        await self._settle([cast(RabbitDelivery, delivery)], lambda mine: self._queues.bury(letter))

    async def _move(self, deliveries: Sequence[RabbitDelivery], pause: float) -> None:
        await self._settle(deliveries, lambda mine: self._queues.deliver_again(mine, pause))

    async def _settle(
        self,
        deliveries: Sequence[RabbitDelivery],
        store: Callable[[Sequence[RabbitDelivery]], Awaitable[None]],
    ) -> None:
        """Store what becomes of them, and only then take them off the queue."""
        mine = self.in_flight.unsettled(deliveries)
        stored = False
        try:
            if mine:
                await store(mine)
                stored = True
        finally:
            for one in mine:
                self.in_flight.let_go(one)
                if stored:
                    self._acks.ack(one)
                else:
                    self._acks.give_back(one)

    async def stop(self) -> None:
        """As Subscription.stop."""
        self.in_flight.buffer.stop()
        self._tending.cancel()
        await asyncio.wait([self._tending])
        if self._consumers is not None:
            try:
                await self._consumers.rest()
            except (ConnectionLost, ChannelClosed) as error:
                log.debug("nothing comes any more: %s", error)
        await self.release(self.in_flight.buffer.drain())

    async def close(self) -> None:
        """As Subscription.close."""
        try:
            if not self.in_flight.buffer.stopped:
                await self.stop()
            await asyncio.gather(*self._delaying)
            self._acks.flush()
            if self._channel is not None:
                await self._channel.close()
        finally:  # or what it holds would stay with it
            await self._connection.close()
            self.in_flight.held.clear()
