"""How many messages the server may have sent us: RabbitMQ fixes that for each consumer when it begins."""

from __future__ import annotations

from dovetail.limits import MOST_PREFETCH
from dovetail.transports.rabbitmq.channel import Channel, OnContent


class Consumers:
    """Consumers of one queue on one channel, as many as it takes to have been granted what is wanted."""

    def __init__(self, channel: Channel, queue: str, taker: OnContent) -> None:
        self._channel = channel
        self._queue = queue
        self._taker = taker
        self._tags: list[str] = []
        self._granted = 0

    async def adjust(self, wanted: int, held: int) -> None:
        """Want so many messages at once, of which some are here already. More comes by another consumer."""
        if wanted * 4 <= self._granted or not wanted:
            await self.stop()
        room = wanted - max(self._granted, held)
        if wanted and (not self._granted or room >= self._granted):
            room = min(max(1, room), MOST_PREFETCH)
            self._granted += room
            self._tags.append(await self._channel.consume(self._queue, self._taker, prefetch=room))

    async def stop(self) -> None:
        """Want nothing. What came is still ours."""
        self._granted = 0
        while self._tags:
            await self._channel.cancel(self._tags.pop())
