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
                await self._check_events()
                # What the server and the account have no room for, or the disk, is seen only by writing.
                await self._write(layout.PING, timeout / 3)
                if self._publisher.unconfirmed:
                    # The server gives up each stream by itself; the notes go to another one.
                    await self._write(layout.EVENTS_PING, timeout / 3)
                    self._publisher.unconfirmed = False
                    purge = {"filter": layout.EVENTS_PING}
                    await self._api.call(f"STREAM.PURGE.{layout.EVENTS}", purge)
        except TimeoutError as error:
            state = (
                f"did not answer within {timeout:g} s"
                if self._client.connected
                else "cannot be reached"
            )
            raise QueueUnavailable(f"the queue at {self._client.address.shown} {state}") from error

    async def _write(self, subject: str, timeout: float) -> None:
        try:
            await self._publisher.publish(subject, b"", timeout=timeout)
        except QueueUnavailable as error:
            if not self._client.connected:
                raise
            raise QueueFull(
                f"the queue at {self._client.address.shown} answers and stores nothing: its disk is full, "
                "or was; a server of your own has to be restarted then, the embedded one does it by itself"
            ) from error

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
