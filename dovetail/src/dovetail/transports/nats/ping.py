"""Whether the server takes messages."""

from __future__ import annotations

import asyncio

from dovetail.errors import QueueFull, QueueUnavailable
from dovetail.room import Room
from dovetail.transports.nats import layout
from dovetail.transports.nats.client import Client
from dovetail.transports.nats.jetstream import STREAM_NOT_FOUND, ApiError, JetStream
from dovetail.transports.nats.publisher import Publisher


class Ping:
    """Stores a note, which takes the place of the one before, and compares the events with their limits."""

    def __init__(self, client: Client, api: JetStream, publisher: Publisher, room: Room) -> None:
        self._client = client
        self._api = api
        self._publisher = publisher
        self._room = room

    async def ping(self, timeout: float) -> None:
        """As Transport.ping."""
        try:
            async with asyncio.timeout(timeout):
                # What the server and the account have no room for, or the disk, is seen only by writing.
                await self._publisher.publish(layout.PING, b"", timeout=timeout + 1)
                await self._check_events()
        except TimeoutError as error:
            state = "cannot be reached"
            if self._client.connected:
                state = f"did not confirm within {timeout:g} s (is its disk full? its log says so)"
            raise QueueUnavailable(f"the queue at {self._client.address.shown} {state}") from error

    async def _check_events(self) -> None:
        try:
            info = await self._api.call(f"STREAM.INFO.{layout.EVENTS}")
        except ApiError as error:
            if error.code == STREAM_NOT_FOUND:  # nothing was published yet
                return
            raise
        most_bytes, most = info["config"]["max_bytes"], info["config"]["max_msgs"]
        messages = info["state"]["messages"]
        self._room.check(info["state"]["bytes"], most_bytes if most_bytes > 0 else None)
        if 0 < most <= messages:
            raise QueueFull(f"the queue's store is full ({messages} of {most} messages)")
