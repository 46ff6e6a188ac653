"""A real server with a small application, and clients that say what they like."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from todo.allowed_hosts import Hosts
from todo.http import server
from todo.http.refusals import as_text

#: What an endless answer consists of.
PIECE = b"x" * 65_536
HEAD = b"GET / HTTP/1.1\r\nHost: localhost\r\n"


async def _home(request: Request) -> Response:
    return PlainTextResponse("home")


async def _take(request: Request) -> Response:
    try:
        return PlainTextResponse(str(len(await request.body())))
    except ClientDisconnect:
        return Response(status_code=400)


async def _endless(request: Request) -> Response:
    async def pieces() -> AsyncIterator[bytes]:
        try:
            while True:
                yield PIECE
                await asyncio.sleep(0)  # nothing is awaited for a client that has gone
        finally:
            request.app.state.ended.set()

    return StreamingResponse(pieces())


async def _held(request: Request) -> Response:
    request.app.state.held += 1
    await request.app.state.let_go.wait()
    return PlainTextResponse("let go")


def small_app() -> Starlette:
    app = Starlette(
        routes=[
            Route("/", _home),
            Route("/take", _take, methods=["POST"]),
            Route("/endless", _endless),
            Route("/held", _held),
        ]
    )
    app.state.ended, app.state.let_go, app.state.held = asyncio.Event(), asyncio.Event(), 0
    return app


@asynccontextmanager
async def serving(app: Starlette, hosts: Hosts | None = None) -> AsyncIterator[int]:
    """The server as a component has it; its port."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    task = asyncio.create_task(server.serve(app, listener, hosts or Hosts(), as_text))
    try:
        yield listener.getsockname()[1]
    finally:
        app.state.let_go.set()
        await asyncio.sleep(0)  # until it minds the signal
        signal.raise_signal(signal.SIGTERM)
        await task


class Client:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def send(self, data: bytes) -> None:
        """Write, as long as the server takes it."""
        self.writer.write(data)
        await self.writer.drain()

    async def status(self) -> int:
        """The status of the next response; 0 where the connection ended instead."""
        async with asyncio.timeout(10):
            line = await self.reader.readline()
        return int(line.split()[1]) if line else 0

    async def rest(self) -> bytes:
        """All that still comes, to the end of the connection."""
        async with asyncio.timeout(10):
            return await self.reader.read()


@asynccontextmanager
async def client(port: int) -> AsyncIterator[Client]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield Client(reader, writer)
    finally:
        writer.close()


async def answer(port: int, request: bytes) -> tuple[int, bytes]:
    """Status and all the rest of what is said to these bytes."""
    async with client(port) as one:
        await one.send(request)
        return await one.status(), await one.rest()
