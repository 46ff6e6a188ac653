"""One member's share in a group."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Awaitable, Callable, Sequence
from typing import cast

from dovetail.delivery import Claim, Delivery
from dovetail.errors import DovetailError
from dovetail.letters import DeadLetter
from dovetail.transports.redis.client import COMMAND_SECONDS, Client
from dovetail.transports.redis.entry import RedisDelivery
from dovetail.transports.redis.in_flight import InFlight
from dovetail.transports.redis.keeper import Keeper
from dovetail.transports.redis.reader import Reader
from dovetail.transports.redis.settling import Settling

log = logging.getLogger("dovetail.redis")


class RedisSubscription:
    """As dovetail.transport.Subscription says.

    `connection` is for reading only. `streams` begin with the group's own queue. `restore` makes group and
    streams again where they are gone.
    """

    def __init__(
        self,
        client: Client,
        connection: Client,
        claim: Claim,
        streams: Sequence[str],
        restore: Callable[[], Awaitable[None]],
    ) -> None:
        self._client = client
        self._connection = connection
        self._member = claim.group, secrets.token_hex(8)
        self._claimed = claim.subject
        self._in_flight = InFlight(claim.subject, streams, claim.prefetch)
        self._settling = Settling(client, claim, self._member[1], self._in_flight)
        self._keeper = Keeper(client, claim, self._in_flight, self._settling, self.release)
        self._reader = Reader(
            connection, self._in_flight, self._member, self._keeper.recover, restore
        )

    async def fetch(self, most: int) -> Sequence[Delivery]:
        """As Subscription.fetch."""
        if excess := self._in_flight.excess():
            await self._settling.release(excess)
        while taken := await self._in_flight.buffer.take(most):
            if (late := self._keeper.late) or self._in_flight.doubtful:
                taken = await self._settling.still_to_be_handled(taken, all_are_doubtful=late)
            if taken:
                break
        return taken

    def ack(self, deliveries: Sequence[Delivery]) -> None:
        """As Subscription.ack."""
        self._settling.ack(cast(Sequence[RedisDelivery], deliveries))

    async def retry(self, delivery: Delivery, pause: float) -> None:
        """As Subscription.retry."""
        mine = cast(RedisDelivery, delivery)
        mine.attempt += 1
        await self._settling.deliver_again([mine], pause)
        self._keeper.is_due_in(pause)

    async def release(self, deliveries: Sequence[Delivery]) -> None:
        """As Subscription.release."""
        if not deliveries:
            return
        if not self._in_flight.buffer.stopped and self._in_flight.buffer.rest():
            # Or what we give back would come to us at once.
            await self._reader.interrupt(self._client)
        with self._reader.giving_back():
            await self._settling.release(cast(Sequence[RedisDelivery], deliveries))

    async def bury(self, delivery: Delivery, letter: DeadLetter) -> None:
        """As Subscription.bury."""
        await self._settling.bury(cast(RedisDelivery, delivery), letter)

    async def stop(self) -> None:
        """As Subscription.stop."""
        self._in_flight.buffer.stop()
        await self._reader.stop(self._client)
        await self._settling.release(self._in_flight.buffer.drain())

    async def close(self) -> None:
        """As Subscription.close."""
        try:
            if not self._in_flight.buffer.stopped:
                await self.stop()
        finally:  # or it would go on taking messages
            await self._keeper.stop()
            await self._connection.close()
        await self._settling.acks.arrived(COMMAND_SECONDS)
        self._in_flight.clear()
        for stream in self._in_flight.held if self._client.connected else ():
            try:
                await self._client.script("leave", stream, *self._member, self._claimed)
            except DovetailError as error:
                log.debug("the member is forgotten later: %s", error)
