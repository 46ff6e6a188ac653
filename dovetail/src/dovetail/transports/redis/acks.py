"""Acks of many messages together, repeated until the server has them."""

from __future__ import annotations

import asyncio
import logging

from dovetail.delivery import Claim
from dovetail.errors import DovetailError
from dovetail.transports.redis.client import Client
from dovetail.transports.redis.entry import RedisDelivery
from dovetail.transports.redis.layout import queue_of

log = logging.getLogger("dovetail.redis")

#: Ids in one command.
MOST_AT_ONCE = 1000
RETRY_SECONDS = 0.1


class Acks:
    """Sends what was acked at the end of the turn of the event loop."""

    def __init__(self, client: Client, claim: Claim) -> None:
        self._client = client
        self._group = claim.group
        self._claimed = claim.subject
        self._queue = queue_of(claim.group, claim.subject)
        self._acked: dict[str, list[RedisDelivery]] = {}
        self._sending: list[RedisDelivery] = []
        self._task: asyncio.Task[None] | None = None

    def add(self, delivery: RedisDelivery) -> None:
        """Ack it soon."""
        self._acked.setdefault(delivery.stream, []).append(delivery)
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._send())

    def unsent(self) -> list[bytes]:
        """Ids that the server may not have heard of."""
        acked = (one for several in self._acked.values() for one in several)
        return [one.id for one in (*self._sending, *acked)]

    async def arrived(self, timeout: float) -> None:
        """Return when the server has all of them, or the time is over."""
        if self._task is None:
            return
        try:
            _, late = await asyncio.wait([self._task], timeout=timeout)
        finally:
            self._task.cancel()  # also where whoever waits is told to stop: it would try for ever
        if late:
            await asyncio.wait(late)
            log.warning("%d handled messages come again: acking failed", len(self.unsent()))

    async def _send(self) -> None:
        while self._acked:
            stream, acked = self._acked.popitem()
            for first in range(0, len(acked), MOST_AT_ONCE):
                self._sending = acked[first:]
                await self._ack(stream, acked[first : first + MOST_AT_ONCE])
            self._sending = []

    async def _ack(self, stream: str, acked: list[RedisDelivery]) -> None:
        ids = [one.id for one in acked]
        while self._client.started:
            try:
                if stream == self._queue:
                    count = await self._client.script("done", stream, self._group, *ids)
                else:
                    count = await self._client.run("XACK", stream, self._group, *ids)
                if count < len(ids):  # leases had ended: say so to whoever has the messages now
                    keys = [one.key for one in acked]
                    await self._client.script("late", self._group, self._claimed, *keys)
            except DovetailError as error:
                log.warning("acking %d messages failed, trying again: %s", len(ids), error)
                await asyncio.sleep(RETRY_SECONDS)
            else:
                return
