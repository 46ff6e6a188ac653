"""Locks that the server keeps."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pamqp import commands

from dovetail import clock
from dovetail.transports.rabbitmq import limits
from dovetail.transports.rabbitmq.channel import LOCKED, Channel, ChannelClosed
from dovetail.transports.rabbitmq.wire import Wire


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
            channel.tell(commands.Queue.Delete(queue=name))
            await channel.close()


async def _locked(wire: Wire, name: str) -> Channel:
    while True:
        channel = await Channel.open(wire)
        try:
            await channel.call(commands.Queue.Declare(queue=name, exclusive=True))
        except ChannelClosed as error:
            if error.code != LOCKED:
                raise
        except BaseException:  # the server may do it all the same
            channel.tell(commands.Queue.Delete(queue=name))
            channel.leave()
            raise
        else:
            return channel
        await asyncio.sleep(limits.LOCK_SECONDS * (0.5 + clock.fraction()))
