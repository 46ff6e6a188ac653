"""Acks of many messages together, repeated until the server has them."""

from __future__ import annotations

import asyncio
import logging

from dovetail.errors import DovetailError
from dovetail.transports.redis.client import Client

log = logging.getLogger("dovetail.redis")

#: Ids in one command.
MOST_AT_ONCE = 1000
RETRY_SECONDS = 0.1


class Acks:
    """Sends what was acked at the end of the turn of the event loop."""

    def __init__(self, client: Client, group: str, queue: str) -> None:
        self._client = client
        self._group = group
        self._queue = queue
        self._ids: dict[str, list[bytes]] = {}
        self._sending: list[bytes] = []
        self._task: asyncio.Task[None] | None = None

    def add(self, stream: str, id: bytes) -> None:
        """Ack this entry soon."""
        self._ids.setdefault(stream, []).append(id)
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._send())

    def unsent(self) -> list[bytes]:
        """Ids that the server may not have heard of."""
        return [*self._sending, *(one for ids in self._ids.values() for one in ids)]

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
        while self._ids:
            stream, ids = self._ids.popitem()
            for first in range(0, len(ids), MOST_AT_ONCE):
                self._sending = ids[first:]
                await self._ack(stream, ids[first : first + MOST_AT_ONCE])
            self._sending = []

    async def _ack(self, stream: str, ids: list[bytes]) -> None:
        while self._client.started:
            try:
                if stream == self._queue:
                    await self._client.script("done", stream, self._group, *ids)
                else:
                    await self._client.run("XACK", stream, self._group, *ids)
            except DovetailError as error:
                log.warning("acking %d messages failed, trying again: %s", len(ids), error)
                await asyncio.sleep(RETRY_SECONDS)
            else:
                return
