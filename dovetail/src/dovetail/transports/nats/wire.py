"""The NATS client protocol on one connection: parsing what comes, writing what goes.

Follows the client protocol of nats.io, with headers and no-responders. What the server sends is cut into
messages in one pass over each chunk, without a task or a queue for each message.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, cast

import msgspec

#: Takes subject, reply subject (may be empty), header block or None, payload.
OnMessage = Callable[[bytes, bytes, bytes | None, bytes], None]

_MSG, _HMSG, _PING_OR_PONG, _ERR, _INFO = b"MHP-I"
_MESSAGES = (_MSG, _HMSG)
_GREETING = b"INFO "


#: The server works on what it has while we still write the rest.
FLUSH_BYTES = 16_384
#: Where the server's limit is set.
SIZE_SETTING = "max_payload of nats-server"
#: Kept free below the server's limit for headers.
HEADROOM_BYTES = 65_536


class ServerInfo(msgspec.Struct):
    """What the server says of itself when a connection begins."""

    version: str = ""
    max_payload: int = 1_048_576
    tls_required: bool = False
    tls_available: bool = False
    auth_required: bool = False
    nonce: str | None = None
    headers: bool = False
    jetstream: bool = False
    server_name: str = ""
    #: The name of the cluster that the server belongs to; empty for one alone.
    cluster: str = ""

    @property
    def offers_tls(self) -> bool:
        """Whether the connection may go on over TLS."""
        return self.tls_required or self.tls_available

    @property
    def largest_body(self) -> int:
        """What we publish at most: a dead letter must have room for its reason beside the message."""
        return max(self.max_payload - HEADROOM_BYTES, self.max_payload // 2)

    @property
    def version_numbers(self) -> tuple[int, ...]:
        """The version, to compare."""
        return tuple(
            int(word) for word in self.version.split("-")[0].split(".") if word.isdecimal()
        )


class Wire(asyncio.Protocol):
    """One connection. Made by `loop.create_connection`; it ends once and is then thrown away."""

    def __init__(self, on_lost: Callable[[Exception | None], None]) -> None:
        loop = asyncio.get_running_loop()
        self._loop = loop
        self._on_lost = on_lost
        self._transport: asyncio.Transport | None = None
        self._chunks: list[bytes] = []
        self._held = 0
        #: Bytes that must be there before parsing makes sense again.
        self._wanted = 0
        self._out: list[bytes] = []
        self._out_bytes = 0
        self._pongs: deque[asyncio.Future[None]] = deque()
        self._resume: asyncio.Event = asyncio.Event()
        self._resume.set()
        self.callbacks: dict[bytes, OnMessage] = {}
        self.info: asyncio.Future[ServerInfo] = loop.create_future()
        self.last_error: str | None = None
        #: What ended the connection, where that was an error.
        self.lost_by: Exception | None = None
        self.on_error: Callable[[str], None] | None = None
        self.closed = False
        #: Whether a writer should wait.
        self.blocked = False

    # Protocol callbacks

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where to write."""
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail what waits for a PONG, and tell the owner."""
        self.closed = True
        self.lost_by = exc
        self.resume_writing()
        lost = ConnectionResetError(self.last_error or str(exc or "closed by the server"))
        waiting: list[asyncio.Future[Any]] = [*self._pongs, self.info]
        for future in waiting:
            if not future.done():
                future.set_exception(lost)
                future.exception()  # nobody need be waiting
        self._on_lost(exc or (ConnectionResetError(self.last_error) if self.last_error else None))

    def pause_writing(self) -> None:
        """The operating system takes no more for now."""
        self.blocked = True
        self._resume.clear()

    def resume_writing(self) -> None:
        """It takes more again."""
        self.blocked = False
        self._resume.set()

    def data_received(self, data: bytes) -> None:
        """Cut the bytes into protocol messages; keep an incomplete rest."""
        if self._held:
            self._chunks.append(data)
            self._held += len(data)
            if self._held < self._wanted:
                return
            data = b"".join(self._chunks)
            self._chunks.clear()
        if not self.info.done() and data[: len(_GREETING)] != _GREETING[: len(data)]:
            self._foreign()
            return
        done = self._parse(data)
        self._held = len(data) - done
        if self._held:
            self._chunks.append(data[done:])

    # Writing

    def write(self, data: bytes) -> None:
        """Write at the end of this turn of the event loop, or earlier where that is much already."""
        if not self._out:
            self._loop.call_soon(self._flush)
        self._out.append(data)
        self._out_bytes += len(data)
        if self._out_bytes > FLUSH_BYTES:
            self._flush()

    async def writable(self) -> None:
        """Wait while the other side is slower than we are."""
        await self._resume.wait()

    async def ping(self) -> None:
        """Return when the server has seen all that was written before. Raises ConnectionResetError."""
        if self.closed:
            raise ConnectionResetError("the connection is closed")
        future = self._loop.create_future()
        self._pongs.append(future)
        self.write(b"PING\r\n")
        await future

    async def start_tls(self, context: Any, hostname: str | None) -> None:
        """Go on over TLS."""
        assert self._transport is not None
        upgraded = await self._loop.start_tls(
            self._transport, self, context, server_hostname=hostname
        )
        self._transport = cast(asyncio.Transport, upgraded)

    def close(self) -> None:
        """Write what waits, then close."""
        if self._transport is not None and not self.closed:
            self._flush()
            self._transport.close()

    def abort(self) -> None:
        """Close at once: the other side does not answer."""
        if self._transport is not None:
            self._transport.abort()

    def _flush(self) -> None:
        out = self._out
        if out and self._transport is not None and not self.closed:
            self._transport.write(out[0] if len(out) == 1 else b"".join(out))
        out.clear()
        self._out_bytes = 0

    # Parsing

    def _parse(self, data: bytes) -> int:
        """Handle every complete message; returns how many bytes they took."""
        position, end, callbacks = 0, len(data), self.callbacks
        while True:
            line_end = data.find(b"\r\n", position)
            if line_end < 0:
                self._wanted = 0
                return position
            first = data[position]
            if first in _MESSAGES:
                words = data[position:line_end].split(b" ")
                start = line_end + 2
                stop = start + int(words[-1])
                if stop + 2 > end:
                    self._wanted = stop + 2 - position
                    return position
                position = stop + 2
                callback = callbacks.get(words[2])
                if callback is None:
                    continue
                if first == _MSG:
                    callback(words[1], words[3] if len(words) == 5 else b"", None, data[start:stop])
                else:
                    body = start + int(words[-2])
                    reply = words[3] if len(words) == 6 else b""
                    callback(words[1], reply, data[start:body], data[body:stop])
            else:
                self._control(first, data[position:line_end])
                position = line_end + 2

    def _control(self, first: int, line: bytes) -> None:
        if first == _PING_OR_PONG:
            if line == b"PING":
                self.write(b"PONG\r\n")
            elif self._pongs:
                future = self._pongs.popleft()
                if not future.done():
                    future.set_result(None)
        elif first == _INFO:
            info = msgspec.json.decode(line[5:], type=ServerInfo)
            if not self.info.done():
                self.info.set_result(info)
        elif first == _ERR:
            self.last_error = line[5:].strip(b"' ").decode(errors="replace")
            if self.on_error is not None:
                self.on_error(self.last_error)
        elif not line.startswith(b"+OK"):
            self._foreign()

    def _foreign(self) -> None:
        self.last_error = "it does not speak the NATS protocol"
        self.abort()
