"""What groups have claimed, for everybody to see: the last message of a stream."""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Literal

import msgspec
from pamqp import commands

from dovetail.transports.rabbitmq import streams
from dovetail.transports.rabbitmq.channel import Batch, Channel, ChannelClosed
from dovetail.transports.rabbitmq.layout import REGISTRY, queue_of
from dovetail.transports.rabbitmq.wire import Wire

_LOCK = "dovetail.lock"
_LOCKED = 405
_LOOK_SECONDS = 0.02


class Entry(msgspec.Struct, frozen=True):
    """One group's claim to one subject or pattern."""

    group: str
    subject: str
    kind: Literal["event", "command"]
    #: Whether its queue has all that it is to have from before.
    founded: bool = False
    #: For how many milliseconds messages of it have ever waited.
    delays: tuple[int, ...] = ()
    #: Whether it has ever had a dead letter.
    dead: bool = False

    @property
    def queue(self) -> str:
        """The name of its queue."""
        return queue_of(self.group, self.subject)


#: Entries by the names of their queues.
Entries = dict[str, Entry]
_decode = msgspec.json.Decoder(Entries).decode


async def read(wire: Wire) -> Entries:
    """What is registered now."""
    newest = await streams.newest(wire, REGISTRY)
    return _decode(newest.body) if newest else {}


async def change(wire: Wire, edit: Callable[[Entries], None]) -> Entries:
    """Let `edit` change what is registered, nobody else doing so; what it raises leaves it as it is."""
    async with lock(wire, _LOCK):
        before = await read(wire)
        entries = dict(before)
        edit(entries)
        if entries != before:
            await _write(wire, entries)
        return entries


async def _write(wire: Wire, entries: Entries) -> None:
    channel = await Channel.open(wire, confirms=True)
    try:
        batch = Batch(1, asyncio.get_running_loop().create_future())
        body = msgspec.json.encode(entries)
        channel.publish_usual(batch, "", REGISTRY, secrets.token_hex(8), int(time.time()), body)
        await batch.done
    finally:
        await channel.close()


@asynccontextmanager
async def lock(wire: Wire, name: str) -> AsyncIterator[None]:
    """Only one at a time, on all connections: whose connection has the exclusive queue of this name.

    It ends with the connection.
    """
    async with wire.turns[name]:
        channel = await _locked(wire, name)
        try:
            yield
        finally:
            if channel.error is None:
                await channel.call(commands.Queue.Delete(queue=name))
            await channel.close()


async def _locked(wire: Wire, name: str) -> Channel:
    while True:
        channel = await Channel.open(wire)
        try:
            await channel.call(commands.Queue.Declare(queue=name, exclusive=True))
        except ChannelClosed as error:
            if error.code != _LOCKED:
                raise
        else:
            return channel
        await asyncio.sleep(_LOOK_SECONDS * (0.5 + random.random()))
