"""Which of several servers is connected to."""

from __future__ import annotations

import asyncio
import logging
from contextlib import AsyncExitStack
from itertools import pairwise

from dovetail.network.connection import Connection
from dovetail.network.protocol import StreamWire
from dovetail.network.server_address import Host
from dovetail.options import QueueOptions
from dovetail.testing.conformance.waiting import Seen


class PlainWire(StreamWire):
    async def leave(self, seconds: float = 1.0) -> None:
        await super().leave(seconds)


class Plain(Connection[PlainWire]):
    """Of a technology that has no handshake."""

    async def _connect(self, host: Host) -> PlainWire:
        loop = asyncio.get_running_loop()
        return (await loop.create_connection(PlainWire, *host))[1]


async def test_server_that_was_lost_is_tried_after_the_others() -> None:
    """One that hangs would keep us waiting, though the others are well."""
    connected = Seen[int]()

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connected.add(writer.get_extra_info("sockname")[1])
        writer.close()

    async with AsyncExitStack() as stack:
        hosts: list[Host] = []
        for _ in range(2):
            listening = await asyncio.start_server(hang_up, "127.0.0.1", 0)
            server = await stack.enter_async_context(listening)
            hosts.append(server.sockets[0].getsockname())
        log = logging.getLogger(__name__)
        connection = Plain(hosts, "two servers", QueueOptions(), log, quiet=True)
        connection.start()
        ports = await connected.has(20)
        await connection.close()
    assert all(one != after for one, after in pairwise(ports))
