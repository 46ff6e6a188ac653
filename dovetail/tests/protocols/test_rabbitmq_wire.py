"""The AMQP connection, to a server that is faster than we are."""

from __future__ import annotations

import asyncio

from pamqp import commands, frame

from dovetail.transports.rabbitmq import frames
from dovetail.transports.rabbitmq.wire import Wire

START = frame.marshal(commands.Connection.Start(mechanisms="PLAIN", locales="en_US"), 0)


async def test_what_the_server_says_before_anybody_waits_for_it() -> None:
    heard = asyncio.Event()

    class Fast(Wire):
        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            heard.set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(8)
        writer.write(START)
        await reader.read()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        loop, address = asyncio.get_running_loop(), server.sockets[0].getsockname()
        _, wire = await loop.create_connection(Fast, *address)
        async with asyncio.timeout(10):
            await heard.wait()
            said = await wire.expect()
            assert isinstance(said, commands.Connection.Start)
            wire.abort("done")
            await wire.lost()


async def test_silence_ends_it_after_two_heartbeats() -> None:
    """Four halves of one: a heartbeat of ours at the end of each but the last."""
    received = asyncio.get_running_loop().create_future()

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.set_result(await reader.read())
        writer.close()

    async with await asyncio.start_server(say_nothing, "127.0.0.1", 0) as server:
        loop, address = asyncio.get_running_loop(), server.sockets[0].getsockname()
        _, wire = await loop.create_connection(Wire, *address)
        wire.beat(1)
        async with asyncio.timeout(10):
            assert await wire.lost() == "no sign of life for 2 s"
            assert (await received).count(frames.HEARTBEAT_FRAME) == 3
