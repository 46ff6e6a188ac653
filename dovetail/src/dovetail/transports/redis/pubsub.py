"""Pub/Sub on a connection of its own: subscriptions that are made again whenever the connection is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from hiredis import ReplyError

from dovetail.options import QueueOptions
from dovetail.transports.redis.address import Address
from dovetail.transports.redis.client import COMMAND_SECONDS, Client
from dovetail.transports.redis.wire import ConnectionLost, Wire

#: Takes channel and payload.
OnMessage = Callable[[bytes, bytes], None]

#: How channels, patterns and sharded channels are subscribed to and left, by what their messages begin with.
_VERBS = {
    "message": ("SUBSCRIBE", "UNSUBSCRIBE"),
    "pmessage": ("PSUBSCRIBE", "PUNSUBSCRIBE"),
    "smessage": ("SSUBSCRIBE", "SUNSUBSCRIBE"),
}


class PubSub:
    """Connects when it is first used: a process that only publishes needs no second connection."""

    def __init__(self, address: Address, options: QueueOptions) -> None:
        self._client = Client(address, options, quiet=True, on_push=self._pushed)
        self._client.on_connected.append(self._subscribe_again)
        self.on_connected = self._client.on_connected
        self._callbacks: dict[tuple[bytes, bytes], list[OnMessage]] = {}

    async def subscribe(self, kind: str, channel: str, callback: OnMessage) -> None:
        """Call back for each message; returns when nothing is missed any more."""
        self._client.start()
        self._callbacks.setdefault((kind.encode(), channel.encode()), []).append(callback)
        await self._tell(_VERBS[kind][0], channel)

    async def unsubscribe(self, kind: str, channel: str, callback: OnMessage) -> None:
        """End it; returns when what was sent before has been called back for."""
        key = kind.encode(), channel.encode()
        callbacks = self._callbacks[key]
        if len(callbacks) == 1 and self._client.connected:
            await self._tell(_VERBS[kind][1], channel)
        callbacks.remove(callback)
        if not callbacks:
            del self._callbacks[key]

    async def close(self) -> None:
        """Disconnect."""
        await self._client.close()

    async def _tell(self, verb: str, channel: str) -> None:
        """The reply to a ping comes after the subscription was made, or after the error that it met."""
        try:
            async with asyncio.timeout(COMMAND_SECONDS):
                while True:
                    wire = await self._client.ready()
                    wire.tell(verb, channel)
                    try:
                        reply = await wire.call("PING")
                    except ConnectionLost:
                        continue
                    if isinstance(reply, ReplyError):
                        self._client.repair(wire, str(reply))
                    return
        except TimeoutError as error:
            raise self._client.unavailable() from error

    def _subscribe_again(self, wire: Wire) -> None:
        for kind, channel in self._callbacks:
            wire.tell(_VERBS[kind.decode()][0], channel)

    def _pushed(self, message: list[Any]) -> None:
        kind = message[0]
        for callback in self._callbacks.get((kind, message[1]), ()):
            callback(message[-2], message[-1])
