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
        self._wire: Wire | None = None

    async def subscribe(self, kind: str, channel: str, callback: OnMessage) -> None:
        """Call back for each message; returns when nothing is missed any more."""
        self._client.start()
        self._callbacks.setdefault((kind.encode(), channel.encode()), []).append(callback)
        try:
            await self._tell(_VERBS[kind][0], channel)
        except BaseException:
            self.forget(kind, channel, callback)
            raise

    async def unsubscribe(self, kind: str, channel: str, callback: OnMessage) -> None:
        """End it; returns when what was sent before has been called back for."""
        callbacks = self._callbacks[kind.encode(), channel.encode()]
        if len(callbacks) == 1 and self._client.connected:
            await self._tell(_VERBS[kind][1], channel)
        self.forget(kind, channel, callback)

    def forget(self, kind: str, channel: str, callback: OnMessage) -> None:
        """End it at once, whether the server can be told or not."""
        key = kind.encode(), channel.encode()
        callbacks = self._callbacks[key]
        callbacks.remove(callback)
        if callbacks:
            return
        del self._callbacks[key]
        if self._wire is not None:
            self._wire.tell(_VERBS[kind][1], channel)

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
        self._wire = wire
        for kind, channel in self._callbacks:
            wire.tell(_VERBS[kind.decode()][0], channel)

    def _pushed(self, message: list[Any]) -> None:
        kind = message[0]
        for callback in self._callbacks.get((kind, message[1]), ()):
            callback(message[-2], message[-1])
