"""Pub/Sub on a connection of its own: subscriptions that are made again whenever the connection is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dovetail.options import QueueOptions
from dovetail.transports.redis.address import Address
from dovetail.transports.redis.client import Client
from dovetail.transports.redis.wire import Wire

#: Takes channel and payload.
OnMessage = Callable[[bytes, bytes], None]

#: How channels, patterns and sharded channels are subscribed to and left, by what their messages begin with.
_COMMANDS = {
    b"message": ("SUBSCRIBE", "UNSUBSCRIBE"),
    b"pmessage": ("PSUBSCRIBE", "PUNSUBSCRIBE"),
    b"smessage": ("SSUBSCRIBE", "SUNSUBSCRIBE"),
}


class PubSubConnection:
    """Connects when it is first used: a process that only publishes needs no second connection."""

    def __init__(self, address: Address, options: QueueOptions) -> None:
        self._client = Client(address, options, quiet=True, on_push=self._pushed)
        self._client.on_connected.append(self._subscribe_again)
        self.on_connected, self.on_lost = self._client.on_connected, self._client.on_lost
        self._callbacks: dict[tuple[bytes, bytes], list[OnMessage]] = {}
        self._wire: Wire | None = None

    async def subscribe(self, kind: str, channel: str, callback: OnMessage) -> None:
        """Call back for each message; returns when nothing is missed any more."""
        self._client.start()
        key = kind.encode(), channel.encode()
        self._callbacks.setdefault(key, []).append(callback)
        try:
            await self._client.run(_COMMANDS[key[0]][0], channel)
        except BaseException:
            self.forget(kind, channel, callback)
            raise

    async def caught_up(self) -> None:
        """Return when what was sent before has been called back for."""
        if self._client.connected:
            await self._client.run("PING", repeat=False)

    def forget(self, kind: str, channel: str, callback: OnMessage) -> None:
        """End it at once, whether the server can be told or not."""
        key = kind.encode(), channel.encode()
        callbacks = self._callbacks[key]
        callbacks.remove(callback)
        if callbacks:
            return
        del self._callbacks[key]
        if self._wire is not None:
            self._wire.call(_COMMANDS[key[0]][1], channel)

    async def close(self) -> None:
        """Disconnect."""
        await self._client.close()

    def _subscribe_again(self, wire: Wire) -> None:
        self._wire = wire
        for kind, channel in self._callbacks:
            wire.call(_COMMANDS[kind][0], channel)

    def _pushed(self, message: list[Any]) -> None:
        kind, channel = message[0], message[1]
        if callbacks := self._callbacks.get((kind, channel)):
            for callback in callbacks:
                callback(message[-2], message[-1])
        elif kind == b"sunsubscribe" and (b"smessage", channel) in self._callbacks:
            assert self._wire is not None
            self._wire.abort("our channels are on another node")
