"""One connection to a server, as the clients of all queue technologies have it: what is written, and its end.

What comes is cut into messages by a protocol without any I/O (`transports/*/protocol.py`); the subclass hands
it the bytes in `data_received`.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import cast

from dovetail.limits import FLUSH_BYTES
from dovetail.network.os_errors import plain_error


class ConnectionLost(Exception):
    """The connection ended before the reply came; whether the command was carried out is not known."""


class ProtocolError(Exception):
    """What the server sent is not its protocol; nothing that comes after it can be understood."""


class StreamWire(asyncio.Protocol):
    """Made by `loop.create_connection`; it ends once and is then thrown away."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._out: list[bytes] = []
        self._out_bytes = 0
        self._writable = asyncio.Event()
        self._writable.set()
        self._ended = asyncio.Event()
        self._why = ""
        #: What ended the connection, where that was an error.
        self.lost_by: Exception | None = None
        self.closed = False
        #: Whether a writer should wait.
        self.blocked = False

    def end(self, why: str) -> None:
        """Called once, when the connection has ended: fail what waits for the server."""

    # What asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where to write."""
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell everyone who waits."""
        self.closed = True
        self.lost_by = exc
        self._why = self._why or (plain_error(exc) if exc else "closed by the server")
        self.resume_writing()
        self._ended.set()
        self.end(self._why)

    def pause_writing(self) -> None:
        """The operating system takes no more for now."""
        self.blocked = True
        self._writable.clear()

    def resume_writing(self) -> None:
        """It takes more again."""
        self.blocked = False
        self._writable.set()

    # Writing

    def write(self, data: bytes) -> None:
        """Write at the end of this turn of the event loop, or earlier where that is much already."""
        if not self._out:
            self._loop.call_soon(self.flush)
        self._out.append(data)
        self._out_bytes += len(data)
        if self._out_bytes > FLUSH_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write what was gathered."""
        out = self._out
        if out and self._transport is not None and not self.closed:
            self._transport.write(out[0] if len(out) == 1 else b"".join(out))
        out.clear()
        self._out_bytes = 0

    async def writable(self) -> None:
        """Wait while the other side is slower than we are."""
        await self._writable.wait()

    async def start_tls(self, context: ssl.SSLContext, hostname: str | None) -> None:
        """Go on over TLS."""
        assert self._transport is not None
        upgraded = await self._loop.start_tls(
            self._transport, self, context, server_hostname=hostname
        )
        self._transport = cast(asyncio.Transport, upgraded)

    # Its end

    async def lost(self) -> str:
        """Return when the connection has ended, and why."""
        await self._ended.wait()
        return self._why

    def close(self) -> None:
        """Write what waits, then close."""
        if self._transport is not None and not self.closed:
            self.flush()
            self._transport.close()

    def abort(self, why: str) -> None:
        """Close at once."""
        self._why = self._why or why
        if self._transport is not None:
            self._transport.abort()

    async def leave(self, seconds: float) -> None:
        """Write what waits, and close; returns when it is closed, which takes no longer than that."""
        self.close()
        try:
            async with asyncio.timeout(seconds):  # TLS takes leave, too
                await self.lost()
        except TimeoutError:
            pass
        finally:
            self.abort("closed")
