"""Acks, retries, releases and burials of what one member holds."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence

import msgspec

from dovetail.delivery import Claim
from dovetail.errors import DovetailError
from dovetail.letters import DeadLetter
from dovetail.transports.redis.acks import Acks
from dovetail.transports.redis.client import Client
from dovetail.transports.redis.entry import RedisDelivery
from dovetail.transports.redis.in_flight import InFlight

log = logging.getLogger("dovetail.redis")

#: Messages in one script call.
MOST_AT_ONCE = 500


class Settling:
    """Each message is settled once, and stays in flight until the server knows of it."""

    def __init__(self, client: Client, claim: Claim, consumer: str, in_flight: InFlight) -> None:
        self._client = client
        self._claim = claim
        self.consumer = consumer
        self._in_flight = in_flight
        self.acks = Acks(client, claim)

    def ack(self, deliveries: Sequence[RedisDelivery]) -> None:
        """As Subscription.ack."""
        for delivery in deliveries:
            if self._in_flight.let_go(delivery):
                self.acks.add(delivery)

    async def still_to_be_handled(
        self, deliveries: list[RedisDelivery], *, all_are_doubtful: bool
    ) -> list[RedisDelivery]:
        """Without those that others have by now, or have acked late; what came again is always doubtful."""
        doubtful = [one for one in deliveries if all_are_doubtful or one.key_or_none]
        if not doubtful:
            return deliveries
        about = [word for one in doubtful for word in (one.stream, one.id, one.key)]
        place = self._claim.group, self._claim.subject, self.consumer
        try:
            results = await self._client.script("handled", *place, *about)
        except DovetailError as error:
            log.warning("it cannot be seen whether messages were handled meanwhile: %s", error)
            return deliveries
        handled = {id(one) for one, said in zip(doubtful, results, strict=True) if said == b"1"}
        for one in doubtful:
            if id(one) in handled:
                self._in_flight.let_go(one)
        return [one for one in deliveries if id(one) not in handled]

    async def release(self, deliveries: Sequence[RedisDelivery]) -> None:
        """As Subscription.release."""
        try:
            await self.deliver_again(deliveries, 0)
        except DovetailError as error:
            log.warning("what is released goes back when its lease ends: %s", error)

    async def deliver_again(self, deliveries: Sequence[RedisDelivery], pause: float) -> None:
        """To any member, after `pause` seconds."""
        milliseconds = math.ceil(pause * 1000)
        mine = self._unsettled(deliveries)
        try:
            for stream in self._in_flight.held:
                there = [one for one in mine if one.stream == stream]
                for first in range(0, len(there), MOST_AT_ONCE):
                    portion = there[first : first + MOST_AT_ONCE]
                    about = [word for one in portion for word in (one.id, one.attempt, one.lost)]
                    await self._client.script("back", *self._place(stream), milliseconds, *about)
        finally:
            for one in mine:
                self._in_flight.let_go(one)

    async def bury(self, delivery: RedisDelivery, letter: DeadLetter) -> None:
        """As Subscription.bury."""
        about = msgspec.json.encode(msgspec.structs.replace(letter, body=b""))
        for mine in self._unsettled([delivery]):
            place = self._place(mine.stream)
            try:
                await self._client.script("bury", *place, mine.id, about, letter.body)
            finally:
                self._in_flight.let_go(mine)

    def _unsettled(self, deliveries: Sequence[RedisDelivery]) -> list[RedisDelivery]:
        """Those that nobody has begun to settle; from now on they are being settled."""
        mine = [one for one in deliveries if self._in_flight.holds(one) and not one.settling]
        for one in mine:
            one.settling = True
        return mine

    def _place(self, stream: str) -> tuple[str, str, str, str]:
        return stream, self._claim.group, self._claim.subject, self.consumer
