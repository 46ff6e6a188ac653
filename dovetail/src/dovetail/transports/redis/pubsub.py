"""Pub/Sub on a connection of its own: subscriptions that are made again whenever the connection is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from hiredis import ReplyError

from dovetail.options import QueueOptions
from dovetail.transports.redis.address import Address
from dovetail.transports.redis.client import COMMAND_SECONDS, RETRY_SECONDS, Client
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
        self.on_connected, self.on_lost = self._client.on_connected, self._client.on_lost
        self._callbacks: dict[tuple[bytes, bytes], list[OnMessage]] = {}
        #: What the server was told, and has not said that it has done.
        self._unconfirmed: set[tuple[bytes, bytes]] = set()
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
            self._wire.tell(_VERBS[kind][1], channel)

    async def close(self) -> None:
        """Disconnect."""
        await self._client.close()

    async def _tell(self, verb: str, channel: str) -> None:
        """The reply to a ping comes after the server has done it, or said why it does not do it now."""
        told, why = (verb.lower().encode(), channel.encode()), ""
        try:
            async with asyncio.timeout(COMMAND_SECONDS):
                while True:
                    wire = await self._client.ready()
                    self._unconfirmed.add(told)
                    wire.tell(verb, channel)
                    try:
                        reply = await wire.call("PING")
                    except ConnectionLost:
                        continue
                    if told not in self._unconfirmed:
                        return
                    if isinstance(reply, ReplyError):
                        why = str(reply)
                        self._client.repair(wire, why)
                    await asyncio.sleep(RETRY_SECONDS)
        except TimeoutError as error:
            raise self._client.unavailable(why) from error

    def _subscribe_again(self, wire: Wire) -> None:
        self._wire = wire
        for kind, channel in self._callbacks:
            wire.tell(_VERBS[kind.decode()][0], channel)

    def _pushed(self, message: list[Any]) -> None:
        kind, channel = message[0], message[1]
        if callbacks := self._callbacks.get((kind, channel)):
            for callback in callbacks:
                callback(message[-2], message[-1])
        elif kind == b"sunsubscribe" and (b"smessage", channel) in self._callbacks:
            assert self._wire is not None
            self._wire.abort("our channels are on another node")
        else:
            self._unconfirmed.discard((kind, channel))
