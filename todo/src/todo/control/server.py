"""The server, in `todo up`: answers requests one after the other, and survives lines that are none."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing

from todo.control.messages import (
    LINE_LIMIT,
    Accepted,
    Answer,
    Changed,
    Done,
    Listed,
    NotUnderstood,
    Refused,
    Request,
    encode,
    read_request,
)
from todo.control.unix_socket import ControlSocket

#: For a whole request to come: it is one short line.
REQUEST_SECONDS = 5.0
#: For the last answers to be given when everything has ended.
CLOSING_SECONDS = 2.0

Scale = Callable[[Mapping[str, int]], AsyncGenerator[Changed, None]]


class CannotChange(Exception):
    """What is asked for cannot be; the text says why."""


class ControlServer:
    """Listens on a control socket from `start` to `stop`.

    `scale` yields each change when it is made, and raises CannotChange. It is never called a second time
    before the first is through: requests take turns.
    """

    def __init__(self, place: ControlSocket, listed: Callable[[], Listed], scale: Scale) -> None:
        self._place = place
        self._listed = listed
        self._scale = scale
        self._turn = asyncio.Lock()
        self._server: asyncio.Server | None = None
        self._answering: set[asyncio.Task[None]] = set()

    async def start(self) -> bool:
        """Listen; False where another process does so in this place. Raises OSError."""
        if not self._place.take():
            return False
        try:
            self._server = await asyncio.start_unix_server(
                self._connected, sock=self._place.bind(), limit=LINE_LIMIT
            )
        except OSError:
            self._place.release()
            raise
        return True

    async def stop(self) -> None:
        """Take no more requests, and end those that are open. May be called again."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self._place.release()
        if self._answering:
            _, late = await asyncio.wait(self._answering, timeout=CLOSING_SECONDS)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._answering.add(task)
        task.add_done_callback(self._answering.discard)
        try:
            await self._converse(reader, lambda answer: writer.write(encode(answer)))
        finally:
            await _close(writer)

    async def _converse(self, reader: asyncio.StreamReader, send: Callable[[Answer], None]) -> None:
        try:
            request = await _request(reader)
            if request.scale:
                await self._change(request, reader, send)
            else:
                send(self._listed())
            send(Done())
        except (NotUnderstood, CannotChange) as error:
            send(Refused(str(error)))
        except ConnectionError:
            pass

    async def _change(
        self, request: Request, reader: asyncio.StreamReader, send: Callable[[Answer], None]
    ) -> None:
        send(Accepted(waits=self._turn.locked()))
        async with self._turn:
            if reader.at_eof():
                return  # whoever asked gave up before it was their turn
            async with aclosing(self._scale(request.scale)) as changes:
                async for change in changes:
                    send(change)


async def _close(writer: asyncio.StreamWriter) -> None:
    """Send what is written, to whoever still reads it."""
    writer.close()
    try:
        async with asyncio.timeout(CLOSING_SECONDS):
            await writer.wait_closed()
    except OSError:  # TimeoutError is one
        writer.transport.abort()


async def _request(reader: asyncio.StreamReader) -> Request:
    try:
        async with asyncio.timeout(REQUEST_SECONDS):
            line = await reader.readline()
    except TimeoutError:
        raise NotUnderstood(f"no whole line came in {REQUEST_SECONDS:g} s") from None
    except ValueError:
        raise NotUnderstood(f"the line is longer than {LINE_LIMIT} bytes") from None
    return read_request(line)
